use std::sync::Arc;

use super::*;
use crate::command::{Action, Command, Operation, Plan};
use crate::example::World;
use crate::planner::Planner;
use crate::site::KesmId;

const FEED: FeedId = FeedId(0);

/// A feed with a generator, four racks with a module on the first, two with a module on theirs. Half of each rack's
/// servers are of tier 1, half of tier 3; all shut down within ten seconds.
fn site(generator: &str) -> Arc<Site> {
    let mut text = format!(
        "name = 'two rows'\n[policy]\ntick_ms = 100\nmargin_permille = 50\ntransfer_hold_ms = 8000\nlease_ms = 1500\n\
         stale_after_ms = 500\nbranch_drop_permille = 30\npath_drop_permille = 50\n\
         [[feed]]\nid = 'u'\nlimit_watts = 200000\n{generator}\n"
    );
    for row in ["A", "B"] {
        text += &format!("[[row]]\nid = '{row}'\nfeed = 'u'\nlimit_watts = 150000\nbus_volts = 800\n");
    }
    for rack in 0..6 {
        let row = if rack < 4 { "A" } else { "B" };
        text += &format!("[[rack]]\nid = 'R{rack}'\nrow = '{row}'\nlimit_watts = 24000\n");
        for tier in [1, 3] {
            text += &format!(
                "[[server]]\nid = 'S{rack}-{tier}'\nrack = 'R{rack}'\nrated_watts = 10500\ntier = {tier}\n\
                 shutdown_ms = 10000\n"
            );
        }
    }
    for (kesm, rack) in [(0, 0), (1, 4)] {
        text += &format!(
            "[[kesm]]\nid = 'K{kesm}'\nrack = 'R{rack}'\nrated_watts = 50000\ncharge_rated_watts = 15000\n\
             capacity_joules = 2000000\nreserve_joules = 600000\n"
        );
    }
    Arc::new(Site::parse("rows.toml", &text).expect("a good site"))
}

/// A leader's ticks over that site, with all that was committed about modes and generators, by milliseconds since the scene
/// began.
struct Scene {
    world: World,
    begun: Millis,
}

impl Scene {
    fn new() -> Self {
        Self::with("generator_watts = 60000")
    }

    fn with(generator: &str) -> Self {
        let mut world = World::of(&site(generator));
        world.pass(0);
        let begun = world.now;
        let mut scene = Self { world, begun };
        scene.supply([1_000, 0], SupplySource::UtilityA, GeneratorPhase::Off);
        scene
    }

    fn supply(&mut self, [a, b]: [u16; 2], source: SupplySource, generator: GeneratorPhase) {
        let drawn = Watts::ZERO;
        let reading = Reading::Supply { utility_a_permille: a, utility_b_permille: b, source, generator, drawn };
        let site = self.world.ledger.site().clone();
        assert!(self.world.view.observe(&site, DeviceId::Supply(FEED), reading, self.world.now));
    }

    fn all_racks(&mut self, load: i64, draw: i64) {
        (0..6).for_each(|rack| self.world.pdu(rack, load, draw));
    }

    fn stored(&mut self, joules: i64) {
        self.world.stored(0, joules);
        self.world.stored(1, joules);
    }

    /// The utility is gone, and modules carry the racks.
    fn lose(&mut self) {
        self.supply([0, 0], SupplySource::Open, GeneratorPhase::Off);
        self.all_racks(10_000, 0);
    }

    fn generator_carries(&mut self) {
        self.supply([0, 0], SupplySource::Generator, GeneratorPhase::Running);
        self.all_racks(10_000, 10_000);
    }

    fn utility_returns(&mut self) {
        self.supply([1_000, 0], SupplySource::UtilityA, GeneratorPhase::Off);
        self.all_racks(10_000, 10_000);
    }

