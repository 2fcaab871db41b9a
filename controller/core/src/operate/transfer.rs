//! A transfer that an operator asks for: found by the planner, judged by the envelope.

use crate::command::{Action, Grant, Leg, Plan};
use crate::envelope::{self, Refusal, Violation};
use crate::ledger::Ledger;
use crate::planner::{Inputs, Proposal, Proposer};
use crate::site::{KesmId, RackId, Site};
use crate::units::{Millis, Watts};

/// A transfer that an operator asks for, by the names of the site file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferRequest {
    /// Who receives.
    pub rack: String,
    /// From which module; from wherever it costs least when left out.
    pub source: Option<String>,
    /// How much is to be delivered.
    pub watts: Watts,
    /// For how long; the site's usual hold when left out.
    pub hold: Option<Millis>,
}

/// Why a transfer that was asked for cannot be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// Every constraint that binds.
    pub refusal: Refusal,
    /// The largest amount that would be admitted now; nothing when no amount would.
    pub largest: Watts,
}

/// The transfer that would serve this request now, found by the planner and admitted by the envelope; or every
/// constraint that binds, and the largest amount that would be admitted.
pub fn propose_transfer(inputs: &Inputs<'_>, request: &TransferRequest) -> Result<Action, Denied> {
    let site = inputs.ledger.site();
    let (rack, source) = named(site, request).map_err(|violation| Denied::outright(Refusal::one(violation)))?;
    if request.watts <= Watts::ZERO {
        return Err(Denied::outright(Refusal::one(Violation::NothingGranted(rack))));
    }
    let hold = request.hold.unwrap_or(site.policy.transfer_hold);
    let mut proposer = Proposer::new(site);
    let ledger = inputs.ledger.at(inputs.ledger_now);
    let mut attempt = |watts: Watts| -> (Proposal, Result<Action, Refusal>) {
        let proposal = proposer.propose(inputs, rack, source, watts, hold);
        let judged = judge(&ledger, &proposal, watts);
        (proposal, judged)
    };
    let (proposal, judged) = attempt(request.watts);
    let refusal = match judged {
        Ok(action) => return Ok(action),
        Err(refusal) => refusal,
    };
    // What was found is the most that ties and modules allow; single failures may allow less.
    let mut largest = proposal.delivered();
    let admitted = |largest: Watts| largest > Watts::ZERO && attempt(largest).1.is_ok();
    if !bisect(&mut largest, admitted) {
        largest = Watts::ZERO;
    }
    Err(Denied { refusal, largest })
}

/// Lowers `most` until it is admitted, by halves; tells whether anything is.
fn bisect(most: &mut Watts, mut admitted: impl FnMut(Watts) -> bool) -> bool {
    if admitted(*most) {
        return true;
    }
    let (mut low, mut high) = (0, most.get());
    // Watts have at most thirty bits.
    for _ in 0..32 {
        let middle = low + (high - low) / 2;
        if admitted(Watts::new(middle)) {
            low = middle;
        } else {
            high = middle;
        }
    }
    *most = Watts::new(low);
    low > 0
}

impl Denied {
    fn outright(refusal: Refusal) -> Self {
        Self { refusal, largest: Watts::ZERO }
    }
}

fn named(site: &Site, request: &TransferRequest) -> Result<(RackId, Option<KesmId>), Violation> {
    let unknown = |what, name: &str| Violation::UnknownName { what, name: name.chars().take(64).collect() };
    let rack = site.rack_ids().find(|id| site.rack(*id).name == request.rack);
    let rack = rack.ok_or_else(|| unknown("rack", &request.rack))?;
    let Some(name) = &request.source else { return Ok((rack, None)) };
    let source = site.kesm_ids().find(|id| site.kesm(*id).name == *name);
    Ok((rack, Some(source.ok_or_else(|| unknown("kesm", name))?)))
}

