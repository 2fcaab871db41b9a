//! A second opinion: whether a replica that only follows would have allowed what its leader had committed.
//!
//! Ratings, paths and holds are the same for everybody and are judged by every replica when it applies the entry. What may
//! differ is what the leader *measured and foresaw*. So a follower asks again with its own telemetry and forecasts:
//!
//! ```text
//!  transfer in the ledger ─┬─ the draw that the leader tells of ─► more than own meter and forecast allow? ──┐
//!                          └─ reserve, single failures (envelope) ─► broken by what the own meters say? ─────┴─► disputed
//! ```
//!
//! Two replicas never know quite the same: frames get lost, ticks lie apart, calibrations differ. Each number is therefore taken
//! at the end of its tolerance that favours the leader, over the last seconds and not at one moment. What a follower does
//! not know it does not judge.

mod heard;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

pub use self::heard::Heard;

use crate::command::{Grant, Plan, RackLoad, StoredEnergy, TransferId};
use crate::device::DeviceId;
use crate::envelope::{self, Violation};
use crate::ledger::{Ledger, Transfer};
use crate::site::{KesmId, RackId, Site};
use crate::units::{Millis, Watts};

/// How far a leader's word on a rack's draw may be from what the follower finds possible, in thousandths of the rack's limit.
pub const LOAD_TOLERANCE_PERMILLE: u16 = 100;
/// The same for what a module stores, in thousandths of its capacity.
pub const STORED_TOLERANCE_PERMILLE: u16 = 20;
/// The same for the heat of a breaker, in thousandths of what trips it.
pub const HEAT_TOLERANCE_PERMILLE: u16 = 100;
/// A transfer that is heard of later than this after its entry was stamped is not judged: the plant has moved on since.
pub const LATE_AFTER: Millis = Millis::new(500);

/// What a follower thinks of one transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opinion {
    /// By its own numbers it may be.
    Agreed,
    /// It does not know enough.
    Unjudged(Gap),
    /// By its own numbers it may not be.
    Disputed(Dispute),
}

/// Why a transfer is not judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gap {
    /// This replica granted it, or found it when it started.
    Own,
    /// It was heard of too late.
    Late,
    /// The rack has not been heard for a minute, or is not heard now.
    RackUnheard,
    /// A module of it is not heard now.
    KesmUnheard,
    /// The leader does not believe the rack's meter and counts with its nameplate, and this replica doubted it lately, too.
    MeterDoubted,
}

/// What a follower holds against a transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dispute {
    /// The rack neither draws nor may come to draw what the leader says.
    Draw {
        /// What the leader says that it draws, or more likely than not comes to draw.
        claimed: Watts,
        /// The most that this replica finds possible, tolerance included.
        most: Watts,
    },
    /// It breaks limits, by what this replica measures.
    Limits(Vec<Violation>),
}

/// A transfer that is disputed, for people and the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disputed {
    /// Which.
    pub transfer: TransferId,
    /// To whom.
    pub rack: RackId,
    /// Why.
    pub dispute: Dispute,
}

impl Dispute {
    /// What it is about, as metrics name it.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Draw { .. } => "draw",
            Self::Limits(_) => "limits",
        }
    }

    /// The dispute with the site's names, for people.
    pub fn describe(&self, site: &Site) -> String {
        match self {
            Self::Draw { claimed, most } => {
                format!(
                    "the leader counts with a draw of {}, this replica with {} at most",
                    claimed.kilo(),
                    most.kilo()
                )
            }
            Self::Limits(violations) => {
                let broken: Vec<String> = violations.iter().map(|violation| violation.describe(site)).collect();
                format!("by what this replica measures: {}", broken.join("; "))
            }
        }
    }
}

