//! A small row for tests: racks R0…R5 in a line of ties, and modules on R0 and R5.

use std::sync::Arc;

use crate::command::{Command, Entry, Founding, Plan, Position, Stamp};
use crate::device::{DeviceId, Reading, ReplicaId};
use crate::forecast::{ForecastSource, RackForecast, RuleReason};
use crate::ledger::{Effect, Ledger};
use crate::planner::{Inputs, Planner};
use crate::site::{KesmId, RackId, Site};
use crate::trust::Fault;
use crate::units::{Joules, Millis, Millivolts, Watts};
use crate::view::View;

pub(crate) const LIMIT: i64 = 24_000;
pub(crate) const HOLD: i64 = 22_800;

pub(crate) fn site() -> Arc<Site> {
    row_of(150_000)
}

/// The same with a feeder that carries so much.
pub(crate) fn row_of(row_limit: i64) -> Arc<Site> {
    let mut text = format!(
        "name = 'row'\n[policy]\ntick_ms = 100\nmargin_permille = 50\ntransfer_hold_ms = 8000\nlease_ms = 1500\n\
         stale_after_ms = 500\nbranch_drop_permille = 30\npath_drop_permille = 50\n[[feed]]\nid = 'u'\nlimit_watts = 200000\n\
         [[row]]\nid = 'A'\nfeed = 'u'\nlimit_watts = {row_limit}\nbus_volts = 800\n",
    );
    for rack in 0..6 {
        text += &format!("[[rack]]\nid = 'R{rack}'\nrow = 'A'\nlimit_watts = {LIMIT}\n");
        for server in 0..2 {
            text += &format!("[[server]]\nid = 'S{rack}-{server}'\nrack = 'R{rack}'\nrated_watts = 21000\n");
        }
    }
    for (kesm, rack) in [(0, 0), (1, 5)] {
        text += &format!(
            "[[kesm]]\nid = 'K{kesm}'\nrack = 'R{rack}'\nrated_watts = 50000\ncharge_rated_watts = 15000\n\
             capacity_joules = 2000000\nreserve_joules = 600000\n"
        );
    }
    for tie in 0..5 {
        text += &format!(
            "[[tie]]\nid = 'T{tie}'\nbetween = ['R{tie}', 'R{}']\nlength_mm = 10000\nresistance_microohm = 7000\n\
             rated_watts = 25000\n",
            tie + 1
        );
    }
    Arc::new(Site::parse("row.toml", &text).expect("the example is a good site"))
}

/// Two rows, of which the first carries twice as much as the second, behind a feed with a generator of 45 kW. Racks R0 to
/// R2 stand in the first, and what R0 does matters most; R3 stands in the second.
pub(crate) fn two_rows() -> Arc<Site> {
    let mut text = String::from(
        "name = 'two rows'\n[policy]\ntick_ms = 100\nmargin_permille = 50\ntransfer_hold_ms = 8000\nlease_ms = 1500\n\
         stale_after_ms = 500\nbranch_drop_permille = 30\npath_drop_permille = 50\n\
         [[feed]]\nid = 'u'\nlimit_watts = 200000\ngenerator_watts = 45000\n",
    );
    for (row, limit) in [("A", 100_000), ("B", 50_000)] {
        text += &format!("[[row]]\nid = '{row}'\nfeed = 'u'\nlimit_watts = {limit}\nbus_volts = 800\n");
    }
    for (rack, row, tier) in [(0, "A", 1), (1, "A", 3), (2, "A", 3), (3, "B", 1)] {
        text += &format!("[[rack]]\nid = 'R{rack}'\nrow = '{row}'\nlimit_watts = 24000\n");
        text += &format!(
            "[[server]]\nid = 'S{rack}'\nrack = 'R{rack}'\nrated_watts = 24000\ntier = {tier}\nfloor_watts = 4000\n"
        );
    }
    Arc::new(Site::parse("rows.toml", &text).expect("a good site"))
}

/// A ledger with what it needs to be driven: the next index and the clock.
pub(crate) struct World {
    pub(crate) ledger: Ledger,
    pub(crate) planner: Planner,
    pub(crate) view: View,
    pub(crate) forecasts: Vec<RackForecast>,
    pub(crate) now: Millis,
    pub(crate) entries: Vec<(Position, Entry)>,
}

impl World {
    /// A founded ledger over the example site; every rack at 10 kW, every module full.
    pub(crate) fn new() -> Self {
        Self::of(&site())
    }

