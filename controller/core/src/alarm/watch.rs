//! What is new of what stands: the leader's eye on alarms.

use std::collections::{BTreeMap, BTreeSet};

use super::kind::{AlarmKey, Priority};
use super::table::Alarms;
use super::{AlarmNote, NOTE_ALARMS_MAX};
use crate::units::Millis;

/// What has gone must stay gone for so long, so that one that flickers is one alarm.
const CLEARED_AFTER: Millis = Millis::seconds(5);
/// And so long where it chatters.
const CHATTER_CLEARED_AFTER: Millis = Millis::seconds(60);
/// From one note to the next at least, unless something urgent has come.
const NOTES_EVERY: Millis = Millis::seconds(1);

/// Since when things stand, and since when they are gone. What is in the log is asked of the ledger, so a note that was lost is
/// simply made again.
#[derive(Clone, Debug, Default)]
pub struct AlarmWatch {
    stands_since: BTreeMap<AlarmKey, Millis>,
    gone_since: BTreeMap<AlarmKey, Millis>,
    next_at: Millis,
}

impl AlarmWatch {
    /// Looks at what is wrong at `now` (this replica's clock) and at what the log has of it; returns what the log is to be told, if anything.
    /// `ledger_now` is the same moment in ledger time.
    pub fn look(
        &mut self,
        now: Millis,
        ledger_now: Millis,
        alarms: &Alarms,
        standing: &BTreeSet<AlarmKey>,
    ) -> Option<AlarmNote> {
        self.stands_since.retain(|key, _| standing.contains(key));
        for key in standing {
            self.stands_since.entry(*key).or_insert(now);
        }
        let gone = |key: &AlarmKey| alarms.is_active(*key) && !standing.contains(key);
        self.gone_since.retain(|key, _| gone(key));
        for key in alarms.rows().map(|(key, _)| key).filter(gone) {
            self.gone_since.entry(key).or_insert(now);
        }
        let note = AlarmNote { raised: self.raised(now, alarms), cleared: self.cleared(now, ledger_now, alarms) };
        let urgent = note.raised.iter().any(|key| key.kind.priority() == Priority::Urgent);
        if note.is_empty() || (now < self.next_at && !urgent) {
            return None;
        }
        self.next_at = now.saturating_add(NOTES_EVERY);
        Some(note)
    }

    /// Whoever leads anew looks anew.
    pub fn forget(&mut self) {
        *self = Self::default();
    }

    fn raised(&self, now: Millis, alarms: &Alarms) -> Vec<AlarmKey> {
        let due = |(key, since): &(&AlarmKey, &Millis)| now.saturating_sub(**since) >= key.kind.raised_after();
        let due = self.stands_since.iter().filter(due).map(|(key, _)| *key);
        // What the table has no room for is not told again and again.
        due.filter(|key| !alarms.is_active(*key) && alarms.has_room(*key)).take(NOTE_ALARMS_MAX).collect()
    }

    fn cleared(&self, now: Millis, ledger_now: Millis, alarms: &Alarms) -> Vec<AlarmKey> {
        let due = |(key, since): &(&AlarmKey, &Millis)| {
            let chatters = alarms.get(**key).is_some_and(|alarm| alarm.is_chattering(ledger_now));
            now.saturating_sub(**since) >= if chatters { CHATTER_CLEARED_AFTER } else { CLEARED_AFTER }
        };
        self.gone_since.iter().filter(due).map(|(key, _)| *key).take(NOTE_ALARMS_MAX).collect()
    }
}
