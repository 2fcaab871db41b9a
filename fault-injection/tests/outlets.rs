//! What PDUs tell of their outlets, from the world to a replica's real endpoint, in simulated time.

mod support;

use ridethrough_core::device::{DeviceId, ReplicaId};
use ridethrough_core::site::{RackId, TIER_MAX};
use ridethrough_fault_injection::field::{FieldDevice, Reply};
use ridethrough_fault_injection::plant::World;
use ridethrough_fault_injection::plant::fault::DeviceFault;
use ridethrough_protocol::{
    ControllerEndpoint, Datagram, Event, KeyEpoch, Keyring, Lan, Orders, Outgoing, Outlet, OutletPage, SessionNonce,
    SiteSecret, VolatileFence,
};
use support::{FIRST, order_pdu, tiered_scenario};

const REPLICA: ReplicaId = ReplicaId(1);
const PDU: DeviceId = DeviceId::Pdu(FIRST);

/// A rack's PDU, a replica that it speaks to, and what the replica was told of its outlets, with the time in ms.
struct Desk {
    world: World,
    pdu: FieldDevice<VolatileFence>,
    replica: ControllerEndpoint,
    told: Vec<(u64, OutletPage)>,
}

impl Desk {
    fn new(world: World) -> Self {
        let keyring = Keyring::new(KeyEpoch::FIRST, SiteSecret::new([7; 32]));
        let keys = keyring.device(PDU, &[REPLICA]);
        let pdu = FieldDevice::boot(&world, keys, Orders::One, 1, VolatileFence::default()).expect("it is of the site");
        let replica = ControllerEndpoint::new(&keyring.replica(REPLICA), SessionNonce::new(1), &[PDU], Orders::One);
        Self { world, pdu, replica, told: Vec::new() }
    }

    fn run(&mut self, span_ms: u64) {
        for _ in 0..span_ms {
            let now_ms = self.world.now_ms();
            let mut out = Datagram::new();
            self.pdu.poll(now_ms, &mut self.world, &mut |_| {});
            if now_ms.is_multiple_of(100)
                && self.pdu.telemetry(REPLICA, now_ms, &self.world, &mut out) == Reply::Send(REPLICA)
            {
                self.hear(&out);
            }
            for page in self.pdu.outlet_pages(now_ms, &self.world) {
                if self.pdu.outlets(REPLICA, &page, now_ms, &self.world, &mut out) == Reply::Send(REPLICA) {
                    self.hear(&out);
                }
            }
            self.answer();
            self.world.step();
        }
    }

    fn hear(&mut self, out: &Datagram) {
        let now_ms = self.world.now_ms();
        let now = ridethrough_core::units::Millis::new(now_ms.cast_signed());
        if let Some(Event::Outlets { rack, page }) = self.replica.observe(out.as_bytes(), Lan::A, now) {
            assert_eq!(rack, FIRST);
            self.told.push((now_ms, page));
        }
    }

