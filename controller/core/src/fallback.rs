//! Where forecasts fall back to the rule, as it is told: by every replica in its own words, by the leader in the log too.
//! A record and no more: nothing follows from it.
//!
//! What concerns all racks at once (no model, a model that is refused or not here) is told as such elsewhere; a rack that
//! was never spoken of by the model is no news while it starts cold.

use crate::forecast::{Engine, ForecastSource, RackForecast, RuleReason};
use crate::site::{RackId, RowId, Site};
use crate::units::Millis;

/// A note lists at most so many racks and rows; the others are counted.
pub const CHANGES_MAX: usize = 64;
/// A note counts under at most so many heads: every reason that concerns one rack, and the model's return.
pub const TALLIES_MAX: usize = KINDS;
/// The same word on the same rack, row or engine is not said again before so much time has gone by.
pub const SAID_AGAIN_AFTER: Millis = Millis::seconds(60);
/// From one note to the next at least: the model's period.
pub const NOTES_EVERY: Millis = Millis::seconds(1);

/// Words that can be said of one rack or row.
const KINDS: usize = 6;

/// A rack or a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// A rack.
    Rack(RackId),
    /// A row.
    Row(RowId),
}

/// Who speaks for a rack or row from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// For whom.
    pub part: Part,
    /// Why the rule does; none when the model speaks again.
    pub rule: Option<RuleReason>,
}

/// Racks and rows that a note does not list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// Why the rule speaks for them; none when the model does again.
    pub rule: Option<RuleReason>,
    /// How many.
    pub parts: u32,
}

/// How one replica's forecasts have changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ForecastNote {
    /// What makes them from now on, where that has changed.
    pub engine: Option<Engine>,
    /// For whom somebody else speaks than before; at most [`CHANGES_MAX`].
    pub changes: Vec<Change>,
    /// How many more; at most [`TALLIES_MAX`] heads.
    pub more: Vec<Tally>,
}

/// What was said, and when: decides what is news.
#[derive(Clone, Debug, Default)]
pub struct FallbackWatch {
    engine: Option<Engine>,
    engine_said_at: [Option<Millis>; Engine::ALL.len()],
    parts: Vec<Said>,
    next_at: Millis,
}

/// Who speaks for a rack or row, as far as that concerns it alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speaker {
    Model,
    Rule(RuleReason),
}

/// What was said of one rack or row.
#[derive(Clone, Copy, Debug, Default)]
struct Said {
    /// The last word; none when nothing was said yet.
    speaker: Option<Speaker>,
    at: [Option<Millis>; KINDS],
}

impl FallbackWatch {
    /// Looks at a tick's forecasts; returns what is to be told now, if anything. It counts as told.
    pub fn look(
        &mut self,
        now: Millis,
        engine: Engine,
        racks: &[RackForecast],
        rows: &[RackForecast],
    ) -> Option<ForecastNote> {
        if now < self.next_at {
            return None;
        }
        let mut note = ForecastNote { engine: self.of_engine(now, engine), ..ForecastNote::default() };
        self.parts.resize(racks.len() + rows.len(), Said::default());
        let parts =
            ids(racks.len()).map(|id| Part::Rack(RackId(id))).chain(ids(rows.len()).map(|id| Part::Row(RowId(id))));
        for ((part, forecast), said) in parts.zip(racks.iter().chain(rows)).zip(&mut self.parts) {
            if let Some(speaker) = said.news(now, forecast.source) {
                note.add(Change { part, rule: speaker.rule() });
            }
        }
        if note == ForecastNote::default() {
            return None;
        }
        self.next_at = now.saturating_add(NOTES_EVERY);
        Some(note)
    }

    /// What stands is to be told anew: by a new leader, or because it did not get into the log.
    pub fn forget(&mut self) {
        *self = Self::default();
    }

    fn of_engine(&mut self, now: Millis, engine: Engine) -> Option<Engine> {
        if engine == self.engine.unwrap_or(Engine::Configured) {
            return None;
        }
        let at = self.engine_said_at.get_mut(engine.place())?;
        if !may_say(*at, now) {
            return None;
        }
        *at = Some(now);
        self.engine = Some(engine);
        Some(engine)
    }
}

