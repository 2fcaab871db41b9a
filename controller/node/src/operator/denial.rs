//! Whoever asks for what his role does not allow: he is told so, it is counted, and the log keeps it, but not more often than it can take.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use metrics::counter;
use ridethrough_core::command::{Action, Operation, WORDS_BYTES_MAX};

use super::request::Request;
use super::roles::{Caller, NotAllowed};
use super::told::Told;
use super::{Desk, Question, ask};

/// From one entry to the next at least; what comes between is counted and told in the replica's own words.
const ENTRIES_EVERY: Duration = Duration::from_secs(10);

/// When the log was last told.
#[derive(Debug, Default)]
pub struct Denials(Mutex<Option<Instant>>);

impl Denials {
    fn is_due(&self) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let due = last.is_none_or(|last| last.elapsed() >= ENTRIES_EVERY);
        if due {
            *last = Some(Instant::now());
        }
        due
    }
}

/// Refuses, and writes it down where it can: a follower's log is its leader's to write.
pub(super) async fn note(request: &Request, why: NotAllowed, caller: &Caller, desk: &Desk) -> Told {
    counter!("ridethrough_operator_denied_total").increment(1);
    let (actor, asked) = (caller.to_string(), shorten(request.words()));
    tracing::warn!(%actor, %asked, %why, "DENIED: somebody asked for what his role does not allow");
    let mut index = None;
    if desk.denials.is_due() {
        let operation = Operation { request: None, actor, reason: why.to_string(), action: Action::Denied(asked) };
        if let Told::Done { index: at, .. } = ask(Question::Do(operation), desk).await {
            index = Some(at);
        }
    }
    Told::Refused { why: why.to_string(), index }
}

fn shorten(mut words: String) -> String {
    let mut end = words.len().min(WORDS_BYTES_MAX);
    while !words.is_char_boundary(end) {
        end -= 1;
    }
    words.truncate(end);
    words
}
