//! Which object is what: RFC 1628 (UPS-MIB) and the group `system` of RFC 3418 (SNMPv2-MIB). The page has the same tables, and a
//! test compares them.

use std::time::Instant;

use async_snmp::{Oid, Value};
use ridethrough_core::units::Watts;

use crate::board::Ups;
use crate::desk::Agent;
use crate::shown::{AlarmShown, Source, UpsShown, WellKnown};

/// `mib-2`.
const MIB_2: [u32; 6] = [1, 3, 6, 1, 2, 1];
/// `upsMIB`: what this agent is, in `sysObjectID` too, since the project has no number of its own at IANA.
const UPS_MIB: [u32; 7] = [1, 3, 6, 1, 2, 1, 33];
/// `upsWellKnownAlarms`.
const WELL_KNOWN: [u32; 10] = [1, 3, 6, 1, 2, 1, 33, 1, 6, 3];
/// The number of the alarm that a UPS is not heard, which stands in no table of the cluster's: others begin behind it.
const NOT_HEARD_ID: u32 = 1;

/// What an object is read from.
#[derive(Clone, Copy)]
pub struct Seen<'a> {
    /// Who tells it.
    pub agent: &'a Agent,
    /// The UPS that is asked for.
    pub ups: &'a Ups,
    /// What is true of it; none when that is not known now.
    pub shown: Option<&'a UpsShown>,
    /// Now.
    pub now: Instant,
}

/// Its instances by the last numbers of their names, in their order.
type Instances = Vec<(u32, Value)>;

/// An object, or a column of a table.
pub struct Object {
    /// Its name's numbers, behind `mib-2`.
    pub under: &'static [u32],
    /// Its name's word.
    #[cfg_attr(not(test), expect(dead_code, reason = "for the page, which a test compares"))]
    pub name: &'static str,
    /// What it tells.
    #[cfg_attr(not(test), expect(dead_code, reason = "for the page, which a test compares"))]
    pub what: &'static str,
    tell: fn(Seen<'_>) -> Instances,
}

impl Object {
    /// Its name.
    pub fn oid(&self) -> Oid {
        Oid::new(MIB_2.iter().chain(self.under).copied())
    }

