use super::*;
use crate::command::{Command, ModeChange, Plan};
use crate::device::{Fence, GeneratorPhase, SupplySource};
use crate::example::{HOLD, World};
use crate::mode::ModeReason;
use crate::units::Millivolts;

const K0: DeviceId = DeviceId::Kesm(KesmId(0));
const T0: DeviceId = DeviceId::Tie(TieId(0));
const R1: DeviceId = DeviceId::Pdu(RackId(1));
/// The most that a rack whose help begins at its hold may draw before its sources are asked why: 4 % of 24 kW and 800 W more.
const MET: i64 = HOLD + 960 + 800;

/// The example row with every device heard, and what is in force at them.
struct Scene {
    world: World,
    devices: Devices,
}

impl Scene {
    fn new() -> Self {
        let mut world = World::new();
        let devices = Devices::new(world.ledger.site());
        (0..5).for_each(|tie| flow(&mut world, tie, 0));
        Self { world, devices }
    }

    fn told(mut self, device: DeviceId, setpoint: Setpoint) -> Self {
        self.devices.observe(device, Fence::default(), Some(setpoint));
        self
    }

    /// A rack whose breaker passes `draw`, and whose servers get `given` more from elsewhere.
    fn rack(mut self, rack: u16, draw: i64, given: i64) -> Self {
        self.world.pdu(rack, draw + given, draw);
        self
    }

    fn kesm(mut self, stored: i64, supply: i64) -> Self {
        let reading = Reading::Kesm {
            stored: Joules::new(stored),
            supply: Watts::new(supply),
            speed_rpm: 30_000,
            capacitor: Millivolts::new(800_000),
            available: true,
        };
        self.observe(K0, reading);
        self
    }

    fn tie(mut self, tie: u16, watts: i64) -> Self {
        flow(&mut self.world, tie, watts);
        self
    }

    fn supply(mut self, drawn: i64) -> Self {
        let reading = Reading::Supply {
            utility_a_permille: 1_000,
            utility_b_permille: 0,
            source: SupplySource::UtilityA,
            generator: GeneratorPhase::Absent,
            drawn: Watts::new(drawn),
        };
        self.observe(DeviceId::Supply(FeedId(0)), reading);
        self
    }

    fn observe(&mut self, device: DeviceId, reading: Reading) {
        let site = self.world.ledger.site().clone();
        assert!(self.world.view.observe(&site, device, reading, self.world.now), "{reading:?}");
    }

