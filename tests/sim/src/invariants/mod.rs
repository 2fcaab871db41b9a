//! What must hold at every moment of every run, whatever is wrong: one file for each of ARCHITECTURE.md's list.
//!
//! | file | what is looked at |
//! |---|---|
//! | [`i1_commit`] | what is applied stands in the logs of a majority; what a device executes is committed, in its term, and known to as many replicas as the device demands |
//! | [`i2_fencing`] | no device goes back behind a leader or an order |
//! | [`i3_envelope`] | sums over ties and modules, the reserve, the age of what plans rest on, supply before draw, and what modules truly give |
//! | [`i4_once`] | no order is executed twice, no frame answered twice, no order obeyed beyond its expiry |
//! | [`i5_durable`] | what is applied is durable on a majority of disks, and stays what it was at every replica |
//! | [`i6_replay`] | a ledger that is replayed beside the replicas has the same state after every entry |
//! | [`i7_alone`] | without a leader every device is alone one lease later; two replicas never command for long; no wall clock makes ledger time |
//! | [`i8_forecast`] | whatever a forecast says, no rack is granted more than its servers can take |
//! | [`i9_single_failures`] | after every plan each rack bears the loss of any module or tie, by the plant's own breakers |
//! | [`energy`] | the plant's energy adds up |
//! | [`liveness`] | with nothing wrong for a while one leads, all have the same log, and the leader hears every device |
//!
//! None of them asks the code that it judges: sums are made once more, breakers are the plant's. A device that lost its
//! fence's memory is excused from what it did before. A panic of any code is a violation; one that says which invariant it
//! stands for (`I3: …`) counts as that.

pub mod energy;
mod excuse;
pub mod i1_commit;
pub mod i2_fencing;
pub mod i3_envelope;
pub mod i4_once;
pub mod i5_durable;
pub mod i6_replay;
pub mod i7_alone;
pub mod i8_forecast;
pub mod i9_single_failures;
pub mod liveness;

use std::fmt;
use std::sync::Arc;

use ridethrough_core::device::Fence;
use ridethrough_core::site::Site;
use ridethrough_core::units::Millis;
use ridethrough_fault_injection::field::Act;
use ridethrough_protocol::Orders;
use serde::Serialize;

use self::excuse::Excuses;
use self::i1_commit::Commits;
use self::i3_envelope::Envelope;
use self::i4_once::Once;
use self::i5_durable::Durable;
use self::i6_replay::Replay;
use self::i7_alone::Alone;
use crate::faults::Fault;
use crate::field::{Deed, Field};
use crate::replica::{Applied, Relied};

/// Whether an invariant holds, and else what was seen.
pub type Finding = Result<(), String>;

/// Something that must not be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// Which invariant.
    pub invariant: &'static str,
    /// When, in ms.
    pub at_ms: u64,
    /// What was seen.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {} ms: {}", self.invariant, self.at_ms, self.what)
    }
}

impl Violation {
    /// A panic of whatever code: of the invariant that it names, if it names one.
    pub fn of_panic(what: String) -> Self {
        const NAMED: [&str; 9] = ["I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "I9"];
        let named = NAMED.into_iter().find(|name| what.strip_prefix(name).is_some_and(|rest| rest.starts_with(':')));
        Self { invariant: named.unwrap_or("panic"), at_ms: 0, what }
    }
}

/// In how many replicas' logs an entry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// At all.
    pub in_logs: usize,
    /// And would after a power cut.
    pub durably: usize,
}

/// More than half of three.
pub const MAJORITY: usize = 2;

/// What has been seen so far, by every invariant.
pub struct Watch {
    commits: Commits,
    envelope: Envelope,
    once: Once,
    durable: Durable,
    replay: Replay,
    alone: Alone,
    excuses: Excuses,
    /// Fences of the newest orders that devices have accepted.
    obeyed: Vec<Fence>,
    found: Vec<Violation>,
}

