//! Server-sent events: every viewer gets the newest snapshot, at most five a second.
//!
//! Each new snapshot is written as JSON once, for all viewers together, and only while there are any. What waits for a
//! viewer is one frame, the newest: a slow one misses frames and costs nobody memory. One who takes nothing for long is cut
//! off ([`patience`](crate::patience)).

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::body::{Body, Bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse;
use futures::stream;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use crate::decision::DecisionView;
use crate::snapshot::Snapshot;

/// At most so many viewers at one time.
pub const VIEWERS_MAX: usize = 256;
/// A viewer is told no more often.
const PERIOD: Duration = Duration::from_millis(200);
/// Where nothing new is published, so often a viewer is told that the line is good.
const KEPT_ALIVE: Duration = Duration::from_secs(2);

/// What is told next.
#[derive(Clone, Default)]
struct Frame {
    now: Bytes,
    decisions: Bytes,
    /// Counts the changes of the decisions.
    version: u64,
}

/// Where frames come from.
#[derive(Clone)]
pub struct Events {
    frames: watch::Sender<Frame>,
    viewers: Arc<AtomicUsize>,
}

impl Events {
    /// Begins to look at what is published. Call it on a runtime.
    pub fn start(shown: Arc<ArcSwap<Snapshot>>) -> Self {
        let frames = watch::Sender::new(Frame::default());
        tokio::spawn(feed(shown, frames.clone()));
        Self { frames, viewers: Arc::default() }
    }

    /// A stream for one more viewer, if there is room.
    pub fn open(&self) -> Response<Body> {
        let Some(seat) = Seat::take(&self.viewers) else {
            let told =
                format!("{VIEWERS_MAX} viewers watch this replica already: close some, or watch another replica\n");
            return (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "5")], told).into_response();
        };
        let viewer = Viewer { frames: self.frames.subscribe(), told: None, _seat: seat };
        let frames = stream::unfold(viewer, |mut viewer| async { Some((viewer.next().await?, viewer)) });
        let told = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store")];
        (told, Body::from_stream(frames)).into_response()
    }
}

/// Writes what is new as often as it may be told.
async fn feed(shown: Arc<ArcSwap<Snapshot>>, frames: watch::Sender<Frame>) {
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut writer = Writer::default();
    loop {
        ticks.tick().await;
        if frames.receiver_count() > 0
            && let Some(frame) = writer.frame(&shown.load())
        {
            frames.send_replace(frame);
        }
    }
}

/// Remembers what was written last.
#[derive(Default)]
struct Writer {
    snapshot: Option<Arc<Snapshot>>,
    decisions: Vec<Arc<DecisionView>>,
    frame: Frame,
}

impl Writer {
    /// The frame of this snapshot, if it is a new one.
    fn frame(&mut self, snapshot: &Arc<Snapshot>) -> Option<Frame> {
        let is_old = self.snapshot.as_ref().is_some_and(|last| Arc::ptr_eq(last, snapshot));
        // Before the first is published there is nothing to show.
        if is_old || snapshot.replica == 0 {
            return None;
        }
        self.snapshot = Some(Arc::clone(snapshot));
        if self.frame.version == 0 || self.decisions != snapshot.decisions {
            self.decisions.clone_from(&snapshot.decisions);
            self.frame.decisions = event("decisions", &snapshot.decisions)?;
            self.frame.version += 1;
        }
        // They change seldom and are long, so they go by themselves.
        self.frame.now = event("now", &Snapshot { decisions: Vec::new(), ..Snapshot::clone(snapshot) })?;
        Some(self.frame.clone())
    }
}

/// An event as it goes over the wire. JSON has no line ends of its own.
fn event(name: &str, of: &impl serde::Serialize) -> Option<Bytes> {
    let json = serde_json::to_string(of).ok()?;
    Some(Bytes::from(format!("event: {name}\ndata: {json}\n\n")))
}

struct Viewer {
    frames: watch::Receiver<Frame>,
    /// The version of the decisions that it knows; none before it was told anything.
    told: Option<u64>,
    _seat: Seat,
}

