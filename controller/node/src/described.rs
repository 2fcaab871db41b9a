//! What metrics of this crate are that are made where something happens: one table, told once at the start. Counters in it begin
//! at zero, so that the first event shows as a rise.

use metrics::{counter, describe_counter, describe_gauge, describe_histogram};

const COUNTERS: &[(&str, &str)] = &[
    ("ridethrough_baseline_saves_failed_total", "Baselines that could not be written"),
    ("ridethrough_baseline_seconds_dropped_total", "Seconds that baselines did not learn from because they were busy"),
    ("ridethrough_forecast_requests_dropped_total", "Requests for a forecast that found its thread busy"),
    (
        "ridethrough_model_not_deciding_seconds_total",
        "Steps in which the model that the log has chosen did not decide here",
    ),
    ("ridethrough_model_shadow_skipped_total", "Steps in which the model that is tried was not asked"),
    ("ridethrough_operator_callers_refused_total", "Callers from elsewhere who did not prove who they are"),
    ("ridethrough_operator_denied_total", "Requests that a caller's role does not allow"),
    ("ridethrough_ticks_skipped_total", "Control periods that were missed"),
];

const GAUGES: &[(&str, &str)] = &[
    ("ridethrough_model_refused", "Models that are refused here, by reason"),
    ("ridethrough_model_shadow_coverage_permille", "Thousandths of the bounds on the peak that held, by model"),
    ("ridethrough_model_shadow_judged", "Forecasts that were judged, by model"),
    ("ridethrough_model_shadow_pinball_ppm", "Mean pinball loss in millionths of the limit, by model"),
];

const HISTOGRAMS: &[(&str, &str)] = &[
    ("ridethrough_baseline_seconds", "Work on one second of baselines"),
    ("ridethrough_forecast_seconds", "Work on one step of forecasts"),
    ("ridethrough_tick_seconds", "Work on one control period"),
];

/// Tells it. Install the recorder before.
pub fn describe() {
    for (name, told) in COUNTERS {
        describe_counter!(*name, *told);
        counter!(*name).increment(0);
    }
    for (name, told) in GAUGES {
        describe_gauge!(*name, *told);
    }
    for (name, told) in HISTOGRAMS {
        describe_histogram!(*name, *told);
    }
}
