//! openraft's log and vote, kept in [`ridethrough_raft_log`].
//!
//! All writes go through the log's one I/O thread, in the order in which openraft makes them. Entries can be read as
//! soon as they are accepted; openraft is told that they are durable by the I/O thread itself.

use std::fmt::Debug;
use std::io;
use std::ops::{Bound, Range, RangeBounds};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::{Stream, TryStreamExt, stream};
use openraft::storage::{IOFlushed, LogState, RaftLogReader, RaftLogStorage};
use openraft::{LogIdOptionExt, OptionalSend};
use ridethrough_raft_log::{Log, LogConfig, LogEntry as Record, OpenError, PAYLOAD_BYTES_MAX, Storage, WriteError};
use tokio::sync::{Notify, oneshot};

use crate::codec::CodecError;
use crate::codec::entry::{decode_entry, encode_entry};
use crate::codec::vote::{Mark, Memory, decode_mark, decode_vote, encode_mark, encode_vote};
use crate::error::StartError;
use crate::host::{DiskIo, Queue};
use crate::type_config::{LogEntry, LogId, TypeConfig, Vote};

/// Most payload bytes that one read for a follower gathers, unless the first entry alone is larger.
const READ_BYTES_MAX: usize = 1 << 20;
/// So many entries are read at once to be applied.
const READ_ENTRIES: u64 = 256;
/// Largest encoding of a proposal; a log id and its framing fit into the rest.
pub(crate) const PROPOSAL_BYTES_MAX: usize = PAYLOAD_BYTES_MAX - 1_024;

/// The log of one replica. Clones share it.
#[derive(Clone)]
pub struct LogStore {
    log: Log,
    dir: Arc<Path>,
    mark: Arc<Mutex<Mark>>,
}

/// What a log held when it was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Whether it had ever saved a vote, so that the replica may have promised something to a leader.
    pub(crate) voted: bool,
}

impl LogStore {
    /// Opens the log in `dir`, or makes it.
    ///
    /// Where a task is to serve it, nothing is written before that runs.
    pub(crate) fn open<S: Storage>(
        config: LogConfig,
        storage: S,
        disk_io: DiskIo,
    ) -> Result<(Self, Found, Option<Queue<S>>), StartError> {
        let dir = config.dir.clone();
        let (log, queue) = open_log(config, storage, disk_io).map_err(StartError::Log)?;
        let state = log.state();
        let undecodable = |what| {
            let dir = dir.clone();
            move |error| StartError::Undecodable { dir, what, error }
        };
        let vote = state.vote.as_deref().map(decode_vote).transpose().map_err(undecodable("vote"))?;
        let mark = state.committed.as_deref().map(decode_mark).transpose().map_err(undecodable("committed mark"))?;
        let empty = vote.is_none() && state.last_index.is_none() && mark.is_none();
        let store = Self { log, dir: dir.clone().into(), mark: Arc::new(Mutex::new(mark.unwrap_or_default())) };
        if empty {
            store.change_mark(|mark| mark.memory = Memory::Unknown).map_err(StartError::Write)?;
        }
        store.check_purged(state.purged)?;
        Ok((store, Found { voted: vote.is_some() }, queue))
    }

    /// Whether this replica may have forgotten promises.
    pub(crate) fn memory(&self) -> Memory {
        self.mark().memory
    }

    /// Remembers that the log holds all that was ever promised.
    pub(crate) fn memory_is_whole(&self) -> io::Result<()> {
        self.change_mark(|mark| mark.memory = Memory::Whole)
    }

    /// Whether any entry is known to be committed.
    pub(crate) fn founded(&self) -> bool {
        self.mark().committed.is_some()
    }

    /// Whether any entry has ever been accepted.
    pub(crate) fn is_empty(&self) -> bool {
        let state = self.log.state();
        state.last_index.is_none() && state.purged.is_none()
    }

