//! The alarms that stand or wait for somebody.

use std::collections::BTreeMap;

use super::kind::AlarmKey;
use super::{AlarmNote, NOTE_ALARMS_MAX};
use crate::canon::Canon;
use crate::site::Site;
use crate::units::Millis;

/// At most so many are kept; what is more urgent takes the place of what is less.
pub const ALARMS_MAX: usize = 512;
/// The last raises of each that are remembered; so many within a minute are chattering.
pub const RAISES_KEPT: usize = 3;
/// Nothing may be shelved for longer: a shift.
pub const SHELF_MAX: Millis = Millis::seconds(8 * 3_600);
pub(super) const CHATTER_SPAN: Millis = Millis::seconds(60);
/// More than so many that came within [`FLOOD_SPAN`] are more than a person can take in.
const FLOOD_ALARMS: usize = 10;
const FLOOD_SPAN: Millis = Millis::seconds(600);

/// One alarm.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alarm {
    /// Whether what it tells of stands.
    pub active: bool,
    /// When it was raised, the last [`RAISES_KEPT`] times at most, oldest first; never empty.
    pub raises: Vec<Millis>,
    /// Who has acknowledged it.
    pub acknowledged: Option<String>,
    /// Until when it is put aside.
    pub shelved_until: Option<Millis>,
}

/// All alarms, the most urgent first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alarms {
    rows: BTreeMap<AlarmKey, Alarm>,
}

/// Why an alarm stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlarmFault {
    /// There is none of this name.
    NotThere(AlarmKey),
    /// Somebody has acknowledged it already.
    Acknowledged(AlarmKey),
    /// It is not shelved.
    NotShelved(AlarmKey),
    /// A shelf is for 1 ms to [`SHELF_MAX`].
    ShelfOutOfRange(Millis),
}

impl Alarm {
    /// When it came last.
    pub fn since(&self) -> Millis {
        self.raises.last().copied().unwrap_or_default()
    }

    /// Whether it came so often within a minute that it is kept standing until it has been gone for as long.
    pub fn is_chattering(&self, now: Millis) -> bool {
        self.raises.len() >= RAISES_KEPT
            && self.raises.first().is_some_and(|first| self.since().saturating_sub(*first) <= CHATTER_SPAN)
            && now.saturating_sub(self.since()) <= CHATTER_SPAN
    }

    /// Whether anybody is to see it: it stands, or it came and went unseen.
    pub const fn is_shown(&self) -> bool {
        self.active || self.acknowledged.is_none()
    }

    /// Whether it is worth keeping: it is shown, put aside, or may yet be found to chatter.
    fn is_kept(&self, now: Millis) -> bool {
        self.is_shown() || self.shelved_until.is_some() || now.saturating_sub(self.since()) <= CHATTER_SPAN
    }

    fn raise(&mut self, now: Millis) {
        if self.raises.len() >= RAISES_KEPT {
            self.raises.remove(0);
        }
        self.raises.push(now);
        // Of what chatters a person has heard enough.
        if !self.is_chattering(now) {
            self.acknowledged = None;
        }
        self.active = true;
    }
}

impl Alarms {
    /// Alarms as a snapshot holds them.
    pub fn from_rows(rows: impl IntoIterator<Item = (AlarmKey, Alarm)>) -> Self {
        Self { rows: rows.into_iter().collect() }
    }

    /// All that are kept, also those that nobody needs to see any more.
    pub fn rows(&self) -> impl Iterator<Item = (AlarmKey, &Alarm)> {
        self.rows.iter().map(|(key, alarm)| (*key, alarm))
    }

