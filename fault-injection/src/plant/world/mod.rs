//! The world: every row of a site with what stands before them, at one time.

mod devices;
mod outlets;
mod places;

use ridethrough_core::device::DeviceId;
use ridethrough_core::site::{FeedId, RackId, RowId, ServerId, Site};

use self::places::{Places, RowMembers};
use crate::plant::STEP_MS;
use crate::plant::condition::Condition;
use crate::plant::energy::EnergyAccount;
use crate::plant::fault::{Event, Happening};
use crate::plant::judge::{DarkCause, Judges, Place, Trip};
use crate::plant::kesm::Kesm;
use crate::plant::meter::{Meter, MeterSpec};
use crate::plant::row::{Row, RowEvent};
use crate::plant::server::{Server, ServerAccount};
use crate::plant::supply::Supply;
use crate::plant::tie::Tie;
use crate::scenario::Scenario;

/// The plant at one moment.
#[derive(Clone, Debug)]
pub struct World {
    site: Site,
    now_ms: u64,
    rows: Vec<Row>,
    feeds: Vec<Feed>,
    places: Places,
    meter_spec: MeterSpec,
    conditions: Vec<Condition>,
    /// What is still to happen, the latest first.
    coming: Vec<Change>,
    trips: Vec<Trip>,
    /// How often a row was stepped or touched, and how often something happened.
    revision: u64,
    happened: u64,
}

/// A supply with the rows that hang on it.
#[derive(Clone, Debug)]
struct Feed {
    supply: Supply,
    meter: Meter,
    rows: Vec<usize>,
    peak_watts: f64,
    /// Whether its rows have seen the supply idle.
    is_even: bool,
}

/// A happening that begins or ends.
#[derive(Clone, Copy, Debug)]
struct Change {
    at_ms: u64,
    what: Happening,
    begins: bool,
}

impl World {
    /// The plant of a scenario at its time 0.
    pub fn new(scenario: &Scenario) -> Self {
        let site = scenario.site.clone();
        let of_row = |row: usize| RowMembers::new(&site, row);
        let rows: Vec<Row> = (0..site.rows.len()).map(|row| of_row(row).build(scenario, row)).collect();
        let feeds = site.feed_ids().map(|feed| Feed::new(scenario, feed, &rows)).collect();
        let mut world = Self {
            now_ms: 0,
            rows,
            feeds,
            places: Places::new(&site),
            meter_spec: scenario.meters,
            conditions: vec![Condition::default(); site.devices().count()],
            coming: changes(&scenario.events),
            trips: Vec::new(),
            revision: 0,
            happened: 0,
            site,
        };
        world.begin_changes();
        world
    }

    /// The site that this is the plant of.
    pub fn site(&self) -> &Site {
        &self.site
    }

    /// Scenario time in ms.
    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// Rises whenever a row is stepped or something is done to one: while it stays, so does all that flows.
    pub const fn revision(&self) -> u64 {
        self.revision
    }

    /// Rises whenever something happens to the plant, or ends: a device may be off or on since.
    pub const fn happened(&self) -> u64 {
        self.happened
    }

    /// Lets the judges forget what they saw so far.
    pub fn begin_judging(&mut self) {
        self.rows.iter_mut().for_each(Row::begin_judging);
        self.feeds.iter_mut().for_each(|feed| feed.peak_watts = 0.0);
        self.trips.clear();
    }

    /// What the judges saw so far.
    pub fn judges(&self) -> Judges {
        let row = |index: usize| &self.rows[index];
        Judges {
            trips: self.trips.clone(),
            racks: self.places.racks.iter().map(|&(at, nth)| row(at).racks[nth].record).collect(),
            kesms: self.places.kesms.iter().map(|&(at, nth)| row(at).kesms[nth].record).collect(),
            ties: self.places.ties.iter().map(|&(at, nth)| row(at).ties[nth].record).collect(),
            rows: self.rows.iter().map(|row| row.record).collect(),
            feed_peaks_watts: self.feeds.iter().map(|feed| feed.peak_watts).collect(),
        }
    }

    /// The energy account so far.
    pub fn account(&self) -> EnergyAccount {
        let mut sum = EnergyAccount::default();
        for row in &self.rows {
            sum.add(&row.account);
        }
        sum
    }

    /// What does not add up in the energy account, as a share of what was turned over.
    pub fn energy_error_share(&self) -> f64 {
        self.account().error_share(self.stored_joules())
    }

    /// Energy in all modules, less what server supplies are owed, in J.
    pub fn stored_joules(&self) -> f64 {
        self.rows.iter().map(Row::stored_joules).sum()
    }

    /// What the servers of a rack take in W; nothing when they have no power.
    pub fn load_watts(&self, rack: RackId) -> f64 {
        let (row, place) = self.places.racks[rack.index()];
        self.rows[row].racks[place].view.load_watts
    }

