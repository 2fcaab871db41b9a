//! The PDU of a rack: the order in force, its local safe rule, and how it carries either out at its outlets.
//!
//! ```text
//!            order                    lost (lapse, release, reboot)
//!   Free ────────────► Ordered ─────────────────────────────────────► Kept
//!    ▲                    ▲                  order                     │
//!    │                    └────────────────────────────────────────────┤
//!    └──────────────── fed, below the limit less 5 %, breaker cold: for 60 s
//! ```
//!
//! While it has a cap, it shares it out at least every [`LOOK_MS`], and at once when a load changes notably. It goes by
//! what its servers want rather than by what they take, or a server that was capped would be let go because it is.

use ridethrough_core::capping::{Outlet, share_out};
use ridethrough_core::site::Server as SiteServer;
use ridethrough_core::units::Watts;

use super::orders::PduOrder;
use super::server::{Running, Server};
use super::{real, whole};

/// It looks at its outlets at least so often while there is something to do, in ms.
const LOOK_MS: u64 = 100;
/// It shares out at once when its servers want so much more or less than when it last did, as a share of the cap.
const NOTABLE_SHARE: f64 = 0.02;
/// Caps are lifted when servers want so much less than the cap, as a share of it; until then they follow what is wanted.
const LIFT_SHARE: f64 = 0.02;
/// A PDU on its own lets go of its last cap when it has been calm for so long, in ms.
const CALM_MS: u64 = 60_000;
/// Calm is a draw so far below the limit, as a share of it …
const CALM_MARGIN_SHARE: f64 = 0.05;
/// … and a breaker that is colder than this.
const COLD_DAMAGE: f64 = 0.010;

/// What one outlet feeds.
#[derive(Clone, Copy, Debug)]
struct Fed {
    tier: u8,
    floor: Watts,
    shutdown_ms: u64,
}

/// Whom the PDU obeys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    /// Nobody: every outlet is free.
    Free,
    /// An order in force.
    Ordered(PduOrder),
    /// The last order, which was lost; calm since then, if it is.
    Kept(PduOrder, Option<u64>),
}

/// What a PDU measures at its own breaker.
#[derive(Clone, Copy, Debug)]
pub(super) struct Intake {
    /// Whether the bus is good enough for servers to start.
    pub(super) is_good: bool,
    /// Whether that comes from the row rather than from sources at the bus.
    pub(super) is_fed: bool,
    /// What comes through the breaker, as a share of its limit.
    pub(super) draw_share: f64,
    /// The breaker's heat, 1 trips.
    pub(super) damage: f64,
}

/// The PDU of one rack.
#[derive(Clone, Debug)]
pub(super) struct Pdu {
    outlets: Vec<Fed>,
    restart_ms: u64,
    rule: Rule,
    /// It takes orders and goes on as before.
    pub(super) stuck: bool,
    due_ms: u64,
    /// What its servers wanted when it last shared out.
    shared_watts: Watts,
}

