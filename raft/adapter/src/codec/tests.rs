//! The bytes are those of the golden file, and no bytes from elsewhere can do harm.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::{Ipv6Addr, SocketAddr};

use openraft::EntryPayload;
use openraft::raft::{AppendEntriesResponse, SnapshotResponse, TransferLeaderError};
use proptest::prelude::*;
use ridethrough_core::command::{
    ChargeGrant, Command, Entry, Founding, Grant, Hop, Leg, Outcome, Plan, Release, ReleaseReason, Risk, Seen,
    Shortfall, Stamp, StoredEnergy, TimedAck, TransferId,
};
use ridethrough_core::device::{Ack, DeviceId, Direction, Fence, Order, ReplicaId, Setpoint, Verdict};
use ridethrough_core::forecast::{ForecastSource, RackForecast, RuleReason};
use ridethrough_core::ledger::{Charge, Parts, Transfer};
use ridethrough_core::site::{KesmId, RackId, TieId};
use ridethrough_core::units::{Joules, Millis, Watts};

use super::entry::{decode_entry, encode_entry};
use super::snapshot::{decode_snapshot, encode_snapshot};
use super::vote::{Mark, Memory, decode_mark, decode_vote, encode_mark, encode_vote};
use super::wire::{
    Answer, AppendRequest, Greeting, Hello, HelloRefusal, Request, SnapshotPart, TransferRequest, VoteAnswer,
    VoteRequest, Welcome, decode_answer, decode_greeting, decode_hello, decode_request, encode_answer, encode_greeting,
    encode_hello, encode_request,
};
use super::{CodecError, VERSION};
use crate::leader_id::{Elected, LeaderId};
use crate::type_config::{LogEntry, LogId, Membership, PeerAddress, Proposal, SnapshotMeta, StoredMembership, Vote};

const GOLDEN: &str = include_str!("../../golden/codec-v1.txt");

#[test]
fn the_bytes_are_those_of_the_golden_file() {
    let now = golden_now();
    for (line, (golden, now)) in GOLDEN.lines().zip(now.lines()).enumerate() {
        assert_eq!(golden, now, "line {}: the bytes are a contract, a change needs a new version", line + 1);
    }
    assert_eq!(GOLDEN.lines().count(), now.lines().count(), "now:\n{now}");
}

#[test]
fn every_value_decodes_to_itself() {
    for entry in entries() {
        let bytes = encode_entry(&entry).expect("encodes");
        assert_eq!(decode_entry(&bytes).expect("decodes"), entry);
    }
    let (meta, parts) = (meta(), parts());
    let bytes = encode_snapshot(&meta, &parts).expect("encodes");
    assert_eq!(decode_snapshot(&bytes).expect("decodes"), (meta, parts));
    assert_eq!(decode_vote(&encode_vote(&vote()).expect("encodes")), Ok(vote()));
    for mark in marks() {
        assert_eq!(decode_mark(&encode_mark(&mark).expect("encodes")), Ok(mark));
    }
    for request in requests() {
        let bytes = encode_request(&request).expect("encodes");
        assert_eq!(encode_request(&decode_request(&bytes).expect("decodes")), Ok(bytes), "{request:?}");
    }
    for answer in answers() {
        let bytes = encode_answer(&answer).expect("encodes");
        assert_eq!(encode_answer(&decode_answer(&bytes).expect("decodes")), Ok(bytes), "{answer:?}");
    }
    for greeting in greetings() {
        assert_eq!(decode_greeting(&encode_greeting(greeting).expect("encodes")), Ok(greeting));
    }
    assert_eq!(decode_hello(&encode_hello(&hello()).expect("encodes")), Ok(hello()));
}

#[test]
fn bytes_cut_short_or_too_many_are_refused() {
    for entry in entries() {
        let mut bytes = encode_entry(&entry).expect("encodes");
        for cut in 0..bytes.len() {
            assert!(decode_entry(&bytes[..cut]).is_err(), "{cut} of {} bytes were accepted", bytes.len());
        }
        bytes.push(0);
        assert_eq!(decode_entry(&bytes), Err(CodecError::Trailing { bytes: 1 }));
    }
}

#[test]
fn another_version_is_named() {
    let mut bytes = encode_vote(&vote()).expect("encodes");
    bytes[0] = VERSION + 1;
    assert_eq!(decode_vote(&bytes), Err(CodecError::Version { found: VERSION + 1 }));
}

