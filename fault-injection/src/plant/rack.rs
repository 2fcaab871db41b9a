//! A rack: its servers, their supplies, the PDU's breaker and what its bus is at.

use super::breaker::Breaker;
use super::bus::BusPoint;
use super::control::BusView;
use super::holdup::{HoldUp, HoldUpSpec};
use super::itic::Itic;
use super::judge::{DarkCause, RackRecord, Span};
use super::meter::Truth;
use super::pdu::{Intake, Pdu};
use super::server::{Running, Server, ServerAccount};

/// A bus that gets too much rises by so much over nominal for each tenth too much, until its brake chopper, which
/// heats the rest, holds it.
const CHOPPER_RISE_SHARE: f64 = 0.05;
/// Sources that cover so much of a bus hold it, and a feed that is lower gives nothing.
const HELD_SHARE: f64 = 0.999;
/// A bus above this share of nominal lets servers start again.
const GOOD_SHARE: f64 = 0.9;

/// What a rack is.
#[derive(Clone, Copy, Debug)]
pub(super) struct RackSpec {
    /// What its breaker carries for ever, in W.
    pub(super) limit_watts: f64,
    /// What its servers can take together, in W.
    pub(super) nameplate_watts: f64,
    /// Nominal potential in V.
    pub(super) nominal_volts: f64,
    /// The hold-up of its servers' supplies.
    pub(super) holdup: HoldUpSpec,
    /// From power on the bus until failed servers work again, in ms.
    pub(super) restart_ms: u64,
    /// Droop of sources on a bus that no feed holds, as a share of nominal.
    pub(super) droop_share: f64,
}

/// What the servers of a rack do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ServersAre {
    /// They work.
    Working,
    /// They have failed, and their bus is not good.
    Down,
    /// They have failed, their bus is good, and they work again at this time in ms.
    Starting(u64),
}

/// A rack at one moment.
#[derive(Clone, Debug)]
pub(super) struct Rack {
    pub(super) spec: RackSpec,
    pub(super) servers: Vec<Server>,
    pub(super) pdu: Pdu,
    pub(super) breaker: Breaker,
    pub(super) dark: Option<DarkCause>,
    pub(super) view: BusView,
    /// What comes through the breaker in W.
    pub(super) draw_watts: f64,
    /// What sources on the bus give, ties and module together, in W.
    pub(super) given_watts: f64,
    pub(super) point: BusPoint,
    pub(super) record: RackRecord,
    /// Whether the row holds its bus, rather than sources here.
    is_fed: bool,
    demand_watts: f64,
    refill_watts: f64,
    next_change_ms: u64,
    holdup: HoldUp,
    itic: Itic,
    state: ServersAre,
}

impl Rack {
    pub(super) fn new(spec: RackSpec, servers: Vec<Server>, pdu: Pdu, breaker: Breaker) -> Self {
        Self {
            spec,
            servers,
            pdu,
            breaker,
            dark: None,
            view: BusView::default(),
            draw_watts: 0.0,
            given_watts: 0.0,
            point: BusPoint { volts: spec.nominal_volts, ..BusPoint::default() },
            record: RackRecord::default(),
            is_fed: true,
            demand_watts: 0.0,
            refill_watts: 0.0,
            next_change_ms: 0,
            holdup: HoldUp::default(),
            itic: Itic::default(),
            state: ServersAre::Working,
        }
    }

    pub(super) fn is_lit(&self) -> bool {
        self.dark.is_none()
    }

    /// The potential of its bus as a share of nominal.
    pub(super) fn share(&self) -> f64 {
        self.point.volts / self.spec.nominal_volts
    }

    /// Whether its bus is good enough for servers to start and supplies to refill.
    fn is_good(&self) -> bool {
        self.is_lit() && self.share() >= GOOD_SHARE
    }

    /// The potential at which its ties work, in V: a converter takes nothing sensible from a bus that is nearly dead.
    pub(super) fn tie_volts(&self) -> f64 {
        self.point.volts.max(self.spec.nominal_volts / 2.0)
    }

    /// When something changes by itself next, in ms of scenario time.
    pub(super) fn next_change_ms(&self) -> u64 {
        self.next_change_ms.min(self.pdu.due_ms())
    }

    /// Whether servers wait for something, or supplies refill: short steps are due.
    pub(super) fn is_restless(&self) -> bool {
        self.holdup.owed_joules() > 1e-3 || self.holdup.used_share() > 0.0
    }

