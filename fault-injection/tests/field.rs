//! Field devices under a replica's real endpoint and the real ledger, in process and in simulated time.

mod support;

use std::sync::Arc;

use ridethrough_core::command::{
    Command, Entry, Founding, Grant, Hop, Leg, Plan, Position, RackLoad, Risk, Stamp, StoredEnergy,
};
use ridethrough_core::device::{DeviceId, Direction, GeneratorDuty, Order, ReplicaId, Setpoint, Verdict};
use ridethrough_core::forecast::{ForecastSource, RackForecast, RuleReason};
use ridethrough_core::ledger::{Effect, Ledger, Parts};
use ridethrough_core::site::{FeedId, KesmId, RackId, TieId};
use ridethrough_core::units::{Joules, Millis, Watts};
use ridethrough_fault_injection::field::{Act, FenceFile, FieldDevice, Record, Reply, SetpointRecord};
use ridethrough_fault_injection::plant::World;
use ridethrough_fault_injection::plant::fault::DeviceFault;
use ridethrough_fault_injection::scenario::Scenario;
use ridethrough_protocol::{
    ControllerEndpoint, Datagram, Event, FenceMemory, KeyEpoch, Keyring, Lan, Leadership, Orders, Outgoing,
    SessionNonce, SiteSecret, VolatileFence,
};
use support::{FIRST, GENERATOR, LIMIT_WATTS, MIDDLE, tiered_scenario, with_generator};

const REPLICA: ReplicaId = ReplicaId(1);
const LEASE: Millis = Millis::new(1_500);

/// A plant, its devices and one leading replica; frames arrive in the ms in which they are sent.
struct Bench<M> {
    world: World,
    devices: Vec<FieldDevice<M>>,
    controller: ControllerEndpoint,
    ledger: Ledger,
    records: Vec<Record>,
    verdicts: Vec<(DeviceId, Verdict)>,
    leads: bool,
    now_ms: u64,
}

fn secret() -> Keyring {
    Keyring::new(KeyEpoch::FIRST, SiteSecret::new([7; 32]))
}

fn overloaded() -> World {
    World::new(&overloaded_scenario())
}

/// Its servers have floors that a cap could bring the rack to, or no transfer would be secure.
fn overloaded_scenario() -> Scenario {
    tiered_scenario([(12_000, 12_000), (12_000, 38_000), (12_000, 12_000)], 7)
}

impl<M: FenceMemory> Bench<M> {
    fn new(world: World, mut memory: impl FnMut(&str) -> M) -> Self {
        let ids: Vec<DeviceId> = world.site().devices().collect();
        let devices = ids.iter().map(|&device| {
            let name = world.site().device_name(device);
            let boot_bits = u64::from(device.to_wire());
            let keys = secret().device(device, &[REPLICA]);
            FieldDevice::boot(&world, keys, Orders::One, boot_bits, memory(&name)).expect("a device of the site")
        });
        Self {
            devices: devices.collect(),
            controller: ControllerEndpoint::new(&secret().replica(REPLICA), SessionNonce::new(1), &ids, Orders::One),
            ledger: Ledger::new(Arc::new(world.site().clone())),
            records: Vec::new(),
            verdicts: Vec::new(),
            leads: true,
            now_ms: 0,
            world,
        }
    }

    fn run(&mut self, span_ms: u64) {
        for _ in 0..span_ms {
            self.now_ms += 1;
            if self.leads {
                let leave = Leadership { term: 1, lease: LEASE, valid_for: Millis::new(200) };
                self.controller.lead(leave, self.now()).expect("it may lead");
            }
            self.telemetry();
            self.deliver();
            self.world.step();
        }
    }

    fn now(&self) -> Millis {
        Millis::new(i64::try_from(self.now_ms).expect("a short run"))
    }

    fn telemetry(&mut self) {
        let mut out = Datagram::new();
        for (slot, device) in self.devices.iter_mut().enumerate() {
            device.poll(self.now_ms, &mut self.world, &mut |record| self.records.push(record.clone()));
            let is_due = self.now_ms % 100 == 10 * slot as u64;
            if is_due && device.telemetry(REPLICA, self.now_ms, &self.world, &mut out) == Reply::Send(REPLICA) {
                let now = Millis::new(i64::try_from(self.now_ms).expect("a short run"));
                self.controller.observe(out.as_bytes(), Lan::A, now);
            }
        }
    }

