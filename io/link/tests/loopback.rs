//! The link and real devices over real UDP on loopback.

mod support;

use std::collections::BTreeSet;
use std::net::UdpSocket;
use std::time::{Duration, Instant};

use ridethrough_core::device::Verdict;
use ridethrough_core::units::Millis;
use ridethrough_link::{FromLink, Lan, Link, LinkConfig, StartError, ToLink};

use support::{Lans, Plant, addresses, kesm, order, setpoint, wait, wait_for_ack, wait_for_devices};

/// With a lease that a test can wait for to lapse.
const LEAD: ToLink = ToLink::Lead { term: 1, lease: Millis::new(400), valid_for: Millis::seconds(30) };

fn config(devices: u16) -> LinkConfig {
    support::config(devices, Lans::One)
}

#[test]
fn an_order_is_executed_once_and_acked() {
    let link = Link::start(config(1)).expect("it starts");
    let plant = Plant::start(1, addresses(&link));
    wait_for_devices(&link, 1);
    assert!(link.send(LEAD));
    assert!(link.send(order(0, 7)));
    let (ack, rtt_us) = wait(&link, |news| match news {
        FromLink::Ack { ack, rtt_us, .. } => Some((ack, rtt_us)),
        FromLink::Telemetry(_) => None,
    });
    assert_eq!((ack.device, ack.fence.index, ack.verdict), (kesm(0), 7, Verdict::Executed));
    assert!(rtt_us < 1_000_000, "{rtt_us} µs");
    wait(&link, |news| match news {
        FromLink::Telemetry(telemetry) if telemetry.in_force == Some(setpoint(7)) => Some(()),
        _ => None,
    });
    assert!(link.send(ToLink::StepDown));
    wait(&link, |_| link.has_stepped_down().then_some(()));
    // Nobody renews the lease: the device falls back to its safe rule by itself.
    wait(&link, |news| match news {
        FromLink::Telemetry(telemetry) if telemetry.in_force.is_none() => Some(()),
        _ => None,
    });
    assert_eq!(link.stop(), Ok(()));
    let [recorder] = &plant.stop()[..] else { panic!("one device") };
    assert_eq!(recorder.0, [Some(setpoint(7)), None]);
}

#[test]
fn every_device_of_many_answers() {
    const COUNT: u16 = 300;
    let link = Link::start(config(COUNT)).expect("it starts");
    let plant = Plant::start(COUNT, addresses(&link));
    wait_for_devices(&link, COUNT);
    assert!(link.send(support::LEAD));
    assert_eq!(link.send_all((0..COUNT).map(|number| order(number, 9))), usize::from(COUNT));
    let acked: BTreeSet<_> = (0..COUNT).map(|_| wait_for_ack(&link).0.device).collect();
    assert_eq!(acked.len(), usize::from(COUNT));
    assert_eq!(link.stop(), Ok(()));
    let executed = plant.stop().into_iter().filter(|recorder| recorder.0.first() == Some(&Some(setpoint(9))));
    assert_eq!(executed.count(), usize::from(COUNT));
}

#[test]
fn strangers_are_not_heard() {
    let link = Link::start(config(1)).expect("it starts");
    let address = link.local_addr(Lan::A).expect("it is on A");
    let stranger = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    for length in 0..400 {
        stranger.send_to(&vec![0x44; length], address).expect("loopback");
    }
    let plant = Plant::start(1, addresses(&link));
    wait_for_devices(&link, 1);
    assert!(link.is_running());
    stranger.set_nonblocking(true).expect("nonblocking");
    assert!(stranger.recv_from(&mut [0; 512]).is_err(), "nothing is sent to an address that proved nothing");
    plant.stop();
}

#[test]
fn a_port_in_use_is_named() {
    let link = Link::start(config(1)).expect("it starts");
    let mut second = config(1);
    let address = link.local_addr(Lan::A).expect("it is on A");
    second.lan_a = address;
    let error = Link::start(second).expect_err("the port is taken");
    assert!(matches!(error, StartError::Bind { address: named, .. } if named == address));
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}

#[test]
fn what_is_missing_is_said() {
    let mut without = config(1);
    without.session = ridethrough_protocol::SessionNonce::NONE;
    assert!(matches!(Link::start(without), Err(StartError::NoSession)));
    let mut greedy = config(1);
    greedy.receive_buffer_bytes_min = usize::MAX;
    let error = Link::start(greedy).expect_err("no system has so much");
    assert!(error.to_string().contains("net.core.rmem_max"), "{error}");
}

#[test]
fn a_link_stops_at_once_and_frees_its_port() {
    let link = Link::start(config(1)).expect("it starts");
    let address = link.local_addr(Lan::A).expect("it is on A");
    let began = Instant::now();
    assert_eq!(link.stop(), Ok(()));
    assert!(began.elapsed() < Duration::from_millis(900), "it was woken, it did not sleep its time out");
    let mut again = config(1);
    again.lan_a = address;
    assert!(Link::start(again).is_ok());
}
