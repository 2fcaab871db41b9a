//! Whether what outlets say adds up to what the meter of their rack says.
//!
//! ```text
//!   rack meter, every tick ──► least and most of the last 4 s ─┐
//!   outlets, once a second ──► their sum ──────────────────────┴─► within 3 % of that span? three times not: doubted
//! ```
//!
//! Both are measured at other moments, and loads swing within a second: a sum that lies anywhere between what the rack
//! meter said lately is right.

use ridethrough_core::units::Watts;

/// Beyond what the rack's meter said, in thousandths: three times what meters of class 1 may be off.
const TOLERANCE_PERMILLE: u16 = 30;
/// And so much for each outlet and for the rack, because all round.
const ROUNDING: Watts = Watts::new(10);
/// So many seconds of the rack's meter are kept, the present one included: more than outlets are old when they are judged.
const SECONDS: usize = 4;
/// After so many judgements in a row a rack is doubted, or believed again.
const IN_A_ROW: u8 = 3;

/// Least and most that a rack's meter said within a second.
type Span = Option<(Watts, Watts)>;

/// What is known of one rack.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plausibility {
    /// Of the last seconds, the present one first.
    spans: [Span; SECONDS],
    /// Judgements in a row that say otherwise than `doubted` does.
    against: u8,
    doubted: bool,
}

/// What a judgement changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// Whether the sum fits.
    pub fits: bool,
    /// Whether the rack's outlets are doubted from now on, if that is new.
    pub turned: Option<bool>,
}

impl Plausibility {
    /// Notes what the rack's meter says.
    pub fn note(&mut self, load: Watts) {
        let (least, most) = self.spans[0].unwrap_or((load, load));
        self.spans[0] = Some((least.min(load), most.max(load)));
    }

    /// Judges the sum of a rack's outlets, if it is known, and begins the next second. Nothing while the rack's own meter
    /// has not been heard for as long as is looked back.
    pub fn judge(&mut self, sum: Option<Watts>, outlets: usize) -> Option<Judgement> {
        let span = self.span();
        self.spans.rotate_right(1);
        self.spans[0] = None;
        let ((least, most), sum) = (span?, sum?);
        let slack = Watts::new(ROUNDING.get().saturating_mul(i64::try_from(outlets).unwrap_or(i64::MAX)));
        let (low, high) = (least.saturating_sub(beyond(least, slack)), most.saturating_add(beyond(most, slack)));
        let fits = low <= sum && sum <= high;
        Some(Judgement { fits, turned: self.turn(!fits) })
    }

    /// Whether the outlets have not added up lately.
    pub const fn is_doubted(&self) -> bool {
        self.doubted
    }

    fn span(&self) -> Span {
        let mut spans = self.spans.iter();
        let first = (*spans.next()?)?;
        spans.try_fold(first, |(low, high), span| span.map(|(least, most)| (low.min(least), high.max(most))))
    }

    fn turn(&mut self, wrong: bool) -> Option<bool> {
        self.against = if wrong == self.doubted { 0 } else { self.against.saturating_add(1) };
        if self.against < IN_A_ROW {
            return None;
        }
        (self.against, self.doubted) = (0, wrong);
        Some(wrong)
    }
}

fn beyond(power: Watts, slack: Watts) -> Watts {
    power.permille(TOLERANCE_PERMILLE).saturating_add(slack).saturating_add(ROUNDING)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A second in which the rack's meter says these, and then its five outlets add up to `sum`.
    fn second(of: &mut Plausibility, loads: &[i64], sum: i64) -> Option<Judgement> {
        for load in loads {
            of.note(Watts::new(*load));
        }
        of.judge(Some(Watts::new(sum)), 5)
    }

    fn warm(loads: &[i64]) -> Plausibility {
        let mut of = Plausibility::default();
        for _ in 0..SECONDS - 1 {
            assert_eq!(second(&mut of, loads, 1), None, "it looks back further than it was heard");
        }
        of
    }

    const FITS: Option<Judgement> = Some(Judgement { fits: true, turned: None });
    const WRONG: Option<Judgement> = Some(Judgement { fits: false, turned: None });

    #[test]
    fn a_sum_within_what_the_meter_said_lately_fits() {
        let mut of = warm(&[10_000]);
        assert_eq!(second(&mut of, &[10_000], 10_360), FITS, "3 % and 60 W");
        assert_eq!(second(&mut of, &[10_000], 10_361), WRONG);
        assert_eq!(second(&mut of, &[10_000], 9_640), FITS);
        assert_eq!(second(&mut of, &[10_000], 9_639), WRONG);
        assert_eq!(second(&mut of, &[4_000, 16_000], 7_000), FITS, "it swung");
        assert_eq!(second(&mut of, &[10_000], 16_000), FITS, "as of a second ago");
    }

    #[test]
    fn three_in_a_row_are_a_doubt_and_three_end_it() {
        let mut of = warm(&[10_000]);
        assert_eq!(second(&mut of, &[10_000], 5_000), WRONG);
        assert_eq!(second(&mut of, &[10_000], 5_000), WRONG);
        assert_eq!(second(&mut of, &[10_000], 10_000), FITS, "and all begins anew");
        for _ in 0..2 {
            assert_eq!(second(&mut of, &[10_000], 20_000), WRONG);
        }
        assert!(!of.is_doubted());
        assert_eq!(second(&mut of, &[10_000], 20_000), Some(Judgement { fits: false, turned: Some(true) }));
        assert_eq!(second(&mut of, &[10_000], 20_000), WRONG, "told once");
        for _ in 0..2 {
            assert_eq!(second(&mut of, &[10_000], 10_000), FITS);
        }
        assert!(of.is_doubted());
        assert_eq!(second(&mut of, &[10_000], 10_000), Some(Judgement { fits: true, turned: Some(false) }));
    }

    #[test]
    fn who_is_not_heard_is_not_judged() {
        let mut of = warm(&[10_000]);
        of.note(Watts::new(10_000));
        assert_eq!(of.judge(None, 5), None, "no sum");
        assert_eq!(second(&mut of, &[], 5_000), None, "the meter is silent");
        for _ in 0..SECONDS - 1 {
            assert_eq!(second(&mut of, &[10_000], 5_000), None, "and was lately");
        }
        assert_eq!(second(&mut of, &[10_000], 5_000), WRONG);
    }
}
