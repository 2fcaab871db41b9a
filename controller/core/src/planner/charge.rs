//! Leave for flywheels to spin up, from headroom that nobody is expected to need.

use super::{Draft, Verdict};
use crate::command::ChargeGrant;
use crate::site::{KesmId, RowId, Site};
use crate::units::{Millis, Watts};

/// A module below this share of its capacity is charged.
const FULL_PERMILLE: i64 = 980;
/// So long is a leave to charge.
const HOLD: Millis = Millis::seconds(20);
/// A leave is renewed when less than this is left.
const RENEW: Millis = Millis::seconds(8);
/// Less headroom than this is not worth an entry.
const LEAST: Watts = Watts::new(1_000);

/// Adds the charges that fit under the limits of racks, rows and feeds. The device itself fills only what lies below
/// its rack's hold, so a load that rises in the meantime ends the charging at once.
pub(super) fn allow(draft: &mut Draft<'_>, verdicts: &[Verdict]) {
    let site = draft.inputs.ledger.site();
    let mut room: Vec<Watts> = (0..site.rows.len()).map(|row| row_headroom(draft, verdicts, row)).collect();
    for kesm in site.kesm_ids() {
        let row = site.rack(site.kesm(kesm).rack).row.index();
        let Some(charge_max) = wish(draft, verdicts, kesm).map(|wish| wish.min(room[row])) else { continue };
        let charge_max = Watts::new(charge_max.get() / LEAST.get() * LEAST.get());
        if charge_max >= LEAST {
            room[row] = room[row].saturating_sub(charge_max);
            draft.plan.charges.push(ChargeGrant { kesm, charge_max, hold: HOLD });
        }
    }
}

/// What a module should be allowed, when it is not full, not needed and not allowed already.
fn wish(draft: &Draft<'_>, verdicts: &[Verdict], kesm: KesmId) -> Option<Watts> {
    let inputs = &draft.inputs;
    let module = inputs.ledger.site().kesm(kesm);
    let stored = inputs.view.stored(kesm, inputs.now)?;
    let full = i128::from(stored.get()) * 1_000 >= i128::from(module.capacity.get()) * i128::from(FULL_PERMILLE);
    let allowed =
        inputs.ledger.charge(kesm).is_some_and(|charge| charge.until.saturating_sub(inputs.ledger_now) > RENEW);
    // A transfer that ends with this very plan still counts: its source charges from the next tick on.
    let supplying = draft.usage.kesms.contains_key(&kesm)
        || inputs.ledger.transfers().flat_map(|transfer| &transfer.grant.legs).any(|leg| leg.kesm == kesm);
    if full || allowed || supplying || (inputs.excluded)(kesm) {
        return None;
    }
    let verdict = &verdicts[module.rack.index()];
    let headroom = inputs.ledger.site().hold(module.rack).saturating_sub(verdict.peak).or_zero();
    Some(headroom.min(module.charge_rated))
}

/// What the row's feeder, and the feed's share of it, leave once every rack takes its peak (at most its limit) and
/// every charge already allowed is drawn.
fn row_headroom(draft: &Draft<'_>, verdicts: &[Verdict], row: usize) -> Watts {
    let site = draft.inputs.ledger.site();
    let feed = site.rows[row].feed;
    let own = site.rows[row].limit.saturating_sub(taken(draft, verdicts, |other| other.index() == row));
    let rows_on_feed = site.rows.iter().filter(|other| other.feed == feed).count().max(1);
    let on_feed = taken(draft, verdicts, |other| site.rows[other.index()].feed == feed);
    let feed_left = site.feeds[feed.index()].limit.saturating_sub(on_feed);
    let share = Watts::new(feed_left.get() / i64::try_from(rows_on_feed).unwrap_or(1));
    own.min(share).or_zero()
}

fn taken(draft: &Draft<'_>, verdicts: &[Verdict], counts: impl Fn(RowId) -> bool) -> Watts {
    let ledger = draft.inputs.ledger;
    let site: &Site = ledger.site();
    let racks = verdicts.iter().filter(|verdict| counts(site.rack(verdict.rack).row));
    let drawn: Watts = racks.map(|verdict| verdict.peak.min(site.rack(verdict.rack).limit)).sum();
    let charging = site.kesm_ids().filter(|&kesm| counts(site.rack(site.kesm(kesm).rack).row));
    let charged: Watts = charging.filter_map(|kesm| ledger.charge(kesm)).map(|charge| charge.charge_max).sum();
    drawn.saturating_add(charged)
}
