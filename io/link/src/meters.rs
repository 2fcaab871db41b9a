//! What the link counts. Handles are looked up once, because a lookup costs more than a MAC. Counters and gauges do not
//! allocate; the histogram does, and is therefore recorded on the consumer's thread.

use metrics::{
    Counter, Gauge, Histogram, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};
use ridethrough_core::device::DeviceId;
use ridethrough_core::units::Millis;
use ridethrough_protocol::{Kind, Refusal};

use crate::devices::Remote;
use crate::network::Network;
use crate::realtime::Scheduling;
use crate::supervision::Networks;
use ridethrough_protocol::Lan;

const KINDS: usize = Kind::ALL.len();

/// The link's metrics. Install the recorder before the link starts.
pub(crate) struct Meters {
    received: [Counter; KINDS],
    sent: [Counter; KINDS],
    rejected: Vec<(&'static str, Counter)>,
    pub(crate) orders_refused: Counter,
    pub(crate) leadership_refused: Counter,
    pub(crate) unanswered: Counter,
    pub(crate) telemetry_replaced: Counter,
    pub(crate) acks_dropped: Counter,
    pub(crate) outlets_unknown: Counter,
    pub(crate) live_devices: Gauge,
    networks: [Option<NetworkMeters>; 2],
    devices: Vec<DeviceMeters>,
}

/// Of one network.
struct NetworkMeters {
    up: Gauge,
    failures: Counter,
    last_heard: Gauge,
    first_copies: Counter,
    second_copies: Counter,
    datagrams_in: Counter,
    datagrams_out: Counter,
    errors_in: Counter,
    errors_out: Counter,
    kernel_dropped: Counter,
}

/// Of one device.
struct DeviceMeters {
    round_trip: Gauge,
    transmissions: Counter,
    lost: Counter,
    networks_up: [Option<Gauge>; 2],
}

/// Which copy of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nth {
    First,
    Second,
}

impl Meters {
    /// For these networks and the devices in the order of their numbers.
    pub(crate) fn new(lans: &[Lan], devices: &[Remote]) -> Self {
        describe();
        let frames = |direction: &'static str| {
            Kind::ALL
                .map(|kind| counter!("ridethrough_dpcn_frames_total", "direction" => direction, "kind" => kind.name()))
        };
        let rejected = Refusal::NAMES.map(|name| (name, counter!("ridethrough_dpcn_rejected_total", "reason" => name)));
        Self {
            received: frames("in"),
            sent: frames("out"),
            rejected: rejected.into(),
            orders_refused: counter!("ridethrough_dpcn_refused_total", "what" => "order"),
            leadership_refused: counter!("ridethrough_dpcn_refused_total", "what" => "leadership"),
            unanswered: counter!("ridethrough_dpcn_orders_unanswered_total"),
            telemetry_replaced: counter!("ridethrough_dpcn_telemetry_replaced_total"),
            acks_dropped: counter!("ridethrough_dpcn_acks_dropped_total"),
            outlets_unknown: counter!("ridethrough_dpcn_outlets_unknown_total"),
            live_devices: gauge!("ridethrough_dpcn_live_devices"),
            networks: Lan::ALL.map(|lan| lans.contains(&lan).then(|| NetworkMeters::new(lan))),
            devices: devices.iter().map(|remote| DeviceMeters::new(remote.device, lans)).collect(),
        }
    }

    pub(crate) fn received(&self, kind: Kind) {
        count(&self.received, kind);
    }

    pub(crate) fn sent(&self, kind: Kind) {
        count(&self.sent, kind);
    }

    pub(crate) fn rejected(&self, refusal: Refusal) {
        let counter = self.rejected.iter().find(|(name, _)| *name == refusal.name());
        if let Some((_, counter)) = counter {
            counter.increment(1);
        }
    }

    pub(crate) fn copy(&self, lan: Lan, nth: Nth) {
        let Some(network) = &self.networks[lan.index()] else { return };
        match nth {
            Nth::First => network.first_copies.increment(1),
            Nth::Second => network.second_copies.increment(1),
        }
    }

    /// Shows what went through a network.
    pub(crate) fn totals(&self, network: &Network) {
        let Some(meters) = &self.networks[network.lan.index()] else { return };
        let totals = network.totals();
        meters.datagrams_in.absolute(totals.received);
        meters.datagrams_out.absolute(totals.sent);
        meters.errors_in.absolute(totals.receive_errors);
        meters.errors_out.absolute(totals.send_errors);
        meters.kernel_dropped.absolute(totals.dropped);
    }

    /// Shows a network that is judged anew; `was_up` is what was shown before.
    pub(crate) fn network(&self, lan: Lan, networks: &Networks, was_up: bool, now: Millis) {
        let Some(network) = &self.networks[lan.index()] else { return };
        network.up.set(f64::from(u8::from(networks.is_up(lan))));
        network.last_heard.set(networks.age(lan, now).map_or(f64::INFINITY, seconds));
        if was_up && !networks.is_up(lan) {
            network.failures.increment(1);
        }
    }

    /// Shows the device of this number.
    pub(crate) fn device(&self, slot: usize, remote: &Remote) {
        let Some(meters) = self.devices.get(slot) else { return };
        if let Some(round_trip) = remote.timing.round_trip() {
            meters.round_trip.set(round_trip.as_secs_f64());
        }
        meters.transmissions.absolute(remote.timing.transmissions());
        meters.lost.absolute(remote.timing.lost());
        for (lan, up) in Lan::ALL.iter().zip(&meters.networks_up) {
            if let Some(up) = up {
                up.set(f64::from(u8::from(remote.networks.is_up(*lan))));
            }
        }
    }
}