/// Judges transfers of this ledger, which must be as of now; one opinion for each.
pub fn judge(ledger: &Ledger, transfers: &[&Transfer], heard: &Heard) -> Vec<Opinion> {
    let site = ledger.site();
    let mut opinions: Vec<Opinion> =
        transfers.iter().map(|transfer| judge_draw(site, &transfer.grant, heard)).collect();
    let sound = transfers.iter().zip(&opinions).filter(|(_, opinion)| **opinion == Opinion::Agreed);
    let grants: Vec<Grant> = sound.map(|(transfer, _)| transfer.grant.clone()).collect();
    if grants.is_empty() {
        return opinions;
    }
    let broken = envelope::broken_by_evidence(ledger, &with_own_evidence(ledger, grants, heard));
    for (transfer, opinion) in transfers.iter().zip(&mut opinions) {
        let concerns = |violation: &&Violation| concerns(site, violation, &transfer.grant);
        let found: Vec<Violation> = broken.iter().filter(concerns).cloned().collect();
        if *opinion == Opinion::Agreed && !found.is_empty() {
            *opinion = Opinion::Disputed(Dispute::Limits(found));
        }
    }
    opinions
}

/// Whether the rack may draw what the leader says that it does, or more likely than not will.
fn judge_draw(site: &Site, grant: &Grant, heard: &Heard) -> Opinion {
    let rack = site.rack(grant.rack);
    if grant.risk.present == rack.nameplate && heard.doubts(grant.rack) {
        return Opinion::Unjudged(Gap::MeterDoubted);
    }
    if grant.legs.iter().any(|leg| heard.stored_most(leg.kesm).is_none()) {
        return Opinion::Unjudged(Gap::KesmUnheard);
    }
    let Some(possible) = heard.draw_most(grant.rack) else { return Opinion::Unjudged(Gap::RackUnheard) };
    let claimed = grant.risk.present.max(grant.risk.forecast.peak_p50);
    let most = possible.saturating_add(rack.limit.permille(LOAD_TOLERANCE_PERMILLE));
    if claimed > most { Opinion::Disputed(Dispute::Draw { claimed, most }) } else { Opinion::Agreed }
}

/// The grants as a plan, with this replica's own numbers in place of the leader's. Racks and modules that it does not hear are
/// left at what the leader said of them.
fn with_own_evidence(ledger: &Ledger, grants: Vec<Grant>, heard: &Heard) -> Plan {
    let site = ledger.site();
    let kesms: BTreeSet<KesmId> = grants.iter().flat_map(|grant| &grant.legs).map(|leg| leg.kesm).collect();
    let stored = |kesm: KesmId| {
        let tolerance = site.kesm(kesm).capacity.permille(STORED_TOLERANCE_PERMILLE);
        Some(StoredEnergy { kesm, stored: heard.stored_most(kesm)?.saturating_add(tolerance) })
    };
    let standing = ledger.transfers().map(|transfer| &transfer.grant);
    let racks: BTreeSet<RackId> = standing.chain(&grants).flat_map(|grant| grant.racks(site)).collect();
    let load = |rack: RackId| {
        let tolerance = site.rack(rack).limit.permille(LOAD_TOLERANCE_PERMILLE);
        let (least, heat) = heard.load_least(rack)?;
        let heat_permille = heat.saturating_sub(HEAT_TOLERANCE_PERMILLE);
        Some(RackLoad { rack, peak: least.saturating_sub(tolerance).or_zero(), heat_permille })
    };
    let (stored, loads) =
        (kesms.into_iter().filter_map(stored).collect(), racks.into_iter().filter_map(load).collect());
    Plan { grants, stored, loads, ..Plan::default() }
}

/// Whether a broken limit has to do with this grant.
fn concerns(site: &Site, violation: &Violation, grant: &Grant) -> bool {
    match violation {
        Violation::BelowReserve { kesm, .. } => grant.devices().any(|device| device == DeviceId::Kesm(*kesm)),
        Violation::NotSecure(insecurity) => grant.racks(site).any(|rack| rack == insecurity.rack),
        _ => false,
    }
}
