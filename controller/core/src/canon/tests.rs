//! Everything that an entry or an order says changes its hash, so that two replicas that differ anywhere are told apart.

use std::collections::BTreeSet;

use super::forecast::rule_number;
use super::*;
use crate::alarm::{AlarmKey, AlarmKind, AlarmNote, Subject};
use crate::command::{
    Action, CapGrant, CapReason, ChargeGrant, Founding, GeneratorGrant, Grant, Hop, Leg, ModeChange, ModelRefused,
    Operation, Outcome, Plan, RackLoad, Release, ReleaseReason, Risk, Seen, Shed, Shortfall, Stamp, StoredEnergy,
    TimedAck, TransferId,
};
use crate::device::{Ack, DeviceId, Direction, Fence, GeneratorDuty, Order, ReplicaId, Setpoint, Verdict};
use crate::drill::{DrillNote, DrillStage};
use crate::example::forecast;
use crate::fallback::{Change, ForecastNote, Part, Tally};
use crate::forecast::{Engine, ForecastSource, RuleReason};
use crate::members::MemberChange;
use crate::mode::{Mode, ModeReason};
use crate::model::{ModelAction, ModelFault, ModelId};
use crate::request::RequestId;
use crate::site::{FeedId, KesmId, RackId, RowId, TieId};
use crate::units::{Joules, Watts};

fn all_differ(kind: &str, hashes: Vec<[u8; 32]>) {
    let count = hashes.len();
    assert_eq!(hashes.into_iter().collect::<BTreeSet<_>>().len(), count, "two of {count} {kind} have one hash");
}

fn entry(command: Command) -> Entry {
    let stamp = Stamp { at: Millis::new(1), wall_unix_ms: 2 };
    Entry { stamp, by: ReplicaId(3), seen: Seen { index: 4, hash: [5; 32] }, command }
}

fn hash_of(entry: &Entry) -> [u8; 32] {
    let mut canon = Canon::new(b"entry");
    canon.entry(entry);
    canon.finish()
}

fn commands_differ(kind: &str, commands: impl IntoIterator<Item = Command>) {
    all_differ(kind, commands.into_iter().map(|command| hash_of(&entry(command))).collect());
}

fn plans_differ(kind: &str, plans: impl IntoIterator<Item = Plan>) {
    commands_differ(kind, [Plan::default()].into_iter().chain(plans).map(Command::Plan));
}

const RACK: RackId = RackId(1);
const DEVICE: DeviceId = DeviceId::Kesm(KesmId(1));
const ALARM: AlarmKey = AlarmKey { kind: AlarmKind::RackOverLimit, subject: Subject::Rack(RACK) };
const MODEL: ModelId = ModelId { sha256: [7; 32], version: 3 };

fn watts(value: i64) -> Watts {
    Watts::new(value)
}

fn hold(ms: i64) -> Millis {
    Millis::new(ms)
}

fn risk() -> Risk {
    Risk { present: watts(1), forecast: forecast(2), limit: watts(3), margin: watts(4) }
}

fn leg() -> Leg {
    let path = vec![Hop { tie: TieId(1), direction: Direction::Forward }];
    Leg { kesm: KesmId(1), path, supplied: watts(9), delivered: watts(8) }
}

fn grant() -> Grant {
    Grant { rack: RACK, legs: vec![leg()], help_above: watts(7), risk: risk(), hold: hold(6) }
}

