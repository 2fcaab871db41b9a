//! From a site to its UPSes, and from a snapshot to what is true of each of them: first the site, then every rack.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ridethrough_core::alarm::AlarmKind;
use ridethrough_core::mode::Mode;
use ridethrough_core::site::{FeedId, RackId, Site};
use ridethrough_core::units::{Millis, Watts};
use ridethrough_dashboard::{AlarmView, RackView, Snapshot};
use ridethrough_snmp::{AlarmShown, Fleet, FleetError, Source, Ups, UpsShown, WellKnown};

use crate::stored::{Stored, percent};

/// The longest text that RFC 1628 has for what a UPS is.
const TEXT_MAX: usize = 63;
/// Numbers of alarms begin here, since the agent has one of its own below, and are so many: all fit into 31 bits.
const ALARM_ID_MIN: u32 = 16;
const ALARM_IDS: u32 = 0x7fff_0000;

/// The UPSes of a site.
pub fn fleet(site: &Site) -> Result<Fleet, FleetError> {
    let (racks, modules) = (site.racks.len(), site.kesms.len());
    let whole = Ups {
        name: said(&site.name),
        model: format!("site: {racks} racks, {modules} modules"),
        attached: format!("{} servers", site.servers.len()),
    };
    Fleet::new(whole, site.rack_ids().map(|rack| ups(site, rack)).collect())
}

fn ups(site: &Site, id: RackId) -> Ups {
    let rack = site.rack(id);
    Ups {
        name: rack.name.clone(),
        model: said(&format!("rack of row {}", site.rows[rack.row.index()].name)),
        attached: format!("{} servers", site.servers_of(id).count()),
    }
}

fn said(text: &str) -> String {
    text.chars().take(TEXT_MAX).collect()
}

/// Makes what is told of every UPS, and remembers when modules began to bridge: a mode tells that of itself alone.
pub struct Teller {
    site: Arc<Site>,
    /// What alarms about a rack are about, by rack.
    abouts: Vec<HashSet<String>>,
    feeds: Vec<Outages>,
    /// The same of all feeds together.
    whole: Outages,
}

/// Outages of one feed, or of all.
#[derive(Clone, Copy, Default)]
struct Outages {
    since: Option<Instant>,
    begun: u32,
}

impl Outages {
    /// Modules bridge, and have for so long in this mode; or they do not.
    fn follow(&mut self, bridging: Option<Millis>, now: Instant) {
        let Some(already) = bridging else {
            self.since = None;
            return;
        };
        if self.since.is_none() {
            self.begun = self.begun.wrapping_add(1);
            self.since = now.checked_sub(duration(already)).or(Some(now));
        }
    }

    fn lasted(&self, now: Instant) -> Millis {
        let lasted = self.since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        Millis::new(i64::try_from(lasted.as_millis()).unwrap_or(i64::MAX))
    }
}

/// What all UPSes of one snapshot are made of.
struct Told<'a> {
    snapshot: &'a Snapshot,
    rows: Vec<Stored>,
    modes: Vec<Option<Mode>>,
    alarms: Vec<(&'a str, AlarmShown)>,
    now: Instant,
}

impl Teller {
    /// A teller for this site.
    pub fn new(site: Arc<Site>) -> Self {
        let abouts = site.rack_ids().map(|rack| abouts(&site, rack)).collect();
        Self { abouts, feeds: vec![Outages::default(); site.feeds.len()], whole: Outages::default(), site }
    }

    /// One for each UPS; none where the snapshot is not of this site, as the first one is of none.
    pub fn upses(&mut self, snapshot: &Snapshot, now: Instant) -> Option<Vec<UpsShown>> {
        let site = Arc::clone(&self.site);
        let [racks, kesms, feeds] = [snapshot.racks.len(), snapshot.kesms.len(), snapshot.feeds.len()];
        if [racks, kesms, feeds] != [site.racks.len(), site.kesms.len(), site.feeds.len()] {
            return None;
        }
        let told = Told {
            snapshot,
            rows: site.row_ids().map(|row| Stored::of(&site, snapshot, row)).collect(),
            modes: snapshot.feeds.iter().map(|feed| mode(&feed.mode)).collect(),
            alarms: alarms(&snapshot.alarms, now),
            now,
        };
        self.follow(&told);
        let racks = site.rack_ids().map(|rack| self.rack(&told, rack));
        Some(std::iter::once(self.whole(&told)).chain(racks).collect())
    }

    fn follow(&mut self, told: &Told<'_>) {
        let bridging =
            |(mode, for_ms): (&Option<Mode>, i64)| mode.filter(|mode| mode.bridges()).map(|_| Millis::new(for_ms));
        let of_feeds: Vec<Option<Millis>> =
            told.modes.iter().zip(told.snapshot.feeds.iter().map(|feed| feed.for_ms)).map(bridging).collect();
        for (outages, bridging) in self.feeds.iter_mut().zip(&of_feeds) {
            outages.follow(*bridging, told.now);
        }
        self.whole.follow(of_feeds.into_iter().flatten().max(), told.now);
    }

