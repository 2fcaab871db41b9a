//! The recorder: a bounded ring, and a thread that writes what is in it. Whoever posts waits for nothing.

mod writer;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam::queue::ArrayQueue;
use metrics::{Counter, counter, describe_counter, describe_gauge};

use crate::block::Row;
use crate::column::Column;
use writer::Writer;

/// Rows that may wait for the thread: a minute. A disk that stands still for longer costs rows, never a tick.
const WAITING_MAX: usize = 60;
/// How long the idle thread sleeps before it looks whether it should end.
const IDLE: Duration = Duration::from_millis(200);
/// How long the last rows may take to be written when a replica stops.
const STOP_DEADLINE: Duration = Duration::from_secs(2);

/// Where and how much is recorded.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The folder of segments; made when it is missing.
    pub folder: PathBuf,
    /// All segments take no more; the oldest go first. Bytes.
    pub bytes_max: u64,
    /// Whose they are.
    pub replica: u16,
    /// What is recorded.
    pub columns: Vec<Column>,
}

/// Posts rows to the thread that writes them.
#[derive(Debug)]
pub struct Recorder {
    rows: Arc<ArrayQueue<Row>>,
    ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    dropped: Counter,
}

impl Recorder {
    /// Starts the thread. `complete` is called there for every row before it is written and appends the columns that
    /// whoever posts does not know. A folder that cannot be written is told and tried again, and is no error here.
    pub fn start(settings: Settings, mut complete: impl FnMut(&mut Row) + Send + 'static) -> std::io::Result<Self> {
        describe();
        let rows = Arc::new(ArrayQueue::new(WAITING_MAX));
        let ending = Arc::new(AtomicBool::new(false));
        let (inbox, end) = (Arc::clone(&rows), Arc::clone(&ending));
        let thread = std::thread::Builder::new().name("record".into()).spawn(move || {
            let mut writer = Writer::new(settings);
            loop {
                // Pairs with the Release in `drop`. Looked at first, so that what was posted before it is still written.
                let last = end.load(Ordering::Acquire);
                while let Some(mut row) = inbox.pop() {
                    complete(&mut row);
                    writer.add(row);
                }
                if last {
                    return writer.finish();
                }
                std::thread::park_timeout(IDLE);
            }
        })?;
        let dropped = counter!("ridethrough_record_rows_lost_total", "why" => "late");
        Ok(Self { rows, ending, thread: Some(thread), dropped })
    }

    /// Posts a row; it is dropped and counted when the thread is a minute behind.
    pub fn post(&self, row: Row) {
        // The thread looks every 200 ms by itself: waking it would cost the control loop a system call.
        if self.rows.push(row).is_err() {
            self.dropped.increment(1);
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        // Pairs with the Acquire in the thread's loop.
        self.ending.store(true, Ordering::Release);
        let Some(thread) = self.thread.take() else { return };
        thread.thread().unpark();
        let deadline = Instant::now() + STOP_DEADLINE;
        while !thread.is_finished() {
            if Instant::now() >= deadline {
                tracing::warn!("the recorder's disk stands still: what was not yet written is lost");
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn describe() {
    describe_counter!("ridethrough_record_rows_total", "Seconds of telemetry that were written");
    describe_counter!("ridethrough_record_rows_lost_total", "Seconds of telemetry that were not recorded, by reason");
    describe_counter!("ridethrough_record_errors_total", "Writes of telemetry that failed");
    describe_counter!(
        "ridethrough_record_segments_deleted_total",
        "Old segments that were deleted to keep to the limit"
    );
    describe_gauge!("ridethrough_record_bytes", "What the recorded telemetry takes on the disk");
}