#[test]
fn lengths_that_claim_the_world_are_refused() {
    let bytes = encode_entry(&entries()[2]).expect("encodes");
    for at in 1..bytes.len().saturating_sub(8) {
        let mut bomb = bytes.clone();
        bomb[at..at + 8].copy_from_slice(&(u64::MAX / 2).to_le_bytes());
        // It may decode, where these bytes are a quantity; it must neither panic nor take gigabytes.
        drop(decode_entry(&bomb));
    }
    let mut lists = vec![VERSION];
    lists.extend_from_slice(&[0; 24]);
    lists.extend_from_slice(&2u32.to_le_bytes());
    lists.extend_from_slice(&(1u64 << 40).to_le_bytes());
    assert!(matches!(decode_entry(&lists), Err(CodecError::Malformed { .. })));
}

#[test]
fn numbers_that_stand_for_nothing_are_refused() {
    let bytes = encode_entry(&entries()[2]).expect("encodes");
    let refused = (0..bytes.len()).filter(|&at| {
        let mut bytes = bytes.clone();
        bytes[at] = 0xee;
        matches!(decode_entry(&bytes), Err(CodecError::OutOfRange { .. }))
    });
    // Among them the direction of a tie, the reason of a release and the reason of a rule.
    assert!(refused.count() >= 3);
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        decode_all(&bytes);
        let mut stored = vec![VERSION];
        stored.extend_from_slice(&bytes);
        decode_all(&stored);
    }

    #[test]
    fn damaged_values_never_panic(at in any::<prop::sample::Index>(), with in any::<[u8; 9]>()) {
        let stored = entries().iter().map(|entry| encode_entry(entry).expect("encodes")).collect::<Vec<_>>();
        let snapshot = encode_snapshot(&meta(), &parts()).expect("encodes");
        let sent = requests().iter().map(|request| encode_request(request).expect("encodes")).collect::<Vec<_>>();
        for mut bytes in stored.into_iter().chain([snapshot]).chain(sent) {
            let at = at.index(bytes.len());
            let end = bytes.len().min(at + with.len());
            bytes[at..end].copy_from_slice(&with[..end - at]);
            decode_all(&bytes);
        }
    }
}

fn decode_all(bytes: &[u8]) {
    drop(decode_entry(bytes));
    drop(decode_snapshot(bytes));
    drop(decode_vote(bytes));
    drop(decode_mark(bytes));
    drop(decode_hello(bytes));
    drop(decode_greeting(bytes));
    drop(decode_request(bytes));
    drop(decode_answer(bytes));
}

fn golden_now() -> String {
    let mut lines = Vec::new();
    lines.extend(entries().iter().map(|entry| ("entry", encode_entry(entry))));
    lines.push(("snapshot", encode_snapshot(&meta(), &parts())));
    lines.push(("vote", encode_vote(&vote())));
    lines.extend(marks().iter().map(|mark| ("mark", encode_mark(mark))));
    lines.push(("hello", encode_hello(&hello())));
    lines.extend(greetings().map(|greeting| ("greeting", encode_greeting(greeting))));
    lines.extend(requests().iter().map(|request| ("request", encode_request(request))));
    lines.extend(answers().iter().map(|answer| ("answer", encode_answer(answer))));
    let mut text = String::new();
    for (name, bytes) in lines {
        text.push_str(name);
        text.push(' ');
        for byte in bytes.expect("encodes") {
            write!(text, "{byte:02x}").expect("a String takes every write");
        }
        text.push('\n');
    }
    text
}

fn log_id(index: u64) -> LogId {
    LogId::new(Elected { term: 258, node: 3 }, index)
}

fn vote() -> Vote {
    Vote { leader_id: LeaderId { term: 259, node: 2 }, committed: true }
}

fn marks() -> [Mark; 2] {
    let whole = Mark { committed: Some(log_id(772)), purged: Some(log_id(700)), memory: Memory::Whole };
    [whole, Mark { memory: Memory::Unknown, ..Mark::default() }]
}

fn hello() -> Hello {
    Hello { magic: crate::peer::MAGIC, version: 1, cluster: *b"0123456789abcdef", from: 1, to: 2 }
}

fn greetings() -> [Greeting; 6] {
    [
        Greeting::Welcome(Welcome { election_ms: 150, founded: true }),
        Greeting::Refused(HelloRefusal::NotAPeer),
        Greeting::Refused(HelloRefusal::Version),
        Greeting::Refused(HelloRefusal::OtherCluster),
        Greeting::Refused(HelloRefusal::OtherReplica),
        Greeting::Refused(HelloRefusal::UnknownCaller),
    ]
}

