//! One byte string for one value, so that a state hash means the same on every replica and for every auditor.
//! It is hashed and never decoded; what is stored and sent has its own codec.

mod alarm;
mod forecast;
mod grant;
mod model;
mod operation;
mod order;
mod plan;
#[cfg(test)]
mod tests;

use sha2::{Digest, Sha256};

use crate::command::{Command, Entry, Position};
use crate::units::Millis;

/// Comes before a request's number, where it has one.
const REQUEST: &[u8] = b"number of a request";

/// Feeds values to a hash, every field at fixed width, every list with its length first.
pub(crate) struct Canon(Sha256);

impl Canon {
    /// Begins with what kind of thing is hashed, so that no two kinds can share a hash.
    pub(crate) fn new(kind: &[u8]) -> Self {
        let mut canon = Self(Sha256::new());
        canon.count(kind.len());
        canon.bytes(kind);
        canon
    }

    pub(crate) fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }

    pub(crate) fn position(&mut self, position: &Position) {
        self.unsigned(position.term);
        self.unsigned(u64::from(position.leader.0));
        self.unsigned(position.index);
    }

    pub(crate) fn entry(&mut self, entry: &Entry) {
        self.signed(entry.stamp.at.get());
        self.signed(entry.stamp.wall_unix_ms);
        self.unsigned(u64::from(entry.by.0));
        self.unsigned(entry.seen.index);
        self.bytes(&entry.seen.hash);
        match &entry.command {
            Command::Found(founding) => {
                self.unsigned(1);
                self.bytes(&founding.cluster);
                self.bytes(&founding.site_hash);
            }
            Command::Plan(plan) => {
                self.unsigned(2);
                self.plan(plan);
            }
            Command::Outcome(outcome) => {
                self.unsigned(3);
                self.outcome(outcome);
            }
            Command::Operation(operation) => {
                self.unsigned(4);
                // An old log keeps its hashes: where a request has no number, nothing is added.
                if let Some(request) = operation.request {
                    self.bytes(REQUEST);
                    self.request(request);
                }
                self.operation(operation);
            }
            Command::ModelRefused(refused) => {
                self.unsigned(5);
                self.model_refused(*refused);
            }
            Command::Forecasts(note) => {
                self.unsigned(6);
                self.forecast_note(note);
            }
            Command::Alarms(note) => {
                self.unsigned(7);
                self.alarm_note(note);
            }
        }
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn unsigned(&mut self, value: u64) {
        self.bytes(&value.to_le_bytes());
    }

    fn signed(&mut self, value: i64) {
        self.bytes(&value.to_le_bytes());
    }

    pub(crate) fn count(&mut self, count: usize) {
        self.unsigned(count as u64);
    }

    pub(crate) fn words(&mut self, words: &str) {
        self.count(words.len());
        self.bytes(words.as_bytes());
    }

    pub(crate) fn millis(&mut self, span: Millis) {
        self.signed(span.get());
    }

    fn maybe(&mut self, value: Option<u64>) {
        self.count(usize::from(value.is_some()));
        if let Some(value) = value {
            self.unsigned(value);
        }
    }

    fn list<T>(&mut self, items: &[T], mut feed: impl FnMut(&mut Self, &T)) {
        self.count(items.len());
        for item in items {
            feed(self, item);
        }
    }
}