impl NetworkMeters {
    fn new(lan: Lan) -> Self {
        let lan = lan.name();
        let copies =
            |copy: &'static str| counter!("ridethrough_dpcn_network_frames_total", "lan" => lan, "copy" => copy);
        let datagrams = |direction: &'static str| counter!("ridethrough_dpcn_datagrams_total", "lan" => lan, "direction" => direction);
        let errors = |direction: &'static str| counter!("ridethrough_dpcn_socket_errors_total", "lan" => lan, "direction" => direction);
        Self {
            up: gauge!("ridethrough_dpcn_network_up", "lan" => lan),
            failures: counter!("ridethrough_dpcn_network_failures_total", "lan" => lan),
            last_heard: gauge!("ridethrough_dpcn_network_silent_seconds", "lan" => lan),
            first_copies: copies("first"),
            second_copies: copies("second"),
            datagrams_in: datagrams("in"),
            datagrams_out: datagrams("out"),
            errors_in: errors("in"),
            errors_out: errors("out"),
            kernel_dropped: counter!("ridethrough_dpcn_kernel_dropped_total", "lan" => lan),
        }
    }
}

impl DeviceMeters {
    fn new(device: DeviceId, lans: &[Lan]) -> Self {
        let name = name(device);
        // With one network there is nothing to compare it with.
        let compared = |lan: Lan| lans.len() > 1 && lans.contains(&lan);
        let up = |lan: Lan| gauge!("ridethrough_dpcn_device_network_up", "device" => name.clone(), "lan" => lan.name());
        Self {
            round_trip: gauge!("ridethrough_dpcn_device_rtt_seconds", "device" => name.clone()),
            transmissions: counter!("ridethrough_dpcn_device_transmissions_total", "device" => name.clone()),
            lost: counter!("ridethrough_dpcn_device_lost_total", "device" => name.clone()),
            networks_up: Lan::ALL.map(|lan| compared(lan).then(|| up(lan))),
        }
    }
}

/// From an order given to the link to its device's ack.
pub(crate) fn actuation() -> Histogram {
    describe_histogram!("ridethrough_actuation_seconds", "From an order given to the link to its device's ack");
    histogram!("ridethrough_actuation_seconds")
}