#[test]
fn entries() {
    let plain = entry(Command::Operation(Operation {
        request: None,
        actor: "a".into(),
        reason: "b".into(),
        action: Action::ManualOn,
    }));
    let with = |change: &dyn Fn(&mut Entry)| {
        let mut changed = plain.clone();
        change(&mut changed);
        hash_of(&changed)
    };
    let asked = |actor: &str, reason: &str, action| {
        Command::Operation(Operation { request: None, actor: actor.into(), reason: reason.into(), action })
    };
    let numbered = |number| {
        let (request, action) = (Some(RequestId(number)), Action::ManualOn);
        Command::Operation(Operation { request, actor: "a".into(), reason: "b".into(), action })
    };
    all_differ(
        "entries",
        vec![
            hash_of(&plain),
            with(&|entry| entry.stamp.at = hold(9)),
            with(&|entry| entry.stamp.wall_unix_ms = 9),
            with(&|entry| entry.by = ReplicaId(9)),
            with(&|entry| entry.seen.index = 9),
            with(&|entry| entry.seen.hash = [9; 32]),
            with(&|entry| entry.command = asked("c", "b", Action::ManualOn)),
            with(&|entry| entry.command = asked("a", "c", Action::ManualOn)),
            with(&|entry| entry.command = asked("ab", "", Action::ManualOn)),
            with(&|entry| entry.command = asked("a", "b", Action::ManualOff)),
            with(&|entry| entry.command = numbered(1)),
            with(&|entry| entry.command = numbered(1 << 100)),
            with(&|entry| entry.command = asked("a", "b", Action::Lock(DEVICE))),
            with(&|entry| entry.command = asked("a", "b", Action::Hold(DEVICE))),
            with(&|entry| entry.command = asked("a", "b", Action::Unlock { device: DEVICE, of: "a".into() })),
            with(&|entry| entry.command = asked("a", "b", Action::Unlock { device: DEVICE, of: "b".into() })),
        ],
    );
}

#[test]
fn positions() {
    let plain = Position { term: 1, leader: ReplicaId(1), index: 1 };
    let positions = [
        plain,
        Position { term: 2, ..plain },
        Position { leader: ReplicaId(2), ..plain },
        Position { index: 2, ..plain },
    ];
    let hash = |position: &Position| {
        let mut canon = Canon::new(b"position");
        canon.position(position);
        canon.finish()
    };
    all_differ("positions", positions.iter().map(hash).collect());
}

#[test]
fn orders() {
    let kesm = |supply_max, charge_max, hold| Setpoint::Kesm {
        supply_max: watts(supply_max),
        charge_max: watts(charge_max),
        hold: watts(hold),
    };
    let tie = |direction, flow_max, hold| Setpoint::Tie { direction, flow_max: watts(flow_max), hold: watts(hold) };
    let plain = Order { device: DEVICE, index: 1, term: 1, setpoint: kesm(1, 1, 1), until: hold(1) };
    let (to_tie, to_pdu, to_supply) = (DeviceId::Tie(TieId(1)), DeviceId::Pdu(RACK), DeviceId::Supply(FeedId(1)));
    let pdu = |cap, keep_tiers| Setpoint::Pdu { cap: watts(cap), keep_tiers };
    let mut orders = vec![
        Order { device: DeviceId::Kesm(KesmId(2)), ..plain },
        Order { index: 2, ..plain },
        Order { term: 2, ..plain },
        Order { until: hold(2), ..plain },
    ];
    // A device's number says which kind of setpoint follows it.
    let setpoints = [
        (DEVICE, kesm(1, 1, 1)),
        (DEVICE, kesm(2, 1, 1)),
        (DEVICE, kesm(1, 2, 1)),
        (DEVICE, kesm(1, 1, 2)),
        (to_tie, tie(Direction::Forward, 1, 1)),
        (to_tie, tie(Direction::Backward, 1, 1)),
        (to_tie, tie(Direction::Forward, 2, 1)),
        (to_tie, tie(Direction::Forward, 1, 2)),
        (to_pdu, pdu(1, 1)),
        (to_pdu, pdu(2, 1)),
        (to_pdu, pdu(1, 2)),
        (to_supply, Setpoint::Supply { generator: GeneratorDuty::Auto }),
        (to_supply, Setpoint::Supply { generator: GeneratorDuty::Run }),
    ];
    orders.extend(setpoints.map(|(device, setpoint)| Order { device, setpoint, ..plain }));
    let hash = |order: &Order| {
        let mut canon = Canon::new(b"order");
        canon.order(order);
        canon.finish()
    };
    all_differ("orders", orders.iter().map(hash).collect());
}

