//! What stands before the rows of one feed: two utility supplies, a transfer switch and a generator.
//!
//! ```text
//! utility A ──┐
//! utility B ──┼── transfer switch ──┬── row
//! generator ──┘   (open between)    ├── row …   (the generator takes them one by one)
//! ```
//!
//! The switch and the generator act by themselves, as such equipment does; the controller may have the generator
//! started early. The supply's own controller lives on a battery: it goes on metering in an outage.

mod generator;
mod transfer_switch;

pub use generator::{Generator, GeneratorSpec, GeneratorState};
pub use transfer_switch::{Source, TransferSwitch};

use ridethrough_core::device::{GeneratorDuty, GeneratorPhase, SupplySource};

use super::fault::Utility;
use super::meter::Truth;

/// The supply of a feed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SupplySpec {
    /// Whether there is a second utility supply to transfer to.
    pub second_utility: bool,
    /// How long the transfer switch is open between two sources, in ms: 4 for a static switch, 50 to 200 for an ATS.
    pub transfer_ms: u64,
    /// How long a better source must be good before the switch goes back to it, in ms.
    pub retransfer_ms: u64,
    /// The generator, where there is one.
    pub generator: Option<GeneratorSpec>,
}

impl Default for SupplySpec {
    /// One utility, an ATS of the middle of its class, no generator.
    fn default() -> Self {
        Self { second_utility: false, transfer_ms: 100, retransfer_ms: 10_000, generator: None }
    }
}

/// The supply of one feed at work.
#[derive(Clone, Debug)]
pub struct Supply {
    utility_shares: [f64; 2],
    switch: TransferSwitch,
    generator: Option<Generator>,
    rows: usize,
    order: Option<GeneratorDuty>,
    /// It takes orders and goes on as before.
    stuck: bool,
}

impl Supply {
    /// A supply of so many rows, on a good utility A; utility B is as good, where there is one.
    pub fn new(spec: SupplySpec, rows: usize) -> Self {
        Self {
            utility_shares: [1.0, if spec.second_utility { 1.0 } else { 0.0 }],
            switch: TransferSwitch::new(spec.transfer_ms, spec.retransfer_ms),
            generator: spec.generator.map(Generator::new),
            rows,
            order: None,
            stuck: false,
        }
    }

    /// Sets the potential that a utility supply gives, as a share of nominal. A utility that is not there stays away.
    pub fn set_utility_share(&mut self, utility: Utility, share: f64) {
        match utility {
            Utility::A => self.utility_shares[0] = share,
            Utility::B => self.utility_shares[1] = share,
        }
    }

    /// The generator, where there is one.
    pub fn generator(&self) -> Option<&Generator> {
        self.generator.as_ref()
    }

    /// The generator, to be started, stopped or sabotaged.
    pub fn generator_mut(&mut self) -> Option<&mut Generator> {
        self.generator.as_mut()
    }

    /// Takes an order for its generator.
    pub fn take(&mut self, duty: GeneratorDuty, now_ms: u64) {
        if self.stuck {
            return;
        }
        self.order = Some(duty);
        if let Some(generator) = &mut self.generator {
            match duty {
                GeneratorDuty::Run => generator.call(now_ms),
                GeneratorDuty::Auto => generator.dismiss(),
            }
        }
    }

    /// Has no order in force any more: the generator follows its own rule.
    pub fn release(&mut self) {
        if self.stuck {
            return;
        }
        self.order = None;
        if let Some(generator) = &mut self.generator {
            generator.dismiss();
        }
    }

    /// Whether an order is in force.
    pub fn is_ordered(&self) -> bool {
        self.order.is_some()
    }

    /// Lets it take orders and go on as before, or ends that.
    pub fn set_stuck(&mut self, stuck: bool) {
        self.stuck = stuck;
    }

    /// What its meter is to tell, when its rows draw so much together, in W.
    pub fn truth(&self, drawn_watts: f64) -> Truth {
        Truth::Supply {
            utility_shares: self.utility_shares,
            source: match self.switch.source() {
                Source::Open => SupplySource::Open,
                Source::UtilityA => SupplySource::UtilityA,
                Source::UtilityB => SupplySource::UtilityB,
                Source::Generator => SupplySource::Generator,
            },
            generator: self.generator.as_ref().map_or(GeneratorPhase::Absent, Generator::phase),
            drawn_watts,
        }
    }

    /// What the switch is on.
    pub fn source(&self) -> Source {
        self.switch.source()
    }