    /// What its supplies lack, in J.
    pub(super) fn owed_joules(&self) -> f64 {
        self.holdup.owed_joules()
    }

    /// What capping did to its servers.
    pub(super) fn accounts(&self) -> ServerAccount {
        self.servers.iter().fold(ServerAccount::default(), |sum, server| sum.plus(&server.account()))
    }

    /// Whether any of its servers would lose its work with its power.
    fn has_work(&self) -> bool {
        self.servers.iter().any(Server::is_working)
    }

    /// Whether its servers work.
    pub(super) fn serves(&self) -> bool {
        self.is_lit() && self.state == ServersAre::Working
    }

    /// What the servers take from now on.
    pub(super) fn advance_load(&mut self, now_ms: u64) {
        if self.next_change_ms <= now_ms {
            self.advance_servers(now_ms);
            self.pdu.notice(now_ms, &self.servers);
        }
        if self.pdu.due_ms() <= now_ms {
            self.look_at_outlets(now_ms);
        }
        self.refill_watts = 0.0;
        self.view.load_watts = 0.0;
        if self.serves() {
            if self.is_good() {
                self.refill_watts = self.holdup.refill_watts();
            }
            self.view.load_watts = self.demand_watts + self.refill_watts;
        }
    }

    fn advance_servers(&mut self, now_ms: u64) {
        let powered = self.serves();
        if let ServersAre::Starting(at_ms) = self.state
            && at_ms <= now_ms
        {
            self.state = ServersAre::Working;
        }
        self.demand_watts = 0.0;
        self.next_change_ms = u64::MAX;
        for server in &mut self.servers {
            if server.next_change_ms() <= now_ms || !powered {
                server.advance(now_ms, powered);
            }
            self.demand_watts += server.watts();
            self.next_change_ms = self.next_change_ms.min(server.next_change_ms());
        }
        if let ServersAre::Starting(at_ms) = self.state {
            self.next_change_ms = self.next_change_ms.min(at_ms);
        }
    }

    /// The PDU looks at what its servers want, and caps and switches them.
    fn look_at_outlets(&mut self, now_ms: u64) {
        let intake = Intake {
            is_good: self.is_good(),
            is_fed: self.is_fed,
            draw_share: self.draw_watts / self.spec.limit_watts,
            damage: self.breaker.damage(),
        };
        self.look_at_servers(now_ms);
        self.pdu.act(now_ms, &mut self.servers, &intake);
        self.look_at_servers(now_ms);
        self.advance_servers(now_ms);
    }

    /// Looks at every server, those that nothing has changed for included.
    pub(super) fn look_at_servers(&mut self, now_ms: u64) {
        let powered = self.serves();
        for server in &mut self.servers {
            server.advance(now_ms, powered);
        }
        self.next_change_ms = now_ms;
    }

    /// What the bus takes in W: load and what leaves through ties.
    pub(super) fn needed_watts(&self) -> f64 {
        self.view.load_watts + self.view.export_watts
    }

    /// Whether the sources on the bus hold it without its feed.
    pub(super) fn is_held(&self) -> bool {
        self.given_watts > 0.0 && self.given_watts >= HELD_SHARE * self.needed_watts()
    }

    /// The bus has a feed, and this is its working point: it takes what sources here do not give.
    pub(super) fn fed(&mut self, point: BusPoint) {
        self.is_fed = true;
        self.point = point;
        self.draw_watts = (self.needed_watts() - self.given_watts).max(0.0);
    }

    /// The bus has no feed, or sources here hold it above what the feed gives.
    pub(super) fn island(&mut self) {
        self.is_fed = false;
        self.draw_watts = 0.0;
        let needed_watts = self.needed_watts();
        let covered = if needed_watts > 0.0 { (self.given_watts / needed_watts).max(0.0) } else { 1.0 };
        let alive = self.view.bridges_watts > 0.0;
        let share = if covered >= 1.0 && alive {
            let loading = (needed_watts / self.view.bridges_watts).min(1.0);
            let rise = ((covered - 1.0) * 10.0).min(1.0) * CHOPPER_RISE_SHARE;
            1.0 + rise - self.spec.droop_share * loading
        } else if alive {
            covered
        } else {
            0.0
        };
        self.point = BusPoint { volts: share * self.spec.nominal_volts, ..BusPoint::default() };
    }