#[test]
fn grants_legs_and_what_they_rest_on() {
    let with = |change: &dyn Fn(&mut Grant)| {
        let mut changed = grant();
        change(&mut changed);
        Plan { grants: vec![changed], ..Plan::default() }
    };
    let model = ForecastSource::Model { hash8: [1; 8] };
    plans_differ(
        "grants",
        [
            with(&|_| ()),
            with(&|grant| grant.rack = RackId(2)),
            with(&|grant| grant.help_above = watts(99)),
            with(&|grant| grant.hold = hold(99)),
            with(&|grant| grant.legs.clear()),
            with(&|grant| grant.legs.push(leg())),
            with(&|grant| grant.legs[0].kesm = KesmId(2)),
            with(&|grant| grant.legs[0].supplied = watts(99)),
            with(&|grant| grant.legs[0].delivered = watts(99)),
            with(&|grant| grant.legs[0].path.clear()),
            with(&|grant| grant.legs[0].path[0].tie = TieId(2)),
            with(&|grant| grant.legs[0].path[0].direction = Direction::Backward),
            with(&|grant| grant.risk.present = watts(99)),
            with(&|grant| grant.risk.limit = watts(99)),
            with(&|grant| grant.risk.margin = watts(99)),
            with(&|grant| grant.risk.forecast.p50 = watts(99)),
            with(&|grant| grant.risk.forecast.p90 = watts(99)),
            with(&|grant| grant.risk.forecast.p99 = watts(99)),
            with(&|grant| grant.risk.forecast.peak_p50 = watts(99)),
            with(&|grant| grant.risk.forecast.peak_p99 = watts(99)),
            with(&|grant| grant.risk.forecast.horizon = hold(99)),
            with(&|grant| grant.risk.forecast.source = model),
            with(&|grant| grant.risk.forecast.source = ForecastSource::Model { hash8: [2; 8] }),
        ],
    );
    let rules = [
        RuleReason::NoModel,
        RuleReason::NotFinite,
        RuleReason::OutOfRange,
        RuleReason::Late,
        RuleReason::RuntimeFailed,
        RuleReason::ColdStart,
        RuleReason::Refused,
        RuleReason::NotHere,
        RuleReason::Drift,
        RuleReason::FrozenMeter,
    ];
    let by_rule = |rule: &RuleReason| with(&|grant| grant.risk.forecast.source = ForecastSource::Rule(*rule));
    plans_differ("rules", rules.iter().map(by_rule));
}

#[test]
fn releases_charges_shortfalls_and_lifts() {
    use ReleaseReason::{AckMissing, DeviceFailed, ForecastFell, NoLongerFeasible, Operator};
    let release =
        |rack: u16, reason| Plan { releases: vec![Release { rack: RackId(rack), reason }], ..Plan::default() };
    let reasons = [ForecastFell, DeviceFailed, AckMissing, NoLongerFeasible, Operator];
    plans_differ("releases", reasons.map(|reason| release(1, reason)).into_iter().chain([release(2, Operator)]));
    let charge = |kesm, charge_max, ms| {
        let charge = ChargeGrant { kesm: KesmId(kesm), charge_max: watts(charge_max), hold: hold(ms) };
        Plan { charges: vec![charge], ..Plan::default() }
    };
    plans_differ("charges", [charge(1, 1, 1), charge(2, 1, 1), charge(1, 2, 1), charge(1, 1, 2)]);
    let short = |rack, limit, uncovered| {
        let risk = Risk { limit: watts(limit), ..risk() };
        let short = Shortfall { rack: RackId(rack), risk, uncovered: watts(uncovered) };
        Plan { shortfalls: vec![short], ..Plan::default() }
    };
    plans_differ("shortfalls", [short(1, 1, 1), short(2, 1, 1), short(1, 2, 1), short(1, 1, 2)]);
    plans_differ("lifts", [1, 2].map(|rack| Plan { lifts: vec![RackId(rack)], ..Plan::default() }));
}

