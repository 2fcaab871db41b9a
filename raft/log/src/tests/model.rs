//! Random operations with random reopening, against a model in memory.

use super::support::{all, archive, config, dir, open, wait};
use crate::reader::LogReader;
use crate::retention;
use crate::{Log, LogEntry, ReadError, WriteError};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;

#[derive(Debug, Clone)]
enum Op {
    Append(Vec<Vec<u8>>),
    AppendWithGap,
    Vote(Vec<u8>),
    NoteVote(Vec<u8>),
    Committed(Vec<u8>),
    /// Keeps this many of the readable entries.
    Truncate(usize),
    TruncateAll,
    /// Purges this many more, possibly beyond the last.
    Purge(u64),
    /// Archives what is sealed, and removes so many segments if they are needed no more.
    Prune(usize),
    Reopen,
}

#[derive(Debug, Default, PartialEq)]
struct Model {
    entries: BTreeMap<u64, Vec<u8>>,
    first: u64,
    vote: Option<Vec<u8>>,
    committed: Option<Vec<u8>>,
    /// What an auditor finds in force: like `entries`, with what was purged.
    history: BTreeMap<u64, Vec<u8>>,
}

impl Model {
    fn next(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    fn truncate(&mut self, keep_below: u64) {
        self.entries.retain(|index, _| *index < keep_below);
        self.history.retain(|index, _| *index < keep_below);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_log_behaves_like_its_model(ops in prop::collection::vec(op(), 1..60)) {
        let (dir, archived) = (dir(), dir());
        let (mut log, mut model) = (Some(open(dir.path())), Model::default());
        for op in ops {
            match op {
                Op::Reopen => log = None,
                Op::Prune(count) => prune(dir.path(), archived.path(), count)?,
                _ => {}
            }
            let log = log.get_or_insert_with(|| Log::open(config(dir.path())).expect("the log opens"));
            step(log, &mut model, op)?;
            compare(log, &model)?;
        }
        drop(log);
        let whole = LogReader::open_with_archive(dir.path(), archived.path());
        prop_assert_eq!(survivors(whole), model.history.clone());
        let kept = survivors(LogReader::open(dir.path()));
        prop_assert!(kept.iter().all(|(index, payload)| model.history.get(index) == Some(payload)));
        prop_assert!(model.entries.keys().all(|index| kept.contains_key(index)), "what is in force is never removed");
    }
}

fn survivors(reader: Result<LogReader, ReadError>) -> BTreeMap<u64, Vec<u8>> {
    let found = reader.and_then(LogReader::surviving_entries).expect("reads");
    found.into_iter().map(|(index, payload, _)| (index, payload)).collect()
}

fn prune(dir: &Path, archived: &Path, count: usize) -> Result<(), TestCaseError> {
    // A running log may seal another one meanwhile.
    let count = count.min(archive(dir, archived));
    let removed = retention::prune(dir, count).map_err(|error| TestCaseError::fail(error.to_string()))?;
    prop_assert!(removed.len() <= count);
    Ok(())
}

fn op() -> impl Strategy<Value = Op> {
    let payload = || prop::collection::vec(any::<u8>(), 0..200);
    prop_oneof![
        6 => prop::collection::vec(payload(), 0..8).prop_map(Op::Append),
        1 => Just(Op::AppendWithGap),
        2 => payload().prop_map(Op::Vote),
        1 => payload().prop_map(Op::NoteVote),
        2 => payload().prop_map(Op::Committed),
        2 => (0usize..20).prop_map(Op::Truncate),
        1 => Just(Op::TruncateAll),
        2 => (0u64..12).prop_map(Op::Purge),
        1 => (1usize..4).prop_map(Op::Prune),
        2 => Just(Op::Reopen),
    ]
}

fn step(log: &Log, model: &mut Model, op: Op) -> Result<(), TestCaseError> {
    match op {
        Op::Append(payloads) => {
            let entries: Vec<_> =
                (model.next()..).zip(payloads).map(|(index, payload)| LogEntry { index, payload }).collect();
            model.entries.extend(entries.iter().map(|entry| (entry.index, entry.payload.clone())));
            model.history.extend(entries.iter().map(|entry| (entry.index, entry.payload.clone())));
            // Half of the appends do not wait, so that later operations overtake the I/O thread.
            if entries.len() % 2 == 0 {
                log.append(entries, |_| ());
            } else {
                prop_assert_eq!(wait(|done| log.append(entries, done)), Ok(()));
            }
        }
        Op::AppendWithGap => {
            let (expected, found) = (model.next(), model.next() + 1);
            let entries = vec![LogEntry { index: found, payload: Vec::new() }];
            prop_assert_eq!(wait(|done| log.append(entries, done)), Err(WriteError::Gap { expected, found }));
        }
        Op::Vote(payload) => {
            model.vote = Some(payload.clone());
            log.save_vote(payload, |_| ());
        }
        Op::NoteVote(payload) => {
            model.vote = Some(payload.clone());
            log.note_vote(payload, |_| ());
        }
        Op::Committed(payload) => {
            model.committed = Some(payload.clone());
            log.save_committed(payload, |_| ());
        }
        Op::Truncate(kept) => {
            let after = (model.first + kept as u64).checked_sub(1);
            model.truncate(after.map_or(0, |after| after + 1));
            log.truncate_after(after, |_| ());
        }
        Op::TruncateAll => {
            model.truncate(0);
            log.truncate_after(None, |_| ());
        }
        Op::Purge(more) => {
            let to = model.first + more;
            model.first = to + 1;
            model.entries.retain(|index, _| *index > to);
            log.purge_to(to, |_| ());
        }
        Op::Prune(_) | Op::Reopen => {}
    }
    Ok(())
}

fn compare(log: &Log, model: &Model) -> Result<(), TestCaseError> {
    let state = log.state();
    prop_assert_eq!(state.first_index, model.first);
    prop_assert_eq!(state.last_index, model.entries.keys().next_back().copied());
    prop_assert_eq!(state.purged, model.first.checked_sub(1));
    prop_assert_eq!(&state.vote, &model.vote);
    prop_assert_eq!(&state.committed, &model.committed);
    prop_assert_eq!(state.torn_bytes, 0);
    let found: BTreeMap<_, _> = all(log).into_iter().map(|entry| (entry.index, entry.payload)).collect();
    prop_assert_eq!(&found, &model.entries);
    Ok(())
}
