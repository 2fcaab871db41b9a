//! Server-sent events: every viewer gets the newest snapshot, about five a second.
//!
//! Each new snapshot is written as JSON once, for all viewers together, and only while there are any. It is told as soon as it
//! is there, which is at the end of a tick and leaves most of one to tell all viewers before the next begins. What waits for a
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
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::decision::DecisionView;
use crate::snapshot::Snapshot;

/// At most so many viewers at one time.
pub const VIEWERS_MAX: usize = 256;
/// A viewer is told no more often, give or take half a tick.
const PERIOD: Duration = Duration::from_millis(150);
/// What came too soon after the last is told by then, if nothing newer comes.
const PERIOD_MAX: Duration = Duration::from_millis(250);
/// How often it is looked for a new snapshot while there are viewers.
const LOOK: Duration = Duration::from_millis(10);
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
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let (mut writer, mut pace) = (Writer::default(), Pace::default());
    loop {
        let now = looks.tick().await;
        if frames.receiver_count() == 0 {
            continue;
        }
        let snapshot = shown.load();
        if pace.is_due(&snapshot, now)
            && let Some(frame) = writer.frame(&snapshot)
        {
            frames.send_replace(frame);
        }
    }
}

/// When viewers are told: at the moment at which a snapshot has come, if more snapshots come.
#[derive(Default)]
struct Pace {
    seen: Option<Arc<Snapshot>>,
    is_untold: bool,
    told_at: Option<Instant>,
}

impl Pace {
    fn is_due(&mut self, snapshot: &Arc<Snapshot>, now: Instant) -> bool {
        let is_new = self.seen.as_ref().is_none_or(|seen| !Arc::ptr_eq(seen, snapshot));
        if is_new {
            (self.seen, self.is_untold) = (Some(Arc::clone(snapshot)), true);
        }
        let after = if is_new { PERIOD } else { PERIOD_MAX };
        let is_due = self.is_untold && self.told_at.is_none_or(|told_at| now.duration_since(told_at) >= after);
        if is_due {
            (self.told_at, self.is_untold) = (Some(now), false);
        }
        is_due
    }
}

/// Remembers what was written last.
#[derive(Default)]
struct Writer {
    decisions: Vec<Arc<DecisionView>>,
    frame: Frame,
}

impl Writer {
    /// The frame of this snapshot, if it shows anything.
    fn frame(&mut self, snapshot: &Arc<Snapshot>) -> Option<Frame> {
        // Before the first is published there is nothing to show.
        if snapshot.replica == 0 {
            return None;
        }
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
        let frame = writer.frame(&snapshot(1, &["a"])).expect("new");
        assert!(frame.now.starts_with(b"event: now\ndata: {") && frame.now.ends_with(b"}\n\n"));
        assert!(String::from_utf8_lossy(&frame.decisions).contains("\"key\":\"a\""));
        assert!(!String::from_utf8_lossy(&frame.now).contains("\"key\""), "decisions go by themselves");
        assert_eq!(writer.frame(&snapshot(2, &["a"])).expect("new").version, 1);
        assert_eq!(writer.frame(&snapshot(3, &["a", "b"])).expect("new").version, 2);
    }

    #[test]
    fn viewers_are_told_when_a_snapshot_has_come_and_at_no_other_moment() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        let mut told = Vec::new();
        // A tick of 100 ms, which the looks at every 10 ms see 3 ms later.
        let snapshots: Vec<_> = (0..10).map(|index| snapshot(index, &[])).collect();
        for look in 0..100_u32 {
            let ms = 3 + 10 * look;
            if pace.is_due(&snapshots[usize::try_from(ms / 100).expect("small")], start + LOOK * look) {
                told.push(ms);
            }
        }
        assert_eq!(told, [3, 203, 403, 603, 803]);
    }

    #[test]
    fn a_last_snapshot_is_told_though_it_came_too_soon() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        let [first, last] = [1, 2].map(|index| snapshot(index, &[]));
        let due: Vec<bool> = [(0, &first), (20, &last), (160, &last), (250, &last), (900, &last)]
            .map(|(ms, snapshot)| pace.is_due(snapshot, start + Duration::from_millis(ms)))
            .into();
        assert_eq!(due, [true, false, false, true, false]);
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
