//! The pattern of the day: what each half hour drew on the days before.

use super::bytes::{Reader, put_u16s};

const SLOTS: usize = 48;
const SLOT_S: u32 = 1_800;
/// A half hour that was heard for less than this many seconds teaches nothing.
const HEARD_S_LEAST: u16 = 600;
/// A new day counts for this share of what a slot keeps.
const DAY_SHARE: f32 = 0.25;
const UNKNOWN: u16 = u16::MAX;

/// Mean of each half hour (UTC), faded over about four days.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Daily {
    slots: [u16; SLOTS],
    sum: f32,
    /// The half hour since the epoch that is being summed.
    current: u32,
    heard_s: u16,
}

impl Default for Daily {
    fn default() -> Self {
        Self { slots: [UNKNOWN; SLOTS], sum: 0.0, current: 0, heard_s: 0 }
    }
}

impl Daily {
    /// What is usual at a second since the epoch, once a day has shown it.
    pub fn expected(&self, at_s: u32) -> Option<f32> {
        super::phase::unpack(self.slots[slot(at_s / SLOT_S)])
    }

    /// Takes a sample of its second; seconds do not go back.
    pub fn push(&mut self, at_s: u32, value: f32) {
        let half_hour = at_s / SLOT_S;
        if half_hour != self.current {
            self.close();
            (self.current, self.sum, self.heard_s) = (half_hour, 0.0, 0);
        }
        self.sum += value;
        self.heard_s = self.heard_s.saturating_add(1);
    }

    /// The same days, with the sum begun anew at another second: the clock went back.
    pub fn restarted(&self, at_s: u32) -> Self {
        Self { slots: self.slots, sum: 0.0, current: at_s / SLOT_S, heard_s: 0 }
    }

    fn close(&mut self) {
        if self.heard_s < HEARD_S_LEAST {
            return;
        }
        let mean = self.sum / f32::from(self.heard_s);
        let kept = &mut self.slots[slot(self.current)];
        let before = super::phase::unpack(*kept).unwrap_or(mean);
        *kept = super::phase::pack(before + DAY_SHARE * (mean - before));
    }

    pub fn write(&self, out: &mut Vec<u8>) {
        put_u16s(&self.slots, out);
        out.extend_from_slice(&self.sum.to_le_bytes());
        out.extend_from_slice(&self.current.to_le_bytes());
        out.extend_from_slice(&self.heard_s.to_le_bytes());
    }

    pub fn read(from: &mut Reader) -> Option<Self> {
        Some(Self { slots: from.u16s()?, sum: from.f32()?, current: from.u32()?, heard_s: from.u16()? })
    }
}

fn slot(half_hour: u32) -> usize {
    half_hour as usize % SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_day_knows_the_first() {
        let mut daily = Daily::default();
        let noon_s = 43_200;
        let load = |at_s: u32| if (noon_s..noon_s + 7_200).contains(&(at_s % 86_400)) { 0.9 } else { 0.3 };
        (0..86_401).for_each(|at_s| daily.push(at_s, load(at_s)));
        let near = |at_s: u32, wanted: f32| (daily.expected(at_s).expect("known") - wanted).abs() < 0.001;
        assert!(near(86_400 + noon_s + 100, 0.9) && near(86_400 + 100, 0.3));
    }

    #[test]
    fn a_half_hour_that_was_hardly_heard_teaches_nothing() {
        let mut daily = Daily::default();
        (0..1_800).step_by(10).for_each(|at_s| daily.push(at_s, 0.5));
        daily.push(1_800, 0.5);
        assert_eq!(daily.expected(5), None);
    }
}
