//! What the model last said of one rack, besides the numbers: when, at what power, and whether it may be believed.

use ridethrough_core::units::Watts;

use crate::calibration::At;
use crate::onnx::rise;
use crate::parts::up;
use crate::turns::{MOVED_PARTS, Moved};

/// The checks on what was said of a rack. Nothing was said yet, by default.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spoken {
    /// Calls since then; none where nothing was said.
    age: Option<u16>,
    /// The power that it was said at, in parts of the reference.
    at: f32,
    /// Whether what the model said rises from 0 to the maximum's P99, before calibration.
    rises: bool,
    /// The highest number of it, in parts of the reference.
    highest: f32,
}

impl Spoken {
    /// Said in this call, at the power `x`; `said` as it came from the model.
    pub fn now(x: f32, said: &[At]) -> Self {
        let highest = said.iter().map(|at| at.peak[2]).fold(0.0, f32::max);
        Self { age: Some(0), at: x, rises: rise(said), highest }
    }

    /// One call more has passed.
    pub fn grow_older(&mut self) {
        self.age = self.age.map(|calls| calls.saturating_add(1));
    }

    /// Calls since it was said; none where nothing was.
    pub fn age(&self) -> Option<u16> {
        self.age
    }

    /// Whether it rises, and does so to no more than `most`, by what the reference is worth now.
    pub fn is_in_range(&self, reference: Watts, most: Watts) -> bool {
        self.rises && up(self.highest, reference) <= most
    }

    /// How far the rack is from there, its power being `x` and `next` what was said of the next second; none where it has not
    /// moved, or nothing was said.
    pub fn moved(&self, x: f32, next: Option<&At>) -> Option<Moved> {
        let parts = (x - self.at).abs();
        let unforeseen = next.is_none_or(|at| x > at.value[2] || at.value[2].is_nan());
        (self.age.is_some() && parts > MOVED_PARTS).then_some(Moved { unforeseen, parts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(p99: f32) -> [At; 1] {
        [At { value: [0.5, 0.55, p99], peak: [0.5, 0.55, p99] }]
    }

    #[test]
    fn a_rack_has_moved_once_it_is_a_hundredth_away() {
        let (spoken, next) = (Spoken::now(0.5, &said(0.6)), said(0.6));
        let unforeseen = |x| spoken.moved(x, next.first()).map(|moved| moved.unforeseen);
        assert_eq!([0.5, 0.508, 0.492].map(unforeseen), [None; 3]);
        assert_eq!([0.52, 0.48, 0.61].map(unforeseen), [Some(false), Some(false), Some(true)]);
        assert_eq!(Spoken::default().moved(0.9, next.first()), None, "nothing was said that could be overtaken");
        assert!(spoken.moved(0.52, said(f32::NAN).first()).is_some_and(|moved| moved.unforeseen));
    }

    #[test]
    fn the_range_is_the_present_limits() {
        let spoken = Spoken::now(0.5, &said(0.75));
        assert!(spoken.is_in_range(Watts::new(1_000), Watts::new(750)));
        assert!(!spoken.is_in_range(Watts::new(1_000), Watts::new(749)));
        assert!(!Spoken::now(0.5, &said(0.54)).is_in_range(Watts::new(1_000), Watts::new(3_000)), "it falls");
    }

    #[test]
    fn only_what_was_said_grows_older() {
        let (mut never, mut said) = (Spoken::default(), Spoken::now(0.5, &said(0.6)));
        (0..3).for_each(|_| [&mut never, &mut said].into_iter().for_each(Spoken::grow_older));
        assert_eq!((never.age(), said.age()), (None, Some(3)));
    }
}