    /// Whether nothing moves: it needs a step only when something outside of it changes.
    pub fn is_idle(&self) -> bool {
        self.switch.is_settled(self.utility_shares)
            && self.generator.as_ref().is_none_or(|generator| generator.state() == GeneratorState::Off)
    }

    /// One step to `now_ms`, with what all rows drew in the last one, in W.
    pub fn step(&mut self, now_ms: u64, load_watts: f64) {
        let utility_is_good = self.switch.has_good_utility(self.utility_shares);
        let is_loaded = self.switch.source() == Source::Generator;
        if let Some(generator) = &mut self.generator {
            generator.step(now_ms, utility_is_good, is_loaded.then_some(load_watts));
        }
        let generator_share = self.generator.as_ref().map_or(0.0, Generator::share);
        self.switch.step(now_ms, [self.utility_shares[0], self.utility_shares[1], generator_share]);
    }

    /// The potential before a row's feed, as a share of nominal; 0 when it is cut off.
    pub fn row_share(&self, row: usize) -> f64 {
        match self.switch.source() {
            Source::UtilityA => self.utility_shares[0],
            Source::UtilityB => self.utility_shares[1],
            Source::Generator => match &self.generator {
                Some(generator) if row < generator.rows_connected(self.rows) => generator.share(),
                _ => 0.0,
            },
            Source::Open => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generator() -> GeneratorSpec {
        GeneratorSpec {
            rated_watts: 600_000.0,
            start_after_ms: 1_000,
            start_ms: 8_000,
            failed_starts: 0,
            step_share_max: 0.5,
            row_interval_ms: 2_000,
        }
    }

    /// Steps through and tells at which ms the share of a row changed, and to what.
    fn changes(supply: &mut Supply, row: usize, from_ms: u64, to_ms: u64) -> Vec<(u64, f64)> {
        let mut share = supply.row_share(row);
        let mut changes = Vec::new();
        for now_ms in from_ms..to_ms {
            let load_watts = (0..3).map(|row| if supply.row_share(row) > 0.0 { 100_000.0 } else { 0.0 }).sum();
            supply.step(now_ms, load_watts);
            if (supply.row_share(row) - share).abs() > 0.5 {
                share = supply.row_share(row);
                changes.push((now_ms, share.round()));
            }
        }
        changes
    }

    #[test]
    fn a_lost_utility_is_replaced_by_the_other_after_the_open_time() {
        let spec = SupplySpec { second_utility: true, ..SupplySpec::default() };
        let mut supply = Supply::new(spec, 3);
        assert!(supply.is_idle());
        supply.set_utility_share(Utility::A, 0.0);
        assert_eq!(changes(&mut supply, 0, 0, 1_000), [(105, 1.0)], "5 ms to sense, 100 ms open");
        assert_eq!(supply.source(), Source::UtilityB);
        supply.set_utility_share(Utility::A, 1.0);
        assert_eq!(changes(&mut supply, 0, 1_000, 13_000), [(11_000, 0.0), (11_100, 1.0)], "back after 10 s");
        assert!(supply.is_idle());
    }

    #[test]
    fn a_short_sag_moves_nothing() {
        let mut supply = Supply::new(SupplySpec { second_utility: true, ..SupplySpec::default() }, 1);
        supply.set_utility_share(Utility::A, 0.8);
        changes(&mut supply, 0, 0, 90);
        supply.set_utility_share(Utility::A, 1.0);
        changes(&mut supply, 0, 90, 500);
        assert_eq!(supply.source(), Source::UtilityA);
    }

    #[test]
    fn the_generator_takes_the_rows_one_by_one_and_gives_them_back() {
        let mut supply = Supply::new(SupplySpec { generator: Some(generator()), ..SupplySpec::default() }, 3);
        supply.set_utility_share(Utility::A, 0.0);
        let mut third = supply.clone();
        assert_eq!(changes(&mut supply, 0, 0, 30_000), [(9_100, 1.0)], "1 s wait, 8 s start, 100 ms open");
        assert_eq!(changes(&mut third, 2, 0, 30_000), [(13_101, 1.0)], "two rows came first");
        supply.set_utility_share(Utility::A, 1.0);
        let back = changes(&mut supply, 0, 30_000, 60_000);
        assert_eq!(back, [(40_000, 0.0), (40_100, 1.0)]);
        assert_eq!(supply.source(), Source::UtilityA);
        changes(&mut supply, 0, 60_000, 110_000);
        assert!(supply.is_idle(), "the generator has cooled down and stopped");
    }

    #[test]
    fn a_generator_that_will_not_start_leaves_the_rows_dark() {
        let spec = GeneratorSpec { failed_starts: 3, ..generator() };
        let mut supply = Supply::new(SupplySpec { generator: Some(spec), ..SupplySpec::default() }, 1);
        supply.set_utility_share(Utility::A, 0.0);
        assert_eq!(changes(&mut supply, 0, 0, 120_000), []);
        assert_eq!(supply.generator().map(Generator::state), Some(GeneratorState::Failed));
    }

    #[test]
    fn a_second_attempt_succeeds() {
        let spec = GeneratorSpec { failed_starts: 1, ..generator() };
        let mut supply = Supply::new(SupplySpec { generator: Some(spec), ..SupplySpec::default() }, 1);
        supply.set_utility_share(Utility::A, 0.0);
        assert_eq!(changes(&mut supply, 0, 0, 60_000), [(17_100, 1.0)], "5 s in vain and 3 s of rest more");
    }

    #[test]
    fn too_large_a_step_stalls_it() {
        let spec = GeneratorSpec { step_share_max: 0.1, ..generator() };
        let mut supply = Supply::new(SupplySpec { generator: Some(spec), ..SupplySpec::default() }, 3);
        supply.set_utility_share(Utility::A, 0.0);
        let seen = changes(&mut supply, 0, 0, 9_500);
        assert_eq!(seen, [(9_100, 1.0), (9_101, 0.0)], "100 kW at once on a 600 kW set that takes 60");
    }

    #[test]
    fn a_call_starts_the_generator_at_once_and_keeps_it_running() {
        let mut supply = Supply::new(SupplySpec { generator: Some(generator()), ..SupplySpec::default() }, 3);
        supply.take(GeneratorDuty::Run, 5_000);
        assert!(!supply.is_idle() && supply.is_ordered());
        assert_eq!(changes(&mut supply, 0, 5_000, 120_000), [], "the utility is good: nothing is transferred");
        assert_eq!(supply.generator().map(Generator::state), Some(GeneratorState::Running { since_ms: 13_000 }));
        supply.set_utility_share(Utility::A, 0.0);
        assert_eq!(changes(&mut supply, 0, 120_000, 125_000), [(120_105, 1.0)], "5 ms to sense, 100 ms open");
        supply.set_utility_share(Utility::A, 1.0);
        changes(&mut supply, 0, 125_000, 200_000);
        assert_eq!(supply.generator().map(Generator::phase), Some(GeneratorPhase::Running));
        supply.take(GeneratorDuty::Auto, 200_000);
        changes(&mut supply, 0, 200_000, 200_010);
        assert!(supply.is_idle() && supply.is_ordered(), "it had cooled down");
        supply.release();
        assert!(!supply.is_ordered());
    }

    #[test]
    fn each_call_gives_a_generator_that_gave_up_three_attempts_more() {
        let spec = GeneratorSpec { failed_starts: 5, ..generator() };
        let mut supply = Supply::new(SupplySpec { generator: Some(spec), ..SupplySpec::default() }, 1);
        let phase = |supply: &Supply| supply.generator().map(Generator::phase);
        supply.set_utility_share(Utility::A, 0.0);
        changes(&mut supply, 0, 0, 60_000);
        assert_eq!(phase(&supply), Some(GeneratorPhase::Failed));
        supply.take(GeneratorDuty::Run, 60_000);
        assert_eq!(phase(&supply), Some(GeneratorPhase::Starting));
        let seen = changes(&mut supply, 0, 60_000, 100_000);
        assert_eq!(seen, [(84_100, 1.0)], "two in vain (5 s, and 3 s of rest), the third succeeds");

        let spec = GeneratorSpec { failed_starts: 9, ..spec };
        let mut supply = Supply::new(SupplySpec { generator: Some(spec), ..SupplySpec::default() }, 1);
        supply.take(GeneratorDuty::Run, 0);
        changes(&mut supply, 0, 0, 200_000);
        assert_eq!(phase(&supply), Some(GeneratorPhase::Failed), "it does not try again by itself");
    }

    #[test]
    fn a_supply_that_is_stuck_takes_orders_and_does_nothing() {
        let mut supply = Supply::new(SupplySpec { generator: Some(generator()), ..SupplySpec::default() }, 1);
        supply.set_stuck(true);
        supply.take(GeneratorDuty::Run, 0);
        assert!(supply.is_idle() && !supply.is_ordered());
    }
}