impl Pdu {
    /// A PDU with these servers at its outlets, that nobody has told anything.
    pub(super) fn new<'s>(servers: impl Iterator<Item = &'s SiteServer>, restart_ms: u64) -> Self {
        let fed = |server: &SiteServer| Fed {
            tier: server.tier,
            floor: server.floor,
            shutdown_ms: server.shutdown.get().unsigned_abs(),
        };
        Self {
            outlets: servers.map(fed).collect(),
            restart_ms,
            rule: Rule::Free,
            stuck: false,
            due_ms: u64::MAX,
            shared_watts: Watts::ZERO,
        }
    }

    /// Takes an order; it is carried out at the next look, which is due.
    pub(super) fn take(&mut self, order: PduOrder) {
        if !self.stuck {
            self.rule = Rule::Ordered(order);
            self.due_ms = 0;
        }
    }

    /// The order is lost. The last cap and tiers stay, for nobody knows whether the rack can do without.
    pub(super) fn release(&mut self) {
        if let (false, Rule::Ordered(order)) = (self.stuck, self.rule) {
            self.rule = Rule::Kept(order, None);
            self.due_ms = 0;
        }
    }

    /// Whether an order is in force.
    pub(super) fn is_ordered(&self) -> bool {
        matches!(self.rule, Rule::Ordered(_))
    }

    /// When it wants to look at its outlets, in ms of scenario time.
    pub(super) fn due_ms(&self) -> u64 {
        self.due_ms
    }

    /// Sees what its servers want; a notable change makes a look due.
    pub(super) fn notice(&mut self, now_ms: u64, servers: &[Server]) {
        let Some(order) = self.order() else { return };
        let change_watts = real(wanted(servers).saturating_sub(self.shared_watts).get()).abs();
        if change_watts > NOTABLE_SHARE * real(order.cap.get()) {
            self.due_ms = now_ms;
        }
    }

    /// A look at the outlets: whom to switch, whom to cap. The servers have been brought to `now_ms`.
    pub(super) fn act(&mut self, now_ms: u64, servers: &mut [Server], intake: &Intake) {
        let before = self.order();
        self.keep_or_let_go(now_ms, intake);
        match (before, self.order()) {
            (_, Some(order)) => self.share_out(order.cap, servers),
            (Some(_), None) => servers.iter_mut().for_each(|server| server.set_cap(None)),
            (None, None) => {}
        }
        self.switch(servers, intake.is_good);
        let is_idle = self.rule == Rule::Free && servers.iter().all(|server| server.running() == Running::On);
        self.due_ms = if is_idle { u64::MAX } else { now_ms + LOOK_MS };
    }

    /// What is carried out.
    fn order(&self) -> Option<PduOrder> {
        match self.rule {
            Rule::Free => None,
            Rule::Ordered(order) | Rule::Kept(order, _) => Some(order),
        }
    }

    fn keep_or_let_go(&mut self, now_ms: u64, intake: &Intake) {
        let Rule::Kept(order, calm_since_ms) = self.rule else { return };
        let since_ms = intake.is_calm().then(|| calm_since_ms.unwrap_or(now_ms));
        let is_over = since_ms.is_some_and(|since_ms| now_ms - since_ms >= CALM_MS);
        self.rule = if is_over { Rule::Free } else { Rule::Kept(order, since_ms) };
    }

    fn share_out(&mut self, cap: Watts, servers: &mut [Server]) {
        let outlets: Vec<Outlet> = self
            .outlets
            .iter()
            .zip(&*servers)
            .map(|(fed, server)| Outlet { tier: fed.tier, floor: fed.floor, taken: wants(server) })
            .collect();
        self.shared_watts = wanted(servers);
        let is_roomy = real(self.shared_watts.get()) <= (1.0 - LIFT_SHARE) * real(cap.get());
        for ((server, outlet), share) in servers.iter_mut().zip(&outlets).zip(share_out(&outlets, cap)) {
            // Near the cap, a server that was capped stays so, with all that it wants: it is not to bounce.
            let kept = || (server.is_capped() && !is_roomy).then_some(outlet.taken);
            let share = share.or_else(kept).map(|watts| real(watts.get()));
            server.set_cap(share);
        }
    }

    /// Outlets of tiers that are not kept open in good order, the others are closed.
    fn switch(&self, servers: &mut [Server], bus_is_good: bool) {
        let keep_tiers = self.order().map_or(u8::MAX, |order| order.keep_tiers);
        for (fed, server) in self.outlets.iter().zip(servers) {
            match (fed.tier <= keep_tiers, bus_is_good) {
                (false, _) => server.shut_down(fed.shutdown_ms),
                (true, true) => server.start(self.restart_ms),
                (true, false) => server.wait_for_power(),
            }
        }
    }
}

impl Intake {
    fn is_calm(&self) -> bool {
        self.is_good && self.is_fed && self.draw_share < 1.0 - CALM_MARGIN_SHARE && self.damage < COLD_DAMAGE
    }
}

fn wants(server: &Server) -> Watts {
    Watts::new(whole(server.wanted_watts()))
}

fn wanted(servers: &[Server]) -> Watts {
    servers.iter().map(wants).sum()
}
