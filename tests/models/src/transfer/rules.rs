//! The rules that the model plays by: those that ship, and each of them weakened.

/// One choice for every rule that can be weakened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Which orders a device accepts.
    pub fence: FenceRule,
    /// What a device's fence survives.
    pub memory: Memory,
    /// From what a leader sends.
    pub sends: Sends,
    /// What a sink's rise waits for.
    pub gate: Gate,
    /// Until when a beat gives a lease.
    pub lease: Lease,
    /// What a replica does right after a restart.
    pub restart: Restart,
    /// Whom a replica votes for.
    pub votes: Votes,
    /// When a follower gives up its promise before its time.
    pub seats: Seats,
    /// When a new leader begins to send.
    pub begins: Begins,
    /// What a leader does before it hands over.
    pub leaves: Leaves,
}

/// Which orders a device accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FenceRule {
    /// [`Allegiance::judge`](ridethrough_protocol::device::Allegiance::judge): leader term not below, index above.
    Ships,
    /// Every order that comes.
    Absent,
    /// Compared as `(leader term, index)`.
    LeaderTermFirst,
    /// Compared as `(entry term, index)`.
    EntryTermFirst,
}

/// What a device's fence survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// A reboot: it lies in non-volatile memory.
    Ships,
    /// Nothing.
    LostAtReboot,
}

/// From what a leader sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sends {
    /// From what a majority has committed.
    Ships,
    /// From its log as it is.
    Uncommitted,
}

/// What a sink's rise waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// [`may_go`](ridethrough_core::dispatch::may_go): the source's word.
    Ships,
    /// The source's word, unless the sink was heard to draw as much already. This shipped until the model broke it.
    TrustsTheSink,
    /// Nothing.
    Absent,
}

/// Until when a beat gives a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lease {
    /// [`Allegiance::renew`](ridethrough_protocol::device::Allegiance::renew): until the time that it says.
    Ships,
    /// For a whole lease from whenever it comes.
    FromArrival,
}

/// What a replica does right after a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    /// It neither votes nor stands for as long as it may have promised before.
    Ships,
    /// It votes at once.
    ForgetsPromise,
}

/// Whom a replica votes for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Votes {
    /// For a candidate whose log is not behind its own.
    Ships,
    /// For anybody.
    AnyLog,
}

/// When a follower gives up its promise to a leader before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seats {
    /// When it has seen itself that the leader's process has ended.
    Ships,
    /// When anybody says so.
    Claimed,
}

/// When a new leader begins to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begins {
    /// Once all that was in its log at its election is committed and applied.
    Ships,
    /// As soon as a majority has confirmed it, from what it knows to be committed.
    AtOnce,
}

/// What a leader does before it tells another to stand for election.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaves {
    /// It falls silent towards all devices.
    Ships,
    /// Nothing: it sends for as long as it was confirmed for.
    ToldFirst,
}

impl Rules {
    /// The rules that ship.
    pub const SHIPPED: Self = Self {
        fence: FenceRule::Ships,
        memory: Memory::Ships,
        sends: Sends::Ships,
        gate: Gate::Ships,
        lease: Lease::Ships,
        restart: Restart::Ships,
        votes: Votes::Ships,
        seats: Seats::Ships,
        begins: Begins::Ships,
        leaves: Leaves::Ships,
    };
}