#[test]
fn caps_generators_and_evidence() {
    use CapReason::{GeneratorFull, Insecure, Operator, RackUncovered, RowUncovered, TimeLeft};
    let cap = |rack, cap, keep_tiers, reason, ms| {
        let cap = CapGrant { rack: RackId(rack), cap: watts(cap), keep_tiers, reason, hold: hold(ms) };
        Plan { caps: vec![cap], ..Plan::default() }
    };
    let reasons = [RackUncovered, RowUncovered, Insecure, TimeLeft, GeneratorFull, Operator];
    let changed =
        [cap(2, 1, 1, Operator, 1), cap(1, 2, 1, Operator, 1), cap(1, 1, 2, Operator, 1), cap(1, 1, 1, Operator, 2)];
    plans_differ("caps", reasons.map(|reason| cap(1, 1, 1, reason, 1)).into_iter().chain(changed));
    let generator = |feed, duty, ms| {
        let grant = GeneratorGrant { feed: FeedId(feed), duty, hold: hold(ms) };
        Plan { generators: vec![grant], ..Plan::default() }
    };
    let (auto, run) = (GeneratorDuty::Auto, GeneratorDuty::Run);
    plans_differ(
        "generators",
        [generator(1, auto, 1), generator(2, auto, 1), generator(1, run, 1), generator(1, auto, 2)],
    );
    let stored = |kesm, joules| {
        let stored = StoredEnergy { kesm: KesmId(kesm), stored: Joules::new(joules) };
        Plan { stored: vec![stored], ..Plan::default() }
    };
    plans_differ("stores", [stored(1, 1), stored(2, 1), stored(1, 2)]);
    let load = |rack, peak, heat_permille| {
        let load = RackLoad { rack: RackId(rack), peak: watts(peak), heat_permille };
        Plan { loads: vec![load], ..Plan::default() }
    };
    plans_differ("loads", [load(1, 1, 1), load(2, 1, 1), load(1, 2, 1), load(1, 1, 2)]);
}

#[test]
fn changes_of_mode() {
    let change = |feed, to, reason, time_left: Option<i64>| {
        let change = ModeChange { feed: FeedId(feed), to, reason, time_left: time_left.map(Millis::new) };
        Plan { modes: vec![change], ..Plan::default() }
    };
    let lost = |witnesses, of| ModeReason::UtilityLost { witnesses, of };
    let modes = [Mode::Normal, Mode::RideThrough, Mode::Generator, Mode::OrderlyShutdown, Mode::Recovery];
    let reasons = [
        lost(1, 2),
        lost(2, 2),
        lost(1, 1),
        ModeReason::GeneratorCarries,
        ModeReason::GeneratorLost,
        ModeReason::UtilityBack,
        ModeReason::Recharged,
    ];
    let mut plans = vec![change(2, Mode::Normal, ModeReason::TimeIsUp, None)];
    plans.extend([0, 1].map(|left| change(1, Mode::Normal, ModeReason::TimeIsUp, Some(left))));
    plans.extend(modes.map(|mode| change(1, mode, ModeReason::TimeIsUp, None)));
    plans.extend(reasons.map(|reason| change(1, Mode::Normal, reason, None)));
    plans_differ("changes of mode", plans);
}

