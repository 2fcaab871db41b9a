use super::*;
use crate::example::{World, forecast};
use crate::ledger::Effect;
use crate::site::{KesmId, RackId};

/// The rack that is helped, from K0 over two ties.
const RACK: usize = 2;
const SOURCE: DeviceId = DeviceId::Kesm(KesmId(0));

/// A leader that foresees 32 kW at R2, and a follower that has heard the site for over a minute and foresees 10 kW.
struct Both {
    world: World,
    follower: CrossChecking,
    devices: Devices,
    own: Vec<RackForecast>,
}

impl Both {
    fn new() -> Self {
        let world = World::new();
        let (follower, devices) = (CrossChecking::new(&world.ledger), Devices::new(world.ledger.site()));
        let mut both = Self { own: world.forecasts.clone(), world, follower, devices };
        for _ in 0..=61 {
            both.tick(1_000);
        }
        both.world.forecasts[RACK] = forecast(32_000);
        assert!(matches!(both.world.tick(), Some(Effect::Admitted { .. })));
        both
    }

    /// A tick of the follower, so much later; returns what it disputes from then on.
    fn tick(&mut self, span: i64) -> Vec<Disputed> {
        self.world.pass(span);
        let known = known(&self.world);
        self.follower.note(&known, &self.own, &self.devices);
        self.follower.judge_again(&known)
    }

    fn hears_of_it(&mut self) {
        self.follower.judge_new(&known(&self.world));
    }

    fn withholds(&self) -> bool {
        self.follower.withholds(&self.world.ledger, SOURCE)
    }
}

fn known(world: &World) -> Known<'_> {
    Known { ledger: &world.ledger, view: &world.view, now: world.now, ledger_now: world.now }
}

#[test]
fn a_doubt_that_stands_after_the_own_next_forecast_is_a_dispute_and_told_once() {
    let mut both = Both::new();
    both.hears_of_it();
    assert!(both.withholds() && both.follower.disputed().next().is_none(), "a doubt");
    let told = both.tick(100);
    let transfer = both.world.ledger.transfer(RackId(2)).expect("granted").id;
    assert!(matches!(&told[..], [one] if one.transfer == transfer && one.rack == RackId(2)), "{told:?}");
    assert_eq!(both.tick(100), [], "told once");
    assert!(both.withholds() && both.follower.disputed().count() == 1);
    both.own[RACK] = forecast(31_000);
    assert_eq!(both.tick(100), []);
    assert!(!both.withholds() && both.follower.disputed().next().is_none(), "it is settled");
    assert_eq!(both.follower.judgements(), Judgements { disputed: 1, ..Judgements::default() });
}

#[test]
fn a_forecast_that_is_a_tick_behind_the_leaders_disputes_nothing() {
    let mut both = Both::new();
    both.hears_of_it();
    assert!(both.withholds());
    assert!(!both.follower.withholds(&both.world.ledger, DeviceId::Kesm(KesmId(1))), "it has no part in it");
    both.own[RACK] = forecast(32_000);
    assert_eq!(both.tick(100), []);
    assert!(!both.withholds());
    assert_eq!(both.follower.judgements(), Judgements { agreed: 1, ..Judgements::default() });
}

#[test]
fn what_is_heard_of_late_or_was_there_at_the_start_or_is_its_own_is_not_judged() {
    let mut both = Both::new();
    both.world.pass(LATE_AFTER.get() + 1);
    both.hears_of_it();
    assert!(!both.withholds());
    assert_eq!(both.follower.judgements(), Judgements { unjudged: 1, ..Judgements::default() });
    let mut started = CrossChecking::new(&both.world.ledger);
    started.judge_new(&known(&both.world));
    assert_eq!(started.judgements(), Judgements::default());
    let mut leads = Both::new();
    leads.follower.lead(&leads.world.ledger);
    leads.hears_of_it();
    assert!(!leads.withholds());
    assert_eq!(leads.follower.judgements(), Judgements::default());
}

