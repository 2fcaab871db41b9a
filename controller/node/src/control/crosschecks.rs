//! What this replica tells of transfers that its leader had committed and that its own numbers do not bear out: in words and a
//! count when they come, on the page and in a gauge while they stand.

use std::sync::Arc;
use std::time::Instant;

use metrics::{
    Counter, Gauge, Histogram, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};
use ridethrough_core::control::{Control, Judgements};
use ridethrough_core::crosscheck::Disputed;
use ridethrough_core::site::Site;
use ridethrough_core::units::Millis;
use ridethrough_dashboard::DisputeView;

use super::ControlThread;
use crate::counted::set;

/// The page shows at most so many disputes; the gauge counts all.
const SHOWN_MAX: usize = 64;
/// So many disputes of one tick are told in words; the rest are counted.
const WORDS_MAX: usize = 16;

/// The counters and gauges.
pub struct CrossChecks {
    agreed: Counter,
    unjudged: Counter,
    disputed: Counter,
    standing: Gauge,
    took: Histogram,
    site: Arc<Site>,
}

impl CrossChecks {
    /// Nothing is told yet. Install the recorder of metrics first.
    pub fn new(site: Arc<Site>) -> Self {
        let judged = "ridethrough_transfers_judged_total";
        describe_counter!(judged, "Transfers of another replica that this one judged by its own numbers, by opinion");
        describe_gauge!(
            "ridethrough_transfers_disputed",
            "Transfers in force that this replica's own numbers do not bear out"
        );
        describe_histogram!(
            "ridethrough_transfers_judged_seconds",
            "What judging new transfers took of the control thread"
        );
        Self {
            agreed: counter!(judged, "opinion" => "agreed"),
            unjudged: counter!(judged, "opinion" => "unjudged"),
            disputed: counter!(judged, "opinion" => "disputed"),
            standing: gauge!("ridethrough_transfers_disputed"),
            took: histogram!("ridethrough_transfers_judged_seconds"),
            site,
        }
    }

    fn tell(&self, news: &[Disputed], judgements: Judgements, standing: usize) {
        self.agreed.absolute(judgements.agreed);
        self.unjudged.absolute(judgements.unjudged);
        self.disputed.absolute(judgements.disputed);
        set(&self.standing, standing);
        for one in news.iter().take(WORDS_MAX) {
            let (rack, why) = (&self.site.rack(one.rack).name, one.dispute.describe(&self.site));
            tracing::warn!(transfer = %one.transfer, %rack, about = one.dispute.label(), "DISPUTED transfer: {why}");
        }
        if let Some(more) = news.len().checked_sub(WORDS_MAX).filter(|more| *more > 0) {
            tracing::warn!(more, "DISPUTED transfers that are not listed");
        }
    }
}

impl ControlThread {
    /// Judges what is new in the ledger, before anything of it is endorsed.
    pub(super) fn cross_check(&mut self, now: Millis) {
        let before = self.control.judgements();
        let begun = Instant::now();
        self.control.cross_check(self.leadership.acting().is_some(), now);
        if self.control.judgements() != before {
            self.crosschecks.took.record(begun.elapsed().as_secs_f64());
        }
    }

    /// Judges again what is doubted, now that this tick's forecast is there, and tells what is news.
    pub(super) fn tell_crosschecks(&mut self, now: Millis) {
        let news = self.control.cross_check_again(now);
        self.crosschecks.tell(&news, self.control.judgements(), self.control.disputed().count());
    }
}

/// Disputes as they are shown.
pub fn disputes(control: &Control, site: &Site) -> Vec<DisputeView> {
    let view = |one: &Disputed| DisputeView {
        transfer: one.transfer.to_string(),
        rack: site.rack(one.rack).name.clone(),
        why: one.dispute.describe(site),
    };
    control.disputed().take(SHOWN_MAX).map(view).collect()
}
