//! One value of each kind, with every variant in it: what the golden file holds.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv6Addr, SocketAddr};

use openraft::EntryPayload;
use openraft::raft::{AppendEntriesResponse, SnapshotResponse, TransferLeaderError};
use ridethrough_core::alarm::{Alarm, AlarmKey, AlarmKind, AlarmNote, Subject};
use ridethrough_core::command::{
    Action, CapGrant, CapReason, ChargeGrant, Command, Entry, Founding, GeneratorGrant, Grant, Hop, Leg, ModeChange,
    ModelRefused, Operation, Outcome, Plan, RackLoad, Release, ReleaseReason, Risk, Seen, Shed, Shortfall, Stamp,
    StoredEnergy, TimedAck, TransferId,
};
use ridethrough_core::device::{Ack, DeviceId, Direction, Fence, GeneratorDuty, Order, ReplicaId, Setpoint, Verdict};
use ridethrough_core::drill::{DrillNote, DrillRun, DrillStage};
use ridethrough_core::fallback::{Change, ForecastNote, Part, Tally};
use ridethrough_core::forecast::{Engine, ForecastSource, RackForecast, RuleReason};
use ridethrough_core::ledger::{Cap, Charge, Closing, FeedMode, GeneratorRule, Parts, Phase, Shedding, Transfer};
use ridethrough_core::members::MemberChange;
use ridethrough_core::mode::{Mode, ModeReason};
use ridethrough_core::model::{ModelAction, ModelFault, ModelId, Models};
use ridethrough_core::request::{CarriedOut, RequestId};
use ridethrough_core::site::{FeedId, KesmId, RackId, RowId, TieId};
use ridethrough_core::units::{Joules, Millis, Watts};

use crate::codec::vote::{Mark, Memory};
use crate::codec::wire::{
    Answer, AppendRequest, Greeting, Hello, HelloRefusal, Request, SnapshotPart, TransferRequest, VoteAnswer,
    VoteRequest, Welcome,
};
use crate::leader_id::{Elected, LeaderId};
use crate::peer::{MAGIC, PROTOCOL_VERSION};
use crate::type_config::{LogEntry, LogId, Membership, PeerAddress, Proposal, SnapshotMeta, StoredMembership, Vote};

pub(super) fn log_id(index: u64) -> LogId {
    LogId::new(Elected { term: 258, node: 3 }, index)
}

pub(super) fn vote() -> Vote {
    Vote { leader_id: LeaderId { term: 259, node: 2 }, committed: true }
}

pub(super) fn marks() -> [Mark; 2] {
    let whole = Mark { committed: Some(log_id(772)), purged: Some(log_id(700)), memory: Memory::Whole };
    [whole, Mark { memory: Memory::Unknown, ..Mark::default() }]
}

pub(super) fn hello() -> Hello {
    Hello { magic: MAGIC, version: PROTOCOL_VERSION, cluster: *b"0123456789abcdef", from: 1, to: 2 }
}

pub(super) fn greetings() -> [Greeting; 6] {
    [
        Greeting::Welcome(Welcome { election_ms: 150, founded: true }),
        Greeting::Refused(HelloRefusal::NotAPeer),
        Greeting::Refused(HelloRefusal::Version),
        Greeting::Refused(HelloRefusal::OtherCluster),
        Greeting::Refused(HelloRefusal::OtherReplica),
        Greeting::Refused(HelloRefusal::UnknownCaller),
    ]
}

pub(super) fn requests() -> [Request; 5] {
    let vote_request = VoteRequest { vote: vote(), last_log_id: Some(log_id(9)), leadership_transfer: true };
    [
        Request::Append(AppendRequest {
            vote: vote(),
            prev_log_id: Some(log_id(8)),
            entries: entries(),
            leader_commit: Some(log_id(7)),
        }),
        Request::Vote(vote_request.clone()),
        Request::PreVote(vote_request),
        Request::Transfer(TransferRequest::new(vote(), 3, Some(log_id(9)))),
        Request::SnapshotPart(SnapshotPart { vote: vote(), offset: 16, total: 21, bytes: b"parts".to_vec() }),
    ]
}