    /// What the sources here gave too much: it heats the chopper, in W.
    pub(super) fn surplus_watts(&self) -> f64 {
        (self.given_watts + self.draw_watts - self.needed_watts()).max(0.0)
    }

    /// Supplies, judges and the breaker at the end of a step; tells whether the breaker opens.
    pub(super) fn settle(&mut self, end_ms: u64, span: Span) -> bool {
        if !self.is_lit() {
            self.record.unserved_joules += self.demand_watts * span.seconds;
            // A dark rack's breaker carries nothing and cools.
            self.breaker.step(0.0, span.seconds);
            return false;
        }
        self.settle_supplies(end_ms, span);
        // A bus at which nobody works may be as it likes.
        let seen_share = if self.has_work() { self.share() } else { 1.0 };
        self.record.itic_violations += u32::from(self.itic.watch(seen_share, span.seconds));
        let opens = self.breaker.step(self.point.amps, span.seconds);
        self.record.watch(self.draw_watts, self.spec.limit_watts, self.breaker.damage(), span);
        opens
    }

    fn settle_supplies(&mut self, end_ms: u64, span: Span) {
        let is_good = self.is_good();
        if self.state != ServersAre::Working {
            self.record.unserved_joules += self.demand_watts * span.seconds;
            self.state = match self.state {
                _ if !is_good => ServersAre::Down,
                ServersAre::Starting(at_ms) => ServersAre::Starting(at_ms),
                _ => ServersAre::Starting(end_ms + self.spec.restart_ms),
            };
            if let ServersAre::Starting(at_ms) = self.state {
                self.next_change_ms = self.next_change_ms.min(at_ms);
            }
        }
        self.holdup.refill(self.refill_watts, span.seconds);
        let missing_watts = (self.needed_watts() - self.given_watts - self.draw_watts).max(0.0);
        if missing_watts > 1e-9 {
            let load_share = self.view.load_watts / self.spec.nameplate_watts;
            let spent =
                self.holdup.starve(&self.spec.holdup, missing_watts, self.view.load_watts, load_share, span.seconds);
            if spent && self.state == ServersAre::Working {
                self.fail_servers();
            }
        } else {
            self.holdup.recover(span.seconds);
        }
    }

    /// Servers that had shut down in good order before lose nothing.
    fn fail_servers(&mut self) {
        self.state = ServersAre::Down;
        self.record.failures += u32::from(self.has_work());
        self.next_change_ms = 0;
    }

    /// What went into servers in W.
    pub(super) fn taken_watts(&self) -> f64 {
        if self.is_lit() { self.view.load_watts - self.refill_watts } else { 0.0 }
    }

    pub(super) fn go_dark(&mut self, cause: DarkCause) {
        self.dark = Some(cause);
        self.breaker.open();
        if self.state == ServersAre::Working {
            self.fail_servers();
        }
        self.is_fed = false;
        self.draw_watts = 0.0;
        self.given_watts = 0.0;
        self.view = BusView::default();
        self.point = BusPoint::default();
    }

    /// Closes the breaker, cold; the servers start at once, for whoever closes it has waited.
    pub(super) fn reset(&mut self, volts: f64) {
        self.breaker.reset();
        self.dark = None;
        self.state = ServersAre::Working;
        self.next_change_ms = 0;
        self.point.volts = volts;
    }

    /// What each outlet feeds in W; `None` where it is open. What refills the supplies is spread over those that are closed.
    pub(super) fn outlet_watts(&self) -> impl Iterator<Item = Option<f64>> + '_ {
        let is_closed = |server: &&Server| server.running() != Running::Off;
        let closed = u32::try_from(self.servers.iter().filter(is_closed).count()).unwrap_or(u32::MAX);
        let refill_watts = self.refill_watts / f64::from(closed.max(1));
        let feeds = move |server: &Server| if self.serves() { server.watts() + refill_watts } else { 0.0 };
        self.servers.iter().map(move |server| is_closed(&server).then(|| feeds(server)))
    }

    pub(super) fn truth(&self) -> Truth {
        Truth::Pdu {
            load_watts: self.view.load_watts,
            draw_watts: self.draw_watts,
            volts: self.point.volts,
            damage: self.breaker.damage(),
            tripped: self.breaker.is_open(),
        }
    }
}
