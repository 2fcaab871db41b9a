//! Whatever is asked, the answer is whole, fits into a frame, and tells only what is known.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use proptest::prelude::*;
use ridethrough_modbus::{Board, Counts, Desk, KesmShown, Layout, RackShown, Shown, SiteShown};
use tokio_modbus::Response;
use tokio_modbus::bytes::Bytes;

const RACKS: usize = 30;

fn cases() -> ProptestConfig {
    let cases = std::env::var("RIDETHROUGH_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(2_000);
    ProptestConfig::with_cases(cases)
}

fn desk(at: Instant) -> (Desk, usize) {
    let layout = Layout::new(1, [9; 32], Counts { racks: RACKS, kesms: 1, feeds: 0 }).expect("small");
    let (racks, kesms) = (vec![RackShown::default(); RACKS], vec![KesmShown::default()]);
    let shown = Shown { site: SiteShown::default(), racks, kesms, feeds: Vec::new() };
    let board = Board::new(&layout, &shown, at).expect("of this site");
    (Desk::new(layout, Arc::new(ArcSwap::from_pointee(board))), layout.registers())
}

fn request() -> impl Strategy<Value = Vec<u8>> {
    let read = (3_u8..=4, 0_u16..600, 0_u16..130)
        .prop_map(|(function, start, count)| [&[function][..], &start.to_be_bytes(), &count.to_be_bytes()].concat());
    prop_oneof![prop::collection::vec(any::<u8>(), 1..254), read]
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn any_request_is_answered_in_whole(request in request(), age_ms in 0_u64..4_000) {
        let at = Instant::now();
        let (desk, registers) = desk(at);
        let answer = desk.answer(&request, at + Duration::from_millis(age_ms));
        prop_assert!((2..=253).contains(&answer.len()));
        prop_assert_eq!(answer[0] & 0x7f, request[0] & 0x7f);
        let whole = <[u8; 5]>::try_from(&request[..]).ok();
        let asked = whole.filter(|bytes| [3, 4].contains(&bytes[0])).map(|[_, s0, s1, c0, c1]| {
            (usize::from(u16::from_be_bytes([s0, s1])), usize::from(u16::from_be_bytes([c0, c1])))
        });
        let expected = match asked {
            None if [3, 4].contains(&request[0]) => Err(3),
            None => Err(1),
            Some((_, 0 | 126..)) => Err(3),
            Some((start, count)) if start + count > registers => Err(2),
            Some((start, count)) if start + count > 32 && age_ms > 2_000 => Err(4),
            Some((_, count)) => Ok(count),
        };
        if answer[0] & 0x80 != 0 {
            prop_assert_eq!(Err(answer[1]), expected.map(|_| ()));
            prop_assert_eq!(answer.len(), 2);
        } else {
            let read = match Response::try_from(Bytes::from(answer)).expect("it is read by others") {
                Response::ReadInputRegisters(words) | Response::ReadHoldingRegisters(words) => words.len(),
                other => panic!("{other:?}"),
            };
            prop_assert_eq!(Ok(read), expected);
        }
    }
}
