//! Which transfers a follower has judged, and which of them it disputes.
//!
//! ```text
//!  new in the ledger ──judged at once──► agreed, or not judged
//!        │                                   ▲
//!        └──► doubted ──judged again after the own next forecast──► disputed ──told once, judged every tick──► settled
//! ```
//!
//! A doubt is not yet a dispute: the leader's forecast may be a tick newer than this replica's.

use std::collections::{BTreeMap, BTreeSet};

use super::devices::Devices;
use super::supervision::Supervision;
use crate::command::TransferId;
use crate::crosscheck::{Disputed, Gap, Heard, LATE_AFTER, Opinion, judge};
use crate::device::DeviceId;
use crate::forecast::RackForecast;
use crate::ledger::{Ledger, Transfer};
use crate::site::Site;
use crate::units::Millis;
use crate::view::View;

/// So many transfers are judged in one turn; the others wait for the next, which comes at once.
const JUDGED_PER_TURN_MAX: usize = 256;

/// What is counted of judgements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Judgements {
    /// Transfers that may be by this replica's own numbers.
    pub agreed: u64,
    /// Transfers of which it did not know enough.
    pub unjudged: u64,
    /// Transfers that it disputed.
    pub disputed: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Stand {
    Closed,
    Doubted,
    Disputed(Disputed),
}

/// What a follower thinks of the transfers in force.
#[derive(Clone, Debug)]
pub struct CrossChecking {
    heard: Heard,
    /// What this replica would hold against devices; only its doubts of meters count here.
    supervision: Supervision,
    stands: BTreeMap<TransferId, Stand>,
    judgements: Judgements,
    has_more: bool,
    /// Index of the ledger that was looked at last, and whether this replica led then.
    looked_at: Option<(u64, bool)>,
}

/// What is known at the moment of a judgement.
pub(super) struct Known<'a> {
    pub(super) ledger: &'a Ledger,
    pub(super) view: &'a View,
    pub(super) now: Millis,
    pub(super) ledger_now: Millis,
}

impl CrossChecking {
    /// What stands in the ledger already is not judged: it was granted when this replica heard nothing.
    pub(super) fn new(ledger: &Ledger) -> Self {
        let stands = ledger.transfers().map(|transfer| (transfer.id, Stand::Closed)).collect();
        let (heard, supervision) = (Heard::new(ledger.site()), Supervision::new(ledger.site()));
        Self { heard, supervision, stands, judgements: Judgements::default(), has_more: false, looked_at: None }
    }

    /// Takes in what is measured and foreseen in this tick.
    pub(super) fn note(&mut self, known: &Known<'_>, forecasts: &[RackForecast], devices: &Devices) {
        let (site, now) = (known.ledger.site(), known.now);
        self.heard.note(known.view, forecasts, now);
        self.supervision.watch(known.ledger, known.view, devices, now);
        for rack in site.rack_ids().filter(|rack| self.supervision.suspects(site, DeviceId::Pdu(*rack), now)) {
            self.heard.note_doubt(rack, now);
        }
    }

    pub(super) const fn judgements(&self) -> Judgements {
        self.judgements
    }

    pub(super) const fn has_more(&self) -> bool {
        self.has_more
    }

    pub(super) fn disputed(&self) -> impl Iterator<Item = &Disputed> {
        self.stands.values().filter_map(|stand| match stand {
            Stand::Disputed(disputed) => Some(disputed),
            Stand::Closed | Stand::Doubted => None,
        })
    }

    /// Whether an order to this device carries out something that is doubted or disputed.
    pub(super) fn withholds(&self, ledger: &Ledger, device: DeviceId) -> bool {
        let open = |transfer: &&Transfer| !matches!(self.stands.get(&transfer.id), Some(Stand::Closed) | None);
        let unjudged = |transfer: &&Transfer| self.has_more && !self.stands.contains_key(&transfer.id);
        ledger
            .transfers()
            .filter(|transfer| open(transfer) || unjudged(transfer))
            .any(|transfer| transfer.grant.devices().any(|used| used == device))
    }

