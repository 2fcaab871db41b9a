//! One byte string for one value, so that a state hash means the same on every replica and for every auditor.
//! It is hashed and never decoded; what is stored and sent has its own codec.

use std::net::IpAddr;

use sha2::{Digest, Sha256};

use crate::alarm::{AlarmKey, AlarmKind, AlarmNote, Subject};
use crate::command::{
    Action, CapGrant, CapReason, Command, Entry, Grant, Hop, Leg, ModeChange, Operation, Outcome, Plan, Position,
    RackLoad, ReleaseReason, Risk, StoredEnergy,
};
use crate::device::{Direction, GeneratorDuty, Order, Setpoint, Verdict};
use crate::drill::{DrillNote, DrillStage};
use crate::fallback::{ForecastNote, Part};
use crate::forecast::{Engine, ForecastSource, RackForecast, RuleReason};
use crate::members::MemberChange;
use crate::mode::{Mode, ModeReason};
use crate::model::{ModelAction, ModelFault, ModelId, Models};
use crate::request::RequestId;
use crate::units::Millis;

/// Comes before what makes the planner act, where that is not what it covers.
const TRIGGER: &[u8] = b"trigger of a forecast";
/// Comes before a request's number, where it has one.
const REQUEST: &[u8] = b"number of a request";

/// Feeds values to a hash, every field at fixed width, every list with its length first.
pub(crate) struct Canon(Sha256);

impl Canon {
    /// Begins with what kind of thing is hashed, so that no two kinds can share a hash.
    pub(crate) fn new(kind: &[u8]) -> Self {
        let mut canon = Self(Sha256::new());
        canon.count(kind.len());
        canon.bytes(kind);
        canon
    }

    pub(crate) fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn unsigned(&mut self, value: u64) {
        self.bytes(&value.to_le_bytes());
    }

    fn signed(&mut self, value: i64) {
        self.bytes(&value.to_le_bytes());
    }

    pub(crate) fn count(&mut self, count: usize) {
        self.unsigned(count as u64);
    }

    pub(crate) fn position(&mut self, position: &Position) {
        self.unsigned(position.term);
        self.unsigned(u64::from(position.leader.0));
        self.unsigned(position.index);
    }

    pub(crate) fn entry(&mut self, entry: &Entry) {
        self.signed(entry.stamp.at.get());
        self.signed(entry.stamp.wall_unix_ms);
        self.unsigned(u64::from(entry.by.0));
        self.unsigned(entry.seen.index);
        self.bytes(&entry.seen.hash);
        match &entry.command {
            Command::Found(founding) => {
                self.unsigned(1);
                self.bytes(&founding.cluster);
                self.bytes(&founding.site_hash);
            }
            Command::Plan(plan) => {
                self.unsigned(2);
                self.plan(plan);
            }
            Command::Outcome(outcome) => {
                self.unsigned(3);
                self.outcome(outcome);
            }
            Command::Operation(operation) => {
                self.unsigned(4);
                // An old log keeps its hashes: where a request has no number, nothing is added.
                if let Some(request) = operation.request {
                    self.bytes(REQUEST);
                    self.request(request);
                }
                self.operation(operation);
            }
            Command::ModelRefused(refused) => {
                self.unsigned(5);
                self.maybe_model(refused.model);
                self.unsigned(fault_number(refused.fault));
            }
            Command::Forecasts(note) => {
                self.unsigned(6);
                self.forecast_note(note);
            }
            Command::Alarms(note) => {
                self.unsigned(7);
                self.alarm_note(note);
            }
        }
    }

    fn alarm_note(&mut self, note: &AlarmNote) {
        for keys in [&note.raised, &note.cleared] {
            self.list(keys, |canon, key| canon.alarm_key(*key));
        }
    }

    pub(crate) fn alarm_key(&mut self, key: AlarmKey) {
        self.unsigned(match key.kind {
            AlarmKind::UtilityOutage => 1,
            AlarmKind::OrderlyShutdown => 2,
            AlarmKind::RackOverLimit => 3,
            AlarmKind::OnGenerator => 4,
            AlarmKind::ServersCapped => 5,
            AlarmKind::DeviceQuarantined => 6,
            AlarmKind::DeviceSilent => 7,
            AlarmKind::StoreAtReserve => 8,
            AlarmKind::ReplicaUnreachable => 9,
            AlarmKind::ForecastByRule => 10,
        });
        let (what, which) = match key.subject {
            Subject::Site => (1, 0),
            Subject::Feed(feed) => (2, u64::from(feed.0)),
            Subject::Rack(rack) => (3, u64::from(rack.0)),
            Subject::Device(device) => (4, u64::from(device.to_wire())),
            Subject::Replica(replica) => (5, u64::from(replica.0)),
        };
        self.unsigned(what);
        self.unsigned(which);
    }

