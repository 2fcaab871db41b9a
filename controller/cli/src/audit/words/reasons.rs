//! Why things happen, in words.

use ridethrough_core::command::{CapReason, ReleaseReason};
use ridethrough_core::device::{GeneratorDuty, Verdict};
use ridethrough_core::site::TIER_MAX;

/// Why a transfer was released.
pub const fn release(reason: ReleaseReason) -> &'static str {
    match reason {
        ReleaseReason::ForecastFell => "the forecast fell and stayed low",
        ReleaseReason::DeviceFailed => "a source failed and the rack could do without",
        ReleaseReason::AckMissing => "a device did not answer its order in time",
        ReleaseReason::NoLongerFeasible => "its way or source could not go on, and no other was found",
        ReleaseReason::Operator => "an operator ended it",
    }
}

/// Whether that is the plan's own end, or one that something forced.
pub const fn release_kind(reason: ReleaseReason) -> &'static str {
    match reason {
        ReleaseReason::ForecastFell | ReleaseReason::Operator => "released",
        ReleaseReason::DeviceFailed | ReleaseReason::AckMissing | ReleaseReason::NoLongerFeasible => "aborted",
    }
}

/// Why servers get less.
pub const fn cap(reason: CapReason) -> &'static str {
    match reason {
        CapReason::RackUncovered => "storage does not cover what the rack takes above its limit",
        CapReason::RowUncovered => "storage does not cover what the row takes above its limit",
        CapReason::Insecure => "a single failure would leave the rack with more than caps could take back in time",
        CapReason::TimeLeft => {
            "the utility is lost, and what is stored does not last until it is replaced or servers have shut down"
        }
        CapReason::GeneratorFull => "the generator does not carry so much",
        CapReason::Operator => "an operator asked for it",
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
