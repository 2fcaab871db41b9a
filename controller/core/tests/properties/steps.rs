//! What may happen next, to whom a die says.

use proptest::prelude::*;
use proptest::sample::Index;
use ridethrough_core::command::Action;
use ridethrough_core::device::{DeviceId, GeneratorPhase, SupplySource};
use ridethrough_core::ledger::Effect;
use ridethrough_core::operate::{self, TransferRequest};
use ridethrough_core::site::{KesmId, RackId};
use ridethrough_core::trust::Fault;
use ridethrough_core::units::{Millis, Watts};

use super::day::{Day, forecast};

/// One thing that happens.
#[derive(Clone, Debug)]
pub enum Step {
    /// A rack's load in thousandths of its nameplate, its draw in thousandths of that, the heat of its breaker.
    Load(Index, i64, i64, u16),
    /// A rack's forecast in thousandths of its nameplate.
    Forecast(Index, i64),
    /// Forecasts of rows, in thousandths of the row's limit, or none.
    RowForecast(Option<i64>),
    /// What a module stores, and whether it can act.
    Stored(Index, i64, bool),
    /// Time.
    Pass(i64),
    /// A device falls silent or speaks again.
    Silent(Index, bool),
    /// A device is not to be relied on, or is again.
    Fault(Index, Option<Fault>),
    /// What the utility, the transfer switch and the generator do.
    Utility(u16, SupplySource, GeneratorPhase),
    /// An operator's hold.
    Hold(Index),
    /// Its end.
    Resume(Index),
    /// The site taken over, or given back.
    Manual(bool),
    /// The end of a rack's transfer.
    End(Index),
    /// A transfer asked for: rack, module, thousandths of the rack's limit.
    Ask(Index, Option<Index>, i64),
}

/// Any step.
pub fn step() -> impl Strategy<Value = Step> {
    let fault = prop::sample::select(vec![
        None,
        None,
        Some(Fault::Refused),
        Some(Fault::Silent),
        Some(Fault::NotFollowing),
        Some(Fault::NotAddingUp),
        Some(Fault::Still),
    ]);
    let source = prop::sample::select(vec![SupplySource::Open, SupplySource::UtilityA, SupplySource::Generator]);
    let phase = prop::sample::select(vec![GeneratorPhase::Off, GeneratorPhase::Running, GeneratorPhase::Failed]);
    let utility = prop::sample::select(vec![0, 650, 800, 1_000, 1_000, 1_000]);
    let span = prop_oneof![8 => 50..400_i64, 2 => 400..9_000_i64];
    prop_oneof![
        8 => (any::<Index>(), 0..1_000_i64, 0..1_200_i64, prop_oneof![4 => Just(0), 1 => 0..1_000_u16])
            .prop_map(|(rack, load, draw, heat)| Step::Load(rack, load, draw, heat)),
        8 => (any::<Index>(), 0..1_200_i64).prop_map(|(rack, watts)| Step::Forecast(rack, watts)),
        1 => prop::option::of(300..1_300_i64).prop_map(Step::RowForecast),
        3 => (any::<Index>(), 0..1_000_i64, prop::bool::weighted(0.9))
            .prop_map(|(kesm, permille, able)| Step::Stored(kesm, permille, able)),
        8 => span.prop_map(Step::Pass),
        2 => (any::<Index>(), any::<bool>()).prop_map(|(device, silent)| Step::Silent(device, silent)),
        3 => (any::<Index>(), fault).prop_map(|(device, fault)| Step::Fault(device, fault)),
        2 => (utility, source, phase).prop_map(|(share, source, phase)| Step::Utility(share, source, phase)),
        1 => any::<Index>().prop_map(Step::Hold),
        2 => any::<Index>().prop_map(Step::Resume),
        1 => prop::bool::weighted(0.1).prop_map(Step::Manual),
        1 => any::<Index>().prop_map(Step::End),
        2 => (any::<Index>(), prop::option::of(any::<Index>()), 1..1_500_i64)
            .prop_map(|(rack, source, watts)| Step::Ask(rack, source, watts)),
    ]
}

