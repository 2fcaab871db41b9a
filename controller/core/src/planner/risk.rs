//! Whether a rack is at risk.

use super::{Inputs, risk_of};
use crate::command::Risk;
use crate::site::RackId;
use crate::units::Watts;

/// The judgement on one rack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Which.
    pub rack: RackId,
    /// The numbers it rests on.
    pub risk: Risk,
    /// What the rack may come to take: the worse of forecast and present, no more than its servers can.
    pub peak: Watts,
    /// What would have to be delivered to hold it at its limit less the margin.
    pub need: Watts,
    /// Whether it needs help now.
    pub at_risk: bool,
    /// Whether it is well below the point at which it would need help.
    pub calm: bool,
}

/// Judges one rack. It is at risk when its forecast exceeds its present use by the safety margin and its P99 passes
/// its limit less the margin; a rack that is past that already is at risk whatever the forecast says (I8).
pub fn judge(inputs: &Inputs<'_>, rack: RackId) -> Verdict {
    let site = inputs.ledger.site();
    let forecast = inputs.forecasts[rack.index()];
    // Unknown is not zero: without a fresh reading, the forecast's own bound stands for the present.
    let present = inputs.view.load(rack, inputs.now).unwrap_or(forecast.peak_p99);
    let risk = risk_of(inputs, rack, present, forecast);
    let hold = site.hold(rack);
    let peak = forecast.peak_p99.max(present).min(site.rack(rack).nameplate.max(present));
    let rising = peak > present.saturating_add(risk.margin);
    let at_risk = peak > hold && (rising || present > hold);
    let calm = peak <= hold.saturating_sub(risk.margin);
    Verdict { rack, risk, peak, need: peak.saturating_sub(hold).or_zero(), at_risk, calm }
}
