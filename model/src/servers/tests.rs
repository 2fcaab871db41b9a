//! Servers of the committed model: turns, cold starts, and what packing costs.

use super::*;
use crate::golden::own;

const RATED: Watts = Watts::new(10_000);

fn committed() -> NativeStep {
    NativeStep::read(&std::fs::read(own("forecast.onnx")).expect("the committed model")).expect("is one of ours")
}

fn servers(count: usize) -> ServerForecasts {
    let horizons = [1, 5, 10, 30, 60];
    ServerForecasts::new(committed(), &horizons, std::iter::repeat_n(RATED, count)).expect("ten samples ahead")
}

/// A server that works for eight samples and rests for four.
fn watts(sample: usize) -> Watts {
    Watts::new(if sample % 12 < 8 { 7_000 + i64::try_from(sample * 37 % 101).unwrap_or(0) } else { 3_000 })
}

#[test]
fn each_server_has_its_turn_once_in_a_round() {
    let mut servers = servers(100);
    for turn in 0..TURNS {
        let asked = std::cell::RefCell::new(Vec::new());
        servers.take(turn, |server| {
            asked.borrow_mut().push(server);
            Some(RATED)
        });
        assert!(asked.borrow().iter().all(|server| server % TURNS == turn));
        assert_eq!(asked.borrow().len(), (100 - turn).div_ceil(TURNS));
    }
    assert!((0..servers.count).all(|server| servers.servers[servers.seat(server)].seen == 1));
}

#[test]
fn packing_changes_a_forecast_by_less_than_a_thousandth_of_the_rating() {
    let (mut packed, mut plain) = (servers(1), committed());
    let width = plain.state();
    let (horizons, spans) = plain.outputs();
    let (mut state, mut next) = (vec![0.0; width], vec![0.0; width]);
    let (mut quantiles, mut maxima) = (vec![0.0; horizons * 3], vec![0.0; spans * 3]);
    let mut corrected = Corrected::default();
    for sample in 0..250 {
        packed.take(0, |_| Some(watts(sample)));
        let mut out = Out { quantiles: &mut quantiles, maxima: &mut maxima, state: &mut next };
        plain.run(&[ratio(watts(sample), RATED)], &state, &mut out);
        std::mem::swap(&mut state, &mut next);
        let expected = corrected.take(ratio(watts(sample), RATED), [quantiles[2 * 3], maxima[3 + 2]]);
        if let Some(told) = packed.of(0) {
            assert!((told.p50.get() - expected.get()).abs() <= 10, "{told:?} and {expected} in sample {sample}");
        }
    }
    assert!(packed.of(0).is_some());
}

/// The correction of a server whose samples are kept as they are.
#[derive(Default)]
struct Corrected(Correction, Vec<f32>);

impl Corrected {
    fn take(&mut self, now: f32, said: [f32; 2]) -> Watts {
        self.1.push(now);
        let ago = self.1.len().saturating_sub(1 + SAMPLES_AHEAD);
        let highest = self.1[ago..].iter().skip(1).copied().fold(0.0, f32::max);
        let [median, bound] = self.0.corrected(Drawn { now, before: self.1[ago], highest }, said);
        up(median.min(bound), RATED)
    }
}

#[test]
fn a_server_is_forecast_once_it_is_warm_and_until_it_is_not_heard() {
    let mut servers = servers(1);
    for sample in 1..=WARM_SAMPLES_MIN {
        assert_eq!(servers.of(0), None, "before sample {sample}");
        servers.take(0, |_| Some(Watts::new(5_000)));
    }
    let warm = servers.of(0).expect("warm");
    assert!(warm.p50 <= warm.peak_p99 && warm.peak_p99 >= Watts::new(5_000), "{warm:?}");
    servers.take(0, |_| None);
    assert!(servers.of(0).is_some(), "one missing sample is held");
    servers.take(0, |_| Some(Watts::new(-1)));
    assert_eq!(servers.of(0), None);
    servers.take(0, |_| Some(Watts::new(5_000)));
    assert_eq!(servers.of(0), None, "it starts cold");
}

#[test]
fn a_server_takes_the_room_that_is_allowed() {
    assert!(servers(1).bytes_per_server() <= 640, "{} bytes", servers(1).bytes_per_server());
}

#[test]
fn absurd_power_is_not_forecast_as_sense() {
    let mut servers = servers(1);
    for sample in 0..40 {
        servers.take(0, |_| Some(Watts::new(if sample % 2 == 0 { i64::MAX } else { 0 })));
        if let Some(told) = servers.of(0) {
            assert!(told.peak_p99 <= Watts::new(30_000) && told.p50 >= Watts::ZERO, "{told:?}");
        }
    }
}
