//! What becomes of samples: order, age, clock, values, rates, sums, ends.

mod desk;

use desk::{Desk, MAPPING, S1, S2, STALE, TimeSeries, series};
use ridethrough_intake::{Fate, Limits, Message, Signal, Tally};

const I: (&str, &str) = ("instance", "10.0.0.1:9100");

fn cores(samples: &[(i64, f64)]) -> TimeSeries {
    series(&[("__name__", "busy_cores"), I], samples)
}

fn received(device: &str, samples: &[(i64, f64)]) -> TimeSeries {
    series(&[("__name__", "node_network_receive_bytes_total"), ("device", device), I], samples)
}

/// Every sample's fate is the only one of its request.
fn check(desk: &Desk, sent: &TimeSeries, expected: Fate) {
    let tally = desk.send(std::slice::from_ref(sent));
    assert_eq!(tally.count(expected), 1, "{expected:?}: {tally:?} for {sent:?}");
    assert_eq!(tally.refused(), u64::from(expected.is_refusal()));
}

#[test]
fn both_vectors_that_nobody_here_encoded_say_the_same() {
    let v1 = include_bytes!("../vectors/v1.snappy");
    let v2 = include_bytes!("../vectors/v2.snappy");
    for (message, body) in [(Message::V1, &v1[..]), (Message::V2, &v2[..])] {
        let desk = Desk::new(MAPPING);
        let tally = desk.write(message, body).expect("whole");
        assert_eq!((tally.count(Fate::Taken), tally.count(Fate::Ended), tally.refused()), (5, 1, 0), "{tally:?}");
        assert_eq!(tally.samples_written, 8, "two are not mapped");
        assert_eq!(
            (tally.histograms_written, tally.exemplars_written),
            if message == Message::V2 { (1, 1) } else { (0, 0) }
        );
        assert_eq!(desk.value(S1, Signal::Workload), Some(3.5));
        assert_eq!(desk.value(S1, Signal::Network), Some(10_000.0), "150 kB in 15 s; lo is not mapped");
        assert_eq!(desk.value(S1, Signal::Power), None, "it ended");
        assert_eq!(desk.value(S2, Signal::Power), Some(410.0));
        assert_eq!(desk.age_ms(S1, Signal::Workload).map(|ms| ms / 100), Some(10));
        assert_eq!(desk.age_ms(S2, Signal::Power).map(|ms| ms / 100), Some(20));
    }
}

/// Its table of symbols lacks the empty text that must come first; it is understood all the same.
#[test]
fn a_sender_in_use_is_understood() {
    let mut desk = Desk::new(MAPPING);
    desk.ms = 1_795_650_707_062 + 500 - desk::T;
    let tally = desk.write(Message::V2, include_bytes!("../vectors/v2-promwrite.snappy")).expect("whole");
    assert_eq!((tally.count(Fate::Taken), tally.samples_written), (2, 2), "{tally:?}");
    assert_eq!(desk.value(S1, Signal::Workload), Some(3.5));
}

#[test]
fn order_is_kept_and_a_repetition_is_no_error() {
    let desk = Desk::new(MAPPING);
    check(&desk, &cores(&[(0, 1.0)]), Fate::Taken);
    check(&desk, &cores(&[(0, 1.0)]), Fate::Duplicate);
    check(&desk, &cores(&[(0, 2.0)]), Fate::Conflicting);
    check(&desk, &cores(&[(-1, 2.0)]), Fate::Late);
    check(&desk, &cores(&[(500, 2.0)]), Fate::Taken);
    assert_eq!(desk.value(S1, Signal::Workload), Some(2.0));
}

