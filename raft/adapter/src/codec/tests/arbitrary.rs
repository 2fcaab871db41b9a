//! Any entry and any snapshot that the codec must carry.

use openraft::EntryPayload;
use proptest::prelude::*;
use proptest::sample::select;
use ridethrough_core::alarm::{Alarm, AlarmKey, AlarmKind, AlarmNote, RAISES_KEPT, Subject};
use ridethrough_core::command::{
    Action, CapGrant, CapReason, ChargeGrant, Command, Entry, Founding, GeneratorGrant, Grant, Hop, Leg, ModeChange,
    ModelRefused, Operation, Outcome, Plan, RackLoad, Release, ReleaseReason, Risk, Seen, Shed, Shortfall, Stamp,
    StoredEnergy, TimedAck, TransferId, WORDS_BYTES_MAX,
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

use crate::leader_id::Elected;
use crate::type_config::{LogEntry, LogId, Proposal};

/// Lists are short: their contents matter here, their limits are tested elsewhere.
fn list<S: Strategy>(items: S) -> impl Strategy<Value = Vec<S::Value>> {
    prop::collection::vec(items, 0..3)
}

pub(super) fn entry() -> impl Strategy<Value = LogEntry> {
    let log_id = (any::<u64>(), any::<u16>(), any::<u64>())
        .prop_map(|(term, node, index)| LogId::new(Elected { term, node: node.into() }, index));
    let payload = prop_oneof![
        1 => Just(EntryPayload::Blank),
        9 => proposal().prop_map(|proposal| EntryPayload::Normal(Proposal(proposal))),
    ];
    (log_id, payload).prop_map(|(log_id, payload)| LogEntry { log_id, payload })
}

pub(super) fn parts() -> impl Strategy<Value = Parts> {
    let first = (millis(), prop::option::of(founding()), seen(), list(seen()), list(transfer()), list(charge()));
    let second = (list(closing()), list(cap()), list(rule()), list(feed_mode()));
    let third = (list(device()), any::<bool>(), list(load()), list(order()), models(), list(shed()), list(alarm_row()));
    let fourth = (locks(), list(carried_out()), list(drill_run()));
    (first, second, third, fourth).prop_map(|(first, second, third, (locks, requests, drills))| {
        let (now, founding, last, recent, transfers, charges) = first;
        let (closings, caps, generators, modes) = second;
        let (held, manual, loads, orders, chosen, sheds, alarms) = third;
        Parts {
            now,
            founding,
            last,
            recent,
            transfers,
            charges,
            closings,
            caps,
            generators,
            modes,
            held,
            manual,
            loads,
            orders,
            models: chosen,
            sheds,
            alarms,
            locks,
            requests,
            drills,
        }
    })
}

fn locks() -> impl Strategy<Value = Vec<(DeviceId, String)>> {
    prop::collection::btree_set((device(), words()), 0..3).prop_map(|locks| locks.into_iter().collect())
}

fn drill_run() -> impl Strategy<Value = DrillRun> {
    let note = (words(), any::<u64>(), select(DrillStage::ALL.to_vec()));
    let note = note.prop_map(|(drill, seed, stage)| DrillNote { drill, seed, stage });
    (note, words(), any::<u64>(), millis(), prop::option::of(millis()))
        .prop_map(|(note, actor, index, began, ended)| DrillRun { note, actor, index, began, ended })
}

fn carried_out() -> impl Strategy<Value = CarriedOut> {
    (any::<u128>(), any::<u64>()).prop_map(|(request, index)| CarriedOut { request: RequestId(request), index })
}

fn model() -> impl Strategy<Value = ModelId> {
    (any::<[u8; 32]>(), any::<u64>()).prop_map(|(sha256, version)| ModelId { sha256, version })
}

fn models() -> impl Strategy<Value = Models> {
    let maybe = || prop::option::of(model());
    let some = (maybe(), maybe(), maybe(), any::<u64>()).prop_map(|(active, shadow, previous, minimum)| {
        let minimum_version = active.map_or(minimum, |id| minimum.min(id.version));
        Models { active, shadow, previous, minimum_version }
    });
    prop_oneof![Just(Models::default()), some]
}

fn model_action() -> impl Strategy<Value = ModelAction> {
    let minimum = || prop::option::of(any::<u64>());
    prop_oneof![
        model().prop_map(ModelAction::Shadow),
        (model(), minimum()).prop_map(|(model, minimum)| ModelAction::Promote { model, minimum }),
        minimum().prop_map(|minimum| ModelAction::Rollback { minimum }),
    ]
}

fn model_refused() -> impl Strategy<Value = ModelRefused> {
    (prop::option::of(model()), select(ModelFault::ALL.to_vec()))
        .prop_map(|(model, fault)| ModelRefused { model, fault })
}

fn note() -> impl Strategy<Value = ForecastNote> {
    let rule = || prop::option::of(select(RuleReason::ALL.to_vec()));
    let part = (any::<bool>(), any::<u16>())
        .prop_map(|(rack, id)| if rack { Part::Rack(RackId(id)) } else { Part::Row(RowId(id)) });
    let change = (part, rule()).prop_map(|(part, rule)| Change { part, rule });
    let tally = (rule(), any::<u32>()).prop_map(|(rule, parts)| Tally { rule, parts });
    (prop::option::of(select(Engine::ALL.to_vec())), list(change), list(tally))
        .prop_map(|(engine, changes, more)| ForecastNote { engine, changes, more })
}

fn watts() -> impl Strategy<Value = Watts> {
    any::<i64>().prop_map(Watts::new)
}

fn millis() -> impl Strategy<Value = Millis> {
    any::<i64>().prop_map(Millis::new)
}

fn rack() -> impl Strategy<Value = RackId> {
    any::<u16>().prop_map(RackId)
}

fn kesm() -> impl Strategy<Value = KesmId> {
    any::<u16>().prop_map(KesmId)
}

fn feed() -> impl Strategy<Value = FeedId> {
    any::<u16>().prop_map(FeedId)
}

fn device() -> impl Strategy<Value = DeviceId> {
    let kind = select(vec![0x0001_0000, 0x0002_0000, 0x0003_0000, 0x0004_0000]);
    (kind, any::<u16>()).prop_map(|(kind, index)| DeviceId::from_wire(kind | u32::from(index)).expect("of a kind"))
}

fn words() -> impl Strategy<Value = String> {
    // A character has at most four bytes.
    prop::collection::vec(any::<char>(), 0..WORDS_BYTES_MAX / 4).prop_map(String::from_iter)
}

fn seen() -> impl Strategy<Value = Seen> {
    (any::<u64>(), any::<[u8; 32]>()).prop_map(|(index, hash)| Seen { index, hash })
}

fn founding() -> impl Strategy<Value = Founding> {
    (any::<[u8; 16]>(), any::<[u8; 32]>()).prop_map(|(cluster, site_hash)| Founding { cluster, site_hash })
}

fn proposal() -> impl Strategy<Value = Entry> {
    let command = prop_oneof![
        founding().prop_map(Command::Found),
        plan().prop_map(Command::Plan),
        outcome().prop_map(Command::Outcome),
        operation().prop_map(Command::Operation),
        model_refused().prop_map(Command::ModelRefused),
        note().prop_map(Command::Forecasts),
        (list(alarm()), list(alarm())).prop_map(|(raised, cleared)| Command::Alarms(AlarmNote { raised, cleared })),
    ];
    let stamp = (millis(), any::<i64>()).prop_map(|(at, wall_unix_ms)| Stamp { at, wall_unix_ms });
    (stamp, any::<u16>(), seen(), command).prop_map(|(stamp, by, seen, command)| Entry {
        stamp,
        by: ReplicaId(by),
        seen,
        command,
    })
}

fn plan() -> impl Strategy<Value = Plan> {
    let transfers = (list(grant()), list(release()), list(charge_grant()), list(shortfall()));
    let rest = (list(cap_grant()), list(rack()), list(generator_grant()), list(mode_change()));
    (transfers, rest, list(stored()), list(load())).prop_map(|(transfers, rest, stored, loads)| {
        let (grants, releases, charges, shortfalls) = transfers;
        let (caps, lifts, generators, modes) = rest;
        Plan { grants, releases, charges, shortfalls, caps, lifts, generators, modes, stored, loads }
    })
}

fn grant() -> impl Strategy<Value = Grant> {
    (rack(), list(leg()), watts(), risk(), millis()).prop_map(|(rack, legs, help_above, risk, hold)| Grant {
        rack,
        legs,
        help_above,
        risk,
        hold,
    })
}

fn leg() -> impl Strategy<Value = Leg> {
    let hop = (any::<u16>(), direction()).prop_map(|(tie, direction)| Hop { tie: TieId(tie), direction });
    (kesm(), list(hop), watts(), watts()).prop_map(|(kesm, path, supplied, delivered)| Leg {
        kesm,
        path,
        supplied,
        delivered,
    })
}

fn direction() -> impl Strategy<Value = Direction> {
    select(vec![Direction::Forward, Direction::Backward])
}

fn risk() -> impl Strategy<Value = Risk> {
    (watts(), forecast(), watts(), watts()).prop_map(|(present, forecast, limit, margin)| Risk {
        present,
        forecast,
        limit,
        margin,
    })
}

fn forecast() -> impl Strategy<Value = RackForecast> {
    let rules = vec![
        RuleReason::NoModel,
        RuleReason::NotFinite,
        RuleReason::OutOfRange,
        RuleReason::Late,
        RuleReason::RuntimeFailed,
        RuleReason::ColdStart,
        RuleReason::Refused,
        RuleReason::NotHere,
    ];
    let source = prop_oneof![
        any::<[u8; 8]>().prop_map(|hash8| ForecastSource::Model { hash8 }),
        select(rules).prop_map(ForecastSource::Rule),
    ];
    let numbers = (watts(), watts(), watts(), watts(), watts(), millis());
    (numbers, source).prop_map(|((p50, p90, p99, peak_p50, peak_p99, horizon), source)| RackForecast {
        p50,
        p90,
        p99,
        peak_p50,
        peak_p99,
        horizon,
        source,
    })
}

fn release_reason() -> impl Strategy<Value = ReleaseReason> {
    select(vec![
        ReleaseReason::ForecastFell,
        ReleaseReason::DeviceFailed,
        ReleaseReason::AckMissing,
        ReleaseReason::NoLongerFeasible,
        ReleaseReason::Operator,
    ])
}

fn release() -> impl Strategy<Value = Release> {
    (rack(), release_reason()).prop_map(|(rack, reason)| Release { rack, reason })
}

fn charge_grant() -> impl Strategy<Value = ChargeGrant> {
    (kesm(), watts(), millis()).prop_map(|(kesm, charge_max, hold)| ChargeGrant { kesm, charge_max, hold })
}

fn shortfall() -> impl Strategy<Value = Shortfall> {
    (rack(), risk(), watts()).prop_map(|(rack, risk, uncovered)| Shortfall { rack, risk, uncovered })
}

fn cap_reason() -> impl Strategy<Value = CapReason> {
    select(vec![
        CapReason::RackUncovered,
        CapReason::RowUncovered,
        CapReason::Insecure,
        CapReason::TimeLeft,
        CapReason::GeneratorFull,
        CapReason::Operator,
    ])
}

fn cap_grant() -> impl Strategy<Value = CapGrant> {
    (rack(), watts(), any::<u8>(), cap_reason(), millis()).prop_map(|(rack, cap, keep_tiers, reason, hold)| CapGrant {
        rack,
        cap,
        keep_tiers,
        reason,
        hold,
    })
}

fn duty() -> impl Strategy<Value = GeneratorDuty> {
    select(vec![GeneratorDuty::Auto, GeneratorDuty::Run])
}

fn generator_grant() -> impl Strategy<Value = GeneratorGrant> {
    (feed(), duty(), millis()).prop_map(|(feed, duty, hold)| GeneratorGrant { feed, duty, hold })
}

fn mode() -> impl Strategy<Value = Mode> {
    select(vec![Mode::Normal, Mode::RideThrough, Mode::Generator, Mode::OrderlyShutdown, Mode::Recovery])
}

fn mode_reason() -> impl Strategy<Value = ModeReason> {
    prop_oneof![
        (any::<u8>(), any::<u8>()).prop_map(|(witnesses, of)| ModeReason::UtilityLost { witnesses, of }),
        Just(ModeReason::GeneratorCarries),
        Just(ModeReason::GeneratorLost),
        Just(ModeReason::TimeIsUp),
        Just(ModeReason::UtilityBack),
        Just(ModeReason::Recharged),
    ]
}

fn mode_change() -> impl Strategy<Value = ModeChange> {
    (feed(), mode(), mode_reason(), prop::option::of(millis())).prop_map(|(feed, to, reason, time_left)| ModeChange {
        feed,
        to,
        reason,
        time_left,
    })
}

fn stored() -> impl Strategy<Value = StoredEnergy> {
    (kesm(), any::<i64>()).prop_map(|(kesm, stored)| StoredEnergy { kesm, stored: Joules::new(stored) })
}

fn load() -> impl Strategy<Value = RackLoad> {
    (rack(), watts(), any::<u16>()).prop_map(|(rack, peak, heat_permille)| RackLoad { rack, peak, heat_permille })
}

fn operation() -> impl Strategy<Value = Operation> {
    let action = prop_oneof![
        (grant(), list(stored()), list(load()))
            .prop_map(|(grant, stored, loads)| Action::Transfer(grant, stored, loads)),
        rack().prop_map(Action::End),
        device().prop_map(Action::Hold),
        device().prop_map(Action::Resume),
        device().prop_map(Action::Lock),
        (device(), words()).prop_map(|(device, of)| Action::Unlock { device, of }),
        Just(Action::ManualOn),
        Just(Action::ManualOff),
        model_action().prop_map(Action::Model),
        (rack(), watts(), millis()).prop_map(|(rack, cap, hold)| Action::Shed(Shed { rack, cap, hold })),
        rack().prop_map(Action::Restore),
        alarm().prop_map(Action::Acknowledge),
        (alarm(), millis()).prop_map(|(alarm, hold)| Action::Shelve(alarm, hold)),
        alarm().prop_map(Action::Unshelve),
        words().prop_map(Action::Denied),
        any::<u16>().prop_map(|replica| Action::HandOver(ReplicaId(replica))),
        (words(), any::<u64>(), select(DrillStage::ALL.to_vec()))
            .prop_map(|(drill, seed, stage)| Action::Drill(DrillNote { drill, seed, stage })),
        (any::<u16>(), any::<bool>()).prop_map(|(replica, although_alive)| {
            Action::Members(MemberChange::Forget { replica: ReplicaId(replica), although_alive })
        }),
        (any::<u16>(), any::<std::net::SocketAddrV4>()).prop_map(|(replica, address)| {
            Action::Members(MemberChange::Add { replica: ReplicaId(replica), address: address.into() })
        }),
    ];
    (prop::option::of(any::<u128>().prop_map(RequestId)), words(), words(), action)
        .prop_map(|(request, actor, reason, action)| Operation { request, actor, reason, action })
}

fn alarm() -> impl Strategy<Value = AlarmKey> {
    let subject = prop_oneof![
        Just(Subject::Site),
        feed().prop_map(Subject::Feed),
        rack().prop_map(Subject::Rack),
        device().prop_map(Subject::Device),
        any::<u16>().prop_map(|replica| Subject::Replica(ReplicaId(replica))),
    ];
    (select(AlarmKind::ALL.to_vec()), subject).prop_map(|(kind, subject)| AlarmKey { kind, subject })
}

fn alarm_row() -> impl Strategy<Value = (AlarmKey, Alarm)> {
    let raises = prop::collection::vec(millis(), 1..=RAISES_KEPT);
    (alarm(), any::<bool>(), raises, prop::option::of(words()), prop::option::of(millis())).prop_map(
        |(key, active, raises, acknowledged, shelved_until)| {
            (key, Alarm { active, raises, acknowledged, shelved_until })
        },
    )
}

fn shed() -> impl Strategy<Value = (RackId, Shedding)> {
    (rack(), watts(), millis()).prop_map(|(rack, cap, until)| (rack, Shedding { cap, until }))
}

fn transfer_id() -> impl Strategy<Value = TransferId> {
    (any::<u64>(), any::<u16>()).prop_map(|(index, nth)| TransferId { index, nth })
}

fn outcome() -> impl Strategy<Value = Outcome> {
    (transfer_id(), list(timed_ack())).prop_map(|(transfer, acks)| Outcome { transfer, acks })
}

fn timed_ack() -> impl Strategy<Value = TimedAck> {
    let verdict = select(vec![
        Verdict::Executed,
        Verdict::Duplicate,
        Verdict::StaleFence,
        Verdict::Expired,
        Verdict::BeyondLimits,
        Verdict::Unavailable,
        Verdict::LockedOut,
    ]);
    let fence = (any::<u64>(), any::<u64>()).prop_map(|(term, index)| Fence { term, index });
    (device(), fence, verdict, millis(), any::<u32>()).prop_map(|(device, fence, verdict, device_at, after_us)| {
        TimedAck { ack: Ack { device, fence, verdict, device_at }, after_us }
    })
}

fn transfer() -> impl Strategy<Value = Transfer> {
    let phase = select(vec![Phase::Supplying, Phase::Drawing, Phase::Held]);
    (transfer_id(), transfer_id(), millis(), grant(), millis(), phase, any::<bool>()).prop_map(
        |(id, first, since, grant, until, phase, noted)| Transfer { id, first, since, grant, until, phase, noted },
    )
}

fn charge() -> impl Strategy<Value = (KesmId, Charge)> {
    (kesm(), watts(), millis()).prop_map(|(kesm, charge_max, until)| (kesm, Charge { charge_max, until }))
}

fn closing() -> impl Strategy<Value = Closing> {
    (transfer_id(), rack(), release_reason(), list(device()), millis())
        .prop_map(|(transfer, rack, reason, devices, until)| Closing { transfer, rack, reason, devices, until })
}

fn cap() -> impl Strategy<Value = (RackId, Cap)> {
    (rack(), watts(), any::<u8>(), cap_reason(), millis(), millis())
        .prop_map(|(rack, cap, keep_tiers, reason, since, until)| (rack, Cap { cap, keep_tiers, reason, since, until }))
}

fn rule() -> impl Strategy<Value = (FeedId, GeneratorRule)> {
    (feed(), duty(), millis()).prop_map(|(feed, duty, until)| (feed, GeneratorRule { duty, until }))
}

fn feed_mode() -> impl Strategy<Value = (FeedId, FeedMode)> {
    (feed(), mode(), millis(), prop::option::of(mode_reason()))
        .prop_map(|(feed, mode, since, reason)| (feed, FeedMode { mode, since, reason }))
}

fn order() -> impl Strategy<Value = Order> {
    let setpoint = prop_oneof![
        (watts(), watts(), watts()).prop_map(|(supply_max, charge_max, hold)| Setpoint::Kesm {
            supply_max,
            charge_max,
            hold
        }),
        (direction(), watts(), watts()).prop_map(|(direction, flow_max, hold)| Setpoint::Tie {
            direction,
            flow_max,
            hold
        }),
        (watts(), any::<u8>()).prop_map(|(cap, keep_tiers)| Setpoint::Pdu { cap, keep_tiers }),
        duty().prop_map(|generator| Setpoint::Supply { generator }),
    ];
    (device(), any::<u64>(), any::<u64>(), setpoint, millis())
        .prop_map(|(device, index, term, setpoint, until)| Order { device, index, term, setpoint, until })
}