pub(super) fn answers() -> [Answer; 11] {
    [
        Answer::Append(AppendEntriesResponse::Success),
        Answer::Append(AppendEntriesResponse::PartialSuccess(Some(log_id(9)))),
        Answer::Append(AppendEntriesResponse::Conflict),
        Answer::Append(AppendEntriesResponse::HigherVote(vote())),
        Answer::Vote(VoteAnswer::new(vote(), Some(log_id(9)), true)),
        Answer::Transfer(Ok(())),
        Answer::Transfer(Err(TransferLeaderError::VoteChanged { expected: vote(), actual: vote() })),
        Answer::Transfer(Err(TransferLeaderError::LogNotFlushed { expected: Some(log_id(9)), actual: None })),
        Answer::PartTaken,
        Answer::Installed(SnapshotResponse::new(vote())),
        Answer::Failed("stopped".into()),
    ]
}

pub(super) fn entries() -> Vec<LogEntry> {
    let command = |command| EntryPayload::Normal(Proposal(proposal(command)));
    let payloads = [
        EntryPayload::Blank,
        EntryPayload::Membership(membership()),
        command(Command::Plan(plan())),
        command(Command::Found(founding())),
        command(Command::Outcome(outcome())),
    ];
    let operations = actions().into_iter().map(|action| command(Command::Operation(operation(action))));
    let payloads = payloads.into_iter().chain(operations);
    payloads.zip(9..).map(|(payload, index)| LogEntry { log_id: log_id(index), payload }).collect()
}

/// Entries about models, which came to the format later: what stands before them in the golden file stays as it was.
pub(super) fn governance() -> Vec<LogEntry> {
    let (model, fault) = (Some(model(4)), ModelFault::UnknownKey);
    let actions = [
        ModelAction::Shadow(self::model(3)),
        ModelAction::Promote { model: self::model(3), minimum: Some(2) },
        ModelAction::Promote { model: self::model(3), minimum: None },
        ModelAction::Rollback { minimum: None },
        ModelAction::Rollback { minimum: Some(1) },
    ];
    let operations = actions.map(|action| Command::Operation(operation(Action::Model(action))));
    let refused = [model, None].map(|model| Command::ModelRefused(ModelRefused { model, fault }));
    operations.into_iter().chain(refused).map(normal).collect()
}

/// Entries about forecasts, which came later still.
pub(super) fn notes() -> Vec<LogEntry> {
    let note = ForecastNote {
        engine: Some(Engine::RuntimeHung),
        changes: vec![
            Change { part: Part::Rack(RackId(7)), rule: Some(RuleReason::FrozenMeter) },
            Change { part: Part::Row(RowId(1)), rule: None },
        ],
        more: vec![Tally { rule: Some(RuleReason::ColdStart), parts: 70_000 }, Tally { rule: None, parts: 1 }],
    };
    [note, ForecastNote::default()].map(Command::Forecasts).map(normal).into()
}

/// Entries about who leads, which came then.
pub(super) fn handovers() -> Vec<LogEntry> {
    vec![normal(Command::Operation(operation(Action::HandOver(ReplicaId(3)))))]
}

/// Entries about drills, which came next.
pub(super) fn drills() -> Vec<LogEntry> {
    let note = |stage| DrillNote { drill: "kill-leader".into(), seed: 42, stage };
    DrillStage::ALL.map(|stage| normal(Command::Operation(operation(Action::Drill(note(stage)))))).into()
}

const ALARMS: [AlarmKey; 5] = [
    AlarmKey { kind: AlarmKind::ForecastByRule, subject: Subject::Site },
    AlarmKey { kind: AlarmKind::UtilityOutage, subject: Subject::Feed(FeedId(1)) },
    AlarmKey { kind: AlarmKind::RackOverLimit, subject: Subject::Rack(RackId(2)) },
    AlarmKey { kind: AlarmKind::DeviceSilent, subject: Subject::Device(DeviceId::Kesm(KesmId(3))) },
    AlarmKey { kind: AlarmKind::ReplicaUnreachable, subject: Subject::Replica(ReplicaId(3)) },
];

/// Entries about alarms and what operators ask of a site, which came after drills.
pub(super) fn operators() -> Vec<LogEntry> {
    let note = AlarmNote { raised: ALARMS.to_vec(), cleared: vec![ALARMS[1]] };
    let actions = [
        Action::Shed(Shed { rack: RackId(2), cap: Watts::new(6_000), hold: Millis::seconds(600) }),
        Action::Restore(RackId(2)),
        Action::Acknowledge(ALARMS[2]),
        Action::Shelve(ALARMS[3], Millis::seconds(60)),
        Action::Unshelve(ALARMS[3]),
        Action::Denied("hold kesm K1".into()),
    ];
    let asked = actions.map(|action| normal(Command::Operation(operation(action))));
    std::iter::once(normal(Command::Alarms(note))).chain(asked).collect()
}

