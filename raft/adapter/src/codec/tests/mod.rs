//! The bytes are those of the golden file, and no bytes from elsewhere can do harm.

mod arbitrary;
mod samples;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use openraft::EntryPayload;
use proptest::prelude::*;
use ridethrough_core::command::{
    ACKS_MAX, Action, Command, EVIDENCE_MAX, HOPS_MAX, LEGS_MAX, Operation, PLAN_ITEMS_MAX, Plan, WORDS_BYTES_MAX,
};
use ridethrough_core::fallback::{CHANGES_MAX, Change, ForecastNote, Part, TALLIES_MAX, Tally};
use ridethrough_core::site::RackId;
use ridethrough_witness::Frontier;

use self::samples::{
    answers, drills, entries, governance, grant, greetings, handovers, hello, marks, members, meta, normal, notes,
    numbered, operators, outcome, parts, parts_with_alarms, parts_with_models, parts_with_requests, plan, requests,
    vote,
};
use super::entry::{EntryV2, decode_entry, encode_entry};
use super::snapshot::{Snapshot, decode_snapshot, encode_snapshot};
use super::vote::{decode_mark, decode_vote, encode_mark, encode_vote};
use super::wire::{
    Greeting, HelloRefusal, decode_answer, decode_greeting, decode_hello, decode_request, encode_answer,
    encode_greeting, encode_hello, encode_request,
};
use super::{CodecError, VERSION, VERSION_WITH_MODELS, encode_stored};
use crate::log_store::PROPOSAL_BYTES_MAX;
use crate::type_config::LogEntry;

const GOLDEN: &str = include_str!("../../../golden/codec-v2.txt");
/// What the first version wrote.
const FORMER: &str = include_str!("../../../golden/codec-v1.txt");

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
    for entry in all_entries() {
        let bytes = encode_entry(&entry).expect("encodes");
        assert_eq!(decode_entry(&bytes).expect("decodes"), entry);
    }
    for parts in [parts(), parts_with_models(), parts_with_alarms(), parts_with_requests()] {
        let bytes = encode_snapshot(&meta(), &parts, None).expect("encodes");
        assert_eq!(decode_snapshot(&bytes), Ok(Snapshot { meta: meta(), parts: parts.clone(), tree: None }));
        let bytes = encode_snapshot(&meta(), &parts, Some(&tree())).expect("encodes");
        assert_eq!(decode_snapshot(&bytes), Ok(Snapshot { meta: meta(), parts, tree: Some(tree()) }));
    }
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
    for entry in all_entries() {
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
    let mut refused = BTreeSet::new();
    let mut damage = |bytes: Vec<u8>, decode: &dyn Fn(&[u8]) -> Option<CodecError>| {
        for at in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[at] = 0xee;
            if let Some(CodecError::OutOfRange { what, .. }) = decode(&bytes) {
                refused.insert(what);
            }
        }
    };
    for entry in all_entries() {
        damage(encode_entry(&entry).expect("encodes"), &|bytes| decode_entry(bytes).err());
    }
    let entries_alone = BTreeSet::from([
        "alarm",
        "cap reason",
        "device",
        "direction",
        "engine",
        "generator duty",
        "leader",
        "mode",
        "model fault",
        "release reason",
        "rule reason",
        "verdict",
    ]);
    damage(encode_snapshot(&meta(), &parts(), None).expect("encodes"), &|bytes| decode_snapshot(bytes).err());
    assert_eq!(refused, entries_alone.into_iter().chain(["phase"]).collect());
}