    fn deliver(&mut self) {
        let mut frames = Vec::new();
        self.controller.poll(self.now(), &mut |frame: Outgoing<'_>| frames.push((frame.device, frame.bytes.to_vec())));
        let mut out = Datagram::new();
        for (id, bytes) in frames {
            let slot = self.world.site().device_slot(id).expect("a device of the site");
            let mut keep = |record: &Record| self.records.push(record.clone());
            let reply = self.devices[slot].handle(&bytes, Lan::A, self.now_ms, &mut self.world, &mut out, &mut keep);
            if reply == Reply::Send(REPLICA)
                && let Some(Event::Ack { ack, .. }) = self.controller.observe(out.as_bytes(), Lan::A, self.now())
            {
                self.verdicts.push((ack.device, ack.verdict));
            }
        }
    }

    /// Commits a transfer from the first rack's module to the middle rack and submits its orders.
    fn transfer(&mut self, hold_ms: i64) {
        let site_hash = self.world.site().hash;
        if self.ledger.founding().is_none() {
            let founding = Founding { cluster: [1; 16], site_hash };
            assert_eq!(self.apply(Command::Found(founding)), Effect::Founded);
        }
        let site = self.world.site().clone();
        let path = vec![Hop { tie: TieId(0), direction: Direction::Forward }];
        let (supplied, delivered) = (Watts::new(19_000), Watts::new(18_000));
        let demand = Watts::new(38_000);
        let forecast = RackForecast::flat(demand, Millis::seconds(10), ForecastSource::Rule(RuleReason::NoModel));
        let margin = Watts::new(1_200);
        let load = |rack, peak| RackLoad { rack, peak: Watts::new(peak), heat_permille: 0 };
        let risk = Risk { present: demand, forecast, limit: site.rack(MIDDLE).limit, margin };
        let help_above = site.hold(MIDDLE);
        let legs = vec![Leg { kesm: KesmId(0), path, supplied, delivered }];
        let plan = Plan {
            grants: vec![Grant { rack: MIDDLE, legs, help_above, risk, hold: Millis::new(hold_ms) }],
            stored: vec![StoredEnergy { kesm: KesmId(0), stored: Joules::new(1_900_000) }],
            loads: vec![load(FIRST, 12_000), load(MIDDLE, 38_000)],
            ..Plan::default()
        };
        assert_eq!(self.apply(Command::Plan(plan)), Effect::Admitted { orders: 2 });
        for order in self.ledger.orders() {
            self.controller.submit(order, 1, Millis::new(hold_ms), self.now()).expect("it may be sent");
        }
    }

    /// Submits orders as a ledger that has them would.
    fn submit(&mut self, orders: Vec<Order>) {
        let parts = Parts { orders, ..Parts::default() };
        let ledger = Ledger::from_parts(Arc::new(self.world.site().clone()), parts);
        for order in ledger.orders() {
            self.controller.submit(order, 1, Millis::seconds(5), self.now()).expect("it may be sent");
        }
    }

    fn apply(&mut self, command: Command) -> Effect {
        let at = Position { term: 1, leader: REPLICA, index: self.ledger.seen().index + 1 };
        let stamp = Stamp { at: self.now(), wall_unix_ms: 0 };
        let entry = Entry { stamp, by: REPLICA, seen: self.ledger.seen(), command };
        self.ledger.apply(at, &entry)
    }

    fn lapsed(&self) -> Vec<&str> {
        let lapsed = self.records.iter().filter(|record| record.act == Act::Lapsed);
        lapsed.map(|record| record.name.as_str()).collect()
    }
}

#[test]
fn committed_orders_hold_a_rack_and_are_on_record() {
    let mut bench = Bench::new(overloaded(), |_| VolatileFence::default());
    bench.run(500);
    assert_eq!(bench.controller.live_devices(), 8);
    bench.transfer(8_000);
    bench.run(1_500);
    let draw_watts = bench.world.draw_watts(MIDDLE);
    assert!((draw_watts - 22_800.0).abs() < 5.0, "{draw_watts}");
    let (k1, t1) = (DeviceId::Kesm(KesmId(0)), DeviceId::Tie(TieId(0)));
    assert_eq!(bench.verdicts, [(k1, Verdict::Executed), (t1, Verdict::Executed)]);
    let record = bench.records.iter().find(|record| record.device == k1.to_wire()).expect("on record");
    let (expected_setpoint, hold_w) = (bench.ledger.order(k1).expect("ordered").get().setpoint, 22_800);
    let Act::Order { verdict: "executed", fence_term: 1, fence_index: 2, entry_term: 1, setpoint, .. } = record.act
    else {
        panic!("{record:?}")
    };
    assert_eq!(setpoint, SetpointRecord::from(expected_setpoint));
    assert!(
        matches!(setpoint, SetpointRecord::Kesm { supply_max_w: 19_000, charge_max_w: 0, hold_w: h } if h == hold_w)
    );
    let line = serde_json::to_string(record).expect("plain data");
    assert!(
        line.contains("\"event\":\"order\",\"verdict\":\"executed\",\"replica\":1,\"fence_term\":1,\"fence_index\":2"),
        "{line}"
    );
}

/// What a rotation of the secret does to a device: it follows nobody for a moment, and remembers whom it has obeyed.
#[test]
fn a_device_that_is_commissioned_anew_boots_with_the_new_keys_and_its_old_fence() {
    let mut bench = Bench::new(overloaded(), |_| VolatileFence::default());
    bench.run(500);
    bench.transfer(8_000);
    bench.run(1_500);
    assert!(bench.devices.iter().any(|device| device.in_force().is_some()));
    let next = || Keyring::new(KeyEpoch::FIRST, SiteSecret::new([8; 32]));
    for device in &mut bench.devices {
        device.commission(next().device(device.device(), &[REPLICA]), &mut bench.world);
    }
    assert!(bench.devices.iter().all(|device| device.in_force().is_none()), "what was in force is released");
    // Longer than a device that was heard counts as one that can be told something.
    bench.run(10_500);
    assert_eq!(bench.controller.live_devices(), 0, "it hears nobody whose keys it does not know");

    let ids: Vec<DeviceId> = bench.world.site().devices().collect();
    bench.controller = ControllerEndpoint::new(&next().replica(REPLICA), SessionNonce::new(2), &ids, Orders::One);
    bench.run(500);
    assert_eq!(bench.controller.live_devices(), ids.len());
    bench.verdicts.clear();
    for order in bench.ledger.orders() {
        bench.controller.submit(order, 1, Millis::new(8_000), bench.now()).expect("it may be sent");
    }
    bench.run(500);
    assert!(!bench.verdicts.is_empty());
    assert!(bench.verdicts.iter().all(|(_, verdict)| *verdict != Verdict::Executed), "{:?}", bench.verdicts);
}

#[test]
fn orders_expire_and_leases_lapse_into_the_safe_rule() {
    let mut bench = Bench::new(overloaded(), |_| VolatileFence::default());
    bench.run(500);
    bench.transfer(2_000);
    bench.run(1_900);
    assert!(bench.lapsed().is_empty());
    bench.run(200);
    assert_eq!(bench.lapsed(), ["kesm K1", "tie first-middle"], "the order is over");
    assert!(bench.world.tie(0).flow_watts().abs() < 1e-9);

    bench.transfer(8_000);
    bench.run(1_000);
    assert!(bench.world.tie(0).flow_watts() > 10_000.0);
    bench.leads = false;
    bench.run(1_100);
    assert!(bench.world.tie(0).flow_watts() > 10_000.0, "the lease holds for a while");
    bench.run(700);
    assert_eq!(bench.lapsed().len(), 4, "the leader is gone");
    assert!(bench.world.tie(0).flow_watts().abs() < 1e-9 && bench.world.draw_watts(MIDDLE) > LIMIT_WATTS);
}

#[test]
fn a_failed_device_refuses_and_the_refusal_is_on_record() {
    let mut bench = Bench::new(overloaded(), |_| VolatileFence::default());
    bench.run(500);
    bench.world.set_healthy(DeviceId::Kesm(KesmId(0)), false);
    bench.transfer(8_000);
    bench.run(100);
    assert!(bench.verdicts.contains(&(DeviceId::Kesm(KesmId(0)), Verdict::Unavailable)));
    let refused = bench.records.iter().find(|record| matches!(record.act, Act::Order { verdict: "unavailable", .. }));
    assert!(refused.is_some_and(|record| record.name == "kesm K1"), "{:?}", bench.records);
}

/// A module that was off for a moment, and is sent its newest order again, as after a take-over. Returns its verdict.
fn rebooted<M: FenceMemory>(bench: &mut Bench<M>, keeps_memory: bool) -> Option<Verdict> {
    let module = DeviceId::Kesm(KesmId(0));
    bench.run(500);
    bench.transfer(8_000);
    bench.run(600);
    let reboot = DeviceFault::Reboot { keeps_memory };
    bench.world.set_fault(module, reboot, true);
    bench.run(300);
    assert!(!bench.world.is_ordered(module), "it is off");
    bench.world.set_fault(module, reboot, false);
    bench.run(500);
    bench.verdicts.clear();
    let order = *bench.ledger.order(module).expect("ordered");
    bench.controller.submit(&order, 1, Millis::seconds(5), bench.now()).expect("it may be sent");
    bench.run(300);
    assert_eq!(bench.world.is_ordered(module), bench.verdicts.last() == Some(&(module, Verdict::Executed)));
    bench.verdicts.iter().find(|(device, _)| *device == module).map(|(_, verdict)| *verdict)
}

#[test]
fn a_rebooted_device_keeps_its_fence_and_does_nothing_twice() {
    let folder = tempfile::tempdir().expect("a folder for a test");
    let mut bench = Bench::new(overloaded(), |name| FenceFile::open(folder.path(), name).expect("usable"));
    assert_eq!(rebooted(&mut bench, true), Some(Verdict::Expired), "only a new entry moves it again");
}

/// The finding of the model checker: without its memory a device does the same order twice (I4). The emulated device
/// must show that, or drills could not.
#[test]
fn a_device_without_its_memory_does_an_order_twice() {
    let mut bench = Bench::new(overloaded(), |_| VolatileFence::default());
    assert_eq!(rebooted(&mut bench, false), Some(Verdict::Executed));
}

#[test]
fn a_mute_device_acts_and_says_nothing() {
    let mut bench = Bench::new(overloaded(), |_| VolatileFence::default());
    bench.run(500);
    bench.world.set_fault(DeviceId::Tie(TieId(0)), DeviceFault::Mute, true);
    bench.transfer(8_000);
    bench.run(600);
    assert!(bench.world.tie(0).flow_watts() > 10_000.0);
    assert!(bench.verdicts.iter().all(|(device, _)| *device != DeviceId::Tie(TieId(0))), "{:?}", bench.verdicts);
}

#[test]
fn a_stuck_device_says_it_acts_and_does_not() {
    let mut bench = Bench::new(overloaded(), |_| VolatileFence::default());
    bench.run(500);
    bench.world.set_fault(DeviceId::Tie(TieId(0)), DeviceFault::Stuck, true);
    bench.transfer(8_000);
    bench.run(600);
    assert!(bench.verdicts.contains(&(DeviceId::Tie(TieId(0)), Verdict::Executed)));
    assert!(bench.world.tie(0).flow_watts().abs() < 1e-9 && bench.world.draw_watts(MIDDLE) > LIMIT_WATTS);
}

#[test]
fn pdus_and_supplies_take_orders_and_tell_them() {
    let world = World::new(&with_generator(overloaded_scenario(), Some(GENERATOR)));
    let mut bench = Bench::new(world, |_| VolatileFence::default());
    bench.run(1_200);
    bench.world.set_fault(DeviceId::Pdu(FIRST), DeviceFault::LockedOut, true);
    let pdu = |rack: RackId| DeviceId::Pdu(rack);
    let supply = DeviceId::Supply(FeedId(0));
    let order = |device, setpoint| Order { device, index: 5, term: 1, setpoint, until: Millis::seconds(60) };
    let cap = Setpoint::Pdu { cap: Watts::new(22_000), keep_tiers: 4 };
    let run = Setpoint::Supply { generator: GeneratorDuty::Run };
    bench.submit(vec![order(pdu(MIDDLE), cap), order(pdu(FIRST), cap), order(supply, run)]);
    bench.run(4_000);
    let mut verdicts = bench.verdicts.clone();
    verdicts.sort();
    let expected = [(pdu(FIRST), Verdict::LockedOut), (pdu(MIDDLE), Verdict::Executed), (supply, Verdict::Executed)];
    assert_eq!(verdicts, expected);
    let load_watts = bench.world.load_watts(MIDDLE);
    assert!((load_watts - 22_000.0).abs() < 50.0, "{load_watts}");
    let lines: Vec<String> =
        bench.records.iter().map(|record| serde_json::to_string(record).expect("plain data")).collect();
    for expected in [
        "\"setpoint\":{\"kind\":\"pdu\",\"cap_w\":22000,\"keep_tiers\":4}",
        "\"setpoint\":{\"kind\":\"supply\",\"generator\":\"run\"}",
        "\"verdict\":\"locked_out\"",
    ] {
        assert!(lines.iter().any(|line| line.contains(expected)), "{expected} in {lines:?}");
    }
    bench.run(1_100);
    assert_eq!(bench.lapsed(), ["pdu middle", "supply utility"]);
    assert!(!bench.world.is_ordered(supply) && bench.world.load_watts(MIDDLE) < 22_050.0, "the cap stays");
}
