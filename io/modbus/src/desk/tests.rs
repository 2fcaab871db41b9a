use std::time::Duration;

use super::*;
use crate::layout::Counts;
use crate::shown::{FeedShown, KesmShown, RackShown, Shown, SiteShown};

/// One rack, one module, one feed: 64 + 12 + 8 + 3 registers.
const END: u16 = 87;

fn layout() -> Layout {
    Layout::new(1, [0; 32], Counts { racks: 1, kesms: 1, feeds: 1 }).expect("small")
}

fn shown() -> Shown {
    let site = SiteShown { leader: Some(3), ..SiteShown::default() };
    let (racks, kesms, feeds) = (vec![RackShown::default()], vec![KesmShown::default()], vec![FeedShown::default()]);
    Shown { site, racks, kesms, feeds }
}

fn desk(board: Board) -> Desk {
    Desk::new(layout(), Arc::new(ArcSwap::from_pointee(board)))
}

fn read(start: u16, count: u16) -> Vec<u8> {
    [&[4][..], &start.to_be_bytes()[..], &count.to_be_bytes()].concat()
}

#[test]
fn what_is_old_is_not_told_but_how_old_it_is() {
    let now = Instant::now();
    let desk = desk(Board::new(&layout(), &shown(), now).expect("of this site"));
    let fresh = now + Duration::from_secs(2);
    assert_eq!(desk.answer(&read(33, 1), fresh), [4, 2, 0, 3], "who leads");
    assert_eq!(desk.answer(&read(8, 1), fresh), [4, 2, 0x07, 0xd0], "2000 ms");
    let old = fresh + Duration::from_millis(1);
    for (start, count) in [(33, 1), (31, 2), (0, 33), (64, 12), (END - 1, 1)] {
        assert_eq!(desk.answer(&read(start, count), old), [0x84, 4], "{start} {count}");
    }
    assert_eq!(desk.answer(&read(8, 1), old), [4, 2, 0x07, 0xd1]);
    assert_eq!(desk.answer(&read(0, 2), old)[2..], [0x52, 0x54, 0, 1]);
    assert_eq!(desk.answer(&read(8, 1), now + Duration::from_hours(1))[2..], [0xff, 0xfe]);
}

#[test]
fn before_anything_is_known_only_the_site_is_told() {
    let (desk, now) = (desk(Board::default()), Instant::now());
    assert_eq!(desk.answer(&read(14, 1), now), [4, 2, 0, 1], "one rack");
    assert_eq!(desk.answer(&read(8, 1), now), [4, 2, 0xff, 0xff]);
    assert_eq!(desk.answer(&read(32, 1), now), [0x84, 4]);
}

#[test]
fn what_no_register_has_is_refused_and_what_spans_blocks_is_read_whole() {
    let now = Instant::now();
    let desk = desk(Board::new(&layout(), &shown(), now).expect("of this site"));
    let whole = desk.answer(&read(0, END), now);
    assert_eq!((whole[1], whole.len()), (2 * 87, 2 + 2 * 87));
    for start in [0, 20, 31, 32, 33, 63, 64, 86] {
        for count in 1..=END - start {
            let part = desk.answer(&read(start, count), now);
            let [from, to] = [start, start + count].map(|at| 2 + 2 * usize::from(at));
            assert_eq!(part[2..], whole[from..to], "{start} {count}");
        }
    }
    for (start, count) in [(END, 1), (END - 1, 2), (65_535, 1), (65_535, 125)] {
        assert_eq!(desk.answer(&read(start, count), now), [0x84, 2], "{start} {count}");
    }
    // A wrong number is told before a wrong place, and a wrong place before old data.
    assert_eq!(desk.answer(&read(END, 126), now), [0x84, 3]);
    assert_eq!(desk.answer(&read(END, 1), now + Duration::from_hours(1)), [0x84, 2]);
}

#[test]
fn nothing_can_be_written() {
    let now = Instant::now();
    let desk = desk(Board::new(&layout(), &shown(), now).expect("of this site"));
    let before = desk.answer(&read(0, END), now);
    for request in [
        &[5, 0, 32, 0xff, 0][..],
        &[6, 0, 32, 0, 1],
        &[15, 0, 0, 0, 8, 1, 0xff],
        &[16, 0, 32, 0, 1, 2, 0, 1],
        &[22, 0, 32, 0, 0, 0, 1],
        &[23, 0, 0, 0, 1, 0, 32, 0, 1, 2, 0, 1],
    ] {
        assert_eq!(desk.answer(request, now), [request[0] | 0x80, 1]);
    }
    assert_eq!(desk.answer(&read(0, END), now), before);
}