    /// The same over another site.
    pub(crate) fn of(site: &Arc<Site>) -> Self {
        let mut world = Self {
            view: View::new(site),
            forecasts: vec![forecast(10_000); site.racks.len()],
            ledger: Ledger::new(Arc::clone(site)),
            planner: Planner::new(site),
            now: Millis::new(1_000),
            entries: Vec::new(),
        };
        for rack in site.rack_ids() {
            world.load(rack.0, 10_000);
        }
        for kesm in site.kesm_ids() {
            world.stored(kesm.0, 1_990_000);
        }
        let founded = world.commit(Command::Found(Founding { cluster: [7; 16], site_hash: site.hash }));
        assert_eq!(founded, Effect::Founded);
        world
    }

    pub(crate) fn load(&mut self, rack: u16, watts: i64) {
        self.pdu(rack, watts, watts);
    }

    /// What a rack's servers take, and what of it comes through its breaker.
    pub(crate) fn pdu(&mut self, rack: u16, load: i64, draw: i64) {
        let (load, draw, bus) = (Watts::new(load), Watts::new(draw), Millivolts::new(800_000));
        let reading = Reading::Pdu { load, draw, bus, breaker_permille: 0, tripped: false };
        self.view.observe(self.ledger.site(), DeviceId::Pdu(RackId(rack)), reading, self.now);
    }

    pub(crate) fn stored(&mut self, kesm: u16, joules: i64) {
        let reading = Reading::Kesm {
            stored: Joules::new(joules),
            supply: Watts::ZERO,
            speed_rpm: 30_000,
            capacitor: Millivolts::new(800_000),
            available: true,
        };
        self.view.observe(self.ledger.site(), DeviceId::Kesm(KesmId(kesm)), reading, self.now);
    }

    /// Lets time pass while everything goes on as it was measured last.
    pub(crate) fn pass(&mut self, span: i64) {
        self.now = self.now.saturating_add(Millis::new(span));
        for (slot, device) in self.ledger.site().devices().enumerate().collect::<Vec<_>>() {
            if let Some((reading, _)) = self.view.latest(slot, self.now) {
                self.view.observe(self.ledger.site(), device, reading, self.now);
            }
        }
    }

    pub(crate) fn plan(&mut self) -> Plan {
        let mut planner = self.planner.clone();
        let plan = self.with_inputs(&|_| None, |inputs| planner.plan(*inputs));
        self.planner = planner;
        plan
    }

    /// Works with what a tick knows, and what is held against devices.
    pub(crate) fn with_inputs<T>(
        &self,
        fault: &dyn Fn(DeviceId) -> Option<Fault>,
        work: impl FnOnce(&Inputs<'_>) -> T,
    ) -> T {
        let ledger = Arc::new(self.ledger.clone()).as_of(self.now);
        work(&Inputs {
            ledger: &ledger,
            view: &self.view,
            forecasts: &self.forecasts,
            row_forecasts: &[],
            fault,
            now: self.now,
            ledger_now: self.now,
        })
    }

    pub(crate) fn entry(&self, command: Command) -> (Position, Entry) {
        let index = self.ledger.seen().index + 1;
        let stamp = Stamp { at: self.now, wall_unix_ms: 0 };
        let entry = Entry { stamp, by: ReplicaId(1), seen: self.ledger.seen(), command };
        (Position { term: 1, leader: ReplicaId(1), index }, entry)
    }

    pub(crate) fn commit(&mut self, command: Command) -> Effect {
        let (position, entry) = self.entry(command);
        self.entries.push((position, entry.clone()));
        self.ledger.apply(position, &entry)
    }

    /// One tick: plan, commit when there is something to commit.
    pub(crate) fn tick(&mut self) -> Option<Effect> {
        let plan = self.plan();
        (!plan.is_empty()).then(|| self.commit(Command::Plan(plan)))
    }

    /// What transfers deliver to a rack.
    pub(crate) fn granted(&self, rack: u16) -> Watts {
        let transfer = self.ledger.transfer(RackId(rack));
        transfer.map_or(Watts::ZERO, |transfer| transfer.grant.legs.iter().map(|leg| leg.delivered).sum())
    }
}

pub(crate) fn forecast(watts: i64) -> RackForecast {
    let watts = Watts::new(watts);
    let source = ForecastSource::Rule(RuleReason::NoModel);
    RackForecast::flat(watts, Millis::seconds(30), source)
}