impl Said {
    /// Who is to be told to speak, if that is news that may be told.
    fn news(&mut self, now: Millis, source: ForecastSource) -> Option<Speaker> {
        let (speaker, kind) = speaker(source)?;
        match (self.speaker, speaker) {
            (Some(said), _) if said == speaker => return None,
            (None, Speaker::Rule(RuleReason::ColdStart)) => return None,
            (None, Speaker::Model) => {
                self.speaker = Some(speaker);
                return None;
            }
            _ => {}
        }
        if !may_say(self.at[kind], now) {
            return None;
        }
        self.at[kind] = Some(now);
        self.speaker = Some(speaker);
        Some(speaker)
    }
}

impl Speaker {
    const fn rule(self) -> Option<RuleReason> {
        match self {
            Self::Model => None,
            Self::Rule(reason) => Some(reason),
        }
    }
}

/// Who speaks for one rack, and the place of this word; none where all racks share the reason.
const fn speaker(source: ForecastSource) -> Option<(Speaker, usize)> {
    let ForecastSource::Rule(reason) = source else { return Some((Speaker::Model, 0)) };
    let kind = match reason {
        RuleReason::ColdStart => 1,
        RuleReason::NotFinite => 2,
        RuleReason::OutOfRange => 3,
        RuleReason::Drift => 4,
        RuleReason::FrozenMeter => 5,
        RuleReason::NoModel
        | RuleReason::Late
        | RuleReason::RuntimeFailed
        | RuleReason::Refused
        | RuleReason::NotHere => return None,
    };
    Some((Speaker::Rule(reason), kind))
}

fn may_say(said_at: Option<Millis>, now: Millis) -> bool {
    said_at.is_none_or(|at| now.saturating_sub(at) >= SAID_AGAIN_AFTER)
}

fn ids(count: usize) -> impl Iterator<Item = u16> {
    (0..=u16::MAX).take(count)
}

impl ForecastNote {
    fn add(&mut self, change: Change) {
        if self.changes.len() < CHANGES_MAX {
            return self.changes.push(change);
        }
        match self.more.iter_mut().find(|tally| tally.rule == change.rule) {
            Some(tally) => tally.parts = tally.parts.saturating_add(1),
            None => self.more.push(Tally { rule: change.rule, parts: 1 }),
        }
    }

    /// In words, a line for each thing. What the site does not have is told by its number.
    pub fn lines(&self, site: &Site) -> Vec<String> {
        let mut lines: Vec<String> = self.engine.map(|engine| engine.as_str().to_owned()).into_iter().collect();
        let mut heads: Vec<Option<RuleReason>> = Vec::new();
        for rule in self.changes.iter().map(|change| change.rule).chain(self.more.iter().map(|tally| tally.rule)) {
            if !heads.contains(&rule) {
                heads.push(rule);
            }
        }
        lines.extend(heads.into_iter().map(|rule| self.line(rule, site)));
        lines
    }

    fn line(&self, rule: Option<RuleReason>, site: &Site) -> String {
        let named = self.changes.iter().filter(|change| change.rule == rule).map(|change| change.part.name(site));
        let more = self.more.iter().filter(|tally| tally.rule == rule).map(|tally| format!("{} more", tally.parts));
        let who: Vec<String> = named.chain(more).collect();
        let how =
            rule.map_or_else(|| "by the model again".into(), |reason| format!("by the rule ({})", reason.as_str()));
        format!("{} forecast {how}", who.join(", "))
    }
}

impl Part {
    fn name(self, site: &Site) -> String {
        let known = match self {
            Self::Rack(id) => site.racks.get(id.index()).map(|rack| rack.name.clone()),
            Self::Row(id) => site.rows.get(id.index()).map(|row| format!("row {}", row.name)),
        };
        known.unwrap_or_else(|| match self {
            Self::Rack(id) => format!("rack #{}", id.0),
            Self::Row(id) => format!("row #{}", id.0),
        })
    }

    /// Whether this is about that rack: itself, or its row.
    pub fn concerns(self, rack: RackId, site: &Site) -> bool {
        match self {
            Self::Rack(id) => id == rack,
            Self::Row(id) => site.racks.get(rack.index()).is_some_and(|rack| rack.row == id),
        }
    }
}

#[cfg(test)]
mod tests;