#[test]
fn what_operators_ask_for() {
    let address = |text: &str| text.parse().expect("an address");
    let shed = |rack, cap, ms| Action::Shed(Shed { rack: RackId(rack), cap: watts(cap), hold: hold(ms) });
    let drill = |name: &str, seed, stage| Action::Drill(DrillNote { drill: name.into(), seed, stage });
    let add = |replica, text| MemberChange::Add { replica: ReplicaId(replica), address: address(text) };
    let forget = |replica, although_alive| MemberChange::Forget { replica: ReplicaId(replica), although_alive };
    let other = ModelId { version: 4, ..MODEL };
    let lost = AlarmKey { kind: AlarmKind::UtilityOutage, ..ALARM };
    let evidence = (
        StoredEnergy { kesm: KesmId(1), stored: Joules::new(1) },
        RackLoad { rack: RACK, peak: watts(1), heat_permille: 1 },
    );
    let mut actions = vec![
        Action::Transfer(grant(), Vec::new(), Vec::new()),
        Action::Transfer(Grant { rack: RackId(2), ..grant() }, Vec::new(), Vec::new()),
        Action::Transfer(grant(), vec![evidence.0], Vec::new()),
        Action::Transfer(grant(), Vec::new(), vec![evidence.1]),
        Action::ManualOn,
        Action::ManualOff,
        shed(1, 1, 1),
        shed(2, 1, 1),
        shed(1, 2, 1),
        shed(1, 1, 2),
        drill("a", 1, DrillStage::Begun),
        drill("b", 1, DrillStage::Begun),
        drill("a", 2, DrillStage::Begun),
        Action::Denied("end A".into()),
        Action::Denied("end B".into()),
        Action::Shelve(ALARM, hold(1)),
        Action::Shelve(ALARM, hold(2)),
        Action::Shelve(lost, hold(1)),
    ];
    actions.extend(DrillStage::ALL[1..].iter().map(|stage| drill("a", 1, *stage)));
    actions.extend([RACK, RackId(2)].into_iter().flat_map(|rack| [Action::End(rack), Action::Restore(rack)]));
    let devices = [DEVICE, DeviceId::Pdu(RACK)];
    actions.extend(devices.into_iter().flat_map(|device| [Action::Hold(device), Action::Resume(device)]));
    actions.extend([1, 2].map(|replica| Action::HandOver(ReplicaId(replica))));
    actions.extend([ALARM, lost].into_iter().flat_map(|key| [Action::Acknowledge(key), Action::Unshelve(key)]));
    let members = [
        forget(1, false),
        forget(1, true),
        forget(2, false),
        add(1, "10.0.0.1:1"),
        add(2, "10.0.0.1:1"),
        add(1, "10.0.0.2:1"),
    ];
    actions.extend(members.map(Action::Members));
    actions.extend([add(1, "10.0.0.1:2"), add(1, "[::1]:1"), add(1, "[::2]:1")].map(Action::Members));
    let models = [MODEL, other, ModelId { sha256: [8; 32], ..MODEL }];
    actions.extend(models.map(|model| Action::Model(ModelAction::Shadow(model))));
    actions.extend(models.map(|model| Action::Model(ModelAction::Promote { model, minimum: None })));
    let minima = [None, Some(0), Some(1)];
    actions.extend(
        minima[1..].iter().map(|minimum| Action::Model(ModelAction::Promote { model: MODEL, minimum: *minimum })),
    );
    actions.extend(minima.map(|minimum| Action::Model(ModelAction::Rollback { minimum })));
    let asked =
        |action| Command::Operation(Operation { request: None, actor: "anna".into(), reason: "test".into(), action });
    commands_differ("operations", actions.into_iter().map(asked));
}