#[test]
fn clocks_and_ages_are_limited() {
    let mut desk = Desk::new(MAPPING);
    check(&desk, &cores(&[(6_001, 1.0)]), Fate::Ahead);
    check(&desk, &cores(&[(i64::MAX, 1.0)]), Fate::Ahead);
    check(&desk, &cores(&[(-59_001, 1.0)]), Fate::Old);
    check(&desk, &cores(&[(i64::MIN, 1.0)]), Fate::Old);
    check(&desk, &cores(&[(-59_000, 1.0)]), Fate::Taken);
    check(&desk, &cores(&[(6_000, 2.0)]), Fate::Taken);
    assert_eq!(desk.age_ms(S1, Signal::Workload).map(|ms| ms / 100), Some(0), "what is ahead is new");
    desk.ms = 60_900;
    assert_eq!(desk.value(S1, Signal::Workload), Some(2.0));
    desk.ms = 61_100;
    assert_eq!(desk.value(S1, Signal::Workload), None, "older than its mapping allows");
}

#[test]
fn values_that_cannot_be_are_refused() {
    let desk = Desk::new(MAPPING);
    check(&desk, &cores(&[(0, f64::NAN)]), Fate::NotFinite);
    check(&desk, &cores(&[(0, f64::INFINITY)]), Fate::NotFinite);
    check(&desk, &cores(&[(0, -0.5)]), Fate::Negative);
    check(&desk, &cores(&[(0, 1.1e12)]), Fate::Absurd);
    check(&desk, &series(&[("__name__", "meter_watts"), ("server", "s1")], &[(0, 1_001.0)]), Fate::Absurd);
    check(&desk, &series(&[("__name__", "meter_watts"), ("server", "s1")], &[(0, 1_000.0)]), Fate::Taken);
    assert_eq!(desk.value(S1, Signal::Workload), None);
    check(&desk, &series(&[("__name__", "up"), I], &[(0, f64::NAN)]), Fate::Unmapped);
    check(&desk, &series(&[("__name__", "busy_cores"), ("instance", "elsewhere")], &[(0, 1.0)]), Fate::Unknown);
    check(&desk, &series(&[("__name__", "busy_cores")], &[(0, 1.0)]), Fate::Unknown);
    check(&desk, &series(&[], &[(0, 1.0)]), Fate::Unmapped);
}

#[test]
fn a_counter_becomes_a_rate_and_may_begin_again() {
    let mut desk = Desk::new(MAPPING);
    check(&desk, &received("eth0", &[(0, 5_000.0)]), Fate::Taken);
    assert_eq!(desk.value(S1, Signal::Network), None, "one sample is no rate");
    desk.ms = 11_000;
    check(&desk, &received("eth0", &[(10_000, 25_000.0)]), Fate::Taken);
    assert_eq!(desk.value(S1, Signal::Network), Some(2_000.0));
    desk.ms = 21_000;
    check(&desk, &received("eth0", &[(20_000, 10_000.0)]), Fate::Taken);
    assert_eq!(desk.value(S1, Signal::Network), Some(1_000.0), "it fell: it began again at zero");
    desk.ms = 31_000;
    check(&desk, &received("eth0", &[(30_000, 1e12)]), Fate::Absurd);
    assert_eq!(desk.value(S1, Signal::Network), None, "what it is now, nobody knows");
    desk.ms = 400_000;
    check(&desk, &received("eth0", &[(399_000, 1e12)]), Fate::Taken);
    assert_eq!(desk.value(S1, Signal::Network), None, "after so long a pause a rate says nothing");
}

#[test]
fn series_are_added_up_and_leave_the_sum_when_they_end() {
    let mut desk = Desk::new(MAPPING);
    desk.send(&[received("eth0", &[(0, 0.0)]), received("eth1", &[(-1_000, 0.0)]), received("lo", &[(0, 0.0)])]);
    desk.ms = 11_000;
    desk.send(&[received("eth0", &[(10_000, 1_000.0)]), received("eth1", &[(9_000, 2_000.0)])]);
    assert_eq!(desk.value(S1, Signal::Network), Some(300.0));
    assert_eq!(desk.age_ms(S1, Signal::Network).map(|ms| ms / 100), Some(20), "as old as its oldest part");
    check(&desk, &received("eth1", &[(10_000, STALE)]), Fate::Ended);
    assert_eq!(desk.value(S1, Signal::Network), Some(100.0));
    check(&desk, &received("eth0", &[(10_000, STALE)]), Fate::Ended);
    assert_eq!(desk.value(S1, Signal::Network), None);
    check(&desk, &received("eth0", &[(9_999, 1_000.0)]), Fate::Late);
    desk.ms = 21_000;
    check(&desk, &received("eth0", &[(20_000, 1_000.0)]), Fate::Taken);
    assert_eq!(desk.value(S1, Signal::Network), None, "after its end a counter begins anew");
}

