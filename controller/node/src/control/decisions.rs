//! What was decided lately, for people: read from the ledger as it changes, so that every replica tells it, whoever leads.
//!
//! One row of renewals is one decision. Words are made when something is new and never again; a snapshot shares them.

mod view;

use std::collections::VecDeque;
use std::sync::Arc;

use ridethrough_core::command::{Outcome, Plan};
use ridethrough_core::device::DeviceId;
use ridethrough_core::ledger::{Cap, FeedMode, Ledger, Transfer};
use ridethrough_core::site::{FeedId, RackId, Site};
use ridethrough_core::units::Millis;
use ridethrough_dashboard::{AckView, DecisionView};

use self::view::{cap_key, key_of, kilowatts, new, risk_view, transfer_decision};

/// So many are told.
const DECISIONS_MAX: usize = 32;
/// How one that has ended begins to say so. One that stands and is pushed out by others is told again when it is renewed.
const ENDED: &str = "ended";

/// The newest decisions.
pub struct Decisions {
    site: Arc<Site>,
    /// The ledger that was last looked at; none before the first.
    last: Option<Arc<Ledger>>,
    told: VecDeque<Arc<DecisionView>>,
}

impl Decisions {
    /// Nothing is decided yet.
    pub const fn new(site: Arc<Site>) -> Self {
        Self { site, last: None, told: VecDeque::new() }
    }

    /// The newest, the newest last.
    pub fn told(&self) -> Vec<Arc<DecisionView>> {
        self.told.iter().cloned().collect()
    }

    /// Takes in what has changed in the ledger. Costs a look at a pointer when nothing has.
    pub fn follow(&mut self, ledger: &Arc<Ledger>) {
        if self.last.as_ref().is_some_and(|last| Arc::ptr_eq(last, ledger)) {
            return;
        }
        // At first everything that stands is news.
        let nothing = || Arc::new(Ledger::new(Arc::clone(&self.site)));
        let before = self.last.replace(Arc::clone(ledger)).unwrap_or_else(nothing);
        self.follow_transfers(&before, ledger);
        self.follow_caps(&before, ledger);
        for feed in self.site.feed_ids() {
            let mode = ledger.mode(feed);
            if mode != before.mode(feed) {
                self.tell_mode(feed, mode, ledger);
            }
        }
        self.follow_operators(&before, ledger);
    }

    /// A plan that was refused, before it was proposed or at apply.
    pub fn refused(&mut self, why: String, index: Option<u64>, at: Millis) {
        self.again_or_new("refusal", || String::from("a plan was refused whole"), why, index, at);
    }

    /// What a plan could not cover.
    pub fn short(&mut self, plan: &Plan, at: Millis) {
        for one in &plan.shortfalls {
            let rack = self.site.rack(one.rack).name.clone();
            let what = || format!("{} of rack {rack} not covered", kilowatts(one.uncovered));
            let key = format!("shortfall {rack}");
            if let Some(place) = self.find(&key) {
                self.change(place, |told| (told.what, told.renewed) = (what(), told.renewed + 1));
            } else {
                let why = String::from("no module can reach it with enough power or energy");
                let risk = Some(risk_view(&one.risk));
                self.push(DecisionView { risk, rack: Some(rack.clone()), ..new(&key, "shortfall", what(), why, at) });
            }
        }
    }

    /// What devices said to the orders of a transfer: only the leader hears it.
    pub fn note(&mut self, outcome: &Outcome) {
        let id = outcome.transfer.to_string();
        let Some(place) = self.told.iter().rposition(|told| told.id.as_ref() == Some(&id)) else { return };
        let acks = outcome.acks.iter().map(|timed| AckView {
            device: self.site.device_name(timed.ack.device),
            verdict: timed.ack.verdict.as_str().to_owned(),
            after_us: timed.after_us,
        });
        let acks = acks.collect();
        self.change(place, |told| told.acks = acks);
    }

    fn follow_transfers(&mut self, before: &Ledger, ledger: &Ledger) {
        for transfer in before.transfers() {
            let goes_on = |now: &Transfer| now.first == transfer.first;
            if !ledger.transfer(transfer.grant.rack).is_some_and(goes_on) {
                self.tell_end(transfer, ledger);
            }
        }
        for transfer in ledger.transfers() {
            let was = before.transfer(transfer.grant.rack).filter(|was| was.id == transfer.id);
            match was {
                Some(was) if was.phase == transfer.phase => {}
                Some(_) => {
                    if let Some(place) = self.find(&key_of(transfer)) {
                        self.change(place, |told| transfer.phase.as_str().clone_into(&mut told.state));
                    }
                }
                None => self.tell_transfer(transfer, ledger),
            }
        }
    }