    /// So many milliseconds of ticks; what was committed meanwhile.
    fn run(&mut self, span: i64) -> Vec<String> {
        let mut told = Vec::new();
        for _ in 0..span / 100 {
            self.world.pass(100);
            let plan = self.world.plan();
            let at = self.world.now.saturating_sub(self.begun).get();
            let modes = plan.modes.iter().map(|change| format!("{at} {}: {}", change.to, change.reason));
            told.extend(modes.chain(plan.generators.iter().map(|told| format!("{at} {:?}", told.duty))));
            if !plan.is_empty() {
                let effect = self.world.commit(Command::Plan(plan));
                assert!(matches!(effect, crate::ledger::Effect::Admitted { .. }), "{effect:?}");
            }
        }
        told
    }

    fn operate(&mut self, action: Action) {
        let operation = Operation { request: None, actor: "anna".into(), reason: "a test".into(), action };
        self.world.commit(Command::Operation(operation));
    }

    /// The tiers kept on in each row, by what the racks' PDUs are told.
    fn keep_tiers(&self) -> [u8; 2] {
        [0, 4].map(|rack| self.world.ledger.cap(RackId(rack)).map_or(TIER_MAX, |cap| cap.keep_tiers))
    }

    fn witness(&self) -> Evidence {
        let topology = Topology::new(self.world.ledger.site());
        self.world.with_inputs(&|_| None, |inputs| witness(&Draft::new(*inputs), &topology, FEED))
    }
}

const LOST: &str = "ride-through: 3 of 3 independent witnesses see the utility gone";

#[test]
fn a_loss_is_bridged_after_two_ticks_and_the_generator_is_called_after_a_second_and_again_every_ten() {
    let mut scene = Scene::new();
    assert_eq!(scene.run(1_000), [""; 0]);
    scene.lose();
    let told = scene.run(22_000);
    assert_eq!(told, [format!("1300 {LOST}"), "2100 Run".into(), "12100 Run".into(), "22100 Run".into()]);
}

#[test]
fn a_single_bad_sample_moves_nothing() {
    let mut scene = Scene::new();
    scene.lose();
    assert_eq!(scene.run(200), [""; 0]);
    scene.utility_returns();
    assert_eq!(scene.run(100), [""; 0]);
    scene.lose();
    assert_eq!(scene.run(200), [""; 0]);
}

#[test]
fn the_generator_is_called_at_once_where_little_is_left() {
    let mut scene = Scene::new();
    scene.stored(900_000);
    scene.lose();
    assert_eq!(scene.run(500), [format!("300 {LOST}"), "400 Run".into()], "in the tick after the change");
}

#[test]
fn nobody_calls_a_generator_that_is_not_there_is_held_or_is_the_operators() {
    let mut scene = Scene::with("");
    scene.lose();
    assert_eq!(scene.run(3_000), [format!("300 {LOST}")]);
    for action in [Action::Hold(DeviceId::Supply(FEED)), Action::ManualOn] {
        let mut scene = Scene::new();
        scene.operate(action);
        scene.lose();
        assert_eq!(scene.run(3_000), [format!("300 {LOST}")]);
    }
}

#[test]
fn the_generator_carries_and_the_utility_comes_back_and_modules_recharge() {
    let mut scene = Scene::new();
    scene.lose();
    scene.run(2_000);
    scene.generator_carries();
    assert_eq!(scene.run(5_000), ["2100 generator: the generator carries the load"]);
    scene.utility_returns();
    scene.stored(1_500_000);
    let told = scene.run(130_000);
    assert_eq!(told, ["7100 recovery: a utility is good again", "127100 normal: modules hold what they should"]);
}

#[test]
fn modules_that_stay_empty_are_waited_for_ten_minutes() {
    let mut scene = Scene::new();
    scene.lose();
    scene.run(2_000);
    scene.utility_returns();
    scene.stored(1_499_000);
    let told = scene.run(610_000);
    assert_eq!(told, ["2100 recovery: a utility is good again", "602100 normal: modules hold what they should"]);
}

