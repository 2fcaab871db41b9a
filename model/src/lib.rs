//! The forecast: what each rack will draw within the next 30 s.
//!
//! ```text
//! samples (Watts) ──► RuleForecast ───────────────────────────► RackForecast (Watts), source: Rule(reason)
//!        │                  ▲ per rack, when the model's answer does not pass
//!        └──► power / reference (f32) ──► OnnxForecast ──► checks ──► RackForecast (Watts), source: Model
//!             `──────────────── Guarded: floats stop here ────────────────'
//! ```
//!
//! [`Guarded`] is the engine to use. It runs one batched step of the model for all racks, checks every number of every
//! rack, and answers by the rule where a check fails, saying why (I8: the forecast is never trusted). Only integers
//! leave the crate, so no NaN can.
//!
//! Nothing in here reads a clock. The caller says with [`Keep`] which call stands for a new second, and judges itself
//! whether an answer came too late; for that case it keeps a [`RuleForecast`] with [`RuleReason::Late`] of its own.
//!
//! [`RuleReason::Late`]: ridethrough_core::forecast::RuleReason::Late

mod baseline;
mod calibration;
mod explain;
mod files;
mod forecast;
#[cfg(test)]
mod golden;
mod guarded;
mod held;
mod load_error;
mod manifest;
mod mixing;
mod native;
mod onnx;
mod parts;
mod rule;
mod runtime;
mod servers;
mod signed;
mod spoken;
mod telemetry;
mod turns;
mod window;

pub use baseline::{Baseline, BaselineStore, Heard, Outlook, Refused, SNAPSHOT_BYTES_MAX, SnapshotFault};
pub use explain::{Decisive, Driver, Explanation};
pub use files::ModelFiles;
pub use forecast::{Forecast, HORIZON, Keep, RACKS_MAX, Sample, row_loads, site_samples};
pub use guarded::{Guarded, HorizonForecast};
pub use load_error::{LoadError, PortFault, SelfTestFault, Side};
pub use onnx::{OnnxForecast, RunError};
pub use ridethrough_model_signature::{BadKey, PublicKey};
pub use rule::RuleForecast;
pub use servers::{ServerForecast, ServerForecasts, TURNS as SERVER_TURNS, share_out};
pub use signed::{SignedModel, Trust};
pub use telemetry::{TooLate, silence_telemetry};
