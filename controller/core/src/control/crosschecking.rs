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
mod tests {
    use super::*;
    use crate::example::{World, forecast};
    use crate::ledger::Effect;
    use crate::site::{KesmId, RackId};

    /// The rack that is helped, from K0 over two ties.
    const RACK: usize = 2;
    const SOURCE: DeviceId = DeviceId::Kesm(KesmId(0));

    /// A leader that foresees 32 kW at R2, and a follower that has heard the site for over a minute and foresees 10 kW.
    struct Both {
        world: World,
        follower: CrossChecking,
        devices: Devices,
        own: Vec<RackForecast>,
    }

    impl Both {
        fn new() -> Self {
            let world = World::new();
            let (follower, devices) = (CrossChecking::new(&world.ledger), Devices::new(world.ledger.site()));
            let mut both = Self { own: world.forecasts.clone(), world, follower, devices };
            for _ in 0..=61 {
                both.tick(1_000);
            }
            both.world.forecasts[RACK] = forecast(32_000);
            assert!(matches!(both.world.tick(), Some(Effect::Admitted { .. })));
            both
        }

        /// A tick of the follower, so much later; returns what it disputes from then on.
        fn tick(&mut self, span: i64) -> Vec<Disputed> {
            self.world.pass(span);
            let known = known(&self.world);
            self.follower.note(&known, &self.own, &self.devices);
            self.follower.judge_again(&known)
        }

        fn hears_of_it(&mut self) {
            self.follower.judge_new(&known(&self.world));
        }

        fn withholds(&self) -> bool {
            self.follower.withholds(&self.world.ledger, SOURCE)
        }
    }