    fn whole(&self, told: &Told<'_>) -> UpsShown {
        let Told { snapshot, rows, modes, alarms, now } = told;
        let stored: Option<i64> = snapshot.kesms.iter().map(|kesm| kesm.stored_joules).sum();
        let load: Option<i64> = snapshot.racks.iter().map(|rack| rack.load_watts).sum();
        // Rows share nothing that is stored, so the site lasts as long as the first of them.
        let runtimes: Option<Vec<Millis>> = rows.iter().map(|row| row.runtime).collect();
        UpsShown {
            source: if modes.iter().flatten().any(|mode| mode.bridges()) { Source::Battery } else { Source::Normal },
            low: modes.contains(&Some(Mode::OrderlyShutdown)),
            on_battery: self.whole.lasted(*now),
            runtime: runtimes.and_then(|all| all.into_iter().min()),
            charge_percent: stored
                .and_then(|stored| percent(stored, snapshot.kesms.iter().map(|kesm| kesm.capacity_joules).sum())),
            input_bads: self.whole.begun,
            inputs: snapshot.feeds.iter().map(|feed| feed.drawn_watts.map(Watts::new)).collect(),
            load: load.map(Watts::new),
            limit: Watts::new(snapshot.racks.iter().map(|rack| rack.limit_watts).sum()),
            alarms: alarms.iter().map(|(_, alarm)| *alarm).collect(),
        }
    }

    fn rack(&self, told: &Told<'_>, id: RackId) -> UpsShown {
        let (row, view) = (self.site.rack(id).row, &told.snapshot.racks[id.index()]);
        let FeedId(feed) = self.site.rows[row.index()].feed;
        let (mode, stored) = (told.modes[usize::from(feed)], &told.rows[row.index()]);
        let (outages, abouts) = (&self.feeds[usize::from(feed)], &self.abouts[id.index()]);
        UpsShown {
            source: source(view, mode),
            low: mode == Some(Mode::OrderlyShutdown),
            on_battery: outages.lasted(told.now),
            runtime: stored.runtime,
            charge_percent: stored.charge_percent,
            input_bads: outages.begun,
            inputs: vec![view.draw_watts.map(Watts::new)],
            load: view.load_watts.map(Watts::new),
            limit: Watts::new(view.limit_watts),
            alarms: told.alarms.iter().filter(|(about, _)| abouts.contains(*about)).map(|(_, alarm)| *alarm).collect(),
        }
    }
}

/// What alarms say that tell of this rack: of itself, of what stands in it, and of its feed.
fn abouts(site: &Site, id: RackId) -> HashSet<String> {
    let rack = site.rack(id);
    let feed = &site.feeds[site.rows[rack.row.index()].feed.index()].name;
    let kesms = site.kesms.iter().filter(|kesm| kesm.rack == id).map(|kesm| format!("kesm {}", kesm.name));
    let own = [format!("rack {}", rack.name), format!("pdu {}", rack.name), format!("feed {feed}")];
    own.into_iter().chain([format!("supply {feed}")]).chain(kesms).collect()
}

fn mode(word: &str) -> Option<Mode> {
    let all = [Mode::Normal, Mode::RideThrough, Mode::Generator, Mode::OrderlyShutdown, Mode::Recovery];
    all.into_iter().find(|mode| mode.as_str() == word)
}

/// Nothing feeds a rack whose own breaker is open: ties and modules leave it.
fn source(rack: &RackView, mode: Option<Mode>) -> Source {
    match mode {
        _ if rack.tripped => Source::Nothing,
        Some(mode) if mode.bridges() => Source::Battery,
        _ => Source::Normal,
    }
}

/// Alarms that stand and are not shelved, with what they are about, by number.
fn alarms(all: &[AlarmView], now: Instant) -> Vec<(&str, AlarmShown)> {
    let mut taken = HashSet::with_capacity(all.len());
    let mut told = Vec::new();
    for alarm in all.iter().filter(|alarm| alarm.active && alarm.shelved_left_ms.is_none()) {
        let Some(kind) = AlarmKind::ALL.into_iter().find(|kind| kind.as_str() == alarm.kind) else { continue };
        let mut id = number(&alarm.id);
        while !taken.insert(id) {
            id += 1;
        }
        let began = now.checked_sub(duration(Millis::new(alarm.age_ms)));
        told.push((alarm.about.as_str(), AlarmShown { id, kind: well_known(kind), began }));
    }
    told.sort_by_key(|(_, alarm)| alarm.id);
    told
}

/// The same number for the same alarm at every replica and after every restart (FNV-1a): nothing has to be agreed on.
fn number(name: &str) -> u32 {
    let mixed = name.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    ALARM_ID_MIN + mixed % ALARM_IDS
}

/// What RFC 1628 has that says the most of it.
const fn well_known(kind: AlarmKind) -> WellKnown {
    match kind {
        AlarmKind::UtilityOutage => WellKnown::OnBattery,
        AlarmKind::OrderlyShutdown | AlarmKind::StoreAtReserve => WellKnown::LowBattery,
        AlarmKind::OnGenerator => WellKnown::InputBad,
        AlarmKind::RackOverLimit | AlarmKind::ServersCapped => WellKnown::OutputOverload,
        AlarmKind::DeviceSilent => WellKnown::CommunicationsLost,
        AlarmKind::DeviceQuarantined | AlarmKind::ReplicaUnreachable | AlarmKind::ForecastByRule => {
            WellKnown::GeneralFault
        }
    }
}

fn duration(span: Millis) -> Duration {
    Duration::from_millis(u64::try_from(span.get()).unwrap_or(0))
}

#[cfg(test)]
mod tests;
