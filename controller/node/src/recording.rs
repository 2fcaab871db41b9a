//! What of this replica's view is recorded: the power of every rack, every signal that is mapped, and the power of every
//! server that its PDU's outlet tells.

use std::sync::Arc;
use std::time::Instant;

use ridethrough_core::site::{ServerId, Site};
use ridethrough_core::units::Watts;
use ridethrough_intake::{Part, Signal, Signals};
use ridethrough_record::{
    COLUMNS_MAX, Column, Part as RecordedPart, Recorder, Row, Settings, Signal as Recorded, Source,
};

use crate::config::Config;
use crate::power::{ServerPower, Source as Told};

/// The recorder as the control thread has it; nothing where recording is off.
#[derive(Debug)]
pub struct Recording(Option<Recorder>);

impl Recording {
    /// Starts the recorder, if the configuration has one.
    pub fn start(
        config: &Config,
        site: &Site,
        signals: Arc<Signals>,
        power: Arc<ServerPower>,
    ) -> std::io::Result<Self> {
        let Some(record) = &config.record else { return Ok(Self(None)) };
        let mapped: Vec<(Part, Signal)> = signals.mapped().collect();
        // What does not fit, of a site with tens of thousands of servers, is told by racks only.
        let room = COLUMNS_MAX.saturating_sub(site.racks.len() + mapped.len());
        let servers: Vec<ServerId> = power.servers().take(room).collect();
        let settings = Settings {
            folder: record.directory.clone(),
            bytes_max: record.disk_mib_max << 20,
            replica: config.replica.0,
            columns: columns(site, &mapped, &servers),
        };
        // Read on the recorder's thread: thousands of signals are nothing that control should look at.
        let complete = move |row: &mut Row| {
            let now = Instant::now();
            let heard = mapped.iter().map(|(part, signal)| signals.read(*part, *signal, now));
            row.values.extend(heard.map(|reading| reading.map(|reading| reading.value)));
            #[expect(clippy::cast_precision_loss, reason = "no server draws 2^53 watts")]
            let outlet = |server: &ServerId| {
                let reading = power.read(*server, now).filter(|reading| reading.source == Told::Outlet);
                reading.map(|reading| reading.power.get() as f64)
            };
            row.values.extend(servers.iter().map(outlet));
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

/// Racks first, in the site's order, as the control thread posts them; then the signals, then the outlets.
fn columns(site: &Site, mapped: &[(Part, Signal)], servers: &[ServerId]) -> Vec<Column> {
    let by_dpcn =
        |part, name: &String| Column { part, signal: Recorded::Power, source: Source::Dpcn, name: name.clone() };
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
    let racks = site.racks.iter().map(|rack| by_dpcn(RecordedPart::Rack, &rack.name));
    let outlets = servers.iter().map(|id| by_dpcn(RecordedPart::Server, &site.servers[id.index()].name));
    racks.chain(mapped.iter().map(told)).chain(outlets).collect()
}
