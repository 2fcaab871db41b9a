//! Alarms, managed as ISA-18.2 asks: what is wrong and wants somebody, how urgent it is, who has seen it, what is put aside for a
//! while. They are replicated state, so that a failover forgets none.
//!
//! ```text
//!                     raised                     acknowledged
//!   (not there) ─────────────────► unacknowledged ───────────► acknowledged
//!        ▲                          ▲         │ cleared             │ cleared
//!        │                   raised │         ▼                     ▼
//!        │                          └── waits for somebody      (not there)
//!        └──────── acknowledged ────────────┘
//! ```
//!
//! The leader [watches](AlarmWatch) what [stands](standing) and puts what is new into the log; every replica keeps the
//! same [`Alarms`]. Acknowledging and shelving are operations of people. One that comes and goes is kept standing
//! ([`Alarm::is_chattering`]), and in a flood only what is urgent is shown first ([`Alarms::is_flood`]): nothing urgent is ever
//! hidden by either.

mod kind;
mod standing;
mod table;
#[cfg(test)]
mod tests;
mod watch;

pub use self::kind::{AlarmKey, AlarmKind, Priority, Subject};
pub use self::standing::standing;
pub use self::table::{ALARMS_MAX, Alarm, AlarmFault, Alarms, RAISES_KEPT, SHELF_MAX};
pub use self::watch::AlarmWatch;

/// A note tells at most so many alarms that came, and as many that went.
pub const NOTE_ALARMS_MAX: usize = 64;

/// What the leader saw come and go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlarmNote {
    /// What came, at most [`NOTE_ALARMS_MAX`], the most urgent first.
    pub raised: Vec<AlarmKey>,
    /// What went, at most [`NOTE_ALARMS_MAX`].
    pub cleared: Vec<AlarmKey>,
}

impl AlarmNote {
    /// Whether it says nothing.
    pub const fn is_empty(&self) -> bool {
        self.raised.is_empty() && self.cleared.is_empty()
    }
}
