//! What was decided lately, for people: read from the ledger as it changes, so that every replica tells it, whoever leads.
//!
//! One row of renewals is one decision. Words are made when something is new and never again; a snapshot shares them.

use std::collections::VecDeque;
use std::sync::Arc;

use ridethrough_core::command::{Outcome, Plan};
use ridethrough_core::device::DeviceId;
use ridethrough_core::ledger::{Cap, FeedMode, Ledger, Transfer};
use ridethrough_core::site::{FeedId, RackId, Site};
use ridethrough_core::units::{Millis, Watts};
use ridethrough_dashboard::{AckView, DecisionView, LegView, RiskView};

use super::publish;

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

fn new(key: &str, kind: &str, what: String, why: String, at: Millis) -> DecisionView {
    DecisionView { key: key.to_owned(), kind: kind.to_owned(), what, why, at_ms: at.get(), ..DecisionView::default() }
}

fn key_of(transfer: &Transfer) -> String {
    format!("transfer {}", transfer.first)
}

fn cap_key(site: &Site, rack: RackId) -> String {
    format!("cap {}", site.rack(rack).name)
}

fn transfer_decision(site: &Site, transfer: &Transfer, ledger: &Ledger, renewed: u32) -> DecisionView {
    let (grant, rack) = (&transfer.grant, site.rack(transfer.grant.rack).name.clone());
    let (peak, limit) = (kilowatts(grant.risk.forecast.peak_p99), kilowatts(grant.risk.limit));
    let legs: Vec<LegView> = grant.legs.iter().map(|leg| publish::leg(site, leg)).collect();
    let sources: Vec<&str> = legs.iter().map(|leg| leg.kesm.as_str()).collect();
    let delivered: Watts = grant.legs.iter().map(|leg| leg.delivered).sum();
    let horizon = grant.risk.forecast.horizon.get() / 1_000;
    let present = kilowatts(grant.risk.present);
    let why = format!("it draws {present}, P99 of the next {horizon} s is {peak}, its limit {limit}");
    let term = grant.legs.first().and_then(|leg| ledger.order(DeviceId::Kesm(leg.kesm))).map(|order| order.get().term);
    let what = format!("{} to rack {rack}, up to {}", sources.join(" + "), kilowatts(delivered));
    DecisionView {
        index: Some(transfer.id.index),
        term,
        id: Some(transfer.id.to_string()),
        renewed,
        state: transfer.phase.as_str().to_owned(),
        rack: Some(rack),
        risk: Some(risk_view(&grant.risk)),
        help_above_watts: Some(grant.help_above.get()),
        legs,
        ..new(&key_of(transfer), "transfer", what, why, transfer.since)
    }
}

fn risk_view(risk: &ridethrough_core::command::Risk) -> RiskView {
    let forecast = &risk.forecast;
    RiskView {
        present_watts: risk.present.get(),
        p50_watts: forecast.p50.get(),
        p99_watts: forecast.p99.get(),
        peak_p50_watts: forecast.peak_p50.get(),
        peak_p99_watts: forecast.peak_p99.get(),
        horizon_ms: forecast.horizon.get(),
        source: forecast.source.to_string(),
        limit_watts: risk.limit.get(),
        margin_watts: risk.margin.get(),
    }
}

/// Watts as people read them.
fn kilowatts(watts: Watts) -> String {
    let tenths = (watts.get() + 50).div_euclid(100);
    format!("{}.{} kW", tenths / 10, (tenths % 10).abs())
}