/// Whether a proposal covers what was asked for and is admitted. What it is short of is put on its first leg, and the
/// envelope says what that breaks.
fn judge(ledger: &Ledger, proposal: &Proposal, asked: Watts) -> Result<Action, Refusal> {
    if let Some(violation) = &proposal.barred {
        return Err(Refusal::one(violation.clone()));
    }
    let short = asked.saturating_sub(proposal.delivered()).or_zero();
    let mut grant: Grant = proposal.grant.clone();
    if short > Watts::ZERO {
        grant.legs = overloaded(ledger.site(), &proposal.grant, proposal.nearest.as_ref(), short);
    }
    if grant.legs.is_empty() {
        return Err(Refusal::one(Violation::NoWay(grant.rack)));
    }
    let (grants, stored, loads) = (vec![grant.clone()], proposal.stored.clone(), proposal.loads.clone());
    let plan = Plan { grants, stored: stored.clone(), loads: loads.clone(), ..Plan::default() };
    envelope::admit(ledger, &plan)?;
    Ok(Action::Transfer(grant, stored, loads))
}

/// The legs with what is missing on the first of them, or on the nearest way where none was found.
fn overloaded(site: &Site, grant: &Grant, nearest: Option<&Leg>, short: Watts) -> Vec<Leg> {
    let mut legs = grant.legs.clone();
    if legs.is_empty() {
        legs.extend(nearest.map(|leg| Leg { delivered: Watts::ZERO, ..leg.clone() }));
    }
    if let Some(leg) = legs.first_mut() {
        leg.delivered = leg.delivered.saturating_add(short);
        let flows = crate::electrical::path_flows(site, &leg.path, leg.delivered);
        leg.supplied = flows.first().copied().unwrap_or(leg.delivered);
    }
    legs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{Command, Operation};
    use crate::device::DeviceId;
    use crate::example::World;
    use crate::ledger::Effect;
    use crate::trust::Fault;

    fn request(rack: &str, source: Option<&str>, watts: i64) -> TransferRequest {
        let source = source.map(str::to_owned);
        TransferRequest { rack: rack.into(), source, watts: Watts::new(watts), hold: None }
    }

    /// The row's answer to a request, with K0 out of reach or not, as people read it.
    fn check(mut prepare: impl FnMut(&mut World), asked: &TransferRequest, barred: Option<Fault>, expected: &str) {
        let mut world = World::new();
        prepare(&mut world);
        let fault = |device: DeviceId| barred.filter(|_| device == DeviceId::Kesm(KesmId(0)));
        let told = world.with_inputs(&fault, |inputs| match propose_transfer(inputs, asked) {
            Ok(Action::Transfer(grant, ..)) => {
                let legs: Vec<String> = grant.legs.iter().map(|leg| inputs.ledger.site().leg_name(leg)).collect();
                format!("admitted: {}", legs.join(" and "))
            }
            Ok(other) => panic!("{other:?}"),
            Err(denied) => {
                format!("{}; at most {}", denied.refusal.describe(inputs.ledger.site()), denied.largest.kilo())
            }
        });
        assert_eq!(told, expected, "{asked:?}");
    }

    #[test]
    fn a_transfer_that_can_be_is_found_and_admitted() {
        check(|_| {}, &request("R1", None, 8_000), None, "admitted: K0 via T0");
        check(|_| {}, &request("R1", Some("K1"), 8_000), None, "admitted: K1 via T4, T3, T2, T1");
    }

    #[test]
    fn too_much_is_refused_with_what_binds_and_the_largest_that_would_be_admitted() {
        check(|_| {}, &request("R1", Some("K0"), 30_000), None, "tie T0 at 31.4 kW, rated 25.0 kW; at most 24.1 kW");
        let low = |world: &mut World| world.stored(0, 640_000);
        check(
            low,
            &request("R0", Some("K0"), 20_000),
            None,
            "K0 stores 640000 J, its transfers and reserve need 772750 J; at most 2.1 kW",
        );
    }

    #[test]
    fn what_is_not_there_and_what_is_barred_is_named() {
        check(|_| {}, &request("R9", None, 1_000), None, "the site has no rack `R9`; at most 0.0 kW");
        check(|_| {}, &request("R1", Some("K7"), 1_000), None, "the site has no kesm `K7`; at most 0.0 kW");
        check(|_| {}, &request("R1", None, 0), None, "rack R1 would be granted nothing; at most 0.0 kW");
        check(
            |_| {},
            &request("R1", Some("K0"), 5_000),
            Some(Fault::Refused),
            "kesm K0 is not to be relied on: it refused an order; at most 0.0 kW",
        );
        let held = |world: &mut World| {
            let (actor, reason) = ("anna".into(), "inspection".into());
            let operation = Operation { request: None, actor, reason, action: Action::Hold(DeviceId::Kesm(KesmId(0))) };
            assert!(matches!(world.commit(Command::Operation(operation)), Effect::Admitted { .. }));
        };
        let asked = request("R1", Some("K0"), 5_000);
        check(held, &asked, None, "kesm K0 is held by an operator; at most 0.0 kW");
    }

    #[test]
    fn the_most_that_is_admitted_is_found_to_the_watt() {
        let found = |most: i64, admitted: i64| {
            let mut found = Watts::new(most);
            let any = bisect(&mut found, |watts| watts.get() <= admitted);
            (found.get(), any)
        };
        assert_eq!(found(1_000, 1_000), (1_000, true));
        assert_eq!(found(1_000, 999), (999, true));
        assert_eq!(found(1_000, 701), (701, true));
        assert_eq!(found(1_000, 1), (1, true));
        assert_eq!(found(1_000, 0), (0, false));
    }

    #[test]
    fn what_single_failures_allow_is_offered_where_more_could_be_delivered() {
        use crate::device::Reading;
        use crate::units::Millivolts;
        let hot = |world: &mut World| {
            let (load, bus) = (Watts::new(24_000), Millivolts::new(800_000));
            let reading = Reading::Pdu { load, draw: load, bus, breaker_permille: 900, tripped: false };
            world.view.observe(world.ledger.site(), DeviceId::Pdu(RackId(0)), reading, world.now);
        };
        let expected = "without K0, rack R0 would draw 44.7 kW of 24.0 kW, which its breaker bears for 1500 ms; \
                        at most 12.9 kW";
        check(hot, &request("R1", Some("K0"), 20_000), None, expected);
    }

    #[test]
    fn a_request_replaces_the_racks_own_transfer_and_leaves_the_others() {
        let helped = |rack: usize| {
            move |world: &mut World| {
                world.forecasts[rack] = crate::example::forecast(42_000);
                world.tick();
            }
        };
        check(helped(1), &request("R1", Some("K0"), 20_000), None, "admitted: K0 via T0");
        // T0 passes on to R2 what it is helped with.
        let expected = "tie T0 at 39.9 kW, rated 25.0 kW; at most 4.8 kW";
        check(helped(2), &request("R1", Some("K0"), 20_000), None, expected);
    }

    #[test]
    fn what_an_empty_module_would_need_is_told_for_just_what_was_asked() {
        let empty = |world: &mut World| world.stored(0, 600_000);
        let expected = "K0 stores 600000 J, its transfers and reserve need 772750 J; at most 0.0 kW";
        check(empty, &request("R0", Some("K0"), 20_000), None, expected);
    }

    #[test]
    fn what_was_found_for_a_request_is_carried_out_by_the_ledger_with_the_evidence_that_it_brings() {
        let mut world = World::new();
        let found = world.with_inputs(&|_| None, |inputs| propose_transfer(inputs, &request("R1", None, 8_000)));
        let action = found.expect("admitted");
        let operation = Operation { request: None, actor: "anna".into(), reason: "a test".into(), action };
        assert!(matches!(world.commit(Command::Operation(operation)), Effect::Admitted { .. }));
        assert_eq!(world.granted(1).get(), 8_000);
        assert!(world.ledger.load(RackId(0)).is_some() && world.ledger.load(RackId(1)).is_some());
    }

    #[test]
    fn where_others_use_the_way_up_it_is_named() {
        let full = |world: &mut World| {
            world.stored(1, 600_000);
            (world.forecasts[2], world.forecasts[3]) =
                (crate::example::forecast(42_000), crate::example::forecast(42_000));
            world.tick();
        };
        check(full, &request("R1", Some("K0"), 5_000), None, "tie T0 at 29.8 kW, rated 25.0 kW; at most 0.0 kW");
    }

    #[test]
    fn less_than_the_planner_would_give_by_itself_is_found_for_whoever_asks() {
        check(|_| {}, &request("R1", None, 100), None, "admitted: K0 via T0");
    }
}