    /// Lets an empty log begin with another entry than the first.
    #[cfg(test)]
    pub(crate) fn begin_at(&self, index: u64) {
        if let Some(before) = index.checked_sub(1) {
            self.log.purge_to(before, |_| {});
        }
    }

    /// How many handles share the log: its directory is free when the last one has gone.
    pub(crate) fn handles(&self) -> usize {
        Arc::strong_count(&self.mark)
    }

    /// A purge saves the entry's log id first and then hides the entries; a crash may have come between.
    fn check_purged(&self, purged: Option<u64>) -> Result<(), StartError> {
        let saved = self.mark().purged.map(|id| id.index);
        match (saved, purged) {
            (Some(saved), purged) if Some(saved) > purged => {
                self.log.purge_to(saved, |_| {});
                Ok(())
            }
            (saved, Some(purged)) if saved < Some(purged) => {
                Err(StartError::PurgedUnknown { dir: self.dir.to_path_buf(), index: purged })
            }
            _ => Ok(()),
        }
    }

    fn mark(&self) -> MutexGuard<'_, Mark> {
        // The mark is replaced whole, so a panic elsewhere cannot have left it half changed.
        self.mark.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues the changed mark. It is not waited for: the log is one queue, so whatever is synced later comes after it,
    /// and a log that fails stays failed and fails the next write, too.
    fn change_mark(&self, change: impl FnOnce(&mut Mark)) -> io::Result<()> {
        let mut mark = self.mark();
        change(&mut mark);
        self.log.save_committed(encode_mark(&mark).map_err(invalid)?, |_| {});
        self.unless_failed()
    }

    fn unless_failed(&self) -> io::Result<()> {
        self.log.failed().map_or(Ok(()), |error| Err(io::Error::other(error)))
    }

    fn read(&self, range: Range<u64>, bytes_max: usize) -> Result<Vec<LogEntry>, io::Error> {
        let records = self.log.read(range, bytes_max).map_err(io::Error::other)?;
        records.into_iter().map(|record| self.decode(&record)).collect()
    }

    fn decode(&self, record: &Record) -> Result<LogEntry, io::Error> {
        let bad = |reason: String| {
            let dir = self.dir.display();
            io::Error::new(io::ErrorKind::InvalidData, format!("{dir}: entry {}: {reason}", record.index))
        };
        let entry = decode_entry(&record.payload).map_err(|error| bad(error.to_string()))?;
        match entry.log_id.index {
            index if index == record.index => Ok(entry),
            index => Err(bad(format!("calls itself entry {index}"))),
        }
    }

    fn last_log_id(&self, last: Option<u64>) -> Result<Option<LogId>, io::Error> {
        let Some(last) = last else { return Ok(self.mark().purged) };
        Ok(self.read(last..last.saturating_add(1), usize::MAX)?.pop().map(|entry| entry.log_id))
    }
}

impl RaftLogReader<TypeConfig> for LogStore {
    async fn entries_stream<R>(&mut self, range: R) -> impl Stream<Item = Result<LogEntry, io::Error>> + OptionalSend
    where
        R: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        // A replica that catches up applies millions of entries; they are read a few at a time.
        let chunks = stream::try_unfold((self.clone(), indexes(&range)), |(store, range)| async move {
            let end = range.end.min(range.start.saturating_add(READ_ENTRIES));
            let entries = store.read(range.start..end, READ_BYTES_MAX)?;
            let next = entries.last().map(|entry| entry.log_id.index.saturating_add(1));
            Ok::<_, io::Error>(next.map(|next| (stream::iter(entries.into_iter().map(Ok)), (store, next..range.end))))
        });
        Box::pin(chunks.try_flatten())
    }

    async fn try_get_log_entries<R>(&mut self, range: R) -> Result<Vec<LogEntry>, io::Error>
    where
        R: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        self.read(indexes(&range), usize::MAX)
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> Result<Vec<LogEntry>, io::Error> {
        self.read(start..end, READ_BYTES_MAX)
    }

    async fn read_vote(&mut self) -> Result<Option<Vote>, io::Error> {
        self.log.state().vote.as_deref().map(decode_vote).transpose().map_err(invalid)
    }
}