impl Viewer {
    /// What it is told next; none when this replica ends.
    async fn next(&mut self) -> Option<Result<Bytes, Infallible>> {
        let Some(told) = self.told else {
            self.told = Some(0);
            return Some(Ok(Bytes::from_static(b"retry: 500\n\n")));
        };
        match tokio::time::timeout(KEPT_ALIVE, self.frames.changed()).await {
            Err(_) => return Some(Ok(Bytes::from_static(b":\n\n"))),
            Ok(changed) => changed.ok()?,
        }
        let frame = self.frames.borrow_and_update().clone();
        self.told = Some(frame.version);
        if told == frame.version {
            return Some(Ok(frame.now));
        }
        Some(Ok(Bytes::from([frame.now, frame.decisions].concat())))
    }
}

/// A viewer's place, free again when it goes.
struct Seat(Arc<AtomicUsize>);

impl Seat {
    fn take(taken: &Arc<AtomicUsize>) -> Option<Self> {
        // A count and nothing else hangs on it.
        let one_more = |count: usize| (count < VIEWERS_MAX).then_some(count + 1);
        taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).ok()?;
        Some(Self(Arc::clone(taken)))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(commit_index: u64, decided: &[&str]) -> Arc<Snapshot> {
        let decision = |key: &&str| Arc::new(DecisionView { key: (*key).into(), ..DecisionView::default() });
        let decisions = decided.iter().map(decision).collect();
        Arc::new(Snapshot { replica: 1, commit_index, decisions, ..Snapshot::default() })
    }

    #[test]
    fn a_snapshot_is_written_once_and_decisions_only_when_they_change() {
        let mut writer = Writer::default();
        assert!(writer.frame(&Arc::default()).is_none(), "nothing is published yet");
        let first = snapshot(1, &["a"]);
        let frame = writer.frame(&first).expect("new");
        assert!(frame.now.starts_with(b"event: now\ndata: {") && frame.now.ends_with(b"}\n\n"));
        assert!(String::from_utf8_lossy(&frame.decisions).contains("\"key\":\"a\""));
        assert!(!String::from_utf8_lossy(&frame.now).contains("\"key\""), "decisions go by themselves");
        assert!(writer.frame(&first).is_none(), "told already");
        assert_eq!(writer.frame(&snapshot(2, &["a"])).expect("new").version, 1);
        assert_eq!(writer.frame(&snapshot(3, &["a", "b"])).expect("new").version, 2);
    }

    #[test]
    fn a_seat_is_free_again_when_its_viewer_goes() {
        let taken = Arc::default();
        let seats: Vec<_> = std::iter::from_fn(|| Seat::take(&taken)).collect();
        assert_eq!(seats.len(), VIEWERS_MAX);
        drop(seats);
        assert!(Seat::take(&taken).is_some());
    }

    #[tokio::test]
    async fn a_viewer_that_was_away_is_told_the_newest_alone() {
        let frames = watch::Sender::new(Frame::default());
        let mut viewer =
            Viewer { frames: frames.subscribe(), told: None, _seat: Seat::take(&Arc::default()).expect("free") };
        assert_eq!(viewer.next().await.expect("goes on").expect("told"), "retry: 500\n\n");
        let mut writer = Writer::default();
        for index in 1..=9 {
            frames.send_replace(writer.frame(&snapshot(index, &["a"])).expect("new"));
        }
        let told = viewer.next().await.expect("goes on").expect("told");
        let told = String::from_utf8_lossy(&told);
        assert!(told.contains("\"commit_index\":9") && told.contains("event: decisions"), "{told}");
        frames.send_replace(writer.frame(&snapshot(10, &["a"])).expect("new"));
        let told = viewer.next().await.expect("goes on").expect("told");
        assert!(!String::from_utf8_lossy(&told).contains("event: decisions"), "known already");
        drop(frames);
        assert!(viewer.next().await.is_none(), "the replica ends");
    }
}