impl Watch {
    /// Over these devices, which demand so many replicas' word, while these faults happen.
    pub fn new(site: &Arc<Site>, devices: usize, orders: Orders, faults: &[Fault]) -> Self {
        Self {
            commits: Commits::new(orders),
            envelope: Envelope::new(site),
            once: Once::new(devices),
            durable: Durable::default(),
            replay: Replay::new(site),
            alone: Alone::new(site.policy.lease),
            excuses: Excuses::new(faults),
            obeyed: vec![Fence::default(); devices],
            found: Vec::new(),
        }
    }

    /// Everything that was found.
    pub fn found(&self) -> &[Violation] {
        &self.found
    }

    /// How many entries have been committed.
    pub fn committed(&self) -> usize {
        self.durable.known().len()
    }

    /// Takes in what an invariant found.
    pub fn note(&mut self, invariant: &'static str, at_ms: u64, finding: Finding) {
        if let Err(what) = finding {
            self.found.push(Violation { invariant, at_ms, what });
        }
    }

    /// A replica has applied an entry that so many logs hold.
    pub fn applied(&mut self, replica: usize, applied: &Applied, held: Held, at_ms: u64) {
        let found = self.commits.applied(replica, applied, held);
        self.note("I1", at_ms, found);
        let (found, is_new) = self.durable.applied(replica, applied, held);
        self.note("I5", at_ms, found);
        let found = self.replay.applied(replica, applied);
        self.note("I6", at_ms, found);
        if is_new {
            let found = i7_alone::ledger_time(self.replay.ledger().now(), at_ms);
            self.note("I7", at_ms, found);
            self.planned(applied, at_ms);
        }
    }

    /// An entry is committed: what now stands in the ledger.
    fn planned(&mut self, applied: &Applied, at_ms: u64) {
        let (ledger, plan) = (Arc::clone(self.replay.ledger()), applied.plan());
        let found = self.envelope.committed(&ledger, plan);
        self.note("I3", at_ms, found);
        if plan.is_some() && applied.is_admitted() {
            self.note("I8", at_ms, i8_forecast::judge(&ledger));
            self.note("I9", at_ms, i9_single_failures::judge(&ledger));
        }
    }

    /// A replica is about to propose a plan that rests on this.
    pub fn relied(&mut self, relied: &Relied, field: &Field, at_ms: u64) {
        let found = self.envelope.relied(relied, field.world(), &self.excuses, at_ms);
        self.note("I3", at_ms, found);
    }

    /// A device has judged an order, or let go.
    pub fn acted(&mut self, deed: &Deed, name: &str, field: &Field, at_ms: u64) {
        let found = self.once.answered(deed, name);
        self.note("I4", at_ms, found);
        let Act::Order { verdict: "executed", fence_term, fence_index, entry_term, expires_ms, .. } = deed.act else {
            return;
        };
        let (fence, before) = (Fence { term: fence_term, index: fence_index }, self.obeyed[deed.device]);
        let found = self.commits.executed(name, fence, entry_term, self.durable.known());
        self.note("I1", at_ms, found);
        self.note("I2", at_ms, i2_fencing::executed(name, fence, before));
        let found = self.once.executed(deed.device, name, fence, before, Millis::new(expires_ms));
        self.note("I4", at_ms, found);
        let found = self.envelope.executed(field.device(deed.device), name, fence.index);
        self.note("I3", at_ms, found);
        self.obeyed[deed.device] = fence;
    }

    /// A device has lost its fence.
    pub fn forgot(&mut self, device: usize) {
        self.obeyed[device] = Fence::default();
    }

    /// Time has passed in which so many replicas commanded.
    pub fn passed(&mut self, commanding: usize, field: &Field, names: &[String], at_ms: u64) {
        let found = self.alone.passed(commanding, field, names, at_ms);
        self.note("I7", at_ms, found);
        let found = self.once.passed(field, names, at_ms);
        self.note("I4", at_ms, found);
        let found = self.envelope.passed(field, &self.excuses, at_ms);
        self.note("I3", at_ms, found);
    }
}
