//! What the leader's control loop decides, with everything that it knows: events in, commands out.
//!
//! ```text
//! telemetry ─observe─┐                   ┌─proposal, outcomes─► entry ─► [raft commits]
//! acks ─────answered─┤                   │                                    │
//! forecasts ─────set─┼────► Control ─────┤                                    │
//! ledger ──────follow┘                   └─send_orders─► [link]               │
//!    ▲                                                                        │
//!    └────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! The caller owns consensus, the link, the forecast and the clock. The same code runs on a node's control thread and
//! in a simulation on virtual time. `now` is always the replica's own monotonic clock in milliseconds.

mod crosschecking;
mod devices;
mod endorsing;
mod leadership;
mod ledger_clock;
mod supervision;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

pub use self::crosschecking::Judgements;
pub use self::leadership::{Duty, Leadership, Standing};

use self::crosschecking::{CrossChecking, Known};
use self::devices::Devices;
use self::endorsing::Endorsing;
use self::ledger_clock::LedgerClock;
use self::supervision::Supervision;
use crate::alarm::{AlarmKey, AlarmNote, AlarmWatch, standing};
use crate::command::{Command, Entry, Founding, Outcome, Plan, Stamp, TimedAck, TransferId};
use crate::crosscheck::Disputed;
use crate::device::{Ack, DeviceId, Fence, Order, Reading, ReplicaId, Setpoint};
use crate::dispatch::{self, InForce};
use crate::envelope::{self, Refusal};
use crate::forecast::RackForecast;
use crate::ledger::{Committed, Ledger};
use crate::planner::{Inputs, Planner};
use crate::trust::Fault;
use crate::units::Millis;
use crate::view::View;

/// What a replica knows and, when it leads, decides.
#[derive(Clone, Debug)]
pub struct Control {
    ledger: Arc<Ledger>,
    clock: LedgerClock,
    view: View,
    devices: Devices,
    forecasts: Vec<RackForecast>,
    row_forecasts: Vec<RackForecast>,
    planner: Planner,
    supervision: Supervision,
    /// Transfers whose outcome is on its way or in the log, so that it is proposed once.
    noted: BTreeSet<TransferId>,
    endorsing: Endorsing,
    crosschecking: CrossChecking,
    alarms: AlarmWatch,
}

impl Control {
    /// A replica that has applied this ledger and heard nothing yet.
    pub fn new(ledger: Arc<Ledger>) -> Self {
        Self {
            clock: LedgerClock::default(),
            view: View::new(ledger.site()),
            devices: Devices::new(ledger.site()),
            forecasts: Vec::new(),
            row_forecasts: Vec::new(),
            planner: Planner::new(ledger.site()),
            supervision: Supervision::new(ledger.site()),
            noted: BTreeSet::new(),
            endorsing: Endorsing::default(),
            crosschecking: CrossChecking::new(&ledger),
            alarms: AlarmWatch::default(),
            ledger,
        }
    }

    /// The newest ledger that was followed.
    pub const fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    /// What was measured.
    pub const fn view(&self) -> &View {
        &self.view
    }

    /// Devices in quarantine, and why.
    pub fn quarantined(&self, now: Millis) -> Vec<(DeviceId, Fault)> {
        self.supervision.all_quarantined(self.ledger.site(), now)
    }

    /// Ledger time at `now`.
    pub fn ledger_at(&self, now: Millis) -> Millis {
        self.clock.at(now)
    }

    /// Takes in a device's telemetry: what it measures, the fence of the last order it accepted, and what is in force
    /// there, nothing while it follows its local safe rule.
    pub fn observe(
        &mut self,
        device: DeviceId,
        reading: Reading,
        fence: Fence,
        in_force: Option<Setpoint>,
        now: Millis,
    ) {
        self.view.observe(self.ledger.site(), device, reading, now);
        self.devices.observe(device, fence, in_force);
    }

    /// Takes in a device's word on an order, what it says is in force after its verdict, and how many microseconds
    /// after the order was sent it came.
    pub fn answered(&mut self, ack: Ack, in_force: Option<Setpoint>, after_us: u32, now: Millis) {
        self.devices.answer(ack, in_force, after_us, now);
    }

    /// Takes in the newest ledger that was applied here.
    pub fn follow(&mut self, ledger: Arc<Ledger>, now: Millis) {
        self.clock.observe(ledger.now(), now);
        if !Arc::ptr_eq(&ledger, &self.ledger) {
            let lives = |id: &TransferId| {
                ledger.transfers().any(|transfer| transfer.id == *id && !transfer.noted)
                    || ledger.closings().iter().any(|closing| closing.transfer == *id)
            };
            self.noted.retain(lives);
            self.ledger = ledger;
        }
    }

    /// This replica begins to act as leader: what stands is sent once more, and answered once more.
    pub fn begin_leadership(&mut self) {
        self.devices.begin_leadership();
        self.alarms.forget();
    }

