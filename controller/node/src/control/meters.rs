//! What this replica counts of the plant and the ledger. Handles are looked up once.

use std::time::{Duration, Instant};

use metrics::{Counter, Gauge, counter, describe_counter, describe_gauge, gauge};
use ridethrough_core::alarm::{Alarm, AlarmKey, Priority};
use ridethrough_core::ledger::{Ledger, Phase};
use ridethrough_core::mode::Mode;
use ridethrough_core::site::{FeedId, Site};
use ridethrough_intake::{Signal, Signals};

use crate::clock::wall_unix_ms;
use crate::counted::set;

const MODES: [Mode; 5] = [Mode::Normal, Mode::RideThrough, Mode::Generator, Mode::OrderlyShutdown, Mode::Recovery];
const PHASES: [Phase; 3] = [Phase::Supplying, Phase::Drawing, Phase::Held];
/// How often what costs too much for every tick, or changes too slowly for it, is told.
const SLOWLY: Duration = Duration::from_secs(1);

/// The control thread's metrics of what stands. Install the recorder before they are made.
pub struct Meters {
    /// For each feed, one for each mode: 1 for the mode that it has.
    modes: Vec<(FeedId, Mode, Gauge)>,
    transfers: [(Phase, Gauge); 3],
    /// By priority, then whether somebody has seen them.
    alarms: Vec<(Priority, bool, Gauge)>,
    caps: Gauge,
    held: Gauge,
    manual: Gauge,
    quarantined: Gauge,
    implausible: Counter,
    signals: [(Signal, Gauge); Signal::ALL.len()],
    wall_clock: Gauge,
    slowly_told: Option<Instant>,
}

impl Meters {
    /// Meters of this site.
    pub fn new(site: &Site) -> Self {
        describe();
        let of_feed = |id: FeedId| {
            let name = site.feeds[id.index()].name.clone();
            MODES.map(|mode| {
                let gauge = gauge!("ridethrough_feed_mode", "feed" => name.clone(), "mode" => mode.as_str());
                (id, mode, gauge)
            })
        };
        Self {
            modes: site.feed_ids().flat_map(of_feed).collect(),
            transfers: PHASES.map(|phase| (phase, gauge!("ridethrough_transfers", "phase" => phase.as_str()))),
            alarms: Priority::ALL.into_iter().flat_map(alarm_gauges).collect(),
            caps: gauge!("ridethrough_caps"),
            held: gauge!("ridethrough_devices_held"),
            manual: gauge!("ridethrough_manual"),
            quarantined: gauge!("ridethrough_devices_quarantined"),
            implausible: counter!("ridethrough_readings_rejected_total"),
            signals: Signal::ALL
                .map(|signal| (signal, gauge!("ridethrough_intake_heard", "signal" => signal.as_str()))),
            wall_clock: gauge!("ridethrough_wall_clock_unix_seconds"),
            slowly_told: None,
        }
    }

    /// Tells what stands now: the ledger as of now, readings rejected since the start, devices that are not relied on.
    pub fn tell(&self, ledger: &Ledger, implausible: u64, quarantined: usize) {
        for (feed, mode, gauge) in &self.modes {
            gauge.set(f64::from(u8::from(ledger.mode(*feed).mode == *mode)));
        }
        for (phase, gauge) in &self.transfers {
            set(gauge, ledger.transfers().filter(|transfer| transfer.phase == *phase).count());
        }
        for (priority, seen, gauge) in &self.alarms {
            let like = |(key, alarm): &(AlarmKey, &Alarm)| {
                key.kind.priority() == *priority && alarm.acknowledged.is_some() == *seen
            };
            set(gauge, ledger.alarms().shown().filter(like).count());
        }
        set(&self.caps, ledger.caps().count());
        set(&self.held, ledger.held().count());
        set(&self.manual, usize::from(ledger.is_manual()));
        set(&self.quarantined, quarantined);
        self.implausible.absolute(implausible);
    }

    /// Tells once a second what the wall clock says, and of how many parts each signal can be read: looking at all costs
    /// too much for every tick.
    pub fn tell_slowly(&mut self, signals: &Signals) {
        let now = Instant::now();
        if self.slowly_told.is_some_and(|told| now.duration_since(told) < SLOWLY) {
            return;
        }
        self.slowly_told = Some(now);
        #[allow(clippy::cast_precision_loss, reason = "milliseconds of this age are far below 2^53")]
        self.wall_clock.set(wall_unix_ms() as f64 / 1_000.0);
        for (signal, gauge) in &self.signals {
            set(gauge, signals.heard(*signal, now).1);
        }
    }
}

/// Of one priority: of what nobody has seen, and of what somebody has.
fn alarm_gauges(priority: Priority) -> [(Priority, bool, Gauge); 2] {
    [("no", false), ("yes", true)].map(|(word, seen)| {
        let labels = [("priority", priority.number().to_string()), ("seen", word.to_owned())];
        (priority, seen, gauge!("ridethrough_alarms", &labels))
    })
}

fn describe() {
    describe_gauge!("ridethrough_feed_mode", "1 for the mode that a feed has, 0 for the others");
    describe_gauge!("ridethrough_transfers", "Transfers in force, by how far they have come");
    describe_gauge!(
        "ridethrough_alarms",
        "Alarms that stand or wait for somebody, by priority and whether somebody has seen them"
    );
    describe_gauge!("ridethrough_caps", "Racks whose servers get less");
    describe_gauge!("ridethrough_devices_held", "Devices that an operator holds");
    describe_gauge!("ridethrough_manual", "1 while an operator has taken over the whole site");
    describe_gauge!("ridethrough_devices_quarantined", "Devices that are not relied on");
    describe_gauge!(
        "ridethrough_wall_clock_unix_seconds",
        "This replica's wall clock, once a second; certificates are judged by it, and no decision"
    );
    describe_counter!("ridethrough_readings_rejected_total", "Readings that could not be");
    describe_gauge!(
        "ridethrough_intake_heard",
        "Servers and racks of which a signal that came by remote-write can be read"
    );
}
