//! For how long a breaker bears too much: its inverse-time table, in integers, rounded against us.

use crate::units::{Millis, Watts};

/// Load in thousandths of the rating, and for how many ms a cold breaker carries it. 110 % and 140 % are measured (Wu et
/// al., "Dynamo", ISCA 2016), the rest typical of the class; between them time is a power of the load. A load between two
/// points is taken for the higher.
const TABLE: [(i128, i64); 22] = [
    (1_100, 1_020_000),
    (1_150, 605_062),
    (1_200, 366_989),
    (1_250, 227_181),
    (1_300, 143_305),
    (1_350, 91_982),
    (1_400, 60_000),
    (1_500, 45_887),
    (1_600, 35_706),
    (1_700, 28_211),
    (1_800, 22_591),
    (1_900, 18_309),
    (2_000, 15_000),
    (2_250, 10_901),
    (2_500, 8_194),
    (2_750, 6_329),
    (3_000, 5_000),
    (4_000, 1_295),
    (5_000, 454),
    (6_000, 193),
    (7_000, 93),
    (7_999, 50),
];
/// Up to here a breaker holds for ever (UL 489).
const HOLD_PERMILLE: i128 = 1_000;
/// Watts are told, and amperes trip: the potential of a bus may be so much below nominal, in thousandths.
const SAG_PERMILLE: i128 = 30;

/// For how long a breaker of this rating carries this load, when it is so hot already (0 cold, 1000 trips); `None` is
/// for ever.
pub fn bears_for(load: Watts, rating: Watts, heat_permille: u16) -> Option<Millis> {
    let (load, rating) = (i128::from(load.get().max(0)), i128::from(rating.get().max(1)));
    if load * 1_000 <= rating * HOLD_PERMILLE {
        return None;
    }
    let permille = load * (1_000 + SAG_PERMILLE) / rating + 1;
    let cold_ms = TABLE.iter().find(|(point, _)| permille <= *point).map_or(0, |(_, ms)| *ms);
    let left = 1_000 - i64::from(heat_permille.min(1_000));
    Some(Millis::new(cold_ms * left / 1_000))
}

/// The most that a breaker of this rating carries for at least `span`, when it is so hot already.
pub fn bearable(rating: Watts, heat_permille: u16, span: Millis) -> Watts {
    let left = 1_000 - i64::from(heat_permille.min(1_000));
    let lasts = TABLE.iter().rev().find(|(_, cold_ms)| cold_ms * left / 1_000 >= span.get());
    let Some((point, _)) = lasts else { return rating };
    let load = (point - 1) * i128::from(rating.get()) / (1_000 + SAG_PERMILLE);
    Watts::new(i64::try_from(load).unwrap_or(i64::MAX)).max(rating)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_more_the_shorter_and_a_hot_breaker_bears_less() {
        let bears = |load, heat| bears_for(Watts::new(load), Watts::new(10_000), heat);
        assert_eq!(bears(10_000, 0), None);
        assert_eq!(bears(10_500, 0), Some(Millis::new(1_020_000)), "10.5 kW may be 10.8 kW's worth of amperes");
        assert_eq!(bears(13_000, 0), Some(Millis::new(91_982)), "taken for 1.35 times the rating");
        assert_eq!(bears(13_000, 1_000), Some(Millis::ZERO));
        assert_eq!(bears(90_000, 0), Some(Millis::ZERO), "it opens at once");
        let times: Vec<Option<Millis>> = (10_100..90_000).step_by(100).map(|load| bears(load, 0)).collect();
        let spans: Vec<i64> = times.iter().flatten().map(|span| span.get()).collect();
        assert!(spans.windows(2).all(|pair| pair[0] >= pair[1]));
    }

    #[test]
    fn what_is_bearable_is_borne_and_a_little_more_is_not() {
        let rating = Watts::new(24_000);
        for (heat, span) in [(0, 3_000), (0, 60_000), (500, 3_000), (990, 3_000), (1_000, 1)] {
            let most = bearable(rating, heat, Millis::new(span));
            assert!(bears_for(most, rating, heat).is_none_or(|bears| bears.get() >= span), "{heat} {span}: {most}");
            let more = bears_for(most.saturating_add(Watts::new(60)), rating, heat);
            assert!(more.is_some_and(|bears| bears.get() < span), "{heat} {span}: {most}, and {more:?} above it");
        }
    }

    #[test]
    fn a_load_at_a_point_of_the_table_is_taken_for_the_next() {
        let rating = Watts::new(10_300);
        let bears = |load| bears_for(Watts::new(load), rating, 0).map(Millis::get);
        assert_eq!((bears(10_990), bears(11_000)), (Some(1_020_000), Some(605_062)), "1.1 times its rating and a sag");
        assert_eq!(bearable(rating, 0, Millis::new(1_020_000)), Watts::new(10_990));
    }
}