    /// What comes through the breaker of a rack in W.
    pub fn draw_watts(&self, rack: RackId) -> f64 {
        let (row, place) = self.places.racks[rack.index()];
        self.rows[row].racks[place].draw_watts
    }

    /// The potential of a rack's bus in V.
    pub fn bus_volts(&self, rack: RackId) -> f64 {
        let (row, place) = self.places.racks[rack.index()];
        self.rows[row].racks[place].point.volts
    }

    /// The heat of a rack's breaker: 0 cold, 1 trips.
    pub fn breaker_damage(&self, rack: RackId) -> f64 {
        let (row, place) = self.places.racks[rack.index()];
        self.rows[row].racks[place].breaker.damage()
    }

    /// Why a rack is dark, if it is.
    pub fn dark(&self, rack: RackId) -> Option<DarkCause> {
        let (row, place) = self.places.racks[rack.index()];
        self.rows[row].racks[place].dark
    }

    /// Whether the servers of a rack work.
    pub fn serves(&self, rack: RackId) -> bool {
        let (row, place) = self.places.racks[rack.index()];
        self.rows[row].racks[place].serves()
    }

    /// What a row's feed gives in W.
    pub fn feed_watts(&self, row: RowId) -> f64 {
        self.rows[row.index()].feed_watts()
    }

    /// What stands before the rows of a feed.
    pub fn supply(&self, feed: FeedId) -> &Supply {
        &self.feeds[feed.index()].supply
    }

    /// A server.
    pub fn server(&self, server: ServerId) -> &Server {
        let (row, rack, place) = self.places.servers[server.index()];
        &self.rows[row].racks[rack].servers[place]
    }

    /// How many servers are under a cap, or were told to shut down and do not work again yet.
    pub fn servers_held_back(&self) -> usize {
        let servers = self.rows.iter().flat_map(|row| &row.racks).flat_map(|rack| &rack.servers);
        servers.filter(|server| server.is_held_back()).count()
    }

    /// What capping and shutting down did to all servers, up to their last change.
    pub fn capping(&self) -> ServerAccount {
        let racks = self.rows.iter().flat_map(|row| &row.racks);
        racks.map(crate::plant::rack::Rack::accounts).fold(ServerAccount::default(), |sum, account| sum.plus(&account))
    }

    /// A module, by its index in the site.
    pub fn kesm(&self, index: usize) -> &Kesm {
        let (row, place) = self.places.kesms[index];
        &self.rows[row].kesms[place].kesm
    }

    /// A tie, by its index in the site.
    pub fn tie(&self, index: usize) -> &Tie {
        let (row, place) = self.places.ties[index];
        &self.rows[row].ties[place].tie
    }

    /// Caps a server's outlet at so many W, or ends its cap.
    pub fn set_cap(&mut self, server: ServerId, cap_watts: Option<f64>) {
        self.outlet(server, |server| server.set_cap(cap_watts));
    }

    /// Switches a server's outlet.
    pub fn switch(&mut self, server: ServerId, on: bool) {
        self.outlet(server, |server| server.switch(on));
    }

    /// Closes the breaker of a dark rack, cold.
    pub fn reset_breaker(&mut self, rack: RackId) {
        if let Some(&(row, place)) = self.places.racks.get(rack.index()) {
            self.woken(row).reset_rack(place);
        }
    }

    /// Lets something happen now, or end.
    pub fn happen(&mut self, what: Happening, begins: bool) {
        self.happened += 1;
        match what {
            Happening::UtilityVolts { feed, utility, share } => {
                let feed = &mut self.feeds[feed.index()];
                feed.supply.set_utility_share(utility, if begins { share } else { 1.0 });
                feed.is_even = false;
            }
            Happening::GeneratorRefuses { feed } => {
                if let Some(generator) = self.feeds[feed.index()].supply.generator_mut() {
                    generator.set_refuses(begins);
                }
            }
            Happening::Device { device, fault } => self.set_fault(device, fault, begins),
            Happening::Vacuum { kesm, times } => {
                let (row, place) = self.places.kesms[kesm.index()];
                self.woken(row).kesms[place].kesm.wheel_mut().set_pressure_times(if begins { times } else { 1.0 });
            }
            Happening::Bearing { kesm, watts } => {
                let (row, place) = self.places.kesms[kesm.index()];
                self.woken(row).kesms[place].kesm.wheel_mut().set_bearing_watts(if begins { watts } else { 0.0 });
            }
        }
        self.step_supplies();
    }

    /// One step of [`STEP_MS`].
    pub fn step(&mut self) {
        self.run_ms(STEP_MS);
    }

