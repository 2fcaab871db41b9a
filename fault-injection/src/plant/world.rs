//! The world: every row of a site with what stands before them, at one time.

use ridethrough_core::device::{DeviceId, Reading, Setpoint, Verdict};
use ridethrough_core::site::{FeedId, RackId, RowId, ServerId, Site};

use super::STEP_MS;
use super::energy::EnergyAccount;
use super::fault::{DeviceFault, Event, Happening};
use super::judge::{DarkCause, Judges, Place, Trip};
use super::kesm::Kesm;
use super::meter::{DeviceClock, Meter, MeterSpec};
use super::orders::{self, Accepted};
use super::row::{Row, RowEvent};
use super::server::{Server, ServerAccount};
use super::supply::Supply;
use super::tie::Tie;
use super::voice::Voice;
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
    voices: Vec<Voice>,
    /// What is still to happen, the latest first.
    coming: Vec<Change>,
    trips: Vec<Trip>,
}

/// A supply with the rows that hang on it.
#[derive(Clone, Debug)]
struct Feed {
    supply: Supply,
    rows: Vec<usize>,
    peak_watts: f64,
    /// Whether its rows have seen the supply idle.
    is_even: bool,
}

/// Where everything is: row and place in it, by the index in the site.
#[derive(Clone, Debug, Default)]
struct Places {
    racks: Vec<(usize, usize)>,
    servers: Vec<(usize, usize, usize)>,
    kesms: Vec<(usize, usize)>,
    ties: Vec<(usize, usize)>,
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
        let feeds = site.feeds.iter().enumerate().map(|(index, _)| Feed::new(scenario, index)).collect();
        let mut world = Self {
            now_ms: 0,
            rows,
            feeds,
            places: Places::new(&site),
            meter_spec: scenario.meters,
            voices: vec![Voice::default(); site.devices().count()],
            coming: changes(&scenario.events),
            trips: Vec::new(),
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

    /// What capping did to all servers, up to their last change.
    pub fn capping(&self) -> ServerAccount {
        let racks = self.rows.iter().flat_map(|row| &row.racks);
        racks.map(super::rack::Rack::accounts).fold(ServerAccount::default(), |sum, account| sum.plus(&account))
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

    /// What the device's meter says now; `None` when the site has no such device.
    pub fn read(&self, device: DeviceId) -> Option<Reading> {
        Some(self.meter(device)?.read(&self.meter_spec, self.now_ms))
    }

    /// The device's own clock; `None` when the site has no such device.
    pub fn clock_of(&self, device: DeviceId) -> Option<DeviceClock> {
        Some(self.meter(device)?.clock())
    }

    /// How a device talks and whether it is on; one that the site does not have is as it should be.
    pub fn voice(&self, device: DeviceId) -> Voice {
        self.site.device_slot(device).map_or_else(Voice::default, |slot| self.voices[slot])
    }

    /// Whether the device would take an order, and the first reason why not.
    pub fn check(&self, device: DeviceId, setpoint: &Setpoint) -> Result<(), Verdict> {
        orders::check(&self.site, device, setpoint)?;
        if self.is_available(device) { Ok(()) } else { Err(Verdict::Unavailable) }
    }

    /// The device checks an order and takes it, or says why not.
    pub fn order(&mut self, device: DeviceId, setpoint: &Setpoint) -> Verdict {
        let accepted = match orders::check(&self.site, device, setpoint) {
            Ok(accepted) => accepted,
            Err(verdict) => return verdict,
        };
        if !self.is_available(device) {
            return Verdict::Unavailable;
        }
        match accepted {
            Accepted::Kesm(index, order) => {
                let (row, place) = self.places.kesms[index];
                self.woken(row).kesms[place].take(order);
            }
            Accepted::Tie(index, order) => {
                let (row, place) = self.places.ties[index];
                self.woken(row).ties[place].take(order);
            }
        }
        Verdict::Executed
    }

    /// The device has no order in force any more and follows its safe local rule: a module stands by for sags and
    /// neither supplies nor charges, a tie ramps down to nothing.
    pub fn release(&mut self, device: DeviceId) {
        match device {
            DeviceId::Pdu(_) => {}
            DeviceId::Kesm(id) => {
                if let Some(&(row, place)) = self.places.kesms.get(id.index()) {
                    self.woken(row).kesms[place].release();
                }
            }
            DeviceId::Tie(id) => {
                if let Some(&(row, place)) = self.places.ties.get(id.index()) {
                    self.woken(row).ties[place].release();
                }
            }
        }
    }

    /// Whether a device has an order in force.
    pub fn is_ordered(&self, device: DeviceId) -> bool {
        match device {
            DeviceId::Pdu(_) => false,
            DeviceId::Kesm(id) => self.place(&self.places.kesms, id.index(), |row, at| row.kesms[at].order.is_some()),
            DeviceId::Tie(id) => self.place(&self.places.ties, id.index(), |row, at| row.ties[at].order.is_some()),
        }
    }

    /// Whether a device can act on orders: it works, and its buses are alive.
    pub fn is_available(&self, device: DeviceId) -> bool {
        match device {
            DeviceId::Pdu(id) => self.place(&self.places.racks, id.index(), |row, at| row.racks[at].is_lit()),
            DeviceId::Kesm(id) => self.place(&self.places.kesms, id.index(), Row::is_kesm_live),
            DeviceId::Tie(id) => self.place(&self.places.ties, id.index(), Row::is_tie_live),
        }
    }

    /// Caps a server's outlet at so many W, or ends its cap.
    pub fn set_cap(&mut self, server: ServerId, cap_watts: Option<f64>) {
        self.outlet(server, |server| server.set_cap(cap_watts));
    }

    /// Switches a server's outlet.
    pub fn switch(&mut self, server: ServerId, on: bool) {
        self.outlet(server, |server| server.switch(on));
    }

    /// Breaks or repairs a module or a tie; a PDU has nothing to break here.
    pub fn set_healthy(&mut self, device: DeviceId, healthy: bool) {
        self.set_fault(device, DeviceFault::Broken, !healthy);
    }

    /// Gives a device a fault, or takes it away. One that the site does not have is left alone.
    pub fn set_fault(&mut self, device: DeviceId, fault: DeviceFault, on: bool) {
        let Some(slot) = self.site.device_slot(device) else { return };
        let (row, place) = match device {
            DeviceId::Pdu(id) => self.places.racks[id.index()],
            DeviceId::Kesm(id) => self.places.kesms[id.index()],
            DeviceId::Tie(id) => self.places.ties[id.index()],
        };
        self.voices[slot].set(fault, on);
        let now_ms = self.now_ms;
        let row = self.woken(row);
        match (fault, device) {
            (DeviceFault::Broken, DeviceId::Kesm(_)) => row.kesms[place].kesm.set_healthy(!on),
            (DeviceFault::Broken, DeviceId::Tie(_)) => row.ties[place].tie.set_healthy(!on),
            (DeviceFault::Stuck, DeviceId::Kesm(_)) => row.kesms[place].stuck = on,
            (DeviceFault::Stuck, DeviceId::Tie(_)) => row.ties[place].stuck = on,
            (DeviceFault::Lying { share }, _) => row.meter_mut(device, place).lie(if on { share } else { 1.0 }),
            (DeviceFault::Frozen, _) => row.meter_mut(device, place).freeze(on, now_ms),
            _ => {}
        }
    }

    /// Closes the breaker of a dark rack, cold.
    pub fn reset_breaker(&mut self, rack: RackId) {
        if let Some(&(row, place)) = self.places.racks.get(rack.index()) {
            self.woken(row).reset_rack(place);
        }
    }

    /// Lets something happen now, or end.
    pub fn happen(&mut self, what: Happening, begins: bool) {
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
                    self.rows[index].step_to(self.now_ms);
                    self.note_trips(index);
                }
            }
            for feed in &mut self.feeds {
                let watts: f64 = feed.rows.iter().map(|&row| self.rows[row].feed_watts()).sum();
                feed.peak_watts = feed.peak_watts.max(watts);
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
            let load_watts = feed.rows.iter().map(|&row| self.rows[row].feed_watts()).sum();
            feed.supply.step(self.now_ms, load_watts);
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

    fn meter(&self, device: DeviceId) -> Option<&Meter> {
        let (row, place) = *match device {
            DeviceId::Pdu(id) => self.places.racks.get(id.index()),
            DeviceId::Kesm(id) => self.places.kesms.get(id.index()),
            DeviceId::Tie(id) => self.places.ties.get(id.index()),
        }?;
        Some(self.rows[row].meter(device, place))
    }

    fn place(&self, places: &[(usize, usize)], index: usize, ask: impl Fn(&Row, usize) -> bool) -> bool {
        places.get(index).is_some_and(|&(row, place)| ask(&self.rows[row], place))
    }
}

impl Feed {
    fn new(scenario: &Scenario, index: usize) -> Self {
        let rows = scenario.site.rows.iter().enumerate().filter(|(_, row)| row.feed.index() == index);
        let rows: Vec<usize> = rows.map(|(row, _)| row).collect();
        Self { supply: Supply::new(scenario.supplies[index], rows.len()), rows, peak_watts: 0.0, is_even: true }
    }
}

/// What stands in one row, by the indexes in the site.
struct RowMembers {
    racks: Vec<usize>,
    kesms: Vec<usize>,
    ties: Vec<usize>,
}

impl RowMembers {
    fn new(site: &Site, row: usize) -> Self {
        let of = |rack: RackId| site.rack(rack).row.index() == row;
        let pick = |count: usize, belongs: &dyn Fn(usize) -> bool| (0..count).filter(|&nth| belongs(nth)).collect();
        Self {
            racks: pick(site.racks.len(), &|nth| site.racks[nth].row.index() == row),
            kesms: pick(site.kesms.len(), &|nth| of(site.kesms[nth].rack)),
            ties: pick(site.ties.len(), &|nth| of(site.ties[nth].between.0)),
        }
    }

    fn build(&self, scenario: &Scenario, row: usize) -> Row {
        Row::new(scenario, row, &self.racks, &self.kesms, &self.ties)
    }
}

impl Places {
    fn new(site: &Site) -> Self {
        let mut places = Self::default();
        let mut counts = vec![[0; 3]; site.rows.len()];
        let mut next = |kind: usize, rack: RackId| {
            let row = site.rack(rack).row.index();
            let place = counts[row][kind];
            counts[row][kind] += 1;
            (row, place)
        };
        places.racks = site.rack_ids().map(|rack| next(0, rack)).collect();
        places.kesms = site.kesms.iter().map(|kesm| next(1, kesm.rack)).collect();
        places.ties = site.ties.iter().map(|tie| next(2, tie.between.0)).collect();
        let mut servers = vec![0; site.racks.len()];
        let seat = |server: &ridethrough_core::site::Server| {
            let (row, rack) = places.racks[server.rack.index()];
            let place = servers[server.rack.index()];
            servers[server.rack.index()] += 1;
            (row, rack, place)
        };
        places.servers = site.servers.iter().map(seat).collect();
        places
    }
}

/// What begins and what ends, the latest first; of two at one time, the one that ends goes first.
fn changes(events: &[Event]) -> Vec<Change> {
    let begin = |event: &Event| Change { at_ms: event.at_ms, what: event.what, begins: true };
    let end = |event: &Event| Some(Change { at_ms: event.until_ms?, what: event.what, begins: false });
    let mut changes: Vec<Change> = events.iter().map(begin).chain(events.iter().filter_map(end)).collect();
    changes.sort_by_key(|change| std::cmp::Reverse((change.at_ms, change.begins)));
    changes
}