    fn known(world: &World) -> Known<'_> {
        Known { ledger: &world.ledger, view: &world.view, now: world.now, ledger_now: world.now }
    }

    #[test]
    fn a_doubt_that_stands_after_the_own_next_forecast_is_a_dispute_and_told_once() {
        let mut both = Both::new();
        both.hears_of_it();
        assert!(both.withholds() && both.follower.disputed().next().is_none(), "a doubt");
        let told = both.tick(100);
        let transfer = both.world.ledger.transfer(RackId(2)).expect("granted").id;
        assert!(matches!(&told[..], [one] if one.transfer == transfer && one.rack == RackId(2)), "{told:?}");
        assert_eq!(both.tick(100), [], "told once");
        assert!(both.withholds() && both.follower.disputed().count() == 1);
        both.own[RACK] = forecast(31_000);
        assert_eq!(both.tick(100), []);
        assert!(!both.withholds() && both.follower.disputed().next().is_none(), "it is settled");
        assert_eq!(both.follower.judgements(), Judgements { disputed: 1, ..Judgements::default() });
    }

    #[test]
    fn a_forecast_that_is_a_tick_behind_the_leaders_disputes_nothing() {
        let mut both = Both::new();
        both.hears_of_it();
        assert!(both.withholds());
        assert!(!both.follower.withholds(&both.world.ledger, DeviceId::Kesm(KesmId(1))), "it has no part in it");
        both.own[RACK] = forecast(32_000);
        assert_eq!(both.tick(100), []);
        assert!(!both.withholds());
        assert_eq!(both.follower.judgements(), Judgements { agreed: 1, ..Judgements::default() });
    }

    #[test]
    fn what_is_heard_of_late_or_was_there_at_the_start_or_is_its_own_is_not_judged() {
        let mut both = Both::new();
        both.world.pass(LATE_AFTER.get() + 1);
        both.hears_of_it();
        assert!(!both.withholds());
        assert_eq!(both.follower.judgements(), Judgements { unjudged: 1, ..Judgements::default() });
        let mut started = CrossChecking::new(&both.world.ledger);
        started.judge_new(&known(&both.world));
        assert_eq!(started.judgements(), Judgements::default());
        let mut leads = Both::new();
        leads.follower.lead(&leads.world.ledger);
        leads.hears_of_it();
        assert!(!leads.withholds());
        assert_eq!(leads.follower.judgements(), Judgements::default());
    }

    #[test]
    fn what_has_ended_is_disputed_no_more() {
        let mut both = Both::new();
        both.hears_of_it();
        assert_eq!(both.tick(100).len(), 1);
        both.world.pass(9_000);
        both.world.ledger = both.world.ledger.at(both.world.now);
        both.world.commit(crate::command::Command::Plan(crate::command::Plan::default()));
        both.hears_of_it();
        assert!(both.follower.disputed().next().is_none() && !both.withholds());
    }

    #[test]
    fn what_is_heard_of_just_in_time_is_judged() {
        let mut both = Both::new();
        both.world.pass(LATE_AFTER.get());
        both.hears_of_it();
        assert!(both.withholds());
    }

    /// A row of so many racks, each with a module of its own.
    fn large_site(racks: usize) -> std::sync::Arc<Site> {
        let mut text = String::from(
            "name = 'large'\n[policy]\ntick_ms = 100\nmargin_permille = 50\ntransfer_hold_ms = 8000\nlease_ms = 1500\n\
             stale_after_ms = 500\nbranch_drop_permille = 30\npath_drop_permille = 50\n\
             [[feed]]\nid = 'u'\nlimit_watts = 9000000\n\
             [[row]]\nid = 'A'\nfeed = 'u'\nlimit_watts = 9000000\nbus_volts = 800\n",
        );
        for rack in 0..racks {
            text += &format!(
                "[[rack]]\nid = 'R{rack}'\nrow = 'A'\nlimit_watts = 24000\n\
                 [[server]]\nid = 'S{rack}'\nrack = 'R{rack}'\nrated_watts = 21000\n\
                 [[server]]\nid = 'Z{rack}'\nrack = 'R{rack}'\nrated_watts = 21000\n\
                 [[kesm]]\nid = 'K{rack}'\nrack = 'R{rack}'\nrated_watts = 50000\ncharge_rated_watts = 15000\n\
                 capacity_joules = 2000000\nreserve_joules = 600000\n"
            );
        }
        std::sync::Arc::new(Site::parse("large.toml", &text).expect("a good site"))
    }

    #[test]
    fn what_one_turn_does_not_judge_is_withheld_until_the_next_does() {
        let mut world = World::of(&large_site(JUDGED_PER_TURN_MAX + 1));
        let mut follower = CrossChecking::new(&world.ledger);
        let mut replica = super::super::Control::new(std::sync::Arc::new(world.ledger.clone()));
        world.forecasts.fill(forecast(30_000));
        assert!(matches!(world.tick(), Some(Effect::Admitted { .. })));
        assert_eq!(world.ledger.transfers().count(), JUDGED_PER_TURN_MAX + 1);
        let last = u16::try_from(JUDGED_PER_TURN_MAX).expect("few");
        let withheld = |follower: &CrossChecking, kesm| follower.withholds(&world.ledger, DeviceId::Kesm(KesmId(kesm)));
        assert!(!withheld(&follower, 0), "what was not looked at yet is nobody's doubt");
        follower.judge_new(&known(&world));
        assert!(follower.has_more() && withheld(&follower, last) && !withheld(&follower, 0));
        assert_eq!(follower.judgements().unjudged, 256);
        follower.judge_new(&known(&world));
        assert!(!follower.has_more() && !withheld(&follower, last));
        assert_eq!(follower.judgements().unjudged, 257);
        replica.follow(std::sync::Arc::new(world.ledger.clone()), world.now);
        replica.cross_check(false, world.now);
        assert!(replica.cross_check_goes_on(), "whoever turns is told to turn again at once");
        replica.cross_check(false, world.now);
        assert!(!replica.cross_check_goes_on());
        let mut world = World::of(&large_site(JUDGED_PER_TURN_MAX));
        let mut follower = CrossChecking::new(&world.ledger);
        world.forecasts.fill(forecast(30_000));
        world.tick();
        follower.judge_new(&known(&world));
        assert!(!follower.has_more(), "all fit into one turn");
    }
}
