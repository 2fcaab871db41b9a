//! The five things a log remembers.

/// One record, owned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// An entry was appended at `index`.
    Entry {
        /// Place in the replicated log; the first entry has index 0.
        index: u64,
        /// Opaque bytes.
        payload: Vec<u8>,
    },
    /// The vote became `payload`.
    Vote {
        /// Opaque bytes.
        payload: Vec<u8>,
    },
    /// Entries after `index` were dropped.
    TruncateAfter {
        /// The last entry that was kept; `None` when all were dropped.
        index: Option<u64>,
    },
    /// Entries up to `index` are no longer needed by the replica; their bytes stay in the segments.
    Purge {
        /// The last entry that was purged.
        index: u64,
    },
    /// The committed mark became `payload`.
    Committed {
        /// Opaque bytes.
        payload: Vec<u8>,
    },
}

/// One record, borrowed from a segment or from a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecordRef<'a> {
    Entry { index: u64, payload: &'a [u8] },
    Vote { payload: &'a [u8] },
    TruncateAfter { index: Option<u64> },
    Purge { index: u64 },
    Committed { payload: &'a [u8] },
}

impl Record {
    pub(crate) fn as_ref(&self) -> RecordRef<'_> {
        match self {
            Self::Entry { index, payload } => RecordRef::Entry { index: *index, payload },
            Self::Vote { payload } => RecordRef::Vote { payload },
            Self::TruncateAfter { index } => RecordRef::TruncateAfter { index: *index },
            Self::Purge { index } => RecordRef::Purge { index: *index },
            Self::Committed { payload } => RecordRef::Committed { payload },
        }
    }
}

impl RecordRef<'_> {
    /// Of an entry.
    pub(crate) fn entry_index(self) -> Option<u64> {
        if let RecordRef::Entry { index, .. } = self { Some(index) } else { None }
    }

    pub(crate) fn to_owned(self) -> Record {
        match self {
            Self::Entry { index, payload } => Record::Entry { index, payload: payload.to_vec() },
            Self::Vote { payload } => Record::Vote { payload: payload.to_vec() },
            Self::TruncateAfter { index } => Record::TruncateAfter { index },
            Self::Purge { index } => Record::Purge { index },
            Self::Committed { payload } => Record::Committed { payload: payload.to_vec() },
        }
    }
}