/// Shows what a socket was given.
#[allow(clippy::cast_precision_loss, reason = "a metric of some megabytes")]
pub(crate) fn show_receive_buffer(lan: Lan, bytes: usize) {
    describe_gauge!("ridethrough_dpcn_receive_buffer_bytes", "Receive buffer that the system gave");
    gauge!("ridethrough_dpcn_receive_buffer_bytes", "lan" => lan.name()).set(bytes as f64);
}

/// Shows what the link thread was given.
pub(crate) fn show_scheduling(scheduling: Scheduling) {
    describe_gauge!("ridethrough_dpcn_scheduling_info", "How the DPCN thread is scheduled; always 1");
    let core = scheduling.core.map_or("any".into(), |core| core.to_string());
    gauge!("ridethrough_dpcn_scheduling_info", "policy" => scheduling.urgency.name(), "core" => core).set(1.0);
}

fn name(device: DeviceId) -> String {
    let (kind, index) = match device {
        DeviceId::Pdu(rack) => ("pdu", rack.0),
        DeviceId::Kesm(kesm) => ("kesm", kesm.0),
        DeviceId::Tie(tie) => ("tie", tie.0),
        DeviceId::Supply(feed) => ("supply", feed.0),
    };
    format!("{kind}-{index}")
}

#[allow(clippy::cast_precision_loss, reason = "a metric of some seconds")]
fn seconds(span: Millis) -> f64 {
    span.get() as f64 / 1_000.0
}

fn count(counters: &[Counter; KINDS], kind: Kind) {
    if let Some((_, counter)) = Kind::ALL.iter().zip(counters).find(|(of, _)| **of == kind) {
        counter.increment(1);
    }
}

fn describe() {
    describe_counter!("ridethrough_dpcn_frames_total", "DPCN frames sent, and received and believed, copies apart");
    describe_counter!("ridethrough_dpcn_rejected_total", "DPCN frames that were not believed");
    describe_counter!("ridethrough_dpcn_refused_total", "Orders and leadership not taken up, as of an ended term");
    describe_counter!("ridethrough_dpcn_orders_unanswered_total", "Orders whose time ended without an ack");
    describe_counter!("ridethrough_dpcn_telemetry_replaced_total", "Telemetry that newer replaced before it was read");
    describe_counter!("ridethrough_dpcn_acks_dropped_total", "Acks dropped because the consumer was too slow");
    describe_counter!("ridethrough_dpcn_outlets_unknown_total", "Outlets told of that the site has no server for");
    describe_gauge!("ridethrough_dpcn_live_devices", "Devices heard lately in a session with this replica");
    describe_gauge!("ridethrough_dpcn_network_up", "0 while a network brings nothing and the other one does");
    describe_counter!("ridethrough_dpcn_network_failures_total", "How often a network fell silent beside the other");
    describe_gauge!("ridethrough_dpcn_network_silent_seconds", "Since when nothing was heard on a network");
    describe_counter!("ridethrough_dpcn_network_frames_total", "Frames believed, by network and copy");
    describe_counter!("ridethrough_dpcn_datagrams_total", "Datagrams by network");
    describe_counter!("ridethrough_dpcn_socket_errors_total", "Sends and receives that the system refused");
    describe_counter!("ridethrough_dpcn_kernel_dropped_total", "Dropped by the kernel: no room, or not DPCN");
    describe_gauge!("ridethrough_dpcn_device_rtt_seconds", "Smoothed time from an order sent once to its ack");
    describe_counter!("ridethrough_dpcn_device_transmissions_total", "Orders sent to a device, repetitions included");
    describe_counter!("ridethrough_dpcn_device_lost_total", "Transmissions that no ack followed in time");
    describe_gauge!("ridethrough_dpcn_device_network_up", "0 while a network lacks a device that the other has");
}