#[test]
fn what_a_former_version_wrote_is_refused_and_both_versions_are_named() {
    let expected = "encoding version 1, this release reads version 2";
    let mut stored = BTreeSet::new();
    for line in FORMER.lines() {
        let (kind, digits) = line.split_once(' ').expect("a kind and its bytes");
        let bytes: Vec<u8> = (0..digits.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hexadecimal"))
            .collect();
        let error = match kind {
            "entry" => decode_entry(&bytes).err(),
            "snapshot" => decode_snapshot(&bytes).err(),
            "vote" => decode_vote(&bytes).err(),
            "mark" => decode_mark(&bytes).err(),
            _ => continue,
        };
        assert_eq!(error.expect("refused").to_string(), expected, "{kind}");
        stored.insert(kind);
    }
    assert_eq!(stored.len(), 4);
}

/// What is too long is refused when it is written, and when somebody else has written it.
fn check_limit(command: Command, expected: &str) {
    let entry = normal(command);
    let written = encode_entry(&entry).expect_err(expected).to_string();
    let bytes = encode_stored(&EntryV2::from(&entry)).expect("encodes without the check");
    let read = decode_entry(&bytes).expect_err(expected).to_string();
    assert_eq!((written.as_str(), read.as_str()), (expected, expected));
}

#[test]
fn lists_and_words_have_limits_both_ways() {
    let many = |count: usize| vec![RackId(0); count];
    let with = |change: &dyn Fn(&mut Plan)| {
        let mut plan = plan();
        change(&mut plan);
        Command::Plan(plan)
    };
    assert!(encode_entry(&normal(with(&|plan| plan.lifts = many(PLAN_ITEMS_MAX)))).is_ok());
    let beyond = |what: &str, max: usize| format!("{} {what}, at most {max} are allowed", max + 1);
    let lifts = beyond("lifts", PLAN_ITEMS_MAX);
    check_limit(with(&|plan| plan.lifts = many(PLAN_ITEMS_MAX + 1)), &lifts);
    let caps = beyond("caps", PLAN_ITEMS_MAX);
    check_limit(with(&|plan| plan.caps = vec![plan.caps[0]; PLAN_ITEMS_MAX + 1]), &caps);
    let evidence = beyond("loads", EVIDENCE_MAX);
    check_limit(with(&|plan| plan.loads = vec![plan.loads[0]; EVIDENCE_MAX + 1]), &evidence);
    let leg = || grant().legs[0].clone();
    check_limit(with(&|plan| plan.grants[0].legs = vec![leg(); LEGS_MAX + 1]), "9 legs, at most 8 are allowed");
    let long = |plan: &mut Plan| plan.grants[0].legs[0].path = vec![leg().path[0]; HOPS_MAX + 1];
    check_limit(with(&long), "9 hops, at most 8 are allowed");
    let mut outcome = outcome();
    outcome.acks = vec![outcome.acks[0]; ACKS_MAX + 1];
    check_limit(Command::Outcome(outcome), "129 acks, at most 128 are allowed");
    let by = |actor: &str, reason: &str, action| {
        Command::Operation(Operation { request: None, actor: actor.into(), reason: reason.into(), action })
    };
    let long = "ü".repeat(WORDS_BYTES_MAX / 2) + "x";
    check_limit(by(&long, "", Action::ManualOn), "257 bytes of an actor, at most 256 are allowed");
    check_limit(by("", &long, Action::ManualOn), "257 bytes of a reason, at most 256 are allowed");
    let loads = vec![plan().loads[0]; EVIDENCE_MAX + 1];
    check_limit(by("", "", Action::Transfer(grant(), Vec::new(), loads)), &evidence);
    let change = Change { part: Part::Rack(RackId(0)), rule: None };
    let note = ForecastNote { changes: vec![change; CHANGES_MAX + 1], ..ForecastNote::default() };
    check_limit(Command::Forecasts(note), "65 changes of forecasts, at most 64 are allowed");
    let more = vec![Tally { rule: None, parts: 1 }; TALLIES_MAX + 1];
    let note = ForecastNote { more, ..ForecastNote::default() };
    check_limit(Command::Forecasts(note), "7 tallies of forecasts, at most 6 are allowed");
}

/// The lists of a plan may together be longer than one entry is large; what a large site needs at its worst must fit.
#[test]
fn the_worst_minute_of_a_large_site_fits_into_the_log() {
    let (racks, kesms, mut grant, plan) = (4_096, 1_024, grant(), plan());
    grant.legs.truncate(1);
    let worst = Plan {
        grants: vec![grant; racks / 2],
        shortfalls: vec![plan.shortfalls[0]; racks / 2],
        charges: vec![plan.charges[0]; kesms],
        caps: vec![plan.caps[0]; racks],
        generators: vec![plan.generators[0]; 16],
        modes: vec![plan.modes[0]; 16],
        stored: vec![plan.stored[0]; kesms],
        loads: vec![plan.loads[0]; racks],
        ..Plan::default()
    };
    let entry = normal(Command::Plan(worst));
    let bytes = encode_entry(&entry).expect("encodes");
    assert!(bytes.len() <= PROPOSAL_BYTES_MAX, "{} bytes", bytes.len());
    assert_eq!(decode_entry(&bytes), Ok(entry));
}

#[test]
fn words_that_are_no_text_are_refused() {
    let operation = Operation { request: None, actor: "mira".into(), reason: "test".into(), action: Action::ManualOn };
    let mut bytes = encode_entry(&normal(Command::Operation(operation))).expect("encodes");
    let at = bytes.windows(4).position(|window| window == b"mira").expect("the actor's name");
    bytes[at] = 0xff;
    assert!(matches!(decode_entry(&bytes), Err(CodecError::Malformed { .. })));
}

#[test]
fn every_flipped_bit_is_refused_or_is_another_value_with_just_those_bytes() {
    let with_tree = encode_snapshot(&meta(), &parts(), Some(&tree())).expect("encodes");
    let snapshots =
        [parts(), parts_with_models()].map(|parts| encode_snapshot(&meta(), &parts, None).expect("encodes"));
    let snapshots = snapshots.into_iter().chain([with_tree]);
    for mut bytes in all_entries().iter().map(|entry| encode_entry(entry).expect("encodes")).chain(snapshots) {
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_one_encoding(&bytes);
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }
}

/// Bytes that decode are the bytes that their value has. Memberships are sets, whose bytes may come in another order.
fn assert_one_encoding(bytes: &[u8]) {
    if let Ok(entry) = decode_entry(bytes)
        && !matches!(entry.payload, EntryPayload::Membership(_))
    {
        assert_eq!(encode_entry(&entry).as_deref(), Ok(bytes));
    }
    if let Ok(snapshot) = decode_snapshot(bytes) {
        let again = encode_snapshot(&snapshot.meta, &snapshot.parts, snapshot.tree.as_ref()).expect("encodes");
        assert_eq!(decode_snapshot(&again), Ok(snapshot));
    }
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
    fn arbitrary_entries_come_back(entry in arbitrary::entry()) {
        let bytes = encode_entry(&entry).expect("encodes");
        prop_assert_eq!(decode_entry(&bytes), Ok(entry));
    }

    #[test]
    fn arbitrary_snapshots_come_back(parts in arbitrary::parts()) {
        let bytes = encode_snapshot(&meta(), &parts, None).expect("encodes");
        prop_assert_eq!(decode_snapshot(&bytes), Ok(Snapshot { meta: meta(), parts, tree: None }));
    }

    #[test]
    fn arbitrary_entries_with_a_flipped_bit_never_panic(entry in arbitrary::entry(), at in any::<prop::sample::Index>()) {
        let mut bytes = encode_entry(&entry).expect("encodes");
        let bit = at.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert_one_encoding(&bytes);
        decode_all(&bytes);
    }

    #[test]
    fn arbitrary_snapshots_with_a_flipped_bit_never_panic(parts in arbitrary::parts(), at in any::<prop::sample::Index>()) {
        let mut bytes = encode_snapshot(&meta(), &parts, None).expect("encodes");
        let bit = at.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert_one_encoding(&bytes);
        decode_all(&bytes);
    }

    #[test]
    fn damaged_values_never_panic(at in any::<prop::sample::Index>(), with in any::<[u8; 9]>()) {
        let stored = all_entries().iter().map(|entry| encode_entry(entry).expect("encodes")).collect::<Vec<_>>();
        let snapshot = encode_snapshot(&meta(), &parts(), None).expect("encodes");
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

/// What there was first, then what came later.
fn all_entries() -> Vec<LogEntry> {
    entries()
        .into_iter()
        .chain(governance())
        .chain(notes())
        .chain(handovers())
        .chain(members())
        .chain(drills())
        .chain(operators())
        .chain(numbered())
        .collect()
}

/// A snapshot of the later version holds a choice, and one that a log can have made.
#[test]
fn a_snapshot_without_a_choice_has_one_version() {
    let mut bytes = encode_snapshot(&meta(), &parts(), None).expect("encodes");
    assert_eq!(bytes[0], VERSION);
    bytes[0] = VERSION_WITH_MODELS;
    bytes.extend_from_slice(&[0; 11]);
    let refused = CodecError::Malformed { reason: "models that no log has chosen".into() };
    assert_eq!(decode_snapshot(&bytes), Err(refused));
}

/// A tree of as many entries as the snapshot goes up to, and none of any other number.
fn tree() -> Frontier {
    let entries = meta().last_log_id.map_or(0, |last| last.index + 1);
    // A log of the real length takes too long to hash; subtrees of any content have the same form.
    let peaks = (1..=u8::try_from(entries.count_ones()).expect("at most 64")).map(|number| [number; 32]);
    Frontier::resume(entries, peaks.collect()).expect("as many as the size has ones")
}

#[test]
fn a_tree_of_other_entries_is_refused() {
    let bytes = encode_snapshot(&meta(), &parts(), Some(&Frontier::default())).expect("encodes");
    let reason = "a tree that is not of the entries before the snapshot".into();
    assert_eq!(decode_snapshot(&bytes), Err(CodecError::Malformed { reason }));
}

fn golden_now() -> String {
    let mut lines = Vec::new();
    lines.extend(entries().iter().map(|entry| ("entry", encode_entry(entry))));
    lines.push(("snapshot", encode_snapshot(&meta(), &parts(), None)));
    lines.push(("vote", encode_vote(&vote())));
    lines.extend(marks().iter().map(|mark| ("mark", encode_mark(mark))));
    lines.push(("hello", encode_hello(&hello())));
    lines.extend(greetings().map(|greeting| ("greeting", encode_greeting(greeting))));
    lines.extend(requests().iter().map(|request| ("request", encode_request(request))));
    lines.extend(answers().iter().map(|answer| ("answer", encode_answer(answer))));
    lines.extend(governance().iter().map(|entry| ("entry", encode_entry(entry))));
    lines.push(("snapshot", encode_snapshot(&meta(), &parts_with_models(), None)));
    lines.extend(notes().iter().map(|entry| ("entry", encode_entry(entry))));
    lines.push(("greeting", encode_greeting(Greeting::Refused(HelloRefusal::Certificate))));
    lines.push(("snapshot", encode_snapshot(&meta(), &parts(), Some(&tree()))));
    lines.push(("snapshot", encode_snapshot(&meta(), &parts_with_models(), Some(&tree()))));
    lines.extend(handovers().iter().map(|entry| ("entry", encode_entry(entry))));
    lines.extend(members().iter().map(|entry| ("entry", encode_entry(entry))));
    lines.extend(drills().iter().map(|entry| ("entry", encode_entry(entry))));
    lines.extend(operators().iter().map(|entry| ("entry", encode_entry(entry))));
    lines.push(("snapshot", encode_snapshot(&meta(), &parts_with_alarms(), None)));
    lines.push(("snapshot", encode_snapshot(&meta(), &parts_with_alarms(), Some(&tree()))));
    lines.extend(numbered().iter().map(|entry| ("entry", encode_entry(entry))));
    lines.push(("snapshot", encode_snapshot(&meta(), &parts_with_requests(), Some(&tree()))));
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