    pub(crate) fn words(&mut self, words: &str) {
        self.count(words.len());
        self.bytes(words.as_bytes());
    }

    pub(crate) fn millis(&mut self, span: Millis) {
        self.signed(span.get());
    }

    pub(crate) fn order(&mut self, order: &Order) {
        self.unsigned(u64::from(order.device.to_wire()));
        self.unsigned(order.index);
        self.unsigned(order.term);
        self.signed(order.until.get());
        match order.setpoint {
            Setpoint::Kesm { supply_max, charge_max, hold } => {
                for watts in [supply_max, charge_max, hold] {
                    self.signed(watts.get());
                }
            }
            Setpoint::Tie { direction, flow_max, hold } => {
                self.direction(direction);
                for watts in [flow_max, hold] {
                    self.signed(watts.get());
                }
            }
            Setpoint::Pdu { cap, keep_tiers } => {
                self.signed(cap.get());
                self.unsigned(u64::from(keep_tiers));
            }
            Setpoint::Supply { generator } => self.duty(generator),
        }
    }

    fn duty(&mut self, duty: GeneratorDuty) {
        self.unsigned(match duty {
            GeneratorDuty::Auto => 1,
            GeneratorDuty::Run => 2,
        });
    }

    fn direction(&mut self, direction: Direction) {
        self.unsigned(match direction {
            Direction::Forward => 1,
            Direction::Backward => 2,
        });
    }

    fn plan(&mut self, plan: &Plan) {
        self.list(&plan.grants, Self::grant);
        self.list(&plan.releases, |canon, release| {
            canon.unsigned(u64::from(release.rack.0));
            canon.unsigned(match release.reason {
                ReleaseReason::ForecastFell => 1,
                ReleaseReason::DeviceFailed => 2,
                ReleaseReason::AckMissing => 3,
                ReleaseReason::NoLongerFeasible => 4,
                ReleaseReason::Operator => 5,
            });
        });
        self.list(&plan.charges, |canon, charge| {
            canon.unsigned(u64::from(charge.kesm.0));
            canon.signed(charge.charge_max.get());
            canon.signed(charge.hold.get());
        });
        self.list(&plan.shortfalls, |canon, shortfall| {
            canon.unsigned(u64::from(shortfall.rack.0));
            canon.risk(&shortfall.risk);
            canon.signed(shortfall.uncovered.get());
        });
        self.list(&plan.caps, Self::cap);
        self.list(&plan.lifts, |canon, rack| canon.unsigned(u64::from(rack.0)));
        self.list(&plan.generators, |canon, generator| {
            canon.unsigned(u64::from(generator.feed.0));
            canon.duty(generator.duty);
            canon.signed(generator.hold.get());
        });
        self.list(&plan.modes, Self::mode_change);
        self.list(&plan.stored, Self::stored);
        self.list(&plan.loads, Self::load);
    }

    fn stored(&mut self, stored: &StoredEnergy) {
        self.unsigned(u64::from(stored.kesm.0));
        self.signed(stored.stored.get());
    }

    fn load(&mut self, load: &RackLoad) {
        self.unsigned(u64::from(load.rack.0));
        self.signed(load.peak.get());
        self.unsigned(u64::from(load.heat_permille));
    }

    fn cap(&mut self, cap: &CapGrant) {
        self.unsigned(u64::from(cap.rack.0));
        self.signed(cap.cap.get());
        self.unsigned(u64::from(cap.keep_tiers));
        self.unsigned(match cap.reason {
            CapReason::RackUncovered => 1,
            CapReason::RowUncovered => 2,
            CapReason::Insecure => 3,
            CapReason::TimeLeft => 4,
            CapReason::GeneratorFull => 5,
            CapReason::Operator => 6,
        });
        self.signed(cap.hold.get());
    }

    fn mode_change(&mut self, change: &ModeChange) {
        self.unsigned(u64::from(change.feed.0));
        self.mode(change.to);
        match change.reason {
            ModeReason::UtilityLost { witnesses, of } => {
                self.unsigned(1);
                self.unsigned(u64::from(witnesses));
                self.unsigned(u64::from(of));
            }
            ModeReason::GeneratorCarries => self.unsigned(2),
            ModeReason::GeneratorLost => self.unsigned(3),
            ModeReason::TimeIsUp => self.unsigned(4),
            ModeReason::UtilityBack => self.unsigned(5),
            ModeReason::Recharged => self.unsigned(6),
        }
        self.count(usize::from(change.time_left.is_some()));
        self.signed(change.time_left.map_or(0, Millis::get));
    }

    pub(crate) fn mode(&mut self, mode: Mode) {
        self.unsigned(match mode {
            Mode::Normal => 1,
            Mode::RideThrough => 2,
            Mode::Generator => 3,
            Mode::OrderlyShutdown => 4,
            Mode::Recovery => 5,
        });
    }