fn requests() -> [Request; 5] {
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

fn answers() -> [Answer; 11] {
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

fn entries() -> Vec<LogEntry> {
    let normal = |command| EntryPayload::Normal(Proposal(proposal(command)));
    let payloads = [
        EntryPayload::Blank,
        EntryPayload::Membership(membership()),
        normal(Command::Plan(plan())),
        normal(Command::Found(founding())),
        normal(Command::Outcome(outcome())),
    ];
    payloads.into_iter().zip(9..).map(|(payload, index)| LogEntry { log_id: log_id(index), payload }).collect()
}

fn membership() -> Membership {
    let nodes = BTreeMap::from([
        (1, PeerAddress(SocketAddr::from(([127, 0, 0, 1], 7301)))),
        (2, PeerAddress(SocketAddr::from((Ipv6Addr::LOCALHOST, 7302)))),
    ]);
    Membership::new(vec![BTreeSet::from([1, 2])], nodes).expect("both nodes are there")
}

fn proposal(command: Command) -> Entry {
    let stamp = Stamp { at: Millis::new(4_660), wall_unix_ms: -1 };
    Entry { stamp, by: ReplicaId(3), seen: Seen { index: 258, hash: [0xab; 32] }, command }
}

fn founding() -> Founding {
    Founding { cluster: *b"0123456789abcdef", site_hash: [0xcd; 32] }
}

fn risk(source: ForecastSource) -> Risk {
    let forecast = RackForecast {
        p50: Watts::new(1),
        p90: Watts::new(2),
        p99: Watts::new(3),
        peak_p99: Watts::new(4),
        horizon: Millis::new(5),
        source,
    };
    Risk { present: Watts::new(6), forecast, limit: Watts::new(7), margin: Watts::new(-8) }
}

fn grant() -> Grant {
    let path = vec![
        Hop { tie: TieId(4), direction: Direction::Forward },
        Hop { tie: TieId(5), direction: Direction::Backward },
    ];
    let leg = Leg { kesm: KesmId(2), path, supplied: Watts::new(600), delivered: Watts::new(580) };
    let risk = risk(ForecastSource::Model { hash8: *b"modelsha" });
    Grant { rack: RackId(1), legs: vec![leg], risk, hold: Millis::new(8_000) }
}

fn plan() -> Plan {
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
        releases: vec![
            Release { rack: RackId(6), reason: ReleaseReason::ForecastFell },
            Release { rack: RackId(7), reason: ReleaseReason::DeviceFailed },
        ],
        charges: vec![ChargeGrant { kesm: KesmId(8), charge_max: Watts::new(900), hold: Millis::new(10) }],
        shortfalls: rules.into_iter().map(shortfall).collect(),
        stored: vec![StoredEnergy { kesm: KesmId(2), stored: Joules::new(2_000_000) }],
    }
}

fn outcome() -> Outcome {
    let verdicts = [
        Verdict::Executed,
        Verdict::Duplicate,
        Verdict::StaleFence,
        Verdict::Expired,
        Verdict::BeyondLimits,
        Verdict::Unavailable,
    ];
    let devices = [DeviceId::Pdu(RackId(1)), DeviceId::Kesm(KesmId(2)), DeviceId::Tie(TieId(3))];
    let acks = verdicts.into_iter().zip(devices.into_iter().cycle()).map(|(verdict, device)| TimedAck {
        ack: Ack { device, fence: Fence { term: 258, index: 11 }, verdict, device_at: Millis::new(77) },
        after_us: 1_234,
    });
    Outcome { transfer: TransferId { index: 11, nth: 2 }, acks: acks.collect() }
}

fn meta() -> SnapshotMeta {
    let last_membership = StoredMembership::new(Some(log_id(0)), membership());
    SnapshotMeta { last_log_id: Some(log_id(13)), last_membership }
}

fn parts() -> Parts {
    let kesm = Setpoint::Kesm { supply_max: Watts::new(600), charge_max: Watts::ZERO, hold: Watts::new(22_800) };
    let tie = Setpoint::Tie { direction: Direction::Backward, flow_max: Watts::new(590), hold: Watts::new(22_800) };
    let order = |device, setpoint| Order { device, index: 11, term: 258, setpoint, until: Millis::new(12_660) };
    Parts {
        now: Millis::new(4_660),
        founding: Some(founding()),
        last: Seen { index: 13, hash: [0xef; 32] },
        recent: vec![Seen { index: 12, hash: [0xee; 32] }, Seen { index: 13, hash: [0xef; 32] }],
        transfers: vec![Transfer {
            id: TransferId { index: 11, nth: 0 },
            first: TransferId { index: 9, nth: 1 },
            since: Millis::new(4_000),
            grant: grant(),
            until: Millis::new(12_660),
            acked: true,
        }],
        charges: vec![(KesmId(8), Charge { charge_max: Watts::new(900), until: Millis::new(4_670) })],
        orders: vec![order(DeviceId::Kesm(KesmId(2)), kesm), order(DeviceId::Tie(TieId(5)), tie)],
    }
}
