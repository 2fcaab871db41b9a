//! What the link counts. Handles are looked up once, because a lookup costs more than a MAC.

use metrics::{
    Counter, Gauge, Histogram, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};
use ridethrough_protocol::{Kind, Refusal};

/// The link's metrics. Install the recorder before the link starts.
pub(crate) struct Meters {
    received: [Counter; 5],
    sent: [Counter; 5],
    rejected: Vec<(&'static str, Counter)>,
    pub(crate) orders_refused: Counter,
    pub(crate) leadership_refused: Counter,
    pub(crate) unanswered: Counter,
    pub(crate) send_errors: Counter,
    pub(crate) receive_errors: Counter,
    pub(crate) dropped_telemetry: Counter,
    pub(crate) dropped_acks: Counter,
    pub(crate) actuation: Histogram,
    pub(crate) live_devices: Gauge,
    pub(crate) receive_buffer_bytes: Gauge,
}

impl Meters {
    pub(crate) fn new() -> Self {
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
            send_errors: counter!("ridethrough_dpcn_socket_errors_total", "direction" => "out"),
            receive_errors: counter!("ridethrough_dpcn_socket_errors_total", "direction" => "in"),
            dropped_telemetry: counter!("ridethrough_dpcn_ring_dropped_total", "ring" => "telemetry"),
            dropped_acks: counter!("ridethrough_dpcn_ring_dropped_total", "ring" => "acks"),
            actuation: histogram!("ridethrough_actuation_seconds"),
            live_devices: gauge!("ridethrough_dpcn_live_devices"),
            receive_buffer_bytes: gauge!("ridethrough_dpcn_receive_buffer_bytes"),
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
}

fn count(counters: &[Counter; 5], kind: Kind) {
    if let Some((_, counter)) = Kind::ALL.iter().zip(counters).find(|(of, _)| **of == kind) {
        counter.increment(1);
    }
}

fn describe() {
    describe_counter!("ridethrough_dpcn_frames_total", "DPCN frames sent, and received and believed");
    describe_counter!("ridethrough_dpcn_rejected_total", "DPCN datagrams that were not believed");
    describe_counter!("ridethrough_dpcn_refused_total", "Orders and leadership not taken up, as of an ended term");
    describe_counter!("ridethrough_dpcn_orders_unanswered_total", "Orders whose time ended without an ack");
    describe_counter!("ridethrough_dpcn_socket_errors_total", "Sends and receives that the system refused");
    describe_counter!("ridethrough_dpcn_ring_dropped_total", "What was dropped because the consumer was too slow");
    describe_histogram!("ridethrough_actuation_seconds", "From an order given to the link to its device's ack");
    describe_gauge!("ridethrough_dpcn_live_devices", "Devices heard lately in a session with this replica");
    describe_gauge!("ridethrough_dpcn_receive_buffer_bytes", "Receive buffer that the system gave");
}