#[test]
fn a_generator_that_stops_is_bridged_like_a_utility_that_is_lost() {
    let mut scene = Scene::new();
    scene.lose();
    scene.run(2_000);
    scene.generator_carries();
    scene.run(1_000);
    scene.supply([0, 0], SupplySource::Open, GeneratorPhase::Failed);
    scene.all_racks(10_000, 0);
    let told = scene.run(500);
    assert_eq!(told.first().map(String::as_str), Some("3300 ride-through: the generator no longer carries the load"));
    scene.utility_returns();
    assert_eq!(scene.run(100), ["3600 recovery: a utility is good again"]);
    scene.lose();
    assert_eq!(scene.run(300)[0], format!("3900 {LOST}"), "an outage may follow on an outage");
}

#[test]
fn servers_that_matter_least_shut_down_where_what_is_stored_lasts_no_longer_than_that_takes() {
    let mut scene = Scene::new();
    scene.stored(600_000);
    scene.lose();
    let told = scene.run(500);
    let shut = "400 orderly shutdown: what is stored lasts no longer than servers need to shut down";
    assert_eq!(told, [format!("300 {LOST}"), shut.into(), "400 Run".into()]);
    assert_eq!(scene.keep_tiers(), [2, TIER_MAX], "row B has as much for half of the load");

    // Nobody comes back within the outage: neither by what the leader remembers nor by what its successor finds.
    scene.stored(1_900_000);
    scene.run(1_000);
    assert_eq!(scene.keep_tiers(), [2, TIER_MAX]);
    scene.world.planner = Planner::new(scene.world.ledger.site());
    scene.run(2_000);
    assert_eq!(scene.keep_tiers(), [2, TIER_MAX]);
    // Racks whose servers are off say nothing of their feed.
    scene.all_racks(0, 0);
    scene.run(2_000);
    assert_eq!(scene.keep_tiers(), [2, TIER_MAX]);

    scene.utility_returns();
    let told = scene.run(100);
    assert_eq!(told, ["5600 recovery: a utility is good again"]);
    scene.run(200);
    assert_eq!(scene.keep_tiers(), [TIER_MAX; 2]);
}

#[test]
fn what_is_left_is_told_with_the_change() {
    let mut scene = Scene::new();
    scene.lose();
    scene.run(300);
    let lost = scene.world.entries.iter().rev().find_map(|(_, entry)| match &entry.command {
        Command::Plan(Plan { modes, .. }) => modes.first().copied(),
        _ => None,
    });
    assert_eq!(lost.expect("a change").time_left, None, "nothing bridges yet");
    scene.stored(600_000);
    let at = scene.world.with_inputs(&|_| None, |inputs| {
        let topology = Topology::new(inputs.ledger.site());
        let site = inputs.ledger.site();
        let verdicts: Vec<Verdict> = site.rack_ids().map(|rack| super::super::judge(inputs, rack)).collect();
        time_left(&Draft::new(*inputs), &topology, &verdicts, FEED)
    });
    // 40 kW cost the module of row A 43,443 J in a second; 8 % of what it has are not counted on.
    assert_eq!(at.get(), 552_000 * 1_000_000 / (40_000 * 1_086));
}

#[test]
fn a_utility_is_lost_only_by_positive_evidence() {
    let check = |utility_good, rows_fed, rows_unfed, large_row_unfed, lost: bool| {
        let evidence = Evidence { utility_good, rows_fed, rows_unfed, large_row_unfed, ..Evidence::default() };
        assert_eq!(evidence.is_utility_lost(), lost, "{evidence:?}");
    };
    check(Some(true), 0, 2, true, false);
    check(Some(false), 1, 1, false, true);
    check(Some(false), 2, 0, false, false);
    check(None, 0, 2, false, true);
    check(None, 0, 1, false, false);
    check(None, 0, 1, true, true);
    check(None, 1, 2, true, false);
    check(None, 0, 0, false, false);
}

