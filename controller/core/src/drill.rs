//! Drills: faults that people cause on purpose. The ledger keeps that one began, was refused or ended, so that whoever reviews
//! the log can tell a drill from a failure. Nothing else follows from it.

use crate::canon::Canon;
use crate::last::Last;
use crate::units::Millis;

/// So many of the last drills are remembered.
pub const DRILLS_KEPT: usize = 8;

/// A word on a drill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrillNote {
    /// Its name, of at most [`crate::command::WORDS_BYTES_MAX`] bytes.
    pub drill: String,
    /// What all its dice come from: the same drill with the same seed does the same.
    pub seed: u64,
    /// How far it is.
    pub stage: DrillStage,
}

/// How far a drill is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DrillStage {
    /// It is about to begin.
    Begun,
    /// It was asked for and may not be: the cluster is no demo, and was not named in full.
    Refused,
    /// It is over, and everything held that was to hold.
    Held,
    /// It is over, and something did not hold.
    Failed,
    /// It was broken off.
    Aborted,
}

impl DrillStage {
    /// All, in order.
    pub const ALL: [Self; 5] = [Self::Begun, Self::Refused, Self::Held, Self::Failed, Self::Aborted];

    /// In a word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Refused => "refused",
            Self::Held => "held",
            Self::Failed => "failed",
            Self::Aborted => "aborted",
        }
    }
}

/// A drill, as far as the log tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrillRun {
    /// The newest word on it.
    pub note: DrillNote,
    /// Who asked for it.
    pub actor: String,
    /// The entry that told of it first.
    pub index: u64,
    /// Ledger time of that entry.
    pub began: Millis,
    /// Ledger time at which it was over; none while it goes on.
    pub ended: Option<Millis>,
}

/// The last drills.
pub(crate) type Drills = Last<DrillRun, DRILLS_KEPT>;

impl Drills {
    /// Takes in a word that came in this entry.
    pub(crate) fn hear(&mut self, note: &DrillNote, actor: &str, index: u64, now: Millis) {
        let is_same =
            |run: &&mut DrillRun| run.ended.is_none() && (&run.note.drill, run.note.seed) == (&note.drill, note.seed);
        let ends = note.stage != DrillStage::Begun;
        let goes_on =
            self.items_mut().iter_mut().rev().find(is_same).filter(|_| ends && note.stage != DrillStage::Refused);
        if let Some(run) = goes_on {
            (run.note.stage, run.ended) = (note.stage, Some(now));
            return;
        }
        let ended = ends.then_some(now);
        self.push(DrillRun { note: note.clone(), actor: actor.to_owned(), index, began: now, ended });
    }

    /// Nothing where there are none, as in logs from before they were remembered.
    pub(crate) fn sign(&self, canon: &mut Canon) {
        if self.items().is_empty() {
            return;
        }
        canon.words("drills");
        canon.count(self.items().len());
        for run in self.items() {
            canon.drill(&run.note);
            canon.words(&run.actor);
            canon.unsigned(run.index);
            canon.millis(run.began);
            canon.millis(run.ended.unwrap_or_default());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(words: &[(&str, u64, DrillStage)]) -> Vec<(String, u64, DrillStage, i64, Option<i64>)> {
        let mut drills = Drills::default();
        for (&(drill, seed, stage), index) in words.iter().zip(1..) {
            let note = DrillNote { drill: drill.into(), seed, stage };
            drills.hear(&note, "mira", index, Millis::seconds(i64::try_from(index).expect("few")));
        }
        let row = |run: &DrillRun| {
            let span = |at: Millis| at.get() / 1_000;
            (run.note.drill.clone(), run.index, run.note.stage, span(run.began), run.ended.map(span))
        };
        drills.items().iter().map(row).collect()
    }

    #[test]
    fn a_drill_goes_on_until_the_word_that_ends_it() {
        use DrillStage::{Aborted, Begun, Held, Refused};
        assert_eq!(
            told(&[("a", 1, Begun), ("b", 1, Begun), ("a", 1, Held)]),
            [("a".into(), 1, Held, 1, Some(3)), ("b".into(), 2, Begun, 2, None),]
        );
        assert_eq!(
            told(&[("a", 1, Begun), ("a", 2, Aborted), ("a", 1, Refused)]),
            [
                ("a".into(), 1, Begun, 1, None),
                ("a".into(), 2, Aborted, 2, Some(2)),
                ("a".into(), 3, Refused, 3, Some(3)),
            ]
        );
    }

    #[test]
    fn the_last_drills_are_remembered_and_no_more() {
        let words = [("a", 1, DrillStage::Begun); 12];
        let rows = told(&words);
        assert_eq!((rows.len(), rows[0].1, rows[DRILLS_KEPT - 1].1), (DRILLS_KEPT, 5, 12));
    }
}