    fn look<T>(&self, at: impl FnOnce(&Looking<'_>) -> T) -> T {
        at(&Looking::at(&self.world.ledger, &self.world.view, &self.devices, self.world.now))
    }

    fn fault(&self, device: DeviceId) -> Option<Fault> {
        self.look(|looking| looking.fault_of(device))
    }
}

fn flow(world: &mut World, tie: u16, watts: i64) {
    let site = world.ledger.site().clone();
    let reading = Reading::Tie { flow: Watts::new(watts), available: true };
    assert!(world.view.observe(&site, DeviceId::Tie(TieId(tie)), reading, world.now));
}

fn supplies(watts: i64) -> Setpoint {
    Setpoint::Kesm { supply_max: Watts::new(watts), charge_max: Watts::ZERO, hold: Watts::new(HOLD) }
}

fn passes(direction: Direction, watts: i64) -> Setpoint {
    Setpoint::Tie { direction, flow_max: Watts::new(watts), hold: Watts::new(HOLD) }
}

const NOT_FOLLOWING: Option<Fault> = Some(Fault::NotFollowing);

#[test]
fn a_module_that_gives_clearly_less_than_its_rack_needs_does_not_follow() {
    // 8 % of its 50 kW and 800 W less than it may is near enough.
    let check = |stored, draw, supply, fault| {
        let scene = Scene::new().told(K0, supplies(20_000)).rack(0, draw, supply).kesm(stored, supply);
        assert_eq!(scene.fault(K0), fault, "{stored} J, {draw} W drawn, {supply} W supplied");
    };
    check(1_000_000, MET + 1, 15_199, NOT_FOLLOWING);
    check(1_000_000, MET + 1, 15_200, None);
    check(1_000_000, MET, 0, None);
    check(100_000, MET + 1, 0, NOT_FOLLOWING);
    check(99_999, MET + 1, 0, None);
    let idle = Scene::new().told(K0, supplies(0)).rack(0, MET + 1, 0).kesm(1_000_000, 0);
    assert_eq!(idle.fault(K0), None, "it was told to give nothing");
}

#[test]
fn a_module_gives_no_more_than_it_may() {
    let check = |told: Option<i64>, supply, fault| {
        let mut scene = Scene::new().rack(0, 5_000, supply).kesm(1_000_000, supply);
        if let Some(watts) = told {
            scene = scene.told(K0, supplies(watts));
        }
        assert_eq!(scene.fault(K0), fault, "{told:?} {supply}");
    };
    check(Some(20_000), 24_800, None);
    check(Some(20_000), 24_801, NOT_FOLLOWING);
    check(None, 4_800, None);
    check(None, 4_801, NOT_FOLLOWING);
}

#[test]
fn a_tie_passes_what_it_was_told_and_that_way() {
    use Direction::{Backward, Forward};
    let check = |told: Option<(Direction, i64)>, [first, second]: [i64; 2], flow: i64, fault| {
        let mut scene = Scene::new().rack(0, first, -flow).rack(1, second, flow).tie(0, flow);
        if let Some((direction, watts)) = told {
            scene = scene.told(T0, passes(direction, watts));
        }
        assert_eq!(scene.fault(T0), fault, "{told:?}, {first} and {second} W drawn, {flow} W through it");
    };
    let calm = [10_000, 10_000];
    // 8 % of its 25 kW and 800 W.
    check(None, calm, 2_800, None);
    check(None, calm, 2_801, NOT_FOLLOWING);
    check(None, calm, -2_801, NOT_FOLLOWING);
    check(Some((Forward, 10_000)), [10_000, MET + 1], 7_199, NOT_FOLLOWING);
    check(Some((Forward, 10_000)), [10_000, MET + 1], 7_200, None);
    check(Some((Forward, 10_000)), [10_000, MET], 0, None);
    check(Some((Forward, 10_000)), [MET + 1, 10_000], 0, None);
    check(Some((Backward, 10_000)), [MET + 1, 10_000], -7_199, NOT_FOLLOWING);
    check(Some((Backward, 10_000)), [MET + 1, 10_000], -7_200, None);
    check(Some((Forward, 0)), [10_000, MET + 1], 0, None);
    check(Some((Forward, 5_000)), [20_000, 10_000], 7_800, None);
    check(Some((Forward, 5_000)), [20_000, 10_000], 7_801, NOT_FOLLOWING);
    check(Some((Forward, 5_000)), [10_000, 20_000], -7_801, NOT_FOLLOWING);
}

#[test]
fn nobody_is_judged_while_his_bus_is_low_his_breaker_open_or_his_feed_unsteady() {
    let low = |bus: i64, tripped| {
        let mut scene = Scene::new().kesm(1_000_000, 9_000);
        let (load, draw) = (Watts::new(19_000), Watts::new(10_000));
        let reading = Reading::Pdu { load, draw, bus: Millivolts::new(bus), breaker_permille: 0, tripped };
        scene.observe(DeviceId::Pdu(RackId(0)), reading);
        scene.fault(K0)
    };
    assert_eq!(low(776_000, false), NOT_FOLLOWING);
    assert_eq!(low(775_999, false), None);
    assert_eq!(low(800_000, true), None);

    let mut scene = Scene::new().rack(0, 10_000, 9_000).kesm(1_000_000, 9_000);
    let feed = FeedId(0);
    let goes_to = |scene: &mut Scene, to| {
        let change = ModeChange { feed, to, reason: ModeReason::UtilityBack, time_left: None };
        scene.world.commit(Command::Plan(Plan { modes: vec![change], ..Plan::default() }));
        assert_eq!(scene.world.ledger.mode(feed).mode, to);
    };
    goes_to(&mut scene, Mode::RideThrough);
    assert_eq!(scene.fault(K0), None, "modules carry the load by themselves");
    goes_to(&mut scene, Mode::Generator);
    assert_eq!(scene.fault(K0), NOT_FOLLOWING);
    goes_to(&mut scene, Mode::Recovery);
    assert_eq!(scene.fault(K0), None, "it hands its load back");
    let founding = scene.world.ledger.now();
    scene.world.pass(WALK_IN.get());
    scene.world.commit(Command::Plan(Plan::default()));
    assert_eq!(scene.world.ledger.now().saturating_sub(founding), WALK_IN);
    assert_eq!(scene.fault(K0), None);
    scene.world.pass(1);
    scene.world.commit(Command::Plan(Plan::default()));
    assert_eq!(scene.fault(K0), NOT_FOLLOWING);
}

#[test]
fn a_rack_adds_up_by_what_comes_and_goes() {
    let off = |scene: &Scene, rack| scene.look(|looking| looking.is_off(RackId(rack)));
    // Within 16 % of the largest and twice 800 W.
    assert_eq!(off(&Scene::new().rack(1, 20_000, 4_800), 1), Some(false));
    assert_eq!(off(&Scene::new().rack(1, 20_000, -4_800), 1), Some(false));
    assert_eq!(off(&Scene::new().rack(1, 10_000, 3_810), 1), Some(false));
    assert_eq!(off(&Scene::new().rack(1, 10_000, 3_811), 1), Some(true));
    assert_eq!(off(&Scene::new().rack(1, 10_000, -3_201), 1), Some(true));
    // What comes over T0 and what goes over T1.
    assert_eq!(off(&Scene::new().rack(1, 10_000, 9_000).tie(0, 9_000), 1), Some(false));
    assert_eq!(off(&Scene::new().rack(1, 10_000, -9_000).tie(1, 9_000), 1), Some(false));
    assert_eq!(off(&Scene::new().rack(1, 10_000, 9_000).tie(0, -9_000), 1), Some(true));
    assert_eq!(off(&Scene::new().rack(0, 10_000, 9_000).kesm(1_000_000, 9_000), 0), Some(false));
    assert_eq!(off(&Scene::new().rack(0, 10_000, -9_000).kesm(1_000_000, 9_000), 0), Some(true));
    let mut silent = Scene::new();
    silent.world.now = silent.world.now.saturating_add(Millis::new(501));
    silent.world.load(1, 10_000);
    assert_eq!(off(&silent, 1), None, "its ties are not heard");
}

#[test]
fn a_supply_tells_whose_meter_lies() {
    // Six racks at 10 kW, and 2.5 % and 800 W for many meters.
    let agrees = |drawn| Scene::new().supply(drawn).look(|looking| looking.adds_up(FeedId(0)));
    assert_eq!(agrees(60_000), Some(true));
    assert_eq!(agrees(62_359), Some(true));
    assert_eq!(agrees(62_360), Some(false));
    assert_eq!(agrees(57_756), Some(true));
    assert_eq!(agrees(57_755), Some(false));
    assert_eq!(Scene::new().look(|looking| looking.adds_up(FeedId(0))), None, "it is silent");

    // The rack's servers seem to take 9 kW that nobody brings.
    let lies = |supply: Option<i64>| {
        let scene = Scene::new().rack(1, 10_000, 9_000);
        supply.map_or_else(|| scene.fault(R1), |drawn| Scene::new().rack(1, 10_000, 9_000).supply(drawn).fault(R1))
    };
    let not_adding_up = Some(Fault::NotAddingUp);
    assert_eq!(lies(Some(60_000)), None, "all racks together draw what the supply gives");
    assert_eq!(lies(Some(69_000)), not_adding_up);
    assert_eq!(lies(None), not_adding_up);
    assert_eq!(Scene::new().supply(69_000).fault(R1), None);

    // A module says that it gives what does not arrive; 5 kW are within what it may give unasked, with what it was told.
    let module = |supply, drawn| {
        let scene = Scene::new().told(K0, supplies(10_000)).kesm(1_000_000, supply).supply(drawn);
        scene.fault(K0)
    };
    assert_eq!(module(9_000, 60_000), not_adding_up);
    assert_eq!(module(-9_000, 60_000), not_adding_up);
    assert_eq!(module(4_999, 60_000), None);
    assert_eq!(module(9_000, 69_000), None, "it may be the rack's meter");
}

#[test]
fn where_the_feed_says_that_somebody_lies_it_takes_less_to_be_suspected() {
    // 2.5 % of 12 kW and 800 W; without that, 16 % and 1.6 kW.
    let off = |given: i64, drawn| {
        let scene = Scene::new().rack(1, 10_000, given).supply(drawn);
        scene.look(|looking| looking.is_off(RackId(1)))
    };
    assert_eq!(off(1_070, 69_000), Some(false));
    assert_eq!(off(1_080, 69_000), Some(true));
    assert_eq!(off(1_080, 60_000), Some(false));
    // Of what ties bring, 8 % may get lost.
    let off = |load: i64| {
        let mut scene = Scene::new().tie(0, 10_000).supply(69_000);
        scene.world.pdu(1, load, 10_000);
        scene.look(|looking| looking.is_off(RackId(1)))
    };
    assert_eq!(off(20_000 - 2_100), Some(true));
    assert_eq!(off(20_000 - 2_000), Some(false));
}

/// Looks at the scene every 100 ms; tells at which millisecond the device goes into quarantine and comes out.
fn quarantines(device: DeviceId, until: i64, step: i64, scene_at: impl Fn(i64) -> Scene) -> Vec<(i64, Option<Fault>)> {
    let mut supervision = Supervision::new(World::new().ledger.site());
    let (mut told, mut last) = (Vec::new(), None);
    for at in (0..=until).step_by(usize::try_from(step).expect("positive")) {
        let mut scene = scene_at(at);
        scene.world.pass(at);
        let now = scene.world.now;
        let (ledger, view) = (&scene.world.ledger, &scene.world.view);
        supervision.watch(ledger, view, &scene.devices, now);
        let fault = supervision.quarantined(ledger.site(), device, now);
        assert!(fault.is_none() || supervision.suspects(ledger.site(), device, now));
        assert_eq!(
            supervision.all_quarantined(ledger.site(), now).contains(&(device, Fault::NotFollowing)),
            fault == NOT_FOLLOWING
        );
        if fault != last {
            told.push((at, fault));
            last = fault;
        }
    }
    told
}

#[test]
fn who_does_not_follow_is_left_alone_for_a_minute_then_for_two() {
    // Its meter moves, so that it does not stand still.
    let babbling = |at: i64| Scene::new().rack(0, 10_000, 9_000 + at % 7).kesm(1_000_000 + at, 9_000 + at % 7);
    let told = quarantines(K0, 62_000, 100, babbling);
    assert_eq!(told, [(600, NOT_FOLLOWING)], "who is caught again goes back at once");
    let calm = |at: i64| Scene::new().kesm(1_000_000 + at, 0);
    let only_once = |at: i64| if at <= 600 || (100_000..=100_600).contains(&at) { babbling(at) } else { calm(at) };
    let told = quarantines(K0, 230_000, 100, only_once);
    let twice = [(600, NOT_FOLLOWING), (60_600, None), (100_600, NOT_FOLLOWING), (220_600, None)];
    assert_eq!(told, twice);
}

#[test]
fn what_lasts_no_longer_than_a_device_may_take_is_forgotten() {
    let short = |at: i64| {
        if at % 600 == 500 { Scene::new() } else { Scene::new().rack(0, 10_000, 9_000).kesm(1_000_000 + at, 9_000) }
    };
    assert_eq!(quarantines(K0, 3_000, 100, short), []);
}

#[test]
fn a_meter_that_repeats_itself_stands_still() {
    let loaded = |load| move |_| Scene::new().rack(1, load, 0);
    assert_eq!(quarantines(R1, 6_500, 100, loaded(5_000)), [(6_000, Some(Fault::Still))]);
    assert_eq!(quarantines(R1, 6_500, 100, loaded(4_999)), [], "so little does not move its last digit");
    let moving = |at: i64| Scene::new().rack(1, 10_000 + (at / 3_000), 0);
    assert_eq!(quarantines(R1, 6_500, 100, moving), []);
    assert_eq!(quarantines(K0, 6_500, 100, |_| Scene::new().kesm(400_000, 0)), [(6_000, Some(Fault::Still))]);
    assert_eq!(quarantines(K0, 6_500, 100, |_| Scene::new().kesm(399_999, 0)), []);
}

#[test]
fn meters_of_ties_and_supplies_that_repeat_themselves_stand_still_too() {
    let supply = DeviceId::Supply(FeedId(0));
    let still = [(6_000, Some(Fault::Still))];
    let passes = |direction, watts| {
        let told = Setpoint::Tie { direction, flow_max: Watts::new(5_000), hold: Watts::new(HOLD) };
        quarantines(T0, 6_500, 100, |_| Scene::new().told(T0, told).tie(0, watts))
    };
    assert_eq!(passes(Direction::Forward, 5_000), still);
    assert_eq!(passes(Direction::Backward, -5_000), still);
    assert_eq!(passes(Direction::Forward, 4_999), []);
    assert_eq!(quarantines(supply, 6_500, 100, |_| Scene::new().supply(5_000)), still);
    assert_eq!(quarantines(supply, 6_500, 100, |_| Scene::new().supply(4_999)), []);
}

#[test]
fn what_is_held_against_a_device_makes_it_suspect_before_its_quarantine() {
    let scene = Scene::new();
    let site = scene.world.ledger.site();
    let mut supervision = Supervision::new(site);
    assert!(!supervision.suspects(site, K0, Millis::ZERO));
    let slot = site.device_slot(K0).expect("there");
    supervision.hold_against(slot, Some(Fault::NotFollowing), Millis::ZERO);
    assert!(supervision.suspects(site, K0, Millis::ZERO) && !supervision.suspects(site, T0, Millis::ZERO));
    assert_eq!(supervision.quarantined(site, K0, Millis::ZERO), None);
    supervision.hold_against(slot, None, Millis::ZERO);
    assert!(!supervision.suspects(site, K0, Millis::ZERO));
}

#[test]
fn a_module_that_is_to_give_nothing_may_charge_whatever_its_rack_draws() {
    let (supply_max, charge_max, hold) = (Watts::ZERO, Watts::new(15_000), Watts::new(HOLD));
    let told = |draw| {
        let scene = Scene::new().told(K0, Setpoint::Kesm { supply_max, charge_max, hold });
        scene.rack(0, draw, -15_000).kesm(1_000_000, -15_000).fault(K0)
    };
    assert_eq!((told(MET), told(MET + 1)), (None, None));
}