/// The parts with what operators and alarms have left.
pub(super) fn parts_with_alarms() -> Parts {
    let alarm = Alarm {
        active: true,
        raises: vec![Millis::new(5), Millis::new(6)],
        acknowledged: Some("anna".into()),
        shelved_until: Some(Millis::new(9)),
    };
    let seen = Alarm { raises: vec![Millis::new(7)], ..Alarm::default() };
    let sheds = vec![(RackId(2), Shedding { cap: Watts::new(6_000), until: Millis::new(8) })];
    Parts { sheds, alarms: vec![(ALARMS[2], alarm), (ALARMS[0], seen)], ..parts() }
}

/// Numbered requests and locks, which came after that.
pub(super) fn numbered() -> Vec<LogEntry> {
    let (device, of) = (DeviceId::Kesm(KesmId(3)), "anna".to_owned());
    let actions = [Action::Lock(device), Action::Unlock { device, of }];
    let asked = actions.map(operation).map(|asked| Operation { request: Some(REQUEST), ..asked });
    asked.map(Command::Operation).map(normal).into()
}

const REQUEST: RequestId = RequestId(0x0123_4567_89ab_cdef);

/// The parts with locks and requests that were carried out.
pub(super) fn parts_with_requests() -> Parts {
    let locks = vec![(DeviceId::Kesm(KesmId(3)), "anna".into()), (DeviceId::Kesm(KesmId(3)), "mira".into())];
    let run = |stage, ended| DrillRun {
        note: DrillNote { drill: "kill-leader".into(), seed: 42, stage },
        actor: "mira".into(),
        index: 9,
        began: Millis::new(3),
        ended,
    };
    let drills = vec![run(DrillStage::Held, Some(Millis::new(4))), run(DrillStage::Begun, None)];
    Parts { locks, requests: vec![CarriedOut { request: REQUEST, index: 7 }], drills, ..parts_with_alarms() }
}

/// Entries about who belongs to the cluster, which came before that.
pub(super) fn members() -> Vec<LogEntry> {
    let replica = ReplicaId(3);
    let add = |address: &str| MemberChange::Add { replica, address: address.parse().expect("an address") };
    let changes = [
        MemberChange::Forget { replica, although_alive: true },
        MemberChange::Forget { replica, although_alive: false },
        add("10.0.0.3:7301"),
        add("[fd00::3]:7301"),
    ];
    changes.map(|change| normal(Command::Operation(operation(Action::Members(change))))).into()
}

fn model(version: u64) -> ModelId {
    ModelId { sha256: [0x5a; 32], version }
}

/// The parts with models chosen.
pub(super) fn parts_with_models() -> Parts {
    let models =
        Models { active: Some(model(4)), shadow: Some(model(5)), previous: Some(model(3)), minimum_version: 2 };
    Parts { models, ..parts() }
}

/// A command in an entry of the log.
pub(super) fn normal(command: Command) -> LogEntry {
    LogEntry { log_id: log_id(9), payload: EntryPayload::Normal(Proposal(proposal(command))) }
}

pub(super) fn membership() -> Membership {
    let nodes = BTreeMap::from([
        (1, PeerAddress(SocketAddr::from(([127, 0, 0, 1], 7301)))),
        (2, PeerAddress(SocketAddr::from((Ipv6Addr::LOCALHOST, 7302)))),
    ]);
    Membership::new(vec![BTreeSet::from([1, 2])], nodes).expect("both nodes are there")
}

pub(super) fn proposal(command: Command) -> Entry {
    let stamp = Stamp { at: Millis::new(4_660), wall_unix_ms: -1 };
    Entry { stamp, by: ReplicaId(3), seen: Seen { index: 258, hash: [0xab; 32] }, command }
}

pub(super) fn founding() -> Founding {
    Founding { cluster: *b"0123456789abcdef", site_hash: [0xcd; 32] }
}

pub(super) fn risk(source: ForecastSource) -> Risk {
    let forecast = RackForecast {
        p50: Watts::new(1),
        p90: Watts::new(2),
        p99: Watts::new(3),
        peak_p50: Watts::new(4),
        peak_p99: Watts::new(4),
        horizon: Millis::new(5),
        source,
    };
    Risk { present: Watts::new(6), forecast, limit: Watts::new(7), margin: Watts::new(-8) }
}

pub(super) fn grant() -> Grant {
    let path = vec![
        Hop { tie: TieId(4), direction: Direction::Forward },
        Hop { tie: TieId(5), direction: Direction::Backward },
    ];
    let leg = Leg { kesm: KesmId(2), path, supplied: Watts::new(600), delivered: Watts::new(580) };
    let risk = risk(ForecastSource::Model { hash8: *b"modelsha" });
    Grant { rack: RackId(1), legs: vec![leg], help_above: Watts::new(22_800), risk, hold: Millis::new(8_000) }
}