#[test]
fn what_has_ended_is_disputed_no_more() {
    let mut both = Both::new();
    both.hears_of_it();
    assert_eq!(both.tick(100).len(), 1);
    both.world.pass(9_000);
    both.world.ledger = both.world.ledger.at(both.world.now);
    both.world.commit(crate::command::Command::Plan(crate::command::Plan::default()));
    both.hears_of_it();
    assert!(both.follower.disputed().next().is_none() && !both.withholds());
}

#[test]
fn what_is_heard_of_just_in_time_is_judged() {
    let mut both = Both::new();
    both.world.pass(LATE_AFTER.get());
    both.hears_of_it();
    assert!(both.withholds());
}

/// A row of so many racks, each with a module of its own.
fn large_site(racks: usize) -> std::sync::Arc<Site> {
    let mut text = String::from(
        "name = 'large'\n[policy]\ntick_ms = 100\nmargin_permille = 50\ntransfer_hold_ms = 8000\nlease_ms = 1500\n\
         stale_after_ms = 500\nbranch_drop_permille = 30\npath_drop_permille = 50\n\
         [[feed]]\nid = 'u'\nlimit_watts = 9000000\n\
         [[row]]\nid = 'A'\nfeed = 'u'\nlimit_watts = 9000000\nbus_volts = 800\n",
    );
    for rack in 0..racks {
        text += &format!(
            "[[rack]]\nid = 'R{rack}'\nrow = 'A'\nlimit_watts = 24000\n\
             [[server]]\nid = 'S{rack}'\nrack = 'R{rack}'\nrated_watts = 21000\n\
             [[server]]\nid = 'Z{rack}'\nrack = 'R{rack}'\nrated_watts = 21000\n\
             [[kesm]]\nid = 'K{rack}'\nrack = 'R{rack}'\nrated_watts = 50000\ncharge_rated_watts = 15000\n\
             capacity_joules = 2000000\nreserve_joules = 600000\n"
        );
    }
    std::sync::Arc::new(Site::parse("large.toml", &text).expect("a good site"))
}

#[test]
fn what_one_turn_does_not_judge_is_withheld_until_the_next_does() {
    let mut world = World::of(&large_site(JUDGED_PER_TURN_MAX + 1));
    let mut follower = CrossChecking::new(&world.ledger);
    let mut replica = crate::control::Control::new(std::sync::Arc::new(world.ledger.clone()));
    world.forecasts.fill(forecast(30_000));
    assert!(matches!(world.tick(), Some(Effect::Admitted { .. })));
    assert_eq!(world.ledger.transfers().count(), JUDGED_PER_TURN_MAX + 1);
    let last = u16::try_from(JUDGED_PER_TURN_MAX).expect("few");
    let withheld = |follower: &CrossChecking, kesm| follower.withholds(&world.ledger, DeviceId::Kesm(KesmId(kesm)));
    assert!(!withheld(&follower, 0), "what was not looked at yet is nobody's doubt");
    follower.judge_new(&known(&world));
    assert!(follower.has_more() && withheld(&follower, last) && !withheld(&follower, 0));
    assert_eq!(follower.judgements().unjudged, 256);
    follower.judge_new(&known(&world));
    assert!(!follower.has_more() && !withheld(&follower, last));
    assert_eq!(follower.judgements().unjudged, 257);
    replica.follow(std::sync::Arc::new(world.ledger.clone()), world.now);
    replica.cross_check(false, world.now);
    assert!(replica.cross_check_goes_on(), "whoever turns is told to turn again at once");
    replica.cross_check(false, world.now);
    assert!(!replica.cross_check_goes_on());
    let mut world = World::of(&large_site(JUDGED_PER_TURN_MAX));
    let mut follower = CrossChecking::new(&world.ledger);
    world.forecasts.fill(forecast(30_000));
    world.tick();
    follower.judge_new(&known(&world));
    assert!(!follower.has_more(), "all fit into one turn");
}
