//! One transfer from a KESM over a tie: three replicas, two devices, and anything may be lost, late, repeated, overtaken,
//! restarted or deposed.
//!
//! ```text
//!   replica ─┐ log, votes, promises      ┌─► source (KESM)
//!   replica ─┼──── leader ──► wire ──────┤     fence, lease, order in force
//!   replica ─┘        ▲                  └─► sink (tie)
//!                     └────── hears ────────────┘
//! ```
//!
//! What ships and is called here: the fence and the lease rule of devices ([`Allegiance`]), the [`Ledger`] with the
//! envelope that turns entries into orders, and the gate of make-before-break ([`may_go`]). What is modelled after the
//! code and could differ from it: Raft itself, when a replica may send, when an order in force lapses, and that a
//! repeated order is only confirmed while it is in force.
//!
//! [`Allegiance`]: ridethrough_protocol::device::Allegiance
//! [`Ledger`]: ridethrough_core::ledger::Ledger
//! [`may_go`]: ridethrough_core::dispatch::may_go
//!
//! # What is in it
//!
//! - Elections by majority with Raft's up-to-date rule, candidates that burn terms, a blank entry of each new leader,
//!   replication whose answer may be lost, heartbeats without entries, leaders that do not know that they were
//!   deposed, replicas that restart with only term, vote and log.
//! - A follower's promise to a leader, on which the leader's right to send rests; a restarted replica keeps silent for as
//!   long as it may have promised. A promise ends before its time where the follower sees that the leader's process has ended.
//! - A leader that hands over: it falls silent, tells any of the others and itself that nothing binds them, or takes it back
//!   as long as it has told nobody. Afterwards it may still believe that it leads.
//! - Grants, renewals while a transfer stands, releases, expiry.
//! - A wire that keeps everything until its time is over: a frame may come any number of times, in any order, or never,
//!   also to a later life of the device. Acks and telemetry reach a leader at any time or never.
//! - Devices that reboot with their fence and nothing else.
//! - Time in ticks, told from now: so there is no last tick, and restarts, reboots, losses and elections may come as often
//!   as terms allow.
//!
//! # What is left out, and so not shown
//!
//! - Bounds: terms (a founded log in term 1, then one or two elections), grants and releases in one log, one transfer,
//!   one source, one tie, a few ticks of lease and validity. [`Bounds`] are explored to the end; beyond them nothing
//!   is claimed.
//! - A device gives what the grant says or nothing. That an order which only lowers goes at once, though its tie may have
//!   lapsed with its source and would then rise, is therefore not seen here: see [`may_go`]. Nor is that a source which is
//!   left waits a moment for those that take over: here it never waits.
//! - All clocks run alike. Drift, clock estimates and a follower's ledger clock that lags are not modelled; the protocol's own
//!   tests have them.
//! - A replica's request and its answer are one step, or the answer is lost. So no vote or log entry arrives after its
//!   receiver has gone on. A leader sends its whole log at once.
//! - Sessions, sequences, MACs and retransmission: the wire is worse than what they let through. Forgery is left to the
//!   protocol's tests.
//! - A device takes every order that its fence and lease allow; it does not refuse by its own limits, and its memory does not
//!   fail.
//! - A leader hears devices only while it may send, and a new one knows nothing of them, though followers hear telemetry, too.
//!   What was heard earlier is older, and [`may_go`] relies only on what cannot become untrue: that an order was accepted.
//! - Membership, snapshots, pre-vote, disks that lie. Nothing here says that anything happens in the end; only that
//!   what happens is allowed.
//! - States are told apart by 64-bit hashes: among ten million, two different states are taken for one with a probability
//!   of about three in a million.
//!
//! Sending is not an action: whoever may send does so at once, for whatever arrives of what is sent later may as well
//! arrive late of what was sent now. Frames that can do nothing any more are taken away, and replicas have no names. Both
//! make the model smaller and hide nothing.
//!
//! # By design
//!
//! What stops a device goes at once to both, so a sink may draw on after its source was told to stop, until its own order
//! arrives, expires, or its lease lapses. The model shows that it happens.

mod action;
mod book;
mod bounds;
mod device;
mod explore;
mod log;
mod properties;
mod replica;
mod rules;
mod state;
mod weakened;
mod wire;

pub use action::{Action, Answer};
pub use bounds::{Bounds, FULL, SLICE};
pub use explore::{Explored, Until, explore};
pub use log::Act;
pub use properties::{COMMIT_BEFORE_ACTUATE, DURABLE, FAIL_SAFE, FENCING, ONCE, ONE_SENDER, SUPPLY_FIRST};
pub use rules::{Begins, FenceRule, Gate, Lease, Leaves, Memory, Restart, Rules, Seats, Sends, Votes};
pub use state::State;
pub use weakened::{HELD_BY_THE_FENCE, WEAKENED, Weakened};
pub use wire::Frame;

use stateright::{Model, Property};

use self::book::Book;

/// The model.
#[derive(Debug)]
pub struct Transfer {
    bounds: Bounds,
    rules: Rules,
    book: Book,
}

impl Transfer {
    /// The model within these bounds, under these rules.
    pub fn new(bounds: Bounds, rules: Rules) -> Self {
        bounds.check();
        Self { book: Book::new(bounds.hold), bounds, rules }
    }
}

impl Model for Transfer {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::first(&self.bounds)]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.next_actions(state, actions);
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        self.carry_out(&mut state, action);
        state.reduce(self.rules);
        state.send(&self.book, &self.bounds, self.rules);
        (state != *last).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}