    /// Takes in this tick's forecasts, one for each rack of the site.
    pub fn set_forecasts(&mut self, forecasts: Vec<RackForecast>) {
        self.forecasts = forecasts;
    }

    /// Takes in this tick's forecasts of whole rows, one for each row of the site.
    pub fn set_row_forecasts(&mut self, forecasts: Vec<RackForecast>) {
        self.row_forecasts = forecasts;
    }

    /// This tick's forecasts, one for each rack; none before the first.
    pub fn forecasts(&self) -> &[RackForecast] {
        &self.forecasts
    }

    /// This tick's forecasts of whole rows; none before the first.
    pub fn row_forecasts(&self) -> &[RackForecast] {
        &self.row_forecasts
    }

    /// Whether the log is bound to a cluster and a site. Until it is, the only proposal is to bind it.
    pub fn is_founded(&self) -> bool {
        self.ledger.founding().is_some()
    }

    /// What a tick of the leader should propose: the founding, a plan, or mostly nothing. A plan that the envelope
    /// refuses comes back as the refusal. Ask only while no earlier proposal of its kind is on its way, for it would
    /// be made again.
    pub fn proposal(&mut self, now: Millis, founding: Founding) -> Option<Result<Command, Refusal>> {
        if !self.is_founded() {
            return Some(Ok(Command::Found(founding)));
        }
        self.supervision.watch(&self.ledger, &self.view, &self.devices, now);
        let plan = self.plan(now).filter(|plan| !plan.is_empty())?;
        let refusal = envelope::admit(&self.ledger.at(self.clock.at(now)), &plan).err();
        Some(refusal.map_or(Ok(Command::Plan(plan)), Err))
    }

    /// The entry by which replica `by` proposes a command at `now`; `wall_unix_ms` is Unix time, for people.
    pub fn entry(&self, command: Command, by: ReplicaId, now: Millis, wall_unix_ms: i64) -> Entry {
        let stamp = Stamp { at: self.clock.at(now), wall_unix_ms };
        Entry { stamp, by, seen: self.ledger.seen(), command }
    }

    /// Hands every committed order that may go now, and has not gone yet, to `send`, with the time for which it is
    /// still valid. `send` says whether it took the order; one that it did not take is offered again.
    pub fn send_orders(&mut self, now: Millis, send: &mut dyn FnMut(&Committed<Order>, Millis) -> bool) {
        let ledger = Arc::clone(&self.ledger);
        let ledger_now = self.clock.at(now);
        for order in ledger.orders() {
            let valid_for = order.get().until.saturating_sub(ledger_now);
            if valid_for > Millis::ZERO && self.may_go(order, now) && send(order, valid_for) {
                self.devices.submitted(order.get(), valid_for, now);
            }
        }
    }

    /// Takes in what consensus says; returns the term that this replica has newly begun to follow in, which devices that
    /// demand the word of two replicas are to hear.
    pub fn follow_standing(&mut self, standing: Standing) -> Option<u64> {
        self.endorsing.follow(standing)
    }

    /// Hands every committed order that this replica has not endorsed yet in its present term to `send`, with the time
    /// for which it is still valid; none while it leads. `send` says whether it took the order. When an order may go is
    /// for the leader to say: an endorsement alone moves nothing. What carries out a transfer that this replica doubts or disputes is
    /// withheld for as long as it does.
    pub fn endorse_orders(&mut self, now: Millis, send: &mut dyn FnMut(&Committed<Order>, Millis) -> bool) {
        let ledger = Arc::clone(&self.ledger);
        let ledger_now = self.clock.at(now);
        for order in ledger.orders() {
            let valid_for = order.get().until.saturating_sub(ledger_now);
            let withheld = || self.crosschecking.withholds(&ledger, order.get().device);
            let due = valid_for > Millis::ZERO && self.endorsing.is_new(order.get()) && !withheld();
            if due && send(order, valid_for) {
                self.endorsing.endorsed(order.get());
            }
        }
    }

    /// Judges by this replica's own numbers the transfers that are new in the ledger; call it before [`Self::endorse_orders`]. A
    /// replica that acts as leader judges nothing.
    pub fn cross_check(&mut self, leads: bool, now: Millis) {
        let ledger = Arc::clone(&self.ledger);
        if leads {
            return self.crosschecking.lead(&ledger);
        }
        let known = Known { ledger: &ledger, view: &self.view, now, ledger_now: self.clock.at(now) };
        self.crosschecking.judge_new(&known);
    }

    /// Takes in what this tick measured and foresaw, whoever leads, and judges again what is doubted or disputed; returns what is
    /// disputed from now on, each once.
    pub fn cross_check_again(&mut self, now: Millis) -> Vec<Disputed> {
        let ledger = Arc::clone(&self.ledger);
        let known = Known { ledger: &ledger, view: &self.view, now, ledger_now: self.clock.at(now) };
        self.crosschecking.note(&known, &self.forecasts, &self.devices);
        self.crosschecking.judge_again(&known)
    }