#[test]
fn a_feed_is_carried_again_only_when_its_switch_is_there_and_every_row_draws() {
    let good = Evidence { utility_good: Some(true), source: Some(SupplySource::UtilityB), ..Evidence::default() };
    assert!(good.is_utility_back());
    assert!(Evidence { source: Some(SupplySource::UtilityA), ..good }.is_utility_back());
    for bad in [
        Evidence { utility_good: None, ..good },
        Evidence { source: Some(SupplySource::Generator), ..good },
        Evidence { rows_unfed: 1, ..good },
    ] {
        assert!(!bad.is_utility_back(), "{bad:?}");
    }
    let source = Some(SupplySource::Generator);
    let running = Evidence { source, generator: Some(GeneratorPhase::Running), ..Evidence::default() };
    assert!(running.generator_carries());
    for bad in [
        Evidence { generator: Some(GeneratorPhase::Starting), ..running },
        Evidence { source: Some(SupplySource::Open), ..running },
        Evidence { rows_unfed: 1, ..running },
    ] {
        assert!(!bad.generator_carries(), "{bad:?}");
    }
}

#[test]
fn witnesses_are_counted_as_they_speak() {
    let check = |utility_good, rows_fed, rows_unfed, witnesses, of| {
        let evidence = Evidence { utility_good, rows_fed, rows_unfed, ..Evidence::default() };
        assert_eq!(evidence.lost(), ModeReason::UtilityLost { witnesses, of });
    };
    check(Some(false), 1, 2, 3, 4);
    check(None, 0, 2, 2, 2);
    check(Some(true), 1, 1, 1, 3);
}

#[test]
fn a_supply_says_good_within_a_tenth_and_lost_below_seven_tenths() {
    let mut scene = Scene::new();
    let mut check = |a, b, good| {
        scene.supply([a, b], SupplySource::Open, GeneratorPhase::Off);
        assert_eq!(scene.witness().utility_good, good, "{a} {b}");
    };
    check(900, 0, Some(true));
    check(0, 1_100, Some(true));
    check(899, 0, None);
    check(1_101, 0, None);
    check(699, 699, Some(false));
    check(700, 0, None);
    check(0, 700, None);
}

#[test]
fn a_row_is_not_fed_when_more_than_two_thirds_of_its_racks_draw_nothing() {
    let check = |racks: [(i64, i64); 6], fed, unfed, large| {
        let mut scene = Scene::new();
        for (rack, (load, draw)) in (0..).zip(racks) {
            scene.world.pdu(rack, load, draw);
        }
        let evidence = scene.witness();
        assert_eq!(
            (evidence.rows_fed, evidence.rows_unfed, evidence.large_row_unfed),
            (fed, unfed, large),
            "{racks:?}"
        );
    };
    let (on, dark, off) = ((10_000, 10_000), (10_000, 200), (499, 0));
    check([on, on, on, on, on, on], 2, 0, false);
    check([dark, dark, dark, on, on, on], 1, 1, true);
    check([dark, dark, on, off, on, on], 2, 0, false);
    check([dark, dark, off, off, dark, dark], 0, 2, false);
    check([off, off, off, off, on, off], 1, 0, false);
    check([(500, 11), off, off, off, (500, 10), off], 1, 1, false);
}

/// 2 kJ/s of load and 3 kJ/s that leave the store for them; shutting tier 3 down costs 600 W for its 5 s.
#[test]
fn time_is_what_is_left_after_those_that_shut_down_by_what_the_others_take() {
    let mut bridge = Bridge {
        stored: Joules::new(100_000),
        joules_per_kilowatt_second: 1_500,
        load: [0, 1_000, 0, 1_000, 0].map(Watts::new),
        shutdown: [0, 7_000, 0, 5_000, 0].map(Millis::new),
    };
    assert_eq!(bridge.time_with(TIER_MAX), Millis::new(92_000_000 / 3_000));
    assert_eq!(bridge.time_with(3), bridge.time_with(4));
    assert_eq!(bridge.time_with(2), Millis::new((92_000 - 4_500) * 1_000 / 1_500));
    assert!(bridge.lasts_with(4));
    // 11 s for servers that need 7 and the guard of 4.
    bridge.stored = Joules::new(11 * 3_000 * 1_000 / 920 + 1);
    assert!(bridge.lasts_with(4));
    bridge.stored = Joules::new(10_990 * 3_000 / 920);
    assert!(!bridge.lasts_with(4));
    assert!(bridge.lasts_with(1), "alone they have twice as long");
    bridge.stored = Joules::new(1_000);
    assert!(!bridge.lasts_with(1));
    assert_eq!(bridge.time_with(1), Millis::ZERO, "what shuts down takes it all");
    assert!(bridge.lasts_with(0), "nobody is on, so nobody needs time");
}

