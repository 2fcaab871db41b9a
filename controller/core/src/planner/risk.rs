//! Whether a rack or a row is at risk.

use super::Inputs;
use crate::command::Risk;
use crate::device::DeviceId;
use crate::forecast::RackForecast;
use crate::site::{RackId, RowId};
use crate::trust::Fault;
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
    /// Its limit less the margin.
    pub hold: Watts,
    /// What would have to be delivered to hold it at its limit less the margin.
    pub need: Watts,
    /// Whether it needs help now.
    pub at_risk: bool,
    /// Whether it is well below the point at which it would need help.
    pub calm: bool,
}

impl Verdict {
    /// What comes through its breaker at its peak, when it is held.
    pub fn held_peak(&self) -> Watts {
        self.peak.min(self.hold)
    }
}

/// Judges one rack. It is at risk when it is more likely than not to pass its limit (by the median of its maximum), which from
/// below its limit less the margin is a rise by the margin at least; a rack that is past that already is at risk whatever the
/// forecast says (I8). What is then covered is P99.
pub fn judge(inputs: &Inputs<'_>, rack: RackId) -> Verdict {
    judge_expecting(inputs, rack, Watts::ZERO)
}

/// The same for a rack that is expected to come back to this load, whatever its forecast says.
pub(super) fn judge_expecting(inputs: &Inputs<'_>, rack: RackId, comes_back_to: Watts) -> Verdict {
    let site = inputs.ledger.site();
    let forecast = inputs.forecasts[rack.index()];
    // Unknown is not zero: without a reading, the forecast's own bound stands for the present, as far as it can be.
    let nameplate = site.rack(rack).nameplate;
    let told = inputs.view.load_bound(site, rack, inputs.now).unwrap_or(forecast.peak_p99.or_zero().min(nameplate));
    // A meter that is not believed says nothing: the rack may take all that its servers can.
    let lies = (inputs.fault)(DeviceId::Pdu(rack)).is_some_and(Fault::is_of_the_meter);
    let present = if lies { nameplate } else { told };
    let hold = site.hold(rack);
    let limit = site.rack(rack).limit;
    let margin = limit.saturating_sub(hold);
    let risk = Risk { present, forecast, limit, margin };
    // A capped rack shows its cap and not what it would take; a little more is asked for, to free it step by step.
    let wanted = inputs.ledger.cap(rack).map_or(present, |cap| present.max(cap.cap.saturating_add(margin)));
    // Servers take no more than their ratings; what comes back after an outage may, while supplies refill.
    let may_take = |peak: Watts| peak.max(wanted).min(nameplate.max(present)).max(comes_back_to);
    let (peak, likely) = (may_take(forecast.peak_p99), may_take(forecast.peak_p50));
    let at_risk = peak > hold && (present > hold || likely > limit);
    let calm = peak <= hold.saturating_sub(margin);
    Verdict { rack, risk, peak, hold, need: peak.saturating_sub(hold).or_zero(), at_risk, calm }
}

/// The judgement on one row, once its racks are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RowVerdict {
    /// What it may come to draw beyond its limit less the margin, if it is more likely than not to pass its limit by a margin.
    pub(super) excess: Watts,
    /// What it draws beyond that now.
    pub(super) excess_now: Watts,
    /// Whether it needs relief now.
    pub(super) at_risk: bool,
}