const RELEASE_REASONS: [ReleaseReason; 5] = [
    ReleaseReason::ForecastFell,
    ReleaseReason::DeviceFailed,
    ReleaseReason::AckMissing,
    ReleaseReason::NoLongerFeasible,
    ReleaseReason::Operator,
];
const CAP_REASONS: [CapReason; 6] = [
    CapReason::RackUncovered,
    CapReason::RowUncovered,
    CapReason::Insecure,
    CapReason::TimeLeft,
    CapReason::GeneratorFull,
    CapReason::Operator,
];
/// The last mode is there twice, so that every reason has one.
const MODES: [Mode; 6] =
    [Mode::Normal, Mode::RideThrough, Mode::Generator, Mode::OrderlyShutdown, Mode::Recovery, Mode::Recovery];
const MODE_REASONS: [ModeReason; 6] = [
    ModeReason::UtilityLost { witnesses: 3, of: 4 },
    ModeReason::GeneratorCarries,
    ModeReason::GeneratorLost,
    ModeReason::TimeIsUp,
    ModeReason::UtilityBack,
    ModeReason::Recharged,
];

fn cap(rack: u16, reason: CapReason) -> CapGrant {
    CapGrant { rack: RackId(rack), cap: Watts::new(18_000), keep_tiers: 3, reason, hold: Millis::new(8_000) }
}

fn mode(feed: u16, to: Mode, reason: ModeReason) -> ModeChange {
    let time_left = feed.is_multiple_of(2).then_some(Millis::new(95_000));
    ModeChange { feed: FeedId(feed), to, reason, time_left }
}

fn stored() -> StoredEnergy {
    StoredEnergy { kesm: KesmId(2), stored: Joules::new(2_000_000) }
}

fn load() -> RackLoad {
    RackLoad { rack: RackId(1), peak: Watts::new(26_000), heat_permille: 120 }
}

pub(super) fn actions() -> [Action; 6] {
    [
        Action::Transfer(grant(), vec![stored()], vec![load()]),
        Action::End(RackId(1)),
        Action::Hold(DeviceId::Supply(FeedId(2))),
        Action::Resume(DeviceId::Pdu(RackId(3))),
        Action::ManualOn,
        Action::ManualOff,
    ]
}

pub(super) fn operation(action: Action) -> Operation {
    Operation { request: None, actor: "mira".into(), reason: "Prüfung der Schiene A1".into(), action }
}

pub(super) fn plan() -> Plan {
    let rules = [
        RuleReason::NoModel,
        RuleReason::NotFinite,
        RuleReason::OutOfRange,
        RuleReason::Late,
        RuleReason::RuntimeFailed,
        RuleReason::ColdStart,
    ];
    let shortfall =
        |rule| Shortfall { rack: RackId(9), risk: risk(ForecastSource::Rule(rule)), uncovered: Watts::new(1) };
    Plan {
        grants: vec![grant()],
        releases: RELEASE_REASONS
            .into_iter()
            .zip(6..)
            .map(|(reason, rack)| Release { rack: RackId(rack), reason })
            .collect(),
        charges: vec![ChargeGrant { kesm: KesmId(8), charge_max: Watts::new(900), hold: Millis::new(10) }],
        shortfalls: rules.into_iter().map(shortfall).collect(),
        caps: CAP_REASONS.into_iter().zip(20..).map(|(reason, rack)| cap(rack, reason)).collect(),
        lifts: vec![RackId(30), RackId(31)],
        generators: [(0, GeneratorDuty::Auto), (1, GeneratorDuty::Run)]
            .map(|(feed, duty)| GeneratorGrant { feed: FeedId(feed), duty, hold: Millis::new(60_000) })
            .into(),
        modes: MODES
            .into_iter()
            .zip(MODE_REASONS)
            .zip(0..)
            .map(|((to, reason), feed)| mode(feed, to, reason))
            .collect(),
        stored: vec![stored()],
        loads: vec![load()],
    }
}