#[test]
fn a_second_series_is_taken_only_where_a_sum_was_wanted_or_the_first_is_gone() {
    let mut desk = Desk::new(MAPPING);
    let other = |at| series(&[("__name__", "busy_cores"), I, ("version", "2")], &[(at, 7.0)]);
    check(&desk, &cores(&[(0, 1.0)]), Fate::Taken);
    check(&desk, &other(0), Fate::Ambiguous);
    assert_eq!(desk.value(S1, Signal::Workload), Some(1.0));
    check(&desk, &cores(&[(0, STALE)]), Fate::Ended);
    check(&desk, &other(1), Fate::Taken);
    assert_eq!(desk.value(S1, Signal::Workload), Some(7.0));
    desk.ms = 302_000;
    check(&desk, &cores(&[(301_000, 1.0)]), Fate::Taken);
    let eths: Vec<String> = (0..70).map(|nth| format!("x{nth}")).collect();
    let many: Vec<_> = eths
        .iter()
        .map(|x| {
            series(
                &[("__name__", "node_network_receive_bytes_total"), ("device", "eth0"), I, ("x", x)],
                &[(301_000, 0.0)],
            )
        })
        .collect();
    assert_eq!(desk.send(&many).count(Fate::Ambiguous), 6, "no more than 64 are added up");
}

#[test]
fn labels_that_cannot_be_are_refused_and_the_rest_is_taken() {
    let desk = Desk::with(MAPPING, Limits { labels_max: 4, label_bytes_max: 200, ..Limits::default() });
    let long = "x".repeat(300);
    check(&desk, &series(&[("__name__", "busy_cores"), I, I], &[(0, 1.0)]), Fate::Labels);
    check(&desk, &series(&[("__name__", "busy_cores"), ("", "x"), I], &[(0, 1.0)]), Fate::Labels);
    check(&desk, &series(&[("__name__", "busy_cores"), I, ("x", &long)], &[(0, 1.0)]), Fate::Labels);
    check(&desk, &series(&[("__name__", "up"), I, ("a", "1"), ("b", "1"), ("c", "1")], &[(0, 1.0)]), Fate::Labels);
    check(&desk, &series(&[I, ("empty", ""), ("__name__", "busy_cores")], &[(0, 1.0)]), Fate::Taken);
    let mut mixed = cores(&[(1, 2.0)]);
    mixed.histograms = vec![desk::Histogram { sum: 1.0 }];
    assert_eq!(desk.send(std::slice::from_ref(&mixed)).count(Fate::Labels), 2, "samples and histograms in one series");
    mixed.samples.clear();
    let tally: Tally = desk.send(&[mixed, cores(&[(2, 3.0)])]);
    assert_eq!((tally.count(Fate::Histogram), tally.count(Fate::Taken), tally.samples_written), (1, 1, 1));
    assert_eq!(tally.histograms_written, 0);
}

#[test]
fn the_walls_clock_changes_nothing_once_a_sample_is_here() {
    let desk = Desk::new(MAPPING);
    check(&desk, &cores(&[(0, 1.0)]), Fate::Taken);
    let reading = desk.intake.signals().read(S1, Signal::Workload, desk.now().at).expect("heard");
    // Only the monotonic clock is asked: there is no other to give.
    assert!(reading.age.as_millis() >= 1_000 && reading.age.as_millis() <= 1_050, "{reading:?}");
}
