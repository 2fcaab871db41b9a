//! The emulated plant: flywheels, supercapacitors, converters, ties, breakers, buses, meters and the loads on them.
//!
//! One [`World`] is stepped at [`STEP_MS`], by the same code in real time (over UDP) and in simulated time (in
//! process). It is a function of its scenario, its seed and the orders it was given: no clock, no socket, no dice.
//!
//! ```text
//! server traces ─► rack loads ─► local law (control) ─► KESMs, ties ─► buses ─► breakers
//!                                     ▲                                 │
//!                                     └── exports of the last step ◄────┘
//! ```
//!
//! Quantities are `f64` in SI units and every name ends with its unit. Equations and defaults are those of the
//! project's physics page; each is repeated where it is used, with its source.

pub mod breaker;
pub mod bus;
mod condition;
pub mod control;
pub mod converter;
pub mod energy;
pub mod fault;
pub mod flywheel;
pub mod holdup;
pub mod itic;
pub mod judge;
pub mod kesm;
pub mod meter;
pub mod orders;
mod pdu;
mod rack;
pub mod random;
mod row;
mod seat;
pub mod server;
pub mod supercapacitor;
pub mod supply;
pub mod tie;
pub mod voice;
pub mod world;

pub use judge::Judges;
pub use world::World;

/// The step of the world in milliseconds: what the honesty rules ask for while any bus is off nominal.
pub const STEP_MS: u64 = 1;

/// Moves `from` towards `to` by at most `step_max`.
pub(crate) fn ramp(from: f64, to: f64, step_max: f64) -> f64 {
    from + (to - from).clamp(-step_max, step_max)
}

/// An integer quantity of the controller as the plant's `f64`.
#[allow(clippy::cast_precision_loss, reason = "watts and joules of a plant stay far below 2^52")]
pub(crate) fn real(integer: i64) -> f64 {
    integer as f64
}

/// The plant's `f64` as an integer quantity, rounded; what is no number becomes nothing.
#[allow(clippy::cast_possible_truncation, reason = "`as` saturates, and a plant's figures are far inside the range")]
pub(crate) fn whole(value: f64) -> i64 {
    value.round() as i64
}