    /// Goes on for so many ms. Every row takes the steps that it needs on the way.
    pub fn run_ms(&mut self, span_ms: u64) {
        let end_ms = self.now_ms + span_ms;
        while self.now_ms < end_ms {
            self.begin_changes();
            self.step_supplies();
            self.now_ms = self.next_ms(end_ms);
            for index in 0..self.rows.len() {
                if self.rows[index].due_ms() <= self.now_ms {
                    self.revision += 1;
                    self.rows[index].step_to(self.now_ms);
                    self.note_trips(index);
                }
            }
            for feed in &mut self.feeds {
                feed.watch(&self.rows, self.now_ms);
            }
        }
    }

    /// When something is due next, at most `end_ms`.
    fn next_ms(&self, end_ms: u64) -> u64 {
        let soonest_ms = self.now_ms + STEP_MS;
        if self.feeds.iter().any(|feed| !feed.supply.is_idle()) {
            return soonest_ms;
        }
        let rows_ms = self.rows.iter().map(Row::due_ms).min().unwrap_or(end_ms);
        let change_ms = self.coming.last().map_or(end_ms, |change| change.at_ms);
        rows_ms.min(change_ms).clamp(soonest_ms, end_ms)
    }

    fn begin_changes(&mut self) {
        while let Some(change) = self.coming.last().copied().filter(|change| change.at_ms <= self.now_ms) {
            self.coming.pop();
            self.happen(change.what, change.begins);
        }
    }

    fn step_supplies(&mut self) {
        for feed in self.feeds.iter_mut().filter(|feed| !feed.supply.is_idle() || !feed.is_even) {
            self.revision += 1;
            feed.supply.step(self.now_ms, feed.drawn_watts(&self.rows));
            feed.is_even = feed.supply.is_idle();
            for (nth, &row) in feed.rows.iter().enumerate() {
                self.rows[row].set_share(self.now_ms, feed.supply.row_share(nth));
            }
        }
    }

    fn note_trips(&mut self, row: usize) {
        let (racks, trips, at_ms) = (&self.places.racks, &mut self.trips, self.now_ms);
        self.rows[row].take_events(|event| {
            let (place, cause) = match event {
                RowEvent::Feed(cause) => (Place::Row(row), cause),
                RowEvent::Rack(place, cause) => {
                    let index = racks.iter().position(|&at| at == (row, place)).unwrap_or(0);
                    (Place::Rack(index), cause)
                }
            };
            trips.push(Trip { place, at_ms, cause });
        });
    }

    /// The row, brought up to now, for something to be changed in it.
    fn woken(&mut self, row: usize) -> &mut Row {
        self.revision += 1;
        self.rows[row].touch(self.now_ms);
        self.note_trips(row);
        &mut self.rows[row]
    }

    fn outlet(&mut self, server: ServerId, change: impl FnOnce(&mut Server)) {
        let now_ms = self.now_ms;
        let Some(&(row, rack, place)) = self.places.servers.get(server.index()) else { return };
        let rack = &mut self.woken(row).racks[rack];
        rack.look_at_servers(now_ms);
        change(&mut rack.servers[place]);
        rack.look_at_servers(now_ms);
    }
}

impl Feed {
    fn new(scenario: &Scenario, id: FeedId, all_rows: &[Row]) -> Self {
        let rows = scenario.site.rows.iter().enumerate().filter(|(_, row)| row.feed == id);
        let rows: Vec<usize> = rows.map(|(row, _)| row).collect();
        let supply = Supply::new(scenario.supplies[id.index()], rows.len());
        let truth = supply.truth(drawn_watts(&rows, all_rows));
        let meter = Meter::new(DeviceId::Supply(id), &scenario.meters, scenario.seed, truth);
        Self { supply, meter, rows, peak_watts: 0.0, is_even: true }
    }

    fn drawn_watts(&self, all_rows: &[Row]) -> f64 {
        drawn_watts(&self.rows, all_rows)
    }

    /// The judge and the meter at the end of a step.
    fn watch(&mut self, all_rows: &[Row], now_ms: u64) {
        let drawn_watts = self.drawn_watts(all_rows);
        self.peak_watts = self.peak_watts.max(drawn_watts);
        if self.meter.is_due(now_ms) {
            self.meter.sample(now_ms, self.supply.truth(drawn_watts));
        }
    }
}

fn drawn_watts(rows: &[usize], all_rows: &[Row]) -> f64 {
    rows.iter().map(|&row| all_rows[row].feed_watts()).sum()
}

/// What begins and what ends, the latest first; of two at one time, the one that ends goes first.
fn changes(events: &[Event]) -> Vec<Change> {
    let begin = |event: &Event| Change { at_ms: event.at_ms, what: event.what, begins: true };
    let end = |event: &Event| Some(Change { at_ms: event.until_ms?, what: event.what, begins: false });
    let mut changes: Vec<Change> = events.iter().map(begin).chain(events.iter().filter_map(end)).collect();
    changes.sort_by_key(|change| std::cmp::Reverse((change.at_ms, change.begins)));
    changes
}
