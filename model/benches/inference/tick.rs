//! What the forecast's thread does in a tick of a site: the racks whose turn it is, those that have moved, and a turn of the
//! servers, eight to a rack.
//!
//! Times are the thread's own on its processor: what else the machine does meanwhile is not in them, except that it takes
//! caches and memory. Beside them stands what the clock on the wall said.

use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};
use ridethrough_core::units::Watts;
use ridethrough_model::{Forecast, Keep, RuleForecast, SERVER_TURNS, Sample};

/// Ticks of a second.
const TICKS: usize = 10;
const SERVERS_PER_RACK: usize = 8;
const LIMIT_W: i64 = 10_000;

/// A load of a rack in a tick, in watts.
type Load = fn(usize, usize) -> i64;

/// Jobs that work and rest, each rack by itself for two to six seconds, with the noise of a meter: in a tick a fortieth of
/// the racks move.
fn usual(rack: usize, tick: usize) -> i64 {
    let phase = 20 + rack % 41;
    let works = ((tick + rack * 7) / phase).is_multiple_of(2);
    let noise = i64::try_from((rack * 31 + tick * 17) % 61).unwrap_or_default() - 30;
    noise + if works { 8_000 } else { 4_000 }
}

/// Every rack jumps in every tick.
fn all_move(rack: usize, tick: usize) -> i64 {
    usual(rack, 0) + if tick.is_multiple_of(2) { 0 } else { 1_500 }
}

/// Times of a tick of sites of so many racks.
pub fn measure(sizes: &[usize], budget: Duration, json: bool) -> serde_json::Map<String, serde_json::Value> {
    let mut figures = serde_json::Map::new();
    for &racks in sizes {
        let mut told = serde_json::Map::new();
        for (by, native) in [("ort", false), ("rust", true)] {
            for (name, load) in [("usual", usual as Load), ("all_move", all_move)] {
                note(&format!("{by}_{name}"), &mut of_site(racks, native, load, budget), (racks, json), &mut told);
            }
        }
        note("rule_alone", &mut of_rule(racks, budget), (racks, json), &mut told);
        figures.insert(racks.to_string(), told.into());
    }
    figures
}

/// What ticks took: on the processor, and by the clock on the wall.
#[derive(Default)]
struct Times {
    busy: Vec<Duration>,
    wall: Vec<Duration>,
}

fn note(
    name: &str,
    times: &mut Times,
    (racks, json): (usize, bool),
    told: &mut serde_json::Map<String, serde_json::Value>,
) {
    for (kind, times) in [("", &mut times.busy), ("_wall", &mut times.wall)] {
        times.sort_unstable();
        let [p50, p99, max] = [500, 990, 1_000].map(|permille| super::micros(times, permille));
        if !json {
            let name = format!("tick, {name}{kind}");
            println!("{racks:>6} {name:24} {p50:>7.1} µs {p99:>7.1} µs {max:>7.1} µs {:>7}", times.len());
        }
        told.insert(format!("{name}{kind}_p50_us"), p50.into());
        told.insert(format!("{name}{kind}_p99_us"), p99.into());
    }
}

fn of_site(racks: usize, native: bool, load: Load, budget: Duration) -> Times {
    let mut engine = super::warm(racks, native);
    let rated = (0..racks * SERVERS_PER_RACK).map(|_| Watts::new(LIMIT_W));
    let mut servers = engine.servers(rated).expect("the model speaks of servers");
    let of_server = |server: usize, tick: usize| Some(Watts::new(usual(server, tick) / 8));
    (0..12 * SERVER_TURNS).for_each(|tick| servers.take(tick, |server| of_server(server, tick)));
    let mut out = Vec::new();
    times(budget, |tick| {
        let samples = samples(racks, load, tick);
        timed(|| {
            engine.step(&samples, keep(tick), &mut out);
            servers.take(tick, |server| of_server(server, tick));
        })
    })
}

/// What the control thread has ready in every tick.
fn of_rule(racks: usize, budget: Duration) -> Times {
    let (mut rule, mut out) = (RuleForecast::new(ridethrough_core::forecast::RuleReason::Late), Vec::new());
    (0..70).for_each(|second| rule.step(&samples(racks, usual, second), Keep::Committed, &mut out));
    times(budget / 3, |tick| {
        let samples = samples(racks, usual, tick);
        timed(|| rule.step(&samples, keep(tick), &mut out))
    })
}

/// Times of as many ticks as fit in `budget`, at least twenty seconds of them, after three seconds in which the calls of a
/// second are learned.
fn times(budget: Duration, mut tick: impl FnMut(usize) -> [Duration; 2]) -> Times {
    let first = 3 * TICKS;
    for number in 0..first {
        tick(number);
    }
    let (began, mut times) = (Instant::now(), Times::default());
    while times.busy.len() < 20 * TICKS || began.elapsed() < budget {
        let [busy, wall] = tick(first + times.busy.len());
        times.busy.push(busy);
        times.wall.push(wall);
    }
    times
}

/// How long it was on the processor, and how long it took.
fn timed(run: impl FnOnce()) -> [Duration; 2] {
    let on_processor = || clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map(Duration::from).expect("Linux has it");
    let (busy, wall) = (on_processor(), Instant::now());
    run();
    [on_processor().saturating_sub(busy), wall.elapsed()]
}

fn keep(tick: usize) -> Keep {
    if tick.is_multiple_of(TICKS) { Keep::Committed } else { Keep::Provisional }
}

fn samples(racks: usize, load: Load, tick: usize) -> Vec<Sample> {
    let limit = Watts::new(LIMIT_W);
    (0..racks).map(|rack| Sample { power: Some(Watts::new(load(rack, tick))), limit }).collect()
}