    fn answer(&mut self) {
        let now_ms = self.world.now_ms();
        let mut frames = Vec::new();
        let now = ridethrough_core::units::Millis::new(now_ms.cast_signed());
        self.replica.poll(now, &mut |frame: Outgoing<'_>| frames.push(frame.bytes.to_vec()));
        for frame in frames {
            self.pdu.handle(&frame, Lan::A, now_ms, &mut self.world, &mut Datagram::new(), &mut |_| {});
        }
    }
}

fn world() -> World {
    World::new(&tiered_scenario([(9_000, 9_000), (9_000, 9_000), (9_000, 9_000)], 7))
}

fn sum_watts(page: &OutletPage) -> f64 {
    let watts = page.outlets().map(|outlet| match outlet {
        Outlet::Metered(power) => u32::try_from(power.get()).expect("of a server"),
        Outlet::Open | Outlet::Unmetered => 0,
    });
    watts.map(f64::from).sum()
}

#[test]
fn once_a_second_every_outlet_is_told_within_its_meters_error() {
    let mut desk = Desk::new(world());
    desk.run(5_500);
    let truth: Vec<f64> = desk.world.outlet_watts(FIRST).into_iter().flatten().collect();
    assert!(truth.len() > 1 && truth.iter().all(|watts| *watts > 0.0), "a load that stands: {truth:?}");
    assert!((5..=6).contains(&desk.told.len()), "once a second: {}", desk.told.len());
    for (told_ms, page) in &desk.told {
        assert!((1..=100).contains(&page.age_ms()), "a latency of its meters, at {told_ms} ms");
        assert_eq!(page.outlets().count(), truth.len());
        for (outlet, truth) in page.outlets().zip(&truth) {
            let Outlet::Metered(power) = outlet else { panic!("{outlet:?}") };
            let error_watts = (f64::from(u32::try_from(power.get()).expect("of a server")) - truth).abs();
            // No draw of the noise, 0.2 %, is beyond 3.5 deviations.
            assert!(error_watts <= 0.007 * truth + 1.0, "{power} of {truth} W");
        }
    }
    let pages: Vec<Vec<Outlet>> = desk.told.iter().map(|(_, page)| page.outlets().collect()).collect();
    assert!(pages.windows(2).all(|pair| pair[0] != pair[1]), "noise does not stand still");
}

#[test]
fn outlets_together_are_the_load_of_the_rack_and_an_open_one_feeds_nothing() {
    let mut desk = Desk::new(world());
    desk.run(2_000);
    // Only the first tier is kept on; the others shut down in good order, and their outlets open.
    order_pdu(&mut desk.world, FIRST, 20_000, 1);
    desk.run(180_000);
    let open = desk.world.outlet_watts(FIRST).iter().filter(|watts| watts.is_none()).count();
    let (_, page) = desk.told.last().expect("it tells");
    assert!(open > 0, "a tier was shut down");
    assert_eq!(page.outlets().filter(|outlet| *outlet == Outlet::Open).count(), open);
    let Some(ridethrough_core::device::Reading::Pdu { load, .. }) = desk.world.read(PDU) else { panic!("a PDU") };
    let load_watts = f64::from(u32::try_from(load.get()).expect("of a rack"));
    assert!((sum_watts(page) - load_watts).abs() < 0.01 * load_watts + 15.0, "{} of {load}", sum_watts(page));
    order_pdu(&mut desk.world, FIRST, 20_000, TIER_MAX);
    desk.run(3_000);
    assert_eq!(desk.world.outlet_watts(FIRST).iter().filter(|watts| watts.is_none()).count(), 0, "closed again");
}

#[test]
fn a_racks_meter_that_lies_does_not_make_its_outlets_lie() {
    let mut desk = Desk::new(world());
    desk.world.set_fault(PDU, DeviceFault::Lying { share: 0.5 }, true);
    desk.run(2_500);
    let truth: f64 = desk.world.outlet_watts(FIRST).into_iter().flatten().sum();
    let (_, page) = desk.told.last().expect("it tells");
    assert!((sum_watts(page) - truth).abs() < 0.01 * truth, "{} of {truth}", sum_watts(page));
    let Some(ridethrough_core::device::Reading::Pdu { load, .. }) = desk.world.read(PDU) else { panic!("a PDU") };
    assert!(f64::from(u32::try_from(load.get()).expect("of a rack")) < 0.6 * truth, "{load} of {truth} W");
}

#[test]
fn a_mute_pdu_and_one_that_is_off_say_nothing_and_no_other_device_has_outlets() {
    for fault in [DeviceFault::Mute, DeviceFault::Reboot { keeps_memory: true }] {
        let mut desk = Desk::new(world());
        desk.run(2_500);
        desk.world.set_fault(PDU, fault, true);
        let told = desk.told.len();
        desk.run(3_000);
        assert_eq!(desk.told.len(), told, "{fault:?}");
        desk.world.set_fault(PDU, fault, false);
        desk.run(3_000);
        assert!(desk.told.len() > told, "{fault:?} is over");
    }
    let world = world();
    let told = world.site().devices().filter(|device| world.read_outlets(*device).is_some());
    assert_eq!(told.count(), world.site().racks.len());
    assert!(world.outlet_watts(RackId(99)).is_empty());
}

#[test]
fn a_pdu_that_is_asked_more_rarely_than_it_measures_tells_of_each_measurement() {
    let world = world();
    let keyring = Keyring::new(KeyEpoch::FIRST, SiteSecret::new([7; 32]));
    let keys = keyring.device(PDU, &[REPLICA]);
    let mut pdu = FieldDevice::boot(&world, keys, Orders::One, 1, VolatileFence::default()).expect("it is of the site");
    // As on a machine on which the plant is late.
    let pages: Vec<_> = (0..5).map(|turn| pdu.outlet_pages(2_000 * (turn + 1), &world)).collect();
    assert!(pages[0].is_empty(), "what is measured now is told a latency later");
    assert!(pages[1..].iter().all(|told| told.iter().all(|page| page.age_ms() == 2_000) && told.len() == 1));
}