pub(super) fn outcome() -> Outcome {
    let verdicts = [
        Verdict::Executed,
        Verdict::Duplicate,
        Verdict::StaleFence,
        Verdict::Expired,
        Verdict::BeyondLimits,
        Verdict::Unavailable,
        Verdict::LockedOut,
    ];
    let devices =
        [DeviceId::Pdu(RackId(1)), DeviceId::Kesm(KesmId(2)), DeviceId::Tie(TieId(3)), DeviceId::Supply(FeedId(4))];
    let acks = verdicts.into_iter().zip(devices.into_iter().cycle()).map(|(verdict, device)| TimedAck {
        ack: Ack { device, fence: Fence { term: 258, index: 11 }, verdict, device_at: Millis::new(77) },
        after_us: 1_234,
    });
    Outcome { transfer: TransferId { index: 11, nth: 2 }, acks: acks.collect() }
}

pub(super) fn meta() -> SnapshotMeta {
    let last_membership = StoredMembership::new(Some(log_id(0)), membership());
    SnapshotMeta { last_log_id: Some(log_id(13)), last_membership }
}

pub(super) fn parts() -> Parts {
    Parts {
        now: Millis::new(4_660),
        founding: Some(founding()),
        last: Seen { index: 13, hash: [0xef; 32] },
        recent: vec![Seen { index: 12, hash: [0xee; 32] }, Seen { index: 13, hash: [0xef; 32] }],
        transfers: [Phase::Supplying, Phase::Drawing, Phase::Held].map(transfer).into(),
        charges: vec![(KesmId(8), Charge { charge_max: Watts::new(900), until: Millis::new(4_670) })],
        closings: RELEASE_REASONS.map(closing).into(),
        caps: CAP_REASONS.into_iter().zip(20..).map(|(reason, rack)| (RackId(rack), standing_cap(reason))).collect(),
        generators: [(0, GeneratorDuty::Auto), (1, GeneratorDuty::Run)]
            .map(|(feed, duty)| (FeedId(feed), GeneratorRule { duty, until: Millis::new(64_660) }))
            .into(),
        modes: feed_modes(),
        held: vec![DeviceId::Pdu(RackId(3)), DeviceId::Tie(TieId(4))],
        manual: true,
        loads: vec![load()],
        orders: orders(),
        models: Models::default(),
        sheds: Vec::new(),
        alarms: Vec::new(),
        locks: Vec::new(),
        requests: Vec::new(),
        drills: Vec::new(),
    }
}

fn transfer(phase: Phase) -> Transfer {
    Transfer {
        id: TransferId { index: 11, nth: 0 },
        first: TransferId { index: 9, nth: 1 },
        since: Millis::new(4_000),
        grant: grant(),
        until: Millis::new(12_660),
        phase,
        noted: phase == Phase::Held,
    }
}

fn closing(reason: ReleaseReason) -> Closing {
    Closing {
        transfer: TransferId { index: 10, nth: 3 },
        rack: RackId(6),
        reason,
        devices: vec![DeviceId::Kesm(KesmId(2)), DeviceId::Tie(TieId(4))],
        until: Millis::new(9_000),
    }
}

fn standing_cap(reason: CapReason) -> Cap {
    let (since, until) = (Millis::new(4_100), Millis::new(12_100));
    Cap { cap: Watts::new(18_000), keep_tiers: 3, reason, since, until }
}

fn feed_modes() -> Vec<(FeedId, FeedMode)> {
    let since = Millis::new(4_200);
    let never = (FeedId(9), FeedMode { mode: Mode::Normal, since: Millis::ZERO, reason: None });
    let modes = MODES.into_iter().zip(MODE_REASONS).zip(0..);
    modes
        .map(|((mode, reason), feed)| (FeedId(feed), FeedMode { mode, since, reason: Some(reason) }))
        .chain([never])
        .collect()
}

fn orders() -> Vec<Order> {
    let kesm = Setpoint::Kesm { supply_max: Watts::new(600), charge_max: Watts::ZERO, hold: Watts::new(22_800) };
    let tie = Setpoint::Tie { direction: Direction::Backward, flow_max: Watts::new(590), hold: Watts::new(22_800) };
    let pdu = Setpoint::Pdu { cap: Watts::new(18_000), keep_tiers: 3 };
    let supply = |generator| Setpoint::Supply { generator };
    let order = |device, setpoint| Order { device, index: 11, term: 258, setpoint, until: Millis::new(12_660) };
    vec![
        order(DeviceId::Pdu(RackId(20)), pdu),
        order(DeviceId::Kesm(KesmId(2)), kesm),
        order(DeviceId::Tie(TieId(5)), tie),
        order(DeviceId::Supply(FeedId(0)), supply(GeneratorDuty::Auto)),
        order(DeviceId::Supply(FeedId(1)), supply(GeneratorDuty::Run)),
    ]
}