    fn tell_transfer(&mut self, transfer: &Transfer, ledger: &Ledger) {
        let key = key_of(transfer);
        let renewed = self.find(&key).map(|place| (place, self.told[place].renewed + 1));
        let view = transfer_decision(&self.site, transfer, ledger, renewed.map_or(0, |(_, times)| times));
        match renewed {
            Some((place, _)) => self.told[place] = Arc::new(view),
            None => self.push(view),
        }
    }

    fn tell_end(&mut self, transfer: &Transfer, ledger: &Ledger) {
        let Some(place) = self.find(&key_of(transfer)) else { return };
        let closing = ledger.closings().iter().find(|closing| closing.transfer == transfer.id);
        let expired = transfer.until <= ledger.now();
        let state = match closing {
            Some(closing) => format!("{ENDED}: {}", closing.reason.as_str()),
            None if expired => format!("{ENDED}: nobody renewed it"),
            None => format!("{ENDED}; `ridectl audit explain {}` tells why", transfer.id),
        };
        let at = ledger.now().get();
        self.change(place, |told| (told.state, told.ended_ms) = (state, Some(at)));
    }

    fn follow_caps(&mut self, before: &Ledger, ledger: &Ledger) {
        for (rack, _) in before.caps() {
            if ledger.cap(rack).is_none()
                && let Some(place) = self.standing(&cap_key(&self.site, rack))
            {
                let at = ledger.now().get();
                let state = String::from("lifted");
                self.change(place, |told| (told.state, told.ended_ms) = (state, Some(at)));
            }
        }
        for (rack, cap) in ledger.caps() {
            let same = |was: &Cap| (was.cap, was.keep_tiers, was.reason) == (cap.cap, cap.keep_tiers, cap.reason);
            if !before.cap(rack).is_some_and(same) {
                self.tell_cap(rack, cap, ledger);
            }
        }
    }

    fn tell_cap(&mut self, rack: RackId, cap: &Cap, ledger: &Ledger) {
        let (name, key) = (self.site.rack(rack).name.clone(), cap_key(&self.site, rack));
        let tiers = cap.keep_tiers;
        let what = format!("rack {name} capped at {}, servers above tier {tiers} shut down", kilowatts(cap.cap));
        let why = cap.reason.as_str().to_owned();
        let order = ledger.order(DeviceId::Pdu(rack)).map(|order| (order.get().index, order.get().term));
        let (index, term) = order.unzip();
        if let Some(place) = self.standing(&key) {
            let change = |told: &mut DecisionView| {
                (told.what, told.why, told.renewed) = (what, why, told.renewed + 1);
                (told.index, told.term) = (index, term);
            };
            return self.change(place, change);
        }
        let state = String::from("in force");
        let view = DecisionView { state, rack: Some(name), index, term, ..new(&key, "cap", what, why, ledger.now()) };
        self.push(view);
    }

    fn tell_mode(&mut self, feed: FeedId, mode: FeedMode, ledger: &Ledger) {
        let name = &self.site.feeds[feed.index()].name;
        let what = format!("feed {name} goes to {}", mode.mode);
        let why = mode.reason.map(|reason| reason.to_string()).unwrap_or_default();
        let key = format!("mode {name} {}", mode.since.get());
        let index = Some(ledger.seen().index);
        self.push(DecisionView { index, ..new(&key, "mode", what, why, mode.since) });
    }

    fn follow_operators(&mut self, before: &Ledger, ledger: &Ledger) {
        if ledger.is_manual() != before.is_manual() {
            let what =
                if ledger.is_manual() { "an operator took over the whole site" } else { "the controller plans again" };
            self.tell_operator(what.to_owned(), ledger);
        }
        for device in ledger.held().filter(|device| !before.is_held(*device)) {
            self.tell_operator(format!("{} is left alone", self.site.device_name(device)), ledger);
        }
        for device in before.held().filter(|device| !ledger.is_held(*device)) {
            self.tell_operator(format!("{} may be planned with again", self.site.device_name(device)), ledger);
        }
    }