#[test]
fn what_comes_back_is_what_a_rack_took_before_and_what_its_supplies_refill() {
    let mut scene = Scene::new();
    let mut outages = Outages::new(scene.world.ledger.site());
    let told = |outages: &mut Outages, scene: &Scene| {
        scene.world.with_inputs(&|_| None, |inputs| outages.comes_back_to(inputs, RackId(1)).get())
    };
    assert_eq!(told(&mut outages, &scene), 0);
    scene.world.load(1, 9_000);
    assert_eq!(told(&mut outages, &scene), 0, "a thousandth of 10 kW is forgotten");
    scene.lose();
    scene.run(300);
    scene.world.load(1, 4_995);
    assert_eq!(told(&mut outages, &scene), 9_990 + 2_400);
    scene.world.load(1, 4_994);
    assert_eq!(told(&mut outages, &scene), 21_000 + 2_400, "its servers have failed, and may all start at once");
    scene.world.now = scene.world.now.saturating_add(Millis::new(501));
    assert_eq!(told(&mut outages, &scene), 9_990 + 2_400, "silence says nothing of it");
    assert_eq!(told(&mut Outages::new(scene.world.ledger.site()), &scene), 2_400);
}

#[test]
fn modules_of_other_feeds_and_silent_ones_hold_nobody_up() {
    let mut scene = Scene::new();
    let recharged =
        |scene: &Scene| scene.world.with_inputs(&|_| None, |inputs| is_recharged(&Draft::new(*inputs), FEED));
    assert!(recharged(&scene));
    scene.world.stored(1, 1_499_999);
    assert!(!recharged(&scene));
    scene.world.now = scene.world.now.saturating_add(Millis::new(501));
    assert!(recharged(&scene));
    assert_eq!(scene.world.ledger.site().kesm(KesmId(1)).rack, RackId(4));
}

#[test]
fn a_rack_that_is_not_heard_comes_back_to_nothing_while_its_utility_is_there() {
    let mut world = World::new();
    let mut outages = Outages::new(world.ledger.site());
    let mut comes_back_to =
        |world: &World| world.with_inputs(&|_| None, |inputs| outages.comes_back_to(inputs, RackId(1)).get());
    assert_eq!(comes_back_to(&world), 0);
    world.now = world.now.saturating_add(Millis::seconds(5));
    assert_eq!(comes_back_to(&world), 0, "unknown is not lost");
}

#[test]
fn the_modules_of_a_row_share_its_load() {
    let world = World::new();
    let topology = Topology::new(world.ledger.site());
    let lasts = world.with_inputs(&|_| None, |inputs| {
        let verdicts: Vec<Verdict> =
            world.ledger.site().rack_ids().map(|rack| crate::planner::judge(inputs, rack)).collect();
        Bridge::of(&Draft::new(*inputs), &topology.rows[0], &verdicts).time_with(TIER_MAX)
    });
    // Twice 1.99 MJ less what is unsure are 3.66 MJ, and 60 kW take some 65 kW out of two wheels at 30 kW each.
    assert!((55_000..58_500).contains(&lasts.get()), "{lasts}");
}

#[test]
fn a_generator_is_not_called_at_once_where_twenty_seconds_are_left() {
    let mut scene = Scene::new();
    let change = ModeChange { feed: FEED, to: Mode::RideThrough, reason: ModeReason::TimeIsUp, time_left: None };
    scene.world.commit(Command::Plan(Plan { modes: vec![change], ..Plan::default() }));
    let called = |left| {
        scene.world.with_inputs(&|_| None, |inputs| {
            let mut draft = Draft::new(*inputs);
            Outages::new(scene.world.ledger.site()).rule_generator(&mut draft, FEED, Some(Millis::new(left)));
            draft.plan.generators.len()
        })
    };
    assert_eq!((called(19_999), called(20_000)), (1, 0));
}
