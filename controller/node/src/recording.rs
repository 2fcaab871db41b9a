//! What of this replica's view is recorded: the power of every rack, and every signal that is mapped.

use std::sync::Arc;
use std::time::Instant;

use ridethrough_core::site::Site;
use ridethrough_core::units::Watts;
use ridethrough_intake::{Part, Signal, Signals};
use ridethrough_record::{Column, Part as RecordedPart, Recorder, Row, Settings, Signal as Recorded, Source};

use crate::config::Config;

/// The recorder as the control thread has it; nothing where recording is off.
#[derive(Debug)]
pub struct Recording(Option<Recorder>);

impl Recording {
    /// Starts the recorder, if the configuration has one.
    pub fn start(config: &Config, site: &Site, signals: Arc<Signals>) -> std::io::Result<Self> {
        let Some(record) = &config.record else { return Ok(Self(None)) };
        let mapped: Vec<(Part, Signal)> = signals.mapped().collect();
        let settings = Settings {
            folder: record.directory.clone(),
            bytes_max: record.disk_mib_max << 20,
            replica: config.replica.0,
            columns: columns(site, &mapped),
        };
        // Read on the recorder's thread: thousands of signals are nothing that control should look at.
        let complete = move |row: &mut Row| {
            let now = Instant::now();
            let heard = mapped.iter().map(|(part, signal)| signals.read(*part, *signal, now));
            row.values.extend(heard.map(|reading| reading.map(|reading| reading.value)));
        };
        Recorder::start(settings, complete).map(|recorder| Self(Some(recorder)))
    }

    /// Hands over the power of each rack, as it is heard now; waits for nothing.
    pub fn post(&self, unix_ms: i64, loads: &[Option<Watts>]) {
        let Some(recorder) = &self.0 else { return };
        #[expect(clippy::cast_precision_loss, reason = "no rack draws 2^53 watts")]
        let values = loads.iter().map(|load| load.map(|load| load.get() as f64)).collect();
        recorder.post(Row { unix_ms, values });
    }
}

/// Racks first, in the site's order, as the control thread posts them.
fn columns(site: &Site, mapped: &[(Part, Signal)]) -> Vec<Column> {
    let rack = |name: &String| Column {
        part: RecordedPart::Rack,
        signal: Recorded::Power,
        source: Source::Dpcn,
        name: name.clone(),
    };
    let told = |(part, signal): &(Part, Signal)| {
        let (part, name) = match part {
            Part::Server(id) => (RecordedPart::Server, &site.servers[id.index()].name),
            Part::Rack(id) => (RecordedPart::Rack, &site.racks[id.index()].name),
        };
        let signal = match signal {
            Signal::Network => Recorded::Network,
            Signal::Workload => Recorded::Workload,
            Signal::Power => Recorded::Power,
        };
        Column { part, signal, source: Source::RemoteWrite, name: name.clone() }
    };
    site.racks.iter().map(|each| rack(&each.name)).chain(mapped.iter().map(told)).collect()
}