    /// What there is of it now.
    pub fn instances(&self, seen: Seen<'_>) -> Instances {
        (self.tell)(seen)
    }
}

const fn object(
    under: &'static [u32],
    name: &'static str,
    what: &'static str,
    tell: fn(Seen<'_>) -> Instances,
) -> Object {
    Object { under, name, what, tell }
}

/// All objects, in the order of their names.
pub const OBJECTS: &[Object] = &[
    object(&[1, 1], "sysDescr", "the program with its version, the replica and its site", |seen| {
        scalar(Some(text(&seen.agent.description)))
    }),
    object(&[1, 2], "sysObjectID", "`upsMIB`: the project has no number of its own", |_| {
        scalar(Some(Value::ObjectIdentifier(Oid::from_slice(&UPS_MIB))))
    }),
    object(&[1, 3], "sysUpTime", "since this agent began", |seen| {
        scalar(Some(Value::TimeTicks(seen.agent.ticks(seen.now))))
    }),
    object(&[1, 4], "sysContact", "`snmp.contact`", |seen| scalar(Some(text(&seen.agent.contact)))),
    object(&[1, 5], "sysName", "the replica, such as `n1`", |seen| scalar(Some(text(&seen.agent.name)))),
    object(&[1, 6], "sysLocation", "`snmp.location`", |seen| scalar(Some(text(&seen.agent.location)))),
    object(&[33, 1, 1, 1], "upsIdentManufacturer", "`Ridethrough`", |_| scalar(Some(text("Ridethrough")))),
    object(&[33, 1, 1, 2], "upsIdentModel", "what it is made of", |seen| scalar(Some(text(&seen.ups.model)))),
    object(&[33, 1, 1, 3], "upsIdentUPSSoftwareVersion", "version of the program", |_| {
        scalar(Some(text(env!("CARGO_PKG_VERSION"))))
    }),
    object(&[33, 1, 1, 4], "upsIdentAgentSoftwareVersion", "the same", |_| {
        scalar(Some(text(env!("CARGO_PKG_VERSION"))))
    }),
    object(&[33, 1, 1, 5], "upsIdentName", "the site or the rack", |seen| scalar(Some(text(&seen.ups.name)))),
    object(&[33, 1, 1, 6], "upsIdentAttachedDevices", "what lives on it", |seen| {
        scalar(Some(text(&seen.ups.attached)))
    }),
    object(
        &[33, 1, 2, 1],
        "upsBatteryStatus",
        "1 unknown, 2 normal, 3 low: servers are shut down because it does not last, 4 depleted: nothing is stored",
        |seen| scalar(Some(Value::Integer(battery_status(seen.shown)))),
    ),
    object(
        &[33, 1, 2, 2],
        "upsSecondsOnBattery",
        "for how long modules have been bridging; 0 while they do not",
        |seen| scalar(seen.shown.map(|ups| integer(ups.on_battery.get() / 1_000))),
    ),
    object(
        &[33, 1, 2, 3],
        "upsEstimatedMinutesRemaining",
        "whole minutes for which what is stored carries the present load; missing below one, since it must not be 0",
        |seen| scalar(minutes(seen.shown).map(integer)),
    ),
    object(
        &[33, 1, 2, 4],
        "upsEstimatedChargeRemaining",
        "usable energy of the modules, per cent of what they hold when full",
        |seen| scalar(seen.shown.and_then(|ups| ups.charge_percent).map(|percent| Value::Integer(percent.into()))),
    ),
    object(&[33, 1, 3, 1], "upsInputLineBads", "how often modules began to bridge since this agent began", |seen| {
        scalar(seen.shown.map(|ups| Value::Counter32(ups.input_bads)))
    }),
    object(&[33, 1, 3, 2], "upsInputNumLines", "of the site its feeds, of a rack 1", |seen| {
        scalar(seen.shown.map(|ups| integer(count(ups.inputs.len()))))
    }),
    object(
        &[33, 1, 3, 3, 1, 5],
        "upsInputTruePower",
        "what the rows of a feed draw, or what comes through the rack's breaker, W",
        |seen| rows(seen.shown.map_or(&[][..], |ups| &ups.inputs), |power| power.map(watts)),
    ),
    object(
        &[33, 1, 4, 1],
        "upsOutputSource",
        "3 normal: the utility or a generator, 5 battery: modules bridge, 2 none: the rack's breaker is open",
        |seen| scalar(seen.shown.map(|ups| Value::Integer(source(ups.source)))),
    ),
    object(&[33, 1, 4, 3], "upsOutputNumLines", "1", |seen| scalar(seen.shown.map(|_| Value::Integer(1)))),
    object(&[33, 1, 4, 4, 1, 4], "upsOutputPower", "what the servers take, W", |seen| {
        rows(loads(seen).as_slice(), |ups| ups.load.map(watts))
    }),
    object(
        &[33, 1, 4, 4, 1, 5],
        "upsOutputPercentLoad",
        "the same, per cent of what the racks' breakers carry for ever, rounded up, at most 200",
        |seen| rows(loads(seen).as_slice(), |ups| percent_load(ups).map(integer)),
    ),
    object(&[33, 1, 5, 2], "upsBypassNumLines", "0: there is no bypass", |_| scalar(Some(Value::Integer(0)))),
    object(&[33, 1, 6, 1], "upsAlarmsPresent", "alarms that stand and are not shelved", |seen| {
        scalar(Some(Value::Gauge32(u32::try_from(alarms(seen).len()).unwrap_or(u32::MAX))))
    }),
    object(&[33, 1, 6, 2, 1, 2], "upsAlarmDescr", "what each is, see below", |seen| {
        let descr = |alarm: &AlarmShown| Value::ObjectIdentifier(Oid::from_slice(&WELL_KNOWN).child(alarm.kind as u32));
        alarms(seen).iter().map(|alarm| (alarm.id, descr(alarm))).collect()
    }),
    object(&[33, 1, 6, 2, 1, 3], "upsAlarmTime", "`sysUpTime` when it came; 0 when it stood before", |seen| {
        let time = |alarm: &AlarmShown| alarm.began.map_or(0, |began| seen.agent.ticks(began));
        alarms(seen).iter().map(|alarm| (alarm.id, Value::TimeTicks(time(alarm)))).collect()
    }),
    object(&[33, 1, 9, 6], "upsConfigOutputPower", "what the racks' breakers carry for ever, W", |seen| {
        scalar(seen.shown.map(|ups| watts(ups.limit)))
    }),
];

fn scalar(value: Option<Value>) -> Instances {
    value.map(|value| (0, value)).into_iter().collect()
}

/// A column: one instance for each line whose number is known, counted from 1.
fn rows<T>(lines: &[T], tell: impl Fn(&T) -> Option<Value>) -> Instances {
    (1..).zip(lines).filter_map(|(nth, line)| Some((nth, tell(line)?))).collect()
}

/// The one line of its output.
fn loads(seen: Seen<'_>) -> Vec<&UpsShown> {
    seen.shown.into_iter().collect()
}

/// A `DisplayString` is ASCII.
fn text(words: &str) -> Value {
    let ascii = |letter: char| if letter == ' ' || letter.is_ascii_graphic() { letter } else { '?' };
    Value::from(words.chars().map(ascii).collect::<String>())
}

/// What does not fit is told as the nearest that does; what may not be negative is not.
fn integer(number: i64) -> Value {
    Value::Integer(i32::try_from(number.max(0)).unwrap_or(i32::MAX))
}

fn watts(power: Watts) -> Value {
    integer(power.get())
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

const fn source(source: Source) -> i32 {
    match source {
        Source::Nothing => 2,
        Source::Normal => 3,
        Source::Battery => 5,
    }
}

/// That servers are shut down has been decided, whether or not modules are heard.
fn battery_status(shown: Option<&UpsShown>) -> i32 {
    let Some(ups) = shown else { return 1 };
    match ups.charge_percent {
        _ if ups.low => 3,
        None => 1,
        Some(0) => 4,
        Some(_) => 2,
    }
}

fn minutes(shown: Option<&UpsShown>) -> Option<i64> {
    let whole = shown?.runtime?.get() / 60_000;
    (whole > 0).then_some(whole)
}

fn percent_load(ups: &UpsShown) -> Option<i64> {
    let (load, limit) = (ups.load?.get().max(0), ups.limit.get());
    let percent = load.saturating_mul(100).saturating_add(limit.max(1) - 1) / limit.max(1);
    (limit > 0).then_some(percent.min(200))
}

/// Who does not know how a UPS is says so by an alarm, which RFC 1628 has for that.
fn alarms(seen: Seen<'_>) -> Vec<AlarmShown> {
    let not_heard = || vec![AlarmShown { id: NOT_HEARD_ID, kind: WellKnown::CommunicationsLost, began: None }];
    seen.shown.map_or_else(not_heard, |ups| ups.alarms.clone())
}

#[cfg(test)]
mod tests;
