//! What the last samples of every series were: so that order, age, rates and sums are right. One writer keeps it; what
//! comes out of it is published in [`Signals`].

use crate::mapping::Input;
use crate::signals::Signals;
use crate::tally::Fate;
use crate::wire::Sample;

/// A series that was silent for so long has no part in a sum any more, and its place is free, milliseconds: as long as
/// Prometheus itself looks back. Between its input's age and this, its sum is not told.
const FORGOTTEN_MS: u64 = 300_000;
/// A counter's rate over a longer pause says too little about now, milliseconds.
const RATE_PAUSE_MS_MAX: i64 = 300_000;

/// Both clocks of one moment.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Unix time, milliseconds.
    pub unix_ms: i64,
    /// The store's own clock, milliseconds.
    pub clock_ms: u64,
    /// How far a sample may be ahead, milliseconds.
    pub ahead_ms: i64,
}

/// One series of an input.
#[derive(Clone, Copy, Debug)]
struct Member {
    /// A keyed hash of its labels.
    print: u64,
    /// Of its newest sample, milliseconds of Unix time.
    at_unix_ms: i64,
    /// As the newest sample had it.
    raw: f64,
    /// In the signal's unit; a counter has none before its second sample.
    value: Option<f64>,
    /// When it was sampled and when it was heard, on the store's clock.
    sampled_ms: u64,
    heard_ms: u64,
    /// Whether its sender said that it has ended.
    ended: bool,
}

impl Member {
    const fn is_gone(&self, now: Moment) -> bool {
        self.ended || now.clock_ms.saturating_sub(self.heard_ms) > FORGOTTEN_MS
    }
}

/// The state of all inputs. It holds at most `series_max` series of each input, 64 bytes each.
#[derive(Debug)]
pub struct Book {
    inputs: Vec<Input>,
    members: Vec<Vec<Member>>,
    /// Inputs of each slot.
    of_slot: Vec<Vec<usize>>,
}

impl Book {
    pub fn new(inputs: &[Input], signals: &Signals) -> Self {
        let mut of_slot = vec![Vec::new(); signals.slots()];
        for (place, input) in inputs.iter().enumerate() {
            of_slot[input.slot].push(place);
        }
        Self { inputs: inputs.to_vec(), members: vec![Vec::new(); inputs.len()], of_slot }
    }

    /// Takes a sample of a series of an input, if it can be.
    pub fn take(&mut self, input: usize, print: u64, sample: Sample, now: Moment) -> Fate {
        let (spec, members) = (self.inputs[input], &mut self.members[input]);
        let known = members.iter_mut().find(|member| member.print == print);
        if let Some(fate) = refuse_time(sample, known.as_deref(), now) {
            return fate;
        }
        if sample.is_stale_marker() {
            if let Some(member) = known {
                (member.ended, member.value, member.at_unix_ms, member.raw) =
                    (true, None, sample.at_unix_ms, sample.value);
            }
            return Fate::Ended;
        }
        if let Some(fate) = refuse_value(sample, spec, now) {
            return fate;
        }
        let Some(place) = place(members, print, spec, now) else { return Fate::Ambiguous };
        let previous = members.get(place).filter(|member| member.print == print && !member.ended);
        let value = signal_value(sample, spec, previous);
        let believed = value.filter(|value| *value <= spec.value_max);
        let member = Member {
            print,
            at_unix_ms: sample.at_unix_ms,
            raw: sample.value,
            value: believed,
            sampled_ms: now.clock_ms.saturating_sub(age_ms(sample, now)),
            heard_ms: now.clock_ms,
            ended: false,
        };
        match members.get_mut(place) {
            Some(old) => *old = member,
            None => members.push(member),
        }
        if believed == value { Fate::Taken } else { Fate::Absurd }
    }

    /// The slot that an input is part of.
    pub fn slot(&self, input: usize) -> usize {
        self.inputs[input].slot
    }

    /// Publishes what its inputs say of a slot now.
    pub fn publish(&self, slot: usize, signals: &Signals, now: Moment) {
        signals.publish(slot, self.sum(slot, now));
    }

    /// The sum of all series of a slot, and the time of its oldest; none before each of its inputs has a series.
    fn sum(&self, slot: usize, now: Moment) -> Option<(f64, u64)> {
        let (mut sum, mut oldest_ms) = (0.0, u64::MAX);
        for &input in &self.of_slot[slot] {
            let members = self.members[input].iter().filter(|member| !member.is_gone(now));
            let mut any = false;
            for (value, member) in members.filter_map(|member| Some((member.value?, member))) {
                sum += value;
                oldest_ms = oldest_ms.min(member.sampled_ms);
                any = true;
            }
            if !any {
                return None;
            }
        }
        Some((sum, oldest_ms))
    }
}

/// Where the series is or may be kept: its own place, a free one, or a new one.
fn place(members: &[Member], print: u64, spec: Input, now: Moment) -> Option<usize> {
    let own = members.iter().position(|member| member.print == print);
    let free = || members.iter().position(|member| member.is_gone(now));
    own.or_else(free).or_else(|| (members.len() < spec.series_max).then_some(members.len()))
}

/// What is wrong with the time of a sample, by this machine's clock and by what its series told last.
fn refuse_time(sample: Sample, known: Option<&Member>, now: Moment) -> Option<Fate> {
    if sample.at_unix_ms > now.unix_ms.saturating_add(now.ahead_ms) {
        return Some(Fate::Ahead);
    }
    let member = known?;
    if sample.at_unix_ms < member.at_unix_ms {
        return Some(Fate::Late);
    }
    let same = sample.value.to_bits() == member.raw.to_bits();
    let fate = if same { Fate::Duplicate } else { Fate::Conflicting };
    // An end may come with the time of the last sample; it is never refused for it.
    (sample.at_unix_ms == member.at_unix_ms && (same || !sample.is_stale_marker())).then_some(fate)
}

/// What is wrong with a sample that no other series needs to be asked about.
fn refuse_value(sample: Sample, spec: Input, now: Moment) -> Option<Fate> {
    if age_ms(sample, now) > spec.age_ms_max {
        Some(Fate::Old)
    } else if !sample.value.is_finite() {
        Some(Fate::NotFinite)
    } else if sample.value < 0.0 {
        Some(Fate::Negative)
    } else if !spec.kind.is_counter() && sample.value * spec.scale > spec.value_max {
        Some(Fate::Absurd)
    } else {
        None
    }
}

/// The value in the signal's unit; none for the first of a counter.
fn signal_value(sample: Sample, spec: Input, previous: Option<&Member>) -> Option<f64> {
    if !spec.kind.is_counter() {
        return Some(sample.value * spec.scale);
    }
    let previous = previous?;
    let pause_ms = sample.at_unix_ms.saturating_sub(previous.at_unix_ms);
    if pause_ms > RATE_PAUSE_MS_MAX {
        return None;
    }
    // A counter that fell began again at zero, as everywhere in Prometheus.
    let rise = if sample.value < previous.raw { sample.value } else { sample.value - previous.raw };
    let seconds = f64::from(i32::try_from(pause_ms).ok()?) / 1_000.0;
    Some(rise / seconds * spec.scale)
}

/// How old a sample is, by this machine's clock; one from ahead of it is new.
fn age_ms(sample: Sample, now: Moment) -> u64 {
    u64::try_from(now.unix_ms.saturating_sub(sample.at_unix_ms)).unwrap_or(0)
}