    /// A leader's own transfers are not judged, and what it disputed before is its own to mend.
    pub(super) fn lead(&mut self, ledger: &Ledger) {
        if !self.is_news(ledger, true) {
            return;
        }
        self.stands = ledger.transfers().map(|transfer| (transfer.id, Stand::Closed)).collect();
        self.has_more = false;
    }

    /// Judges what is new.
    pub(super) fn judge_new(&mut self, known: &Known<'_>) {
        if !self.is_news(known.ledger, false) && !self.has_more {
            return;
        }
        let standing: BTreeSet<TransferId> = known.ledger.transfers().map(|transfer| transfer.id).collect();
        self.stands.retain(|id, _| standing.contains(id));
        let new: Vec<&Transfer> =
            known.ledger.transfers().filter(|transfer| !self.stands.contains_key(&transfer.id)).collect();
        self.has_more = new.len() > JUDGED_PER_TURN_MAX;
        for (transfer, opinion) in self.opinions(known, &new[..new.len().min(JUDGED_PER_TURN_MAX)]) {
            let opinion = if is_late(transfer, known.ledger_now) { Opinion::Unjudged(Gap::Late) } else { opinion };
            let stand = if matches!(opinion, Opinion::Disputed(_)) { Stand::Doubted } else { Stand::Closed };
            self.judgements.count(&opinion);
            self.stands.insert(transfer.id, stand);
        }
    }

    /// Judges again what is doubted or disputed, now that this tick's forecast is there; returns what is disputed from now on.
    pub(super) fn judge_again(&mut self, known: &Known<'_>) -> Vec<Disputed> {
        let open = |transfer: &&Transfer| !matches!(self.stands.get(&transfer.id), Some(Stand::Closed) | None);
        let open: Vec<&Transfer> = known.ledger.transfers().filter(open).take(JUDGED_PER_TURN_MAX).collect();
        let mut news = Vec::new();
        for (transfer, opinion) in self.opinions(known, &open) {
            let doubted = self.stands.get(&transfer.id) == Some(&Stand::Doubted);
            let stand = match opinion {
                Opinion::Disputed(dispute) => {
                    let disputed = Disputed { transfer: transfer.id, rack: transfer.grant.rack, dispute };
                    if doubted {
                        self.judgements.disputed += 1;
                        news.push(disputed.clone());
                    }
                    Stand::Disputed(disputed)
                }
                ref settled if doubted => {
                    self.judgements.count(settled);
                    Stand::Closed
                }
                _ => Stand::Closed,
            };
            self.stands.insert(transfer.id, stand);
        }
        news
    }

    /// Whether this ledger was not looked at yet in this role. The thread turns more often than anything is committed.
    fn is_news(&mut self, ledger: &Ledger, leads: bool) -> bool {
        let looked_at = Some((ledger.seen().index, leads));
        std::mem::replace(&mut self.looked_at, looked_at) != looked_at
    }

    /// Opinions by the newest readings of what is concerned.
    fn opinions<'t>(&mut self, known: &Known<'_>, transfers: &[&'t Transfer]) -> Vec<(&'t Transfer, Opinion)> {
        if transfers.is_empty() {
            return Vec::new();
        }
        let site: &Site = known.ledger.site();
        for grant in transfers.iter().map(|transfer| &transfer.grant) {
            grant.racks(site).for_each(|rack| self.heard.note_rack(rack, known.view, known.now));
            grant.legs.iter().for_each(|leg| self.heard.note_kesm(leg.kesm, known.view, known.now));
        }
        let opinions = judge(&known.ledger.at(known.ledger_now), transfers, &self.heard);
        transfers.iter().copied().zip(opinions).collect()
    }
}

impl Judgements {
    fn count(&mut self, opinion: &Opinion) {
        match opinion {
            Opinion::Agreed => self.agreed += 1,
            Opinion::Unjudged(_) => self.unjudged += 1,
            // Counted when the doubt has become a dispute.
            Opinion::Disputed(_) => {}
        }
    }
}

fn is_late(transfer: &Transfer, ledger_now: Millis) -> bool {
    let granted = transfer.until.saturating_sub(transfer.grant.hold);
    ledger_now.saturating_sub(granted) > LATE_AFTER
}

#[cfg(test)]
mod tests;