    fn tell_operator(&mut self, what: String, ledger: &Ledger) {
        let index = ledger.seen().index;
        let why = format!("an operator asked for it; `ridectl audit show {index}` tells who and why");
        let key = format!("hold {index} {what}");
        self.push(DecisionView { index: Some(index), ..new(&key, "hold", what, why, ledger.now()) });
    }

    /// The same word again counts; another one is told anew.
    fn again_or_new(&mut self, kind: &str, what: impl FnOnce() -> String, why: String, index: Option<u64>, at: Millis) {
        let last = self.told.iter().rposition(|told| told.kind == kind).filter(|place| self.told[*place].why == why);
        if let Some(place) = last {
            return self.change(place, |told| (told.renewed, told.index) = (told.renewed + 1, index));
        }
        let key = format!("{kind} {}", at.get());
        self.push(DecisionView { index, ..new(&key, kind, what(), why, at) });
    }

    fn find(&self, key: &str) -> Option<usize> {
        self.told.iter().rposition(|told| told.key == key)
    }

    /// The same among those that have not ended.
    fn standing(&self, key: &str) -> Option<usize> {
        self.find(key).filter(|place| self.told[*place].ended_ms.is_none())
    }

    fn change(&mut self, place: usize, change: impl FnOnce(&mut DecisionView)) {
        if let Some(told) = self.told.get_mut(place) {
            change(Arc::make_mut(told));
        }
    }

    fn push(&mut self, view: DecisionView) {
        if self.told.len() == DECISIONS_MAX {
            self.told.pop_front();
        }
        self.told.push_back(Arc::new(view));
    }
}

#[cfg(test)]
mod tests {
    use ridethrough_core::command::{CapReason, Grant, Leg, ReleaseReason, Risk, Seen, TimedAck, TransferId};
    use ridethrough_core::device::{Ack, Fence, Verdict};
    use ridethrough_core::forecast::{ForecastSource, RackForecast, RuleReason};
    use ridethrough_core::ledger::{Closing, Parts, Phase};
    use ridethrough_core::mode::{Mode, ModeReason};
    use ridethrough_core::site::KesmId;
    use ridethrough_core::units::Watts;

    use super::*;

    fn site() -> Arc<Site> {
        let text = include_str!("../../../../fault-injection/scenarios/demo/site.toml");
        Arc::new(Site::parse("site.toml", text).expect("the demo's site is good"))
    }

    fn transfer(index: u64, first: u64, phase: Phase) -> Transfer {
        let watts = Watts::new(40_260);
        let forecast = RackForecast::flat(watts, Millis::seconds(30), ForecastSource::Rule(RuleReason::NoModel));
        let risk = Risk { present: Watts::new(26_500), forecast, limit: Watts::new(24_000), margin: Watts::new(1_200) };
        let (supplied, delivered) = (Watts::new(13_900), Watts::new(13_500));
        let legs = vec![Leg { kesm: KesmId(0), path: Vec::new(), supplied, delivered }];
        let hold = Millis::seconds(8);
        let grant = Grant { rack: RackId(1), legs, help_above: Watts::new(22_800), risk, hold };
        let name = |index| TransferId { index, nth: 0 };
        let since = Millis::seconds(5);
        Transfer { id: name(index), first: name(first), since, grant, until: Millis::seconds(99), phase, noted: false }
    }

    fn ledger(site: &Arc<Site>, parts: Parts) -> Arc<Ledger> {
        Arc::new(Ledger::from_parts(Arc::clone(site), parts))
    }

    fn at(index: u64) -> Parts {
        Parts { now: Millis::seconds(10), last: Seen { index, hash: [0; 32] }, ..Parts::default() }
    }