    /// Those that somebody is to see, the most urgent first.
    pub fn shown(&self) -> impl Iterator<Item = (AlarmKey, &Alarm)> {
        self.rows().filter(|(_, alarm)| alarm.is_shown())
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Whether this one stands.
    pub fn is_active(&self, key: AlarmKey) -> bool {
        self.rows.get(&key).is_some_and(|alarm| alarm.active)
    }

    /// One of them.
    pub fn get(&self, key: AlarmKey) -> Option<&Alarm> {
        self.rows.get(&key)
    }

    /// Whether more came of late than a person can take in: what is less than urgent is then told as a number.
    pub fn is_flood(&self, now: Millis) -> bool {
        let lately = |alarm: &&Alarm| now.saturating_sub(alarm.since()) <= FLOOD_SPAN;
        self.rows.values().filter(lately).count() > FLOOD_ALARMS
    }

    /// Takes in what the leader saw; what the site does not have is left out. Tells whether the note was no longer than it may be.
    pub(crate) fn note(&mut self, note: &AlarmNote, site: &Site, now: Millis) -> bool {
        if note.raised.len().max(note.cleared.len()) > NOTE_ALARMS_MAX {
            return false;
        }
        for key in note.raised.iter().filter(|key| key.subject.is_of(site)) {
            self.raise(*key, now);
        }
        for key in &note.cleared {
            if let Some(alarm) = self.rows.get_mut(key) {
                alarm.active = false;
            }
        }
        self.expire(now);
        true
    }

    fn raise(&mut self, key: AlarmKey, now: Millis) {
        if !self.has_room(key) {
            return;
        }
        if self.rows.len() >= ALARMS_MAX && !self.rows.contains_key(&key) {
            self.forget_least();
        }
        self.rows.entry(key).or_default().raise(now);
    }

    /// Whether this one would be kept if it were raised: there is room, or one that is less urgent makes it.
    pub fn has_room(&self, key: AlarmKey) -> bool {
        let yields = |least: AlarmKey| least.kind.priority() > key.kind.priority();
        self.rows.len() < ALARMS_MAX || self.rows.contains_key(&key) || self.least().is_some_and(yields)
    }

    fn least(&self) -> Option<AlarmKey> {
        self.rows.last_key_value().map(|(key, _)| *key)
    }

    fn forget_least(&mut self) {
        self.rows.pop_last();
    }

    /// What has ended by now is gone.
    pub(crate) fn expire(&mut self, now: Millis) {
        for alarm in self.rows.values_mut() {
            alarm.shelved_until = alarm.shelved_until.filter(|until| *until > now);
        }
        self.rows.retain(|_, alarm| alarm.is_kept(now));
    }

    /// Whether it may be acknowledged.
    pub(crate) fn may_acknowledge(&self, key: AlarmKey) -> Result<(), AlarmFault> {
        match self.shown_row(key)?.acknowledged {
            None => Ok(()),
            Some(_) => Err(AlarmFault::Acknowledged(key)),
        }
    }

    /// Whether it may be put aside for so long.
    pub(crate) fn may_shelve(&self, key: AlarmKey, hold: Millis) -> Result<(), AlarmFault> {
        self.shown_row(key)?;
        let fits = hold > Millis::ZERO && hold <= SHELF_MAX;
        if fits { Ok(()) } else { Err(AlarmFault::ShelfOutOfRange(hold)) }
    }

    /// Whether it may be taken off the shelf.
    pub(crate) fn may_unshelve(&self, key: AlarmKey) -> Result<(), AlarmFault> {
        let alarm = self.rows.get(&key).ok_or(AlarmFault::NotThere(key))?;
        alarm.shelved_until.map(|_| ()).ok_or(AlarmFault::NotShelved(key))
    }

    pub(crate) fn acknowledge(&mut self, key: AlarmKey, actor: &str) {
        if let Some(alarm) = self.rows.get_mut(&key) {
            alarm.acknowledged = Some(actor.to_owned());
        }
    }

    pub(crate) fn shelve(&mut self, key: AlarmKey, until: Option<Millis>) {
        if let Some(alarm) = self.rows.get_mut(&key) {
            alarm.shelved_until = until;
        }
    }

    fn shown_row(&self, key: AlarmKey) -> Result<&Alarm, AlarmFault> {
        self.rows.get(&key).filter(|alarm| alarm.is_shown()).ok_or(AlarmFault::NotThere(key))
    }

    /// What a state hash is made of; nothing where there is none, as in logs from before there were alarms.
    pub(crate) fn sign(&self, canon: &mut Canon) {
        if self.is_empty() {
            return;
        }
        canon.words("alarms");
        canon.count(self.rows.len());
        for (key, alarm) in self.rows() {
            canon.alarm_key(key);
            canon.unsigned(u64::from(alarm.active));
            canon.words(alarm.acknowledged.as_deref().unwrap_or_default());
            canon.millis(alarm.shelved_until.unwrap_or_default());
            canon.count(alarm.raises.len());
            alarm.raises.iter().for_each(|at| canon.millis(*at));
        }
    }
}

impl AlarmFault {
    /// The fault with the site's names, for people.
    pub fn describe(self, site: &Site) -> String {
        match self {
            Self::NotThere(key) => format!("there is no alarm {}", key.name(site)),
            Self::Acknowledged(key) => format!("alarm {} is acknowledged already", key.name(site)),
            Self::NotShelved(key) => format!("alarm {} is not shelved", key.name(site)),
            Self::ShelfOutOfRange(hold) => format!("a shelf for {hold}, allowed are 1 ms to {SHELF_MAX}"),
        }
    }
}
