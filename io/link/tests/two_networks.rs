//! Two networks, one of which fails: nothing is lost and nothing has to be repeated.

mod support;

use std::sync::Mutex;
use std::time::{Duration, Instant};

use ridethrough_core::device::Verdict;
use ridethrough_link::{Lan, Link};

use support::{LEAD, Lans, PATIENCE, Plant, addresses, config, order, setpoint, wait_for_ack, wait_for_devices};

const DEVICES: u16 = 4;
const ORDERS: u64 = 60;

/// An order is repeated when its ack takes more than 5 ms. On a machine that does something else for so long the link
/// does it for nothing, which proves nothing: it is tried again.
const ATTEMPTS: usize = 20;

/// Tests that measure do so one at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// The entries whose orders were repeated while this network was cut in mid-run.
fn repeated_without(lan: Lan) -> Vec<u64> {
    let link = Link::start(config(DEVICES, Lans::Both)).expect("it starts");
    let plant = Plant::start(DEVICES, addresses(&link));
    wait_for_devices(&link, DEVICES);
    assert!(link.send(LEAD));
    let (mut repeated, mut transmitted) = (Vec::new(), 0);
    for index in 1..=ORDERS {
        if index == ORDERS / 2 {
            plant.cut(lan);
        }
        assert_eq!(link.send_all((0..DEVICES).map(|number| order(number, index))), usize::from(DEVICES));
        for _ in 0..DEVICES {
            let (ack, transmissions) = wait_for_ack(&link);
            assert_eq!((ack.fence.index, ack.verdict), (index, Verdict::Executed));
            transmitted += u64::from(transmissions);
            repeated.extend((transmissions > 1).then_some(index));
        }
    }
    drop(link);
    let told: Vec<_> = (1..=ORDERS).map(|index| Some(setpoint(index))).collect();
    for recorder in plant.stop() {
        assert_eq!(recorder.0, told, "every order, once, in order");
    }
    assert!(transmitted >= ORDERS * u64::from(DEVICES));
    repeated
}

fn check(lan: Lan) {
    let _alone = ALONE.lock().expect("another test failed");
    let repeated: Vec<_> = (0..ATTEMPTS).map(|_| repeated_without(lan)).take_while(|all| !all.is_empty()).collect();
    assert!(repeated.len() < ATTEMPTS, "orders of these entries were repeated: {repeated:?}");
}

#[test]
fn without_network_a_nothing_is_repeated() {
    check(Lan::A);
}

#[test]
fn without_network_b_nothing_is_repeated() {
    check(Lan::B);
}

#[test]
fn the_failing_network_is_named() {
    let _alone = ALONE.lock().expect("another test failed");
    let mut config = config(2, Lans::Both);
    config.network_silent_after = Duration::from_millis(300);
    let link = Link::start(config).expect("it starts");
    let plant = Plant::start(2, addresses(&link));
    wait_for_devices(&link, 2);
    std::thread::sleep(Duration::from_millis(800));
    assert_eq!(Lan::ALL.map(|lan| link.is_network_up(lan)), [true; 2]);
    plant.cut(Lan::B);
    let deadline = Instant::now() + PATIENCE;
    while link.is_network_up(Lan::B) {
        assert!(Instant::now() < deadline, "nobody noticed");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(link.is_network_up(Lan::A));
    plant.stop();
}

#[test]
fn a_network_that_is_not_there_yet_does_not_keep_the_other_from_working() {
    let _alone = ALONE.lock().expect("another test failed");
    let mut config = config(1, Lans::Both);
    // Reserved for documentation: no interface has it.
    config.lan_b = Some("192.0.2.1:0".parse().expect("an address"));
    let link = Link::start(config).expect("it starts");
    let plant = Plant::start(1, [link.local_addr(Lan::A), None]);
    wait_for_devices(&link, 1);
    assert!(link.send(LEAD) && link.send(order(0, 1)));
    assert_eq!(wait_for_ack(&link).0.verdict, Verdict::Executed);
    plant.stop();
}
