//! Why things happen, in words.

use ridethrough_core::command::ReleaseReason;
use ridethrough_core::device::{GeneratorDuty, Verdict};
use ridethrough_core::site::TIER_MAX;

/// Whether that is the plan's own end, or one that something forced.
pub const fn release_kind(reason: ReleaseReason) -> &'static str {
    match reason {
        ReleaseReason::ForecastFell | ReleaseReason::Operator => "released",
        ReleaseReason::DeviceFailed | ReleaseReason::AckMissing | ReleaseReason::NoLongerFeasible => "aborted",
    }
}

/// Which servers stay on.
pub fn tiers(keep_tiers: u8) -> String {
    match keep_tiers {
        0 => "all servers shut down".into(),
        1 => "tier 1 kept on, the rest shut down".into(),
        TIER_MAX.. => "all tiers kept on".into(),
        tier => format!("tiers 1 to {tier} kept on, the rest shut down"),
    }
}

/// What a generator is told.
pub const fn duty(duty: GeneratorDuty) -> &'static str {
    match duty {
        GeneratorDuty::Auto => "follow its own rule",
        GeneratorDuty::Run => "run, and try again when it has given up",
    }
}

/// A device's verdict in a word.
pub const fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Executed => "acted",
        Verdict::Duplicate => "had acted",
        Verdict::StaleFence => "refused a stale fence",
        Verdict::Expired => "refused, expired",
        Verdict::BeyondLimits => "refused, beyond its limits",
        Verdict::Unavailable => "refused, unavailable",
        Verdict::LockedOut => "refused, locked by somebody there",
    }
}
