//! Rebuilds the state of a log from its segments; reads only.

use crate::base::Base;
use crate::error::{ReadError, Reason};
use crate::format::Frame;
use crate::index::{ENTRIES_MAX, Slot};
use crate::record::RecordRef;
use crate::shared::State;
use crate::walk::{Loaded, Place, Walk, corrupt};
use std::path::Path;

/// A log as it was found.
pub(crate) struct Recovered {
    pub(crate) state: State,
    /// The newest segment; `None` for a log that has none yet.
    pub(crate) tail: Option<Loaded>,
}

/// Reads every segment of `dir` and verifies everything in it.
pub(crate) fn recover(dir: &Path, cluster: [u8; 16]) -> Result<Recovered, ReadError> {
    let mut walk = Walk::new(dir, None, Some(cluster))?;
    let mut state = read(&mut walk, u64::MAX)?;
    state.torn_bytes = walk.torn_bytes() as u64;
    Ok(Recovered { state, tail: walk.into_current() })
}

/// The state of the log in `dir` before the record `until`, if `base` stood for all segments before its own.
pub(crate) fn recover_from(dir: &Path, base: Base, until: u64) -> Result<State, ReadError> {
    read(&mut Walk::behind(dir, Some(base), None)?, until)
}

/// The state before the record `until`, or at the end of the walk.
fn read(walk: &mut Walk, until: u64) -> Result<State, ReadError> {
    let mut state = begin(walk);
    while walk.next_sequence() < until
        && let Some((place, frame)) = walk.next()?
    {
        apply(&mut state, &place, &frame)?;
    }
    state.next_sequence = walk.next_sequence();
    Ok(state)
}

/// What a walk begins with: nothing, or what its base says.
pub(crate) fn begin(walk: &Walk) -> State {
    let mut state = State::default();
    for record in walk.base().iter().flat_map(|base| &base.records) {
        note(&mut state, record.as_ref());
    }
    state
}

pub(crate) fn apply(state: &mut State, place: &Place<'_>, frame: &Frame<'_>) -> Result<(), ReadError> {
    match frame.record {
        RecordRef::Entry { index, payload } => {
            let expected = state.index.next();
            if index != expected || state.index.len() >= ENTRIES_MAX {
                return Err(corrupt(place.file, place.offset, Reason::Index { expected, found: index }));
            }
            let offset = u32::try_from(place.offset).unwrap_or(u32::MAX);
            let payload_bytes = u32::try_from(payload.len()).unwrap_or(u32::MAX);
            state.index.push(Slot { sequence: frame.sequence, segment: place.segment, offset, payload_bytes });
        }
        record => note(state, record),
    }
    Ok(())
}

/// What any other record than an entry changes, wherever it lies.
fn note(state: &mut State, record: RecordRef<'_>) {
    match record {
        RecordRef::Vote { payload } => state.vote = Some(payload.to_vec()),
        RecordRef::TruncateAfter { index } => drop(state.index.truncate_after(index)),
        RecordRef::Purge { index } => state.index.purge_to(index),
        RecordRef::Committed { payload } => state.committed = Some(payload.to_vec()),
        RecordRef::Entry { .. } => {}
    }
}