#[test]
fn notes_and_outcomes() {
    use ModelFault::{BadSignature, Broken, Damaged, Missing, Runtime, Shape, TooOld, UnknownKey, Unsigned};
    let found = |cluster, site| Command::Found(Founding { cluster: [cluster; 16], site_hash: [site; 32] });
    commands_differ("foundings", [found(1, 1), found(2, 1), found(1, 2)]);
    let refused = |model, fault| Command::ModelRefused(ModelRefused { model, fault });
    let faults = [Unsigned, UnknownKey, BadSignature, Damaged, Shape, TooOld, Missing, Runtime, Broken];
    let known = [refused(Some(MODEL), Shape), refused(Some(ModelId { version: 4, ..MODEL }), Shape)];
    commands_differ("refusals", faults.map(|fault| refused(None, fault)).into_iter().chain(known));

    let note = |engine, changes: &[Change], more: &[Tally]| {
        Command::Forecasts(ForecastNote { engine, changes: changes.to_vec(), more: more.to_vec() })
    };
    let late = Some(RuleReason::Late);
    let change = |part, rule| note(None, &[Change { part, rule }], &[]);
    let tally = |rule, parts| note(None, &[], &[Tally { rule, parts }]);
    let mut notes: Vec<Command> = Engine::ALL.iter().map(|engine| note(Some(*engine), &[], &[])).collect();
    notes.extend([note(None, &[], &[]), tally(None, 1), tally(late, 1), tally(None, 2)]);
    let parts = [Part::Rack(RACK), Part::Rack(RackId(2)), Part::Row(RowId(1)), Part::Row(RowId(2))];
    notes.extend(parts.map(|part| change(part, None)));
    notes.push(change(parts[0], late));
    commands_differ("notes of forecasts", notes);

    let alarm = |kind, subject| AlarmKey { kind, subject };
    let kinds = AlarmKind::ALL.iter().map(|kind| alarm(*kind, Subject::Site));
    let subjects = [
        Subject::Feed(FeedId(0)),
        Subject::Feed(FeedId(1)),
        Subject::Rack(RackId(0)),
        Subject::Rack(RackId(1)),
        Subject::Device(DEVICE),
        Subject::Replica(ReplicaId(0)),
        Subject::Replica(ReplicaId(1)),
    ];
    let keys = kinds.chain(subjects.map(|subject| alarm(AlarmKind::UtilityOutage, subject)));
    let notes = keys.flat_map(|key| {
        let (raised, cleared) = (
            AlarmNote { raised: vec![key], cleared: Vec::new() },
            AlarmNote { raised: Vec::new(), cleared: vec![key] },
        );
        [raised, cleared].map(Command::Alarms)
    });
    commands_differ("notes of alarms", notes.collect::<Vec<_>>());
}

#[test]
fn outcomes() {
    let plain = Outcome {
        transfer: TransferId { index: 1, nth: 1 },
        acks: vec![TimedAck {
            ack: Ack {
                device: DEVICE,
                fence: Fence { term: 1, index: 1 },
                verdict: Verdict::Executed,
                device_at: hold(1),
            },
            after_us: 1,
        }],
    };
    let with = |change: &dyn Fn(&mut Outcome)| {
        let mut changed = plain.clone();
        change(&mut changed);
        Command::Outcome(changed)
    };
    let verdict = |verdict: Verdict| with(&|outcome| outcome.acks[0].ack.verdict = verdict);
    commands_differ(
        "outcomes",
        [
            with(&|_| ()),
            with(&|outcome| outcome.transfer.index = 2),
            with(&|outcome| outcome.transfer.nth = 2),
            with(&|outcome| outcome.acks.clear()),
            with(&|outcome| outcome.acks[0].ack.device = DeviceId::Pdu(RACK)),
            with(&|outcome| outcome.acks[0].ack.fence.term = 2),
            with(&|outcome| outcome.acks[0].ack.fence.index = 2),
            with(&|outcome| outcome.acks[0].ack.device_at = hold(2)),
            with(&|outcome| outcome.acks[0].after_us = 2),
            verdict(Verdict::Duplicate),
            verdict(Verdict::StaleFence),
            verdict(Verdict::Expired),
            verdict(Verdict::BeyondLimits),
            verdict(Verdict::Unavailable),
            verdict(Verdict::LockedOut),
        ],
    );
}

#[test]
fn a_forecasts_trigger_counts_where_it_is_not_its_bound() {
    let named = |peak_p50: i64| {
        let mut forecast = forecast(20_000);
        forecast.peak_p50 = watts(peak_p50);
        let mut canon = Canon::new(b"forecast");
        canon.forecast(&forecast);
        canon.finish()
    };
    all_differ("forecasts", vec![named(10_000), named(11_000), named(20_000)]);
    // As it was hashed when trigger and bound were one.
    let old = forecast(20_000);
    let mut canon = Canon::new(b"forecast");
    for watts in [old.p50, old.p90, old.p99, old.peak_p99] {
        canon.signed(watts.get());
    }
    canon.signed(old.horizon.get());
    canon.unsigned(rule_number(RuleReason::NoModel));
    assert_eq!(canon.finish(), named(20_000));
}