impl Day {
    /// Lets it happen. What operators may not do is refused, which is no failure; a transfer that was found for them is
    /// admitted, and so is the largest that they are told of.
    pub fn happen(&mut self, step: &Step) -> Result<(), TestCaseError> {
        let site = self.site.clone();
        let device = |at: &Index| -> DeviceId { *at.get(&site.devices().collect::<Vec<_>>()) };
        let rack = |at: &Index| -> RackId { *at.get(&site.rack_ids().collect::<Vec<_>>()) };
        let kesm = |at: &Index| -> KesmId { *at.get(&site.kesm_ids().collect::<Vec<_>>()) };
        match step {
            Step::Load(at, load, draw, heat) => {
                let load = site.rack(rack(at)).nameplate.get() * load / 1_000;
                self.pdu(rack(at), load, load * draw / 1_000, *heat);
            }
            Step::Forecast(at, permille) => {
                let watts = site.rack(rack(at)).nameplate.get() * permille / 1_000;
                self.forecasts[rack(at).index()] = forecast(watts);
            }
            Step::RowForecast(permille) => {
                let limit = site.rows[0].limit.get();
                self.row_forecasts = permille.iter().map(|permille| forecast(limit * permille / 1_000)).collect();
            }
            Step::Stored(at, permille, able) => self.stored(kesm(at), *permille, *able),
            Step::Pass(span) => self.pass(*span),
            Step::Silent(at, true) => drop(self.silent.insert(device(at))),
            Step::Silent(at, false) => drop(self.silent.remove(&device(at))),
            Step::Fault(at, Some(fault)) => drop(self.faults.insert(device(at), *fault)),
            Step::Fault(at, None) => drop(self.faults.remove(&device(at))),
            Step::Utility(share, source, phase) => {
                self.supply(*share, *source, *phase);
                let dead = *source == SupplySource::Open;
                for rack in site.rack_ids() {
                    let load = self.view.load(rack, self.now).map_or(5_000, Watts::get);
                    self.pdu(rack, load, if dead { 0 } else { load }, 0);
                }
            }
            Step::Hold(at) => drop(self.operate(Action::Hold(device(at)))),
            Step::Resume(at) => drop(self.operate(Action::Resume(device(at)))),
            Step::Manual(true) => drop(self.operate(Action::ManualOn)),
            Step::Manual(false) => drop(self.operate(Action::ManualOff)),
            Step::End(at) => drop(self.operate(Action::End(rack(at)))),
            Step::Ask(at, source, permille) => {
                let watts = site.rack(rack(at)).limit.get() * permille / 1_000;
                self.ask(rack(at), source.as_ref().map(kesm), Watts::new(watts))?;
            }
        }
        Ok(())
    }

    fn ask(&mut self, rack: RackId, source: Option<KesmId>, watts: Watts) -> Result<(), TestCaseError> {
        let source = source.map(|kesm| self.site.kesm(kesm).name.clone());
        let request = |watts| TransferRequest {
            rack: self.site.rack(rack).name.clone(),
            source: source.clone(),
            watts,
            hold: Some(Millis::seconds(5)),
        };
        let requests = [request(watts), request(Watts::ZERO)];
        let first = self.with_inputs(|_, inputs| operate::propose_transfer(&inputs, &requests[0]));
        let action = match first {
            Ok(action) => action,
            Err(denied) if denied.largest > Watts::ZERO => {
                let largest = TransferRequest { watts: denied.largest, ..requests[1].clone() };
                let second = self.with_inputs(|_, inputs| operate::propose_transfer(&inputs, &largest));
                match second {
                    Ok(action) => action,
                    Err(again) => {
                        return Err(TestCaseError::fail(format!(
                            "asked for {watts}: told of {} at most, which is denied: {again:?}",
                            denied.largest
                        )));
                    }
                }
            }
            Err(_) => return Ok(()),
        };
        let effect = self.operate(action);
        let admitted = matches!(effect, Effect::Admitted { .. });
        prop_assert!(admitted || self.ledger.is_manual(), "{effect:?}");
        Ok(())
    }
}