    fn operation(&mut self, operation: &Operation) {
        self.words(&operation.actor);
        self.words(&operation.reason);
        match &operation.action {
            Action::Transfer(grant, stored, loads) => {
                self.unsigned(1);
                self.grant(grant);
                self.list(stored, Self::stored);
                self.list(loads, Self::load);
            }
            Action::End(rack) => {
                self.unsigned(2);
                self.unsigned(u64::from(rack.0));
            }
            Action::Hold(device) => {
                self.unsigned(3);
                self.unsigned(u64::from(device.to_wire()));
            }
            Action::Resume(device) => {
                self.unsigned(4);
                self.unsigned(u64::from(device.to_wire()));
            }
            Action::ManualOn => self.unsigned(5),
            Action::ManualOff => self.unsigned(6),
            Action::Model(action) => {
                self.unsigned(7);
                self.model_action(*action);
            }
            Action::HandOver(replica) => {
                self.unsigned(8);
                self.unsigned(u64::from(replica.0));
            }
            Action::Members(change) => {
                self.unsigned(9);
                self.member_change(*change);
            }
            Action::Drill(note) => {
                self.unsigned(10);
                self.drill(note);
            }
            Action::Shed(shed) => {
                self.unsigned(11);
                self.unsigned(u64::from(shed.rack.0));
                self.signed(shed.cap.get());
                self.millis(shed.hold);
            }
            Action::Restore(rack) => {
                self.unsigned(12);
                self.unsigned(u64::from(rack.0));
            }
            Action::Acknowledge(alarm) => {
                self.unsigned(13);
                self.alarm_key(*alarm);
            }
            Action::Shelve(alarm, hold) => {
                self.unsigned(14);
                self.alarm_key(*alarm);
                self.millis(*hold);
            }
            Action::Unshelve(alarm) => {
                self.unsigned(15);
                self.alarm_key(*alarm);
            }
            Action::Denied(asked) => {
                self.unsigned(16);
                self.words(asked);
            }
            Action::Lock(device) => {
                self.unsigned(17);
                self.unsigned(u64::from(device.to_wire()));
            }
            Action::Unlock { device, of } => {
                self.unsigned(18);
                self.unsigned(u64::from(device.to_wire()));
                self.words(of);
            }
        }
    }

    pub(crate) fn request(&mut self, request: RequestId) {
        self.bytes(&request.0.to_le_bytes());
    }

    pub(crate) fn drill(&mut self, note: &DrillNote) {
        self.words(&note.drill);
        self.unsigned(note.seed);
        self.unsigned(match note.stage {
            DrillStage::Begun => 1,
            DrillStage::Refused => 2,
            DrillStage::Held => 3,
            DrillStage::Failed => 4,
            DrillStage::Aborted => 5,
        });
    }

    fn member_change(&mut self, change: MemberChange) {
        match change {
            MemberChange::Forget { replica, although_alive } => {
                self.unsigned(1);
                self.unsigned(u64::from(replica.0));
                self.unsigned(u64::from(although_alive));
            }
            MemberChange::Add { replica, address } => {
                self.unsigned(2);
                self.unsigned(u64::from(replica.0));
                match address.ip() {
                    IpAddr::V4(ip) => {
                        self.unsigned(4);
                        self.bytes(&ip.octets());
                    }
                    IpAddr::V6(ip) => {
                        self.unsigned(6);
                        self.bytes(&ip.octets());
                    }
                }
                self.unsigned(u64::from(address.port()));
            }
        }
    }

    fn model_action(&mut self, action: ModelAction) {
        match action {
            ModelAction::Shadow(model) => {
                self.unsigned(1);
                self.model(model);
            }
            ModelAction::Promote { model, minimum } => {
                self.unsigned(2);
                self.model(model);
                self.maybe(minimum);
            }
            ModelAction::Rollback { minimum } => {
                self.unsigned(3);
                self.maybe(minimum);
            }
        }
    }

    fn model(&mut self, model: ModelId) {
        self.bytes(&model.sha256);
        self.unsigned(model.version);
    }

    fn maybe_model(&mut self, model: Option<ModelId>) {
        self.count(usize::from(model.is_some()));
        if let Some(model) = model {
            self.model(model);
        }
    }

    fn maybe(&mut self, value: Option<u64>) {
        self.count(usize::from(value.is_some()));
        if let Some(value) = value {
            self.unsigned(value);
        }
    }

    /// What the log has chosen of models. Nothing while it has chosen nothing, so that a log that knows no models has the
    /// states that it always had; it comes last, so that no other state can have the same bytes.
    pub(crate) fn models(&mut self, models: &Models) {
        if *models == Models::default() {
            return;
        }
        self.bytes(b"models");
        for model in [models.active, models.shadow, models.previous] {
            self.maybe_model(model);
        }
        self.unsigned(models.minimum_version);
    }

