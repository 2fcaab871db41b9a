//! Whatever comes, nothing panics, memory stays bounded, and what prost encodes is read as it was meant.

mod desk;

use std::alloc::System;
use std::sync::{Mutex, PoisonError};

use desk::{Desk, MAPPING, Request, S1, TimeSeries2, WriteRequest, compress, series};
use proptest::prelude::*;
use prost::Message as _;
use ridethrough_intake::{Fate, Limits, Message, Refused, Signal, WireError};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;
/// Tests count what the whole process allocates, so one at a time.
static ALONE: Mutex<()> = Mutex::new(());

const BOTH: [Message; 2] = [Message::V1, Message::V2];

fn cases() -> u32 {
    std::env::var("RIDETHROUGH_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(512)
}

/// What a request allocated in all, freed or not: an upper bound of what it held at once.
fn allocated(body: &[u8], limits: Limits) -> (usize, Vec<Result<u64, Refused>>) {
    let desk = Desk::with(MAPPING, limits);
    let region = Region::new(ALLOCATOR);
    let outcomes = BOTH.map(|message| desk.write(message, body).map(|tally| tally.refused())).to_vec();
    (region.change().bytes_allocated, outcomes)
}

fn small() -> Limits {
    Limits {
        message_bytes_max: 64 * 1024,
        series_max: 500,
        samples_max: 1_000,
        symbols_max: 1_000,
        labels_max: 16,
        label_bytes_max: 1_024,
        ..Limits::default()
    }
}

/// For two requests, one of each message.
fn bound(limits: Limits) -> usize {
    let one = Limits { requests_at_once_max: 1, connections_max: 0, ..limits };
    2 * one.memory_bytes_max()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_body_is_survived_within_bounds(body in prop::collection::vec(any::<u8>(), 0..4_096)) {
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let (bytes, _) = allocated(&body, small());
        prop_assert!(bytes <= bound(small()), "{bytes}");
    }

    #[test]
    fn any_message_is_survived_within_bounds(message in prop::collection::vec(any::<u8>(), 0..4_096)) {
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let (bytes, _) = allocated(&compress(&message), small());
        prop_assert!(bytes <= bound(small()), "{bytes}");
    }

    /// A good message with some bytes changed: deeper than chance alone would come.
    #[test]
    fn any_damage_is_survived_within_bounds(
        v2 in any::<bool>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let body: &[u8] = if v2 { include_bytes!("../vectors/v2.snappy") } else { include_bytes!("../vectors/v1.snappy") };
        let mut message = snap::raw::Decoder::new().decompress_vec(body).expect("whole");
        for (at, byte) in damage {
            let at = at.index(message.len());
            message[at] = byte;
        }
        message.truncate(message.len() - cut.index(message.len() / 4));
        let (bytes, _) = allocated(&compress(&message), small());
        prop_assert!(bytes <= bound(small()), "{bytes}");
    }

    #[test]
    fn what_prost_encodes_is_read_as_it_was_meant(
        value in 0.0..1e9_f64,
        labels in prop::collection::btree_map("[a-h][a-z_]{0,8}", "[^\0]{1,12}", 0..6),
    ) {
        let mut all = vec![("__name__", "busy_cores"), ("instance", "10.0.0.1:9100")];
        all.extend(labels.iter().map(|(name, text)| (name.as_str(), text.as_str())));
        let v1 = WriteRequest { timeseries: vec![series(&all, &[(0, value)])] };
        let mut v2 = Request { symbols: vec![String::new()], timeseries: vec![] };
        let mut labels_refs = Vec::new();
        for text in all.iter().flat_map(|(name, text)| [*name, *text]) {
            labels_refs.push(u32::try_from(v2.symbols.len()).expect("few"));
            v2.symbols.push(text.to_owned());
        }
        v2.timeseries.push(TimeSeries2 { labels_refs, samples: v1.timeseries[0].samples.clone(), histograms: vec![] });
        for (message, bytes) in [(Message::V1, v1.encode_to_vec()), (Message::V2, v2.encode_to_vec())] {
            let desk = Desk::new(MAPPING);
            let tally = desk.write(message, &compress(&bytes)).expect("whole");
            prop_assert_eq!(tally.count(Fate::Taken), 1);
            let read = desk.value(S1, Signal::Workload).expect("heard");
            prop_assert!((read - value).abs() <= value * 1e-6, "{} for {}", read, value);
        }
    }
}

/// The body is short, what it says it holds is not.
#[test]
fn bombs_are_refused_before_anything_is_allocated_for_them() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let zeros = compress(&vec![0; 32 * 1024 * 1024]);
    let claims = [0xff, 0xff, 0xff, 0xff, 0x0f, 0x00];
    let lie = [0x80, 0x80, 0x04, 0x00, 0x00];
    for (what, body) in [("zeros", &zeros[..]), ("4 GiB in six bytes", &claims), ("64 KiB in five", &lie)] {
        let body = &body[..body.len().min(1024 * 1024)];
        let (bytes, outcomes) = allocated(body, Limits::default());
        assert!(outcomes.iter().all(Result::is_err), "{what}: {outcomes:?}");
        assert!(bytes < 4_096, "{what}: {bytes} bytes allocated");
    }
}

