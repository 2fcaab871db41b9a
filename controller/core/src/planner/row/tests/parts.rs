//! The parts of a row's plan by themselves: what is news, what is asked for, what a rack wants and from which level.

use super::*;

#[test]
fn a_shortfall_is_news_when_it_is_new_has_changed_by_a_tenth_or_was_told_ten_seconds_ago() {
    let mut patience = Patience::new(World::new().ledger.site());
    let mut news = |uncovered, at| patience.is_news(RackId(1), Watts::new(uncovered), Millis::new(at));
    assert!(!news(499, 0), "what is less than a leg is nobody's news");
    assert!(news(500, 100));
    assert!(!news(500, 200) && !news(549, 200) && news(550, 300) && !news(550, 400));
    assert!(!news(550, 10_299) && news(550, 10_300));
    assert!(!news(499, 10_400) && news(550, 10_500), "it was over for a moment");
    assert!(news(1_100, 10_600) && !news(1_000, 10_700) && news(990, 10_800));
}

#[test]
fn what_is_asked_for_is_a_tenth_more_in_steps_of_half_a_kilowatt() {
    let asked = [1, 454, 455, 4_545, 4_546, 9_200].map(|need| ask(Watts::new(need)).get());
    assert_eq!(asked, [500, 500, 1_000, 5_000, 5_500, 10_500]);
}

#[test]
fn help_begins_so_low_that_the_rack_relieves_its_row_of_what_was_found() {
    let level = |present, peak, coming, now| {
        let (relief_coming, relief_present) = (Watts::new(coming), Watts::new(now));
        level(&verdict(present, peak), &Given { legs: Vec::new(), relief_coming, relief_present }).get()
    };
    assert_eq!(level(20_000, 30_000, 0, 0), 22_800);
    assert_eq!(level(20_000, 21_000, 0, 0), 22_800);
    assert_eq!(level(20_000, 30_000, 1, 0), 22_799);
    assert_eq!(level(20_000, 30_000, 1_000, 0), 21_800);
    assert_eq!(level(20_000, 21_000, 900, 0), 20_100, "from what it may come to take, where that is less");
    assert_eq!(level(20_000, 30_000, 0, 3_000), 17_000, "from what it draws");
    assert_eq!(level(20_000, 30_000, 0, 1), 19_999);
    assert_eq!(level(20_000, 30_000, 1_000, 3_000), 17_000);
    assert_eq!(level(30_000, 30_000, 0, 1_000), 21_800, "it draws no more than its hold once it is helped");
    assert_eq!(level(20_000, 30_000, 0, 25_000), 0);
}

#[test]
fn a_rack_wants_its_need_when_it_is_planned_for_and_can_always_relieve_its_row() {
    let told = |present, peak, planned: &[RackId]| {
        let want = want(&verdict(present, peak), planned);
        [want.need_present, want.need_coming, want.slack, want.relief_coming, want.relief_present].map(Watts::get)
    };
    assert_eq!(told(20_000, 30_000, &[RackId(1)]), [0, 7_200, 800, 1_600, 19_000]);
    assert_eq!(told(25_000, 30_000, &[RackId(1)]), [2_200, 5_000, 800, 0, 21_660], "of which it draws some already");
    assert_eq!(told(25_000, 30_000, &[RackId(0)]), [0, 0, 0, 0, 21_660]);
    assert_eq!(told(20_000, 22_000, &[RackId(1)]), [0, 0, 0, 800, 19_000], "no need, no slack");
    assert_eq!(told(22_000, 22_500, &[]), [0, 0, 0, 0, 20_900], "a margin above what it draws is its own");
}

#[test]
fn a_transfer_relieves_its_row_of_what_lies_above_its_level_and_is_left_of_what_it_delivers() {
    let relief = |level: i64, gives: i64, load: i64| {
        let gives = Watts::new(gives);
        let leg = Leg { kesm: KesmId(0), path: Vec::new(), supplied: gives, delivered: gives };
        let standing = Standing { legs: vec![leg], help_above: Watts::new(level), left: Millis::seconds(8) };
        relief_of(&verdict(10_000, 20_000), &standing, Watts::new(load)).get()
    };
    assert_eq!(relief(12_000, 9_000, 20_000), 8_000, "all above the level");
    assert_eq!(relief(12_000, 9_000, 22_000), 9_000, "no more than it delivers");
    assert_eq!(relief(12_000, 9_000, 24_000), 7_800, "of which the rack needs 1 200 W itself");
    assert_eq!(relief(12_000, 9_000, 40_000), 0);
    assert_eq!(relief(12_000, 9_000, 11_000), 0);
}

#[test]
fn what_is_for_the_row_is_not_for_the_rack_itself() {
    let leg = Leg { kesm: KesmId(0), path: Vec::new(), supplied: Watts::new(10_000), delivered: Watts::new(10_000) };
    let given = |coming, present| Given {
        legs: vec![leg.clone()],
        relief_coming: Watts::new(coming),
        relief_present: Watts::new(present),
    };
    assert_eq!(own(&given(0, 0)).get(), 10_000);
    assert_eq!(own(&given(2_000, 3_000)).get(), 5_000);
}