    fn grant(&mut self, grant: &Grant) {
        self.unsigned(u64::from(grant.rack.0));
        self.list(&grant.legs, Self::leg);
        self.signed(grant.help_above.get());
        self.risk(&grant.risk);
        self.signed(grant.hold.get());
    }

    fn leg(&mut self, leg: &Leg) {
        self.unsigned(u64::from(leg.kesm.0));
        self.list(&leg.path, |canon, hop| canon.hop(*hop));
        self.signed(leg.supplied.get());
        self.signed(leg.delivered.get());
    }

    fn hop(&mut self, hop: Hop) {
        self.unsigned(u64::from(hop.tie.0));
        self.direction(hop.direction);
    }

    fn risk(&mut self, risk: &Risk) {
        self.signed(risk.present.get());
        self.forecast(&risk.forecast);
        self.signed(risk.limit.get());
        self.signed(risk.margin.get());
    }

    fn forecast(&mut self, forecast: &RackForecast) {
        for watts in [forecast.p50, forecast.p90, forecast.p99, forecast.peak_p99] {
            self.signed(watts.get());
        }
        self.signed(forecast.horizon.get());
        // An old log keeps its hashes: where trigger and bound are one, as they were, nothing is added.
        if forecast.peak_p50 != forecast.peak_p99 {
            self.bytes(TRIGGER);
            self.signed(forecast.peak_p50.get());
        }
        match forecast.source {
            ForecastSource::Model { hash8 } => self.bytes(&hash8),
            ForecastSource::Rule(reason) => self.unsigned(rule_number(reason)),
        }
    }

    fn forecast_note(&mut self, note: &ForecastNote) {
        self.unsigned(note.engine.map_or(0, engine_number));
        // A rule's number begins at 1: 0 is the model.
        let rule = |rule: Option<RuleReason>| rule.map_or(0, rule_number);
        self.list(&note.changes, |canon, change| {
            let (kind, index) = match change.part {
                Part::Rack(rack) => (1, rack.0),
                Part::Row(row) => (2, row.0),
            };
            canon.unsigned(kind);
            canon.unsigned(u64::from(index));
            canon.unsigned(rule(change.rule));
        });
        self.list(&note.more, |canon, tally| {
            canon.unsigned(rule(tally.rule));
            canon.unsigned(u64::from(tally.parts));
        });
    }

    fn outcome(&mut self, outcome: &Outcome) {
        self.unsigned(outcome.transfer.index);
        self.unsigned(u64::from(outcome.transfer.nth));
        self.list(&outcome.acks, |canon, timed| {
            canon.unsigned(u64::from(timed.ack.device.to_wire()));
            canon.unsigned(timed.ack.fence.term);
            canon.unsigned(timed.ack.fence.index);
            canon.unsigned(match timed.ack.verdict {
                Verdict::Executed => 1,
                Verdict::Duplicate => 2,
                Verdict::StaleFence => 3,
                Verdict::Expired => 4,
                Verdict::BeyondLimits => 5,
                Verdict::Unavailable => 6,
                Verdict::LockedOut => 7,
            });
            canon.signed(timed.ack.device_at.get());
            canon.unsigned(u64::from(timed.after_us));
        });
    }

    fn list<T>(&mut self, items: &[T], mut feed: impl FnMut(&mut Self, &T)) {
        self.count(items.len());
        for item in items {
            feed(self, item);
        }
    }
}

const fn fault_number(fault: ModelFault) -> u64 {
    match fault {
        ModelFault::Unsigned => 1,
        ModelFault::UnknownKey => 2,
        ModelFault::BadSignature => 3,
        ModelFault::Damaged => 4,
        ModelFault::Shape => 5,
        ModelFault::TooOld => 6,
        ModelFault::Missing => 7,
        ModelFault::Runtime => 8,
        ModelFault::Broken => 9,
    }
}

const fn rule_number(reason: RuleReason) -> u64 {
    match reason {
        RuleReason::NoModel => 1,
        RuleReason::NotFinite => 2,
        RuleReason::OutOfRange => 3,
        RuleReason::Late => 4,
        RuleReason::RuntimeFailed => 5,
        RuleReason::ColdStart => 6,
        RuleReason::Refused => 7,
        RuleReason::NotHere => 8,
        RuleReason::Drift => 9,
        RuleReason::FrozenMeter => 10,
    }
}

const fn engine_number(engine: Engine) -> u64 {
    match engine {
        Engine::Configured => 1,
        Engine::Late => 2,
        Engine::Failed => 3,
        Engine::NoRuntime => 4,
        Engine::RuntimeHung => 5,
        Engine::RuntimePanicked => 6,
        Engine::Gone => 7,
    }
}

#[cfg(test)]
mod tests;