/// The most that two bytes can ask for: an empty series, an empty sample, an empty symbol.
#[test]
fn a_message_that_is_all_elements_meets_a_limit_and_the_bound() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let element = |tag: u8, inner: &[u8]| {
        let length = u8::try_from(inner.len()).expect("short");
        [&[tag, length], inner].concat()
    };
    let samples = element(0x0a, &element(0x12, &[]).repeat(60));
    for (what, one) in [
        ("series", element(0x0a, &[])),
        ("samples", samples),
        ("symbols", element(0x22, &[])),
        ("series of 2.0", element(0x2a, &[])),
    ] {
        let message = one.repeat(4 * 1024 * 1024 / one.len());
        let (bytes, outcomes) = allocated(&compress(&message), Limits::default());
        let too_many = |one: &Result<u64, Refused>| matches!(one, Err(Refused::Wire(WireError::TooMany { .. })));
        assert!(outcomes.iter().any(too_many), "{what}: {outcomes:?}");
        assert!(bytes <= bound(Limits::default()), "{what}: {bytes}");
    }
}

#[test]
fn what_is_broken_is_refused_whole() {
    let check = |message, bytes: &[u8], expected: WireError| {
        let refused = Desk::new(MAPPING).write(message, &compress(bytes)).expect_err("broken");
        assert_eq!(refused, Refused::Wire(expected), "{bytes:?}");
    };
    let good = WriteRequest { timeseries: vec![series(&[("__name__", "busy_cores")], &[(0, 1.0)])] }.encode_to_vec();
    check(Message::V1, &good[..good.len() - 1], WireError::Truncated);
    check(Message::V1, &[0x08, 0x01], WireError::WireType);
    let v2 = |symbols: &[&str], refs: &[u32]| {
        let symbols = symbols.iter().map(|&text| text.to_owned()).collect();
        Request { symbols, timeseries: vec![TimeSeries2 { labels_refs: refs.to_vec(), ..TimeSeries2::default() }] }
            .encode_to_vec()
    };
    check(Message::V2, &v2(&["", "a"], &[1, 2]), WireError::Reference);
    check(Message::V2, &v2(&["", "a"], &[1]), WireError::Reference);
    check(Message::V2, &[0x22, 1, 0xff], WireError::Text);
    let desk = Desk::new(MAPPING);
    assert_eq!(desk.write(Message::V1, b"\xff\x06\x00\x00sNaPpY"), Err(Refused::Snappy), "the framed format");
    // The other message's bytes are an empty message by design of 2.0, not an error; and empty is nothing.
    assert_eq!(desk.write(Message::V2, &compress(&good)).map(|tally| tally.samples_written), Ok(0));
    assert_eq!(desk.write(Message::V1, &compress(&[])).map(|tally| tally.samples_written), Ok(0));
}