    #[test]
    fn a_transfer_is_one_decision_from_its_first_entry_to_its_end() {
        let site = site();
        let mut decisions = Decisions::new(Arc::clone(&site));
        let with = |index, phase| Parts { transfers: vec![transfer(index, 29, phase)], ..at(index) };
        decisions.follow(&ledger(&site, with(29, Phase::Supplying)));
        let told = decisions.told();
        assert_eq!((told.len(), told[0].what.as_str()), (1, "K1 to rack A2, up to 13.5 kW"));
        assert_eq!(told[0].why, "it draws 26.5 kW, P99 of the next 30 s is 40.3 kW, its limit 24.0 kW");
        assert_eq!((told[0].state.as_str(), told[0].at_ms, told[0].id.as_deref()), ("supplying", 5_000, Some("29.0")));
        decisions.follow(&ledger(&site, with(29, Phase::Held)));
        assert_eq!((decisions.told()[0].state.as_str(), decisions.told()[0].renewed), ("held", 0));
        assert_eq!(told[0].state, "supplying", "what was published stays as it was");
        decisions.follow(&ledger(&site, with(33, Phase::Held)));
        let renewed = decisions.told();
        assert_eq!((renewed.len(), renewed[0].renewed, renewed[0].id.as_deref()), (1, 1, Some("33.0")));
        let (id, rack, until) = (TransferId { index: 33, nth: 0 }, RackId(1), Millis::seconds(99));
        let closing = Closing { transfer: id, rack, reason: ReleaseReason::ForecastFell, devices: Vec::new(), until };
        decisions.follow(&ledger(&site, Parts { closings: vec![closing], ..at(40) }));
        let ended = decisions.told();
        assert_eq!(ended[0].state, "ended: the forecast fell and stayed low");
        assert_eq!(ended[0].ended_ms, Some(10_000));
    }

    #[test]
    fn caps_modes_and_operators_are_told_once_each() {
        let site = site();
        let mut decisions = Decisions::new(Arc::clone(&site));
        decisions.follow(&ledger(&site, at(1)));
        let (since, until, reason) = (Millis::seconds(9), Millis::seconds(99), CapReason::GeneratorFull);
        let cap = |watts| Cap { cap: Watts::new(watts), keep_tiers: 3, reason, since, until };
        let mode = FeedMode { mode: Mode::RideThrough, since, reason: Some(ModeReason::GeneratorLost) };
        let with = |watts| Parts {
            caps: vec![(RackId(1), cap(watts))],
            modes: vec![(FeedId(0), mode)],
            held: vec![DeviceId::Kesm(KesmId(0))],
            ..at(2)
        };
        decisions.follow(&ledger(&site, with(18_000)));
        decisions.follow(&ledger(&site, with(17_000)));
        decisions.follow(&ledger(&site, at(3)));
        let told = decisions.told();
        let words: Vec<&str> = told.iter().map(|told| told.what.as_str()).collect();
        let cap = "rack A2 capped at 17.0 kW, servers above tier 3 shut down";
        let mode = "feed utility goes to ride-through";
        assert_eq!(
            words,
            [cap, mode, "kesm K1 is left alone", "feed utility goes to normal", "kesm K1 may be planned with again"]
        );
        assert_eq!((told[0].renewed, told[0].state.as_str(), told[0].why.as_str()), (1, "lifted", reason.as_str()));
        assert_eq!(told[1].why, ModeReason::GeneratorLost.to_string());
    }

    #[test]
    fn the_same_refusal_again_counts_and_only_so_many_are_remembered() {
        let mut decisions = Decisions::new(site());
        decisions.refused("K1 below its reserve".into(), None, Millis::seconds(1));
        decisions.refused("K1 below its reserve".into(), Some(7), Millis::seconds(2));
        let told = decisions.told();
        assert_eq!((told.len(), told[0].renewed, told[0].index), (1, 1, Some(7)));
        for nth in 0..40 {
            decisions.refused(format!("another {nth}"), None, Millis::seconds(3 + nth));
        }
        assert_eq!(decisions.told().len(), DECISIONS_MAX);
        assert!(decisions.told().iter().all(|told| told.why.starts_with("another")), "the oldest went");
    }

    #[test]
    fn what_devices_said_is_told_with_their_transfer() {
        let site = site();
        let mut decisions = Decisions::new(Arc::clone(&site));
        decisions.follow(&ledger(&site, Parts { transfers: vec![transfer(29, 29, Phase::Held)], ..at(29) }));
        let device = DeviceId::Kesm(KesmId(0));
        let fence = Fence { term: 2, index: 29 };
        let ack = Ack { device, fence, verdict: Verdict::Executed, device_at: Millis::ZERO };
        let acks = vec![TimedAck { ack, after_us: 540 }];
        decisions.note(&Outcome { transfer: TransferId { index: 29, nth: 0 }, acks });
        let told = decisions.told();
        assert_eq!((told[0].acks[0].device.as_str(), told[0].acks[0].after_us), ("kesm K1", 540));
    }
}