    /// Whether more transfers are new than one turn judges.
    pub const fn cross_check_goes_on(&self) -> bool {
        self.crosschecking.has_more()
    }

    /// Transfers in force that this replica disputes.
    pub fn disputed(&self) -> impl Iterator<Item = &Disputed> {
        self.crosschecking.disputed()
    }

    /// What has come of all judgements since the start.
    pub const fn judgements(&self) -> Judgements {
        self.crosschecking.judgements()
    }

    /// What devices made of the orders of each transfer, once all of them have answered or one of them has not in time;
    /// the same of those that have ended. Not what is on its way already: tell [`Self::outcome_sent`] once it is.
    pub fn outcomes(&self, now: Millis) -> Vec<Outcome> {
        let open = self.ledger.transfers().filter(|transfer| !transfer.noted);
        let begun = open.map(|transfer| (transfer.id, transfer.devices()));
        let ended = self.ledger.closings().iter();
        let ended = ended.map(|closing| (closing.transfer, closing.devices.iter().copied().collect()));
        let news = begun.chain(ended).filter(|(transfer, _)| !self.noted.contains(transfer));
        news.filter_map(|(transfer, devices)| Some(Outcome { transfer, acks: self.answers_of(&devices, now)? }))
            .collect()
    }

    /// The outcome of this transfer has been proposed.
    pub fn outcome_sent(&mut self, transfer: TransferId) {
        self.noted.insert(transfer);
    }

    /// The proposal of this transfer's outcome has failed: it is made again.
    pub fn outcome_failed(&mut self, transfer: TransferId) {
        self.noted.remove(&transfer);
    }

    /// What the log is to be told of alarms now, if anything; call it every tick while leading and founded, and not while the last note is on
    /// its way. `also` is what only the caller sees.
    pub fn alarm_note(&mut self, now: Millis, also: impl IntoIterator<Item = AlarmKey>) -> Option<AlarmNote> {
        let mut stands = self.with_inputs(now, |inputs| standing(&inputs))?;
        stands.extend(also);
        self.alarms.look(now, self.clock.at(now), self.ledger.alarms(), &stands)
    }

    /// Works with what the planner works with; nothing comes of it without a forecast for every rack.
    pub fn with_inputs<T>(&mut self, now: Millis, work: impl FnOnce(Inputs<'_>) -> T) -> Option<T> {
        self.with_planner(now, |_, inputs| work(inputs))
    }

    fn plan(&mut self, now: Millis) -> Option<Plan> {
        self.with_planner(now, Planner::plan)
    }

    fn with_planner<T>(&mut self, now: Millis, work: impl FnOnce(&mut Planner, Inputs<'_>) -> T) -> Option<T> {
        if self.forecasts.len() != self.ledger.site().racks.len() {
            return None;
        }
        let ledger = self.ledger.as_of(self.clock.at(now));
        let site = self.ledger.site();
        let unable = |device: DeviceId| {
            let slot = site.device_slot(device)?;
            self.view.is_unable(slot, now).then_some(Fault::Unable)
        };
        let fault = |device: DeviceId| {
            let quarantined = self.supervision.quarantined(site, device, now);
            quarantined.or_else(|| self.devices.fault(device, now)).or_else(|| unable(device))
        };
        let inputs = Inputs {
            ledger: &ledger,
            view: &self.view,
            forecasts: &self.forecasts,
            row_forecasts: &self.row_forecasts,
            fault: &fault,
            now,
            ledger_now: self.clock.at(now),
        };
        Some(work(&mut self.planner, inputs))
    }

    fn may_go(&mut self, order: &Committed<Order>, now: Millis) -> bool {
        if !self.devices.is_new(order.get()) {
            return false;
        }
        let waited = self.devices.waited(order.get(), now);
        let in_force = |device: DeviceId| -> InForce { self.devices.in_force(device) };
        dispatch::may_go(&self.ledger, order, waited, &in_force)
    }

    /// The word of these devices on their newest orders, when all have answered, or one is silent.
    fn answers_of(&self, devices: &BTreeSet<DeviceId>, now: Millis) -> Option<Vec<TimedAck>> {
        let orders = devices.iter().filter_map(|device| self.ledger.order(*device)).map(Committed::get);
        let orders: Vec<&Order> = orders.collect();
        let answers: Vec<TimedAck> = orders.iter().filter_map(|order| self.devices.answer_to(order)).collect();
        let all = answers.len() == orders.len();
        let silent = || devices.iter().any(|device| self.devices.fault(*device, now) == Some(Fault::Silent));
        (!answers.is_empty() && (all || silent())).then_some(answers)
    }
}
