//! Fewer points of a series than were taken, without losing its worst ones.

/// A series is drawn with at most so many points.
pub const POINTS_MAX: usize = 600;

/// Which value of several stands for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// The highest: a draw at its worst.
    Highest,
    /// The lowest: a charge at its worst.
    Lowest,
}

/// At most [`POINTS_MAX`] of these values, each with its place: of every bucket of equal size the one to keep. What is
/// no number stands for its bucket only if nothing else is in it.
pub fn worst(values: &[f64], keep: Keep) -> Vec<(usize, f64)> {
    let size = values.len().div_ceil(POINTS_MAX).max(1);
    let places = values.iter().copied().enumerate().collect::<Vec<_>>();
    let is_worse = |left: f64, right: f64| match keep {
        Keep::Highest => left > right,
        Keep::Lowest => left < right,
    };
    let pick = |bucket: &[(usize, f64)]| {
        let worse = |worst: (usize, f64), each: (usize, f64)| {
            if worst.1.is_nan() || is_worse(each.1, worst.1) { each } else { worst }
        };
        bucket.iter().copied().reduce(worse)
    };
    places.chunks(size).filter_map(pick).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_of_every_bucket_is_kept_in_its_place() {
        let mut values = vec![0.5; 1_800];
        values[700] = 1.3;
        values[701] = 0.1;
        for (keep, place, value) in [(Keep::Highest, 700, 1.3), (Keep::Lowest, 701, 0.1)] {
            let points = worst(&values, keep);
            assert_eq!(points.len(), 600);
            assert!(points.contains(&(place, value)), "{keep:?}");
            assert!(points.is_sorted_by(|left, right| left.0 < right.0), "{keep:?}");
        }
    }

    #[test]
    fn any_length_is_short_enough() {
        for (length, points) in [(0, 0), (1, 1), (600, 600), (601, 301), (1_201, 401), (86_401, 596)] {
            assert_eq!(worst(&vec![1.0; length], Keep::Highest).len(), points, "{length}");
        }
    }

    #[test]
    fn a_gap_stays_only_where_nothing_was_measured() {
        let mut values = vec![f64::NAN; 1_200];
        values[1] = 2.0;
        let points = worst(&values, Keep::Lowest);
        assert_eq!(points[0], (1, 2.0));
        assert!(points[1..].iter().all(|point| point.1.is_nan()));
    }
}