/// Judges one row from its racks. Racks do not peak together as a rule, so the row has a forecast of its own, and is
/// judged by the lesser of that and the sum of what its held racks may come to draw. It is helped in advance when it is more
/// likely than not to pass its limit by a margin: many racks seldom rise at once, so that less is mostly met in time when the
/// row passes its hold, and a forecast of less was more often wrong than right (BENCHMARKS.md).
pub(super) fn judge_row(inputs: &Inputs<'_>, row: RowId, racks: &[&Verdict]) -> RowVerdict {
    let site = inputs.ledger.site();
    let hold = site.row_hold(row);
    let margin = site.rows[row.index()].limit.saturating_sub(hold);
    let together: Watts = racks.iter().map(|verdict| verdict.held_peak()).sum();
    let forecast: Option<&RackForecast> = inputs.row_forecasts.get(row.index());
    let loads: Watts = racks.iter().map(|verdict| verdict.risk.present).sum();
    let may_take = |told: fn(&RackForecast) -> Watts| forecast.map_or(together, |it| told(it).max(loads).min(together));
    let (peak, likely) = (may_take(|it| it.peak_p99), may_take(|it| it.peak_p50));
    let present: Watts = racks.iter().map(|verdict| verdict.risk.present.min(verdict.hold)).sum();
    let excess_now = present.saturating_sub(hold).or_zero();
    let may_pass = likely > site.rows[row.index()].limit.saturating_add(margin);
    let coming = if may_pass { peak.saturating_sub(hold) } else { Watts::ZERO };
    let excess = coming.max(excess_now);
    let at_risk = excess_now > Watts::ZERO || (may_pass && likely > loads.saturating_add(margin));
    RowVerdict { excess, excess_now, at_risk }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::{World, forecast};

    /// The verdict on a rack of the example (24 kW, held at 22.8 kW) that takes `load` and may come to take so much.
    fn judged(load: i64, peak_p50: i64, peak_p99: i64) -> Verdict {
        let mut world = World::new();
        world.load(1, load);
        world.forecasts[1].peak_p50 = Watts::new(peak_p50);
        world.forecasts[1].peak_p99 = Watts::new(peak_p99);
        world.with_inputs(&|_| None, |inputs| judge(inputs, RackId(1)))
    }

    #[test]
    fn a_rack_is_at_risk_when_it_is_past_its_hold_or_likely_to_pass_its_limit() {
        assert!(!judged(10_000, 24_000, 30_000).at_risk);
        assert!(judged(10_000, 24_001, 30_000).at_risk);
        assert!(!judged(22_800, 0, 0).at_risk);
        assert!(judged(22_801, 0, 0).at_risk);
        assert!(!judged(10_000, 23_999, 42_000).at_risk, "more likely than not it stays below");
        assert!(!judged(22_800, 0, 42_000).at_risk && judged(22_801, 0, 42_000).at_risk);
    }

    #[test]
    fn what_is_needed_is_the_peak_above_the_hold_and_no_more_than_servers_take() {
        let needs = |load, p99| (judged(load, 0, p99).need.get(), judged(load, 0, p99).held_peak().get());
        assert_eq!(needs(10_000, 20_000), (0, 20_000));
        assert_eq!(needs(10_000, 30_000), (7_200, 22_800));
        assert_eq!(needs(30_000, 20_000), (7_200, 22_800));
        assert_eq!(needs(10_000, 90_000), (42_000 - 22_800, 22_800));
        assert_eq!(needs(43_000, 90_000), (43_000 - 22_800, 22_800), "unless its meter says that they do");
    }

    #[test]
    fn a_rack_is_calm_a_margin_below_its_hold() {
        assert!(judged(10_000, 0, 21_600).calm);
        assert!(!judged(10_000, 0, 21_601).calm);
        assert!(!judged(21_601, 0, 0).calm);
    }

    /// Six racks that may all come to take 42 kW in a row that carries so much, with this forecast of its own.
    fn row_of(limit: i64, loads: [i64; 6], told: Option<(i64, i64)>) -> RowVerdict {
        let mut world = World::of(&crate::example::row_of(limit));
        (0..6).zip(loads).for_each(|(rack, load)| world.load(rack, load));
        let own = told.map(|(p50, p99)| {
            let mut own = forecast(p50);
            own.peak_p99 = Watts::new(p99);
            own
        });
        let own: Vec<RackForecast> = own.into_iter().collect();
        world.forecasts.fill(forecast(42_000));
        world.with_inputs(&|_| None, |inputs| {
            let inputs = Inputs { row_forecasts: &own, ..*inputs };
            let verdicts: Vec<Verdict> = (0..6).map(|rack| judge(&inputs, RackId(rack))).collect();
            judge_row(&inputs, RowId(0), &verdicts.iter().collect::<Vec<_>>())
        })
    }

    fn row(each: i64, told: Option<(i64, i64)>) -> RowVerdict {
        row_of(150_000, [each; 6], told)
    }

    #[test]
    fn a_row_is_judged_by_its_own_forecast_and_its_racks_held() {
        // Held, six racks take no more than 136.8 kW, whatever is foreseen.
        let calm = RowVerdict { excess: Watts::ZERO, excess_now: Watts::ZERO, at_risk: false };
        assert_eq!(row(10_000, None), calm);
        assert_eq!(row(10_000, Some((200_000, 250_000))), calm);
        assert_eq!(row(22_000, None), calm);
    }

    #[test]
    fn a_row_is_at_risk_when_it_is_likely_to_rise_past_its_limit_by_more_than_the_margin_or_is_past_its_hold() {
        let told = |loads: [i64; 6], p50, p99| {
            let judged = row_of(100_000, loads, Some((p50, p99)));
            (judged.at_risk, judged.excess.get(), judged.excess_now.get())
        };
        assert_eq!(told([10_000; 6], 105_000, 120_000), (false, 0, 0), "more likely than not it stays below");
        assert_eq!(told([10_000; 6], 105_001, 120_000), (true, 25_000, 0), "above its hold of 95 kW");
        assert_eq!(told([10_000; 6], 200_000, 200_000), (true, 41_800, 0), "held racks draw 136.8 kW at the most");
        assert_eq!(told([16_000; 6], 0, 0), (true, 1_000, 1_000), "whatever is foreseen");
        assert_eq!(told([16_000; 6], 105_000, 120_000), (true, 1_000, 1_000));
        assert_eq!(told([16_000; 6], 105_001, 120_000), (true, 25_000, 1_000));
        // Racks take 104 kW, but no more than 65.6 kW of it may come through their breakers once they are held.
        let two_large = [42_000, 42_000, 5_000, 5_000, 5_000, 5_000];
        assert_eq!(told(two_large, 109_000, 120_000), (false, 25_000, 0), "no rise beyond the margin of 5 kW");
        assert_eq!(told(two_large, 109_001, 120_000), (true, 25_000, 0));
    }
}