impl RaftLogStorage<TypeConfig> for LogStore {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> Result<LogState<TypeConfig>, io::Error> {
        let last_log_id = self.last_log_id(self.log.state().last_index)?;
        Ok(LogState { last_purged_log_id: self.mark().purged, last_log_id })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> Result<(), io::Error> {
        let bytes = encode_vote(vote).map_err(invalid)?;
        if self.read_vote().await?.is_some_and(|kept| is_elected(kept, *vote)) {
            self.log.note_vote(bytes, |_| {});
            return self.unless_failed();
        }
        written(|done| self.log.save_vote(bytes, done)).await
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> Result<(), io::Error> {
        self.change_mark(|mark| mark.committed = committed)
    }

    async fn read_committed(&mut self) -> Result<Option<LogId>, io::Error> {
        Ok(self.mark().committed)
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<TypeConfig>) -> Result<(), io::Error>
    where
        I: IntoIterator<Item = LogEntry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let records = entries.into_iter().map(|entry| {
            encode_entry(&entry).map(|payload| Record { index: entry.log_id.index, payload }).map_err(invalid)
        });
        let records = records.collect::<Result<Vec<_>, _>>()?;
        self.log.append(records, |result| callback.io_completed(result.map_err(io::Error::other)));
        Ok(())
    }

    async fn truncate_after(&mut self, last: Option<LogId>) -> Result<(), io::Error> {
        written(|done| self.log.truncate_after(last.index(), done)).await
    }

