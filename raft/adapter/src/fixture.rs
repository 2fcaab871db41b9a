//! Writes a log as a replica would have left it, without a replica: for tests and benches of whatever reads logs. Production
//! code is built without it (feature `fixture`).

use std::path::Path;
use std::sync::mpsc;

use openraft::EntryPayload;
use ridethrough_core::command::{Entry, Position};
use ridethrough_raft_log::{Log, LogConfig, LogEntry, SEGMENT_BYTES_DEFAULT};

use crate::audit_tree::stored_bytes;
use crate::codec::entry::encode_entry;
use crate::codec::vote::{Mark, encode_mark};
use crate::leader_id::Elected;
use crate::replica::LOG_DIR;
use crate::type_config::{LogEntry as Stored, LogId};

/// Entries of one append.
const BATCH: usize = 4_096;

/// Writes these entries, from index 0 on, below `dir` and marks them all as committed; what carries nothing is a leader's
/// first entry.
pub fn write_log(dir: &Path, cluster: [u8; 16], entries: impl IntoIterator<Item = (Position, Option<Entry>)>) {
    let config = LogConfig { dir: dir.join(LOG_DIR), cluster, segment_bytes: SEGMENT_BYTES_DEFAULT };
    let log = Log::open(config).expect("a log for a test");
    let (mut batch, mut committed) = (Vec::new(), None);
    for (at, entry) in entries {
        let id = LogId::new(Elected { term: at.term, node: u64::from(at.leader.0) }, at.index);
        let payload = match entry {
            Some(entry) => stored_bytes(at, entry),
            None => encode_entry(&Stored { log_id: id, payload: EntryPayload::Blank }),
        };
        batch.push(LogEntry { index: at.index, payload: payload.expect("an entry that can be stored") });
        committed = Some(id);
        if batch.len() == BATCH {
            append(&log, std::mem::take(&mut batch));
        }
    }
    append(&log, batch);
    let mark = encode_mark(&Mark { committed, ..Mark::default() }).expect("a mark that can be stored");
    let (done, written) = mpsc::channel();
    log.save_committed(mark, move |result| drop(done.send(result)));
    written.recv().expect("answered").expect("written");
}

fn append(log: &Log, batch: Vec<LogEntry>) {
    let (done, written) = mpsc::channel();
    log.append(batch, move |result| drop(done.send(result)));
    written.recv().expect("answered").expect("written");
}