    async fn purge(&mut self, upto: LogId) -> Result<(), io::Error> {
        self.change_mark(|mark| mark.purged = mark.purged.max(Some(upto)))?;
        written(|done| self.log.purge_to(upto.index, done)).await
    }
}

fn open_log<S: Storage>(config: LogConfig, storage: S, disk_io: DiskIo) -> Result<(Log, Option<Queue<S>>), OpenError> {
    let DiskIo::Tasks(disk_takes) = disk_io else { return Ok((Log::open_with(config, storage)?, None)) };
    let asked = Arc::new(Notify::new());
    let wakes = Arc::clone(&asked);
    let (log, by_hand) = Log::open_by_hand(config, storage, move || wakes.notify_one())?;
    Ok((log, Some(Queue { by_hand, asked, disk_takes })))
}

/// Whether `vote` says no more than that the candidate who got the vote `kept` was elected with it. The promise is kept in
/// either; which of the two it is decides nothing after a restart, so it need not be durable before anybody goes on.
fn is_elected(kept: Vote, vote: Vote) -> bool {
    vote == Vote { committed: true, ..kept } && !kept.committed
}

/// Waits until the log has carried out a request. The log calls back once for every request, so this cannot hang.
async fn written<F>(request: F) -> Result<(), io::Error>
where
    F: FnOnce(Box<dyn FnOnce(Result<(), WriteError>) + Send>),
{
    let (done, result) = oneshot::channel();
    request(Box::new(move |result| drop(done.send(result))));
    result.await.unwrap_or(Err(WriteError::Stopped)).map_err(io::Error::other)
}

fn invalid(error: CodecError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

fn indexes(range: &impl RangeBounds<u64>) -> Range<u64> {
    let start = match range.start_bound() {
        Bound::Included(&start) => start,
        Bound::Excluded(&before) => before.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(&last) => last.saturating_add(1),
        Bound::Excluded(&end) => end,
        Bound::Unbounded => u64::MAX,
    };
    start..end
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::leader_id::{Elected, LeaderId};
    use openraft::EntryPayload;
    use openraft::storage::RaftLogStorageExt;
    use std::time::Duration;

    fn log_id(index: u64) -> LogId {
        LogId::new(Elected { term: 1, node: 1 }, index)
    }

    fn open(dir: &Path) -> LogStore {
        let segment_bytes = ridethrough_raft_log::SEGMENT_BYTES_DEFAULT;
        let config = LogConfig { dir: dir.to_path_buf(), cluster: [1; 16], segment_bytes };
        LogStore::open(config, ridethrough_raft_log::Disk, DiskIo::Threads).expect("opens").0
    }

    async fn append(store: &mut LogStore, indexes: Range<u64>) {
        let entries = indexes.map(|index| LogEntry { log_id: log_id(index), payload: EntryPayload::Blank });
        store.blocking_append(entries).await.expect("durable");
    }

    fn run(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async { tokio::time::timeout(Duration::from_secs(30), test).await.expect("in time") });
    }

    #[test]
    fn a_crash_between_the_mark_and_the_purge_is_made_good() {
        run(async {
            let dir = tempfile::tempdir().expect("a directory");
            let mut store = open(dir.path());
            append(&mut store, 0..10).await;
            store.change_mark(|mark| mark.purged = Some(log_id(4))).expect("written");
            drop(store);
            let mut store = open(dir.path());
            assert_eq!(store.try_get_log_entries(..).await.expect("reads").len(), 5);
            let state = store.get_log_state().await.expect("reads");
            assert_eq!((state.last_purged_log_id, state.last_log_id), (Some(log_id(4)), Some(log_id(9))));
        });
    }

    #[test]
    fn entries_are_streamed_whole_though_they_are_read_in_pieces() {
        run(async {
            let dir = tempfile::tempdir().expect("a directory");
            let mut store = open(dir.path());
            append(&mut store, 0..3 * READ_ENTRIES + 7).await;
            let entries: Vec<_> = store.entries_stream(5..=3 * READ_ENTRIES).await.try_collect().await.expect("reads");
            let indexes: Vec<_> = entries.iter().map(|entry: &LogEntry| entry.log_id.index).collect();
            assert_eq!(indexes, (5..=3 * READ_ENTRIES).collect::<Vec<_>>());
        });
    }

    #[test]
    fn a_vote_is_durable_before_anybody_counts_on_it_and_its_election_is_only_noted() {
        let vote = |term, node, committed| Vote { leader_id: LeaderId { term, node }, committed };
        assert!(is_elected(vote(4, 2, false), vote(4, 2, true)));
        for (kept, next) in [
            (vote(4, 2, true), vote(4, 2, true)),
            (vote(4, 2, true), vote(4, 2, false)),
            // Nothing was promised in this term yet.
            (vote(3, 2, false), vote(4, 2, true)),
            (vote(4, 1, false), vote(4, 2, true)),
            (vote(4, 2, false), vote(5, 2, false)),
        ] {
            assert!(!is_elected(kept, next), "{next} after {kept}");
        }
        run(async {
            let dir = tempfile::tempdir().expect("a directory");
            let mut store = open(dir.path());
            for vote in [vote(4, 2, false), vote(4, 2, true), vote(5, 1, false)] {
                store.save_vote(&vote).await.expect("written");
                assert_eq!(store.read_vote().await.expect("reads"), Some(vote), "whether it is durable or not");
            }
        });
    }

    #[test]
    fn an_empty_directory_is_remembered_as_one_until_it_is_filled() {
        run(async {
            let dir = tempfile::tempdir().expect("a directory");
            let mut store = open(dir.path());
            assert_eq!(store.memory(), Memory::Unknown);
            append(&mut store, 0..3).await;
            drop(store);
            let store = open(dir.path());
            assert_eq!(store.memory(), Memory::Unknown, "a restart half-way changes nothing");
            store.memory_is_whole().expect("written");
            drop(store);
            assert_eq!(open(dir.path()).memory(), Memory::Whole);
        });
    }
}
