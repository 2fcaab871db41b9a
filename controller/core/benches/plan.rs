//! How long a tick's decision takes: judge every rack, plan all those at risk together, make it secure against every
//! single failure, and admit it.
//!
//! `cargo bench-plan [--output table|json|svg] [--quick]`. A site of `n` racks has `n/10` modules and `3n/10` ties; rows have
//! fifty racks, and `n/20` racks are at risk at once, all of them without a transfer yet: the worst tick there is. Every
//! iteration puts other racks at risk. Times are of one core: what the thread itself ran, by the processor's clock, so that
//! other programs on a shared machine do not count; the clock on the wall is told beside it. The floor is reading every
//! rack's newest reading and forecast once.

#![allow(clippy::cast_precision_loss, reason = "figures for people")]
#![expect(clippy::disallowed_methods, reason = "a bench reads the clock; the core does not")]

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};
use ridethrough_core::command::{Command, Entry, Founding, Plan, Position, Stamp};
use ridethrough_core::device::{DeviceId, Reading, ReplicaId};
use ridethrough_core::envelope;
use ridethrough_core::forecast::{ForecastSource, RackForecast, RuleReason};
use ridethrough_core::ledger::{Effect, Ledger};
use ridethrough_core::planner::{Inputs, Planner};
use ridethrough_core::site::{KesmId, RackId, Site};
use ridethrough_core::units::{Joules, Millis, Millivolts, Watts};
use ridethrough_core::view::View;

/// Sizes in racks.
const SIZES: [usize; 5] = [100, 300, 1_000, 3_000, 10_000];
const RACKS_PER_ROW: usize = 50;
const LIMIT_WATTS: i64 = 24_000;
const CALM_WATTS: i64 = 12_000;
const SURGE_WATTS: i64 = 31_000;
const NOW: Millis = Millis::new(1_000);

struct Bench {
    ledger: Arc<Ledger>,
    view: View,
    planner: Planner,
    forecasts: Vec<RackForecast>,
    at_risk: usize,
}

#[derive(Default)]
struct Times {
    floor: Vec<Duration>,
    quiet: Vec<Duration>,
    decide: Vec<Duration>,
    decide_wall: Vec<Duration>,
    grants: usize,
    uncovered: usize,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    // `cargo test --benches` does not pass `--bench`; there the bench only shows that it still works.
    let iterations = if has("--quick") || !has("--bench") { 5 } else { 400 };
    let output = arguments.iter().position(|argument| argument == "--output").and_then(|at| arguments.get(at + 1));
    let print = match output.map(String::as_str) {
        None | Some("table") => print_table,
        Some("json") => print_json,
        Some("svg") => print_svg,
        Some(other) => {
            eprintln!("bench-plan: --output `{other}`: expected table, json or svg");
            return ExitCode::from(2);
        }
    };
    let measured: Vec<(usize, Times)> =
        SIZES.iter().map(|racks| (*racks, Bench::new(*racks).measure(iterations))).collect();
    print(measured);
    ExitCode::SUCCESS
}

fn print_json(measured: Vec<(usize, Times)>) {
    let sizes: Vec<String> = measured
        .into_iter()
        .map(|(racks, mut times)| {
            let (p50, p99, max) = quantiles(&mut times.decide);
            let (wall_p50, wall_p99, _) = quantiles(&mut times.decide_wall);
            format!(
                "\"{racks}\": {{\"p50_us\": {p50:.1}, \"p99_us\": {p99:.1}, \"max_us\": {max:.1}, \
                 \"wall_p50_us\": {wall_p50:.1}, \"wall_p99_us\": {wall_p99:.1}}}"
            )
        })
        .collect();
    println!("{{\"racks\": {{{}}}}}", sizes.join(", "));
}

fn print_table(measured: Vec<(usize, Times)>) {
    println!("{:>7}  {:<28}{:>10}{:>10}{:>10}{:>12}", "racks", "µs", "p50", "p99", "max", "p50/floor");
    for (racks, mut times) in measured {
        let (floor, ..) = quantiles(&mut times.floor);
        let decided = format!("decide: {} grants, {} short", times.grants, times.uncovered);
        let rows = [
            ("floor: look at every rack", &mut times.floor),
            ("quiet tick", &mut times.quiet),
            (decided.as_str(), &mut times.decide),
            ("the same, clock on the wall", &mut times.decide_wall),
        ];
        for (what, spans) in rows {
            let (p50, p99, max) = quantiles(spans);
            println!("{racks:>7}  {what:<28}{p50:>10.1}{p99:>10.1}{max:>10.1}{:>12.1}", p50 / floor);
        }
    }
}

/// Cost against size, both on logarithmic scales, beside a line that is straight and goes through the first point.
fn print_svg(measured: Vec<(usize, Times)>) {
    const WIDTH: f64 = 560.0;
    const HEIGHT: f64 = 330.0;
    const LEFT: f64 = 70.0;
    const TOP: f64 = 40.0;
    let x = |racks: f64| LEFT + (racks / 100.0).log10() / 2.0 * WIDTH;
    let y = |micros: f64| TOP + HEIGHT - (micros / 10.0).log10() / 4.0 * HEIGHT;
    let points: Vec<(f64, f64, f64)> = measured
        .into_iter()
        .map(|(racks, mut times)| {
            let (p50, p99, _) = quantiles(&mut times.decide);
            (racks as f64, p50, p99)
        })
        .collect();
    println!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 680 430\" font-family=\"sans-serif\" font-size=\"13\">\
         <rect width=\"680\" height=\"430\" fill=\"#fff\"/>\
         <text x=\"{LEFT}\" y=\"24\" font-size=\"15\">Plan and single-failure admission of one tick, a twentieth of the racks at risk</text>"
    );
    for (micros, label) in [(10.0, "10 µs"), (100.0, "100 µs"), (1e3, "1 ms"), (1e4, "10 ms"), (1e5, "100 ms")] {
        let (y, right) = (y(micros), LEFT + WIDTH);
        println!(
            "<path d=\"M{LEFT} {y:.1}H{right}\" stroke=\"#ddd\"/><text x=\"62\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
            y + 4.0
        );
    }
    for racks in [100.0, 1e3, 1e4] {
        println!("<text x=\"{:.1}\" y=\"392\" text-anchor=\"middle\">{racks} racks</text>", x(racks));
    }
    for (racks, bar) in [(1e3, 2e3), (1e4, 25e3)] {
        let (x, y) = (x(racks), y(bar));
        println!("<path d=\"M{:.1} {y:.1}h24\" stroke=\"#b00\" stroke-width=\"2\"/>", x - 12.0);
        println!("<text x=\"{:.1}\" y=\"{:.1}\" fill=\"#b00\" text-anchor=\"end\">bar</text>", x - 16.0, y + 4.0);
    }
    let first = points.first().map_or(1.0, |(racks, p50, _)| p50 / racks);
    println!(
        "<path d=\"M{:.1} {:.1}L{:.1} {:.1}\" stroke=\"#999\" stroke-dasharray=\"4 4\"/>",
        x(100.0),
        y(100.0 * first),
        x(1e4),
        y(1e4 * first)
    );
    println!("<text x=\"{:.1}\" y=\"{:.1}\" fill=\"#777\">linear</text>", x(5e3) + 14.0, y(5e3 * first) + 16.0);
    for (name, colour, pick) in [("p50", "#06c", 0), ("p99", "#080", 1)] {
        let at = |(racks, p50, p99): &(f64, f64, f64)| (x(*racks), y(if pick == 0 { *p50 } else { *p99 }));
        let line: Vec<String> = points.iter().map(|point| format!("{:.1},{:.1}", at(point).0, at(point).1)).collect();
        println!("<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>", line.join(" "));
        for point in &points {
            println!("<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"{colour}\"/>", at(point).0, at(point).1);
        }
        if let Some((x, y)) = points.first().map(at) {
            println!("<text x=\"{:.1}\" y=\"{:.1}\" fill=\"{colour}\">{name}</text>", x + 8.0, y - 8.0);
        }
    }
    println!("</svg>");
}

/// p50, p99 and max in µs.
fn quantiles(spans: &mut [Duration]) -> (f64, f64, f64) {
    spans.sort_unstable();
    let at = |permille: usize| spans[(spans.len() - 1) * permille / 1_000].as_secs_f64() * 1e6;
    (at(500), at(990), at(1_000))
}

impl Bench {
    fn new(racks: usize) -> Self {
        let site = Arc::new(Site::parse("bench.toml", &site_text(racks)).expect("a good site"));
        let mut ledger = Ledger::new(Arc::clone(&site));
        let founding = Founding { cluster: [7; 16], site_hash: site.hash };
        let entry = Entry {
            stamp: Stamp { at: NOW, wall_unix_ms: 0 },
            by: ReplicaId(1),
            seen: ledger.seen(),
            command: Command::Found(founding),
        };
        assert_eq!(ledger.apply(Position { term: 1, leader: ReplicaId(1), index: 1 }, &entry), Effect::Founded);
        let mut view = View::new(&site);
        for kesm in site.kesm_ids() {
            view.observe(&site, DeviceId::Kesm(kesm), kesm_reading(kesm), NOW);
        }
        let planner = Planner::new(&site);
        Self {
            ledger: Arc::new(ledger),
            view,
            planner,
            forecasts: vec![forecast(CALM_WATTS); racks],
            at_risk: racks / 20,
        }
    }

    fn measure(&mut self, iterations: usize) -> Times {
        let mut times = Times::default();
        // Memory is made in the first round.
        for round in 0..=iterations {
            self.surge(round, SURGE_WATTS);
            let begun = Instant::now();
            let (plan, decide) = timed(|| self.decide());
            let decide_wall = begun.elapsed();
            times.grants = plan.grants.len();
            times.uncovered = plan.shortfalls.len();
            self.surge(round, CALM_WATTS);
            let (quiet_plan, quiet) = timed(|| self.decide());
            assert!(quiet_plan.grants.is_empty(), "nobody is at risk");
            let (_, floor) = timed(|| self.look());
            if round > 0 {
                times.decide.push(decide);
                times.decide_wall.push(decide_wall);
                times.quiet.push(quiet);
                times.floor.push(floor);
            }
        }
        times
    }

    /// Puts a twentieth of the racks at risk, others in every round, or back.
    fn surge(&mut self, round: usize, watts: i64) {
        for nth in 0..self.at_risk {
            // Of every twenty racks one of those that ties join, another each time.
            let rack = nth * 20 + 3 + round % 4 + 10 * (round / 4 % 2);
            self.forecasts[rack] = forecast(watts);
        }
        let site = self.ledger.site();
        for rack in site.rack_ids() {
            let (load, bus) = (Watts::new(CALM_WATTS), Millivolts::new(800_000));
            let reading = Reading::Pdu { load, draw: load, bus, breaker_permille: 0, tripped: false };
            self.view.observe(site, DeviceId::Pdu(rack), reading, NOW);
        }
    }

    fn decide(&mut self) -> Plan {
        let inputs = Inputs {
            ledger: &self.ledger,
            view: &self.view,
            forecasts: &self.forecasts,
            row_forecasts: &[],
            fault: &|_| None,
            now: NOW,
            ledger_now: NOW,
        };
        let plan = self.planner.plan(inputs);
        envelope::admit(&self.ledger, &plan).expect("what is planned is admitted");
        plan
    }

    fn look(&self) -> Watts {
        let racks = 0..u16::try_from(self.forecasts.len()).unwrap_or(u16::MAX);
        racks
            .map(|rack| {
                let forecast = self.forecasts[usize::from(rack)].peak_p99;
                self.view.load(RackId(rack), NOW).map_or(forecast, |load| load.max(forecast))
            })
            .sum()
    }
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let begun = ran();
    let done = black_box(work());
    (done, ran().saturating_sub(begun))
}

/// What this thread has run so far.
fn ran() -> Duration {
    Duration::from(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("Linux has a clock for every thread"))
}

fn forecast(watts: i64) -> RackForecast {
    let watts = Watts::new(watts);
    let source = ForecastSource::Rule(RuleReason::NoModel);
    RackForecast::flat(watts, Millis::seconds(30), source)
}

fn kesm_reading(kesm: KesmId) -> Reading {
    Reading::Kesm {
        stored: Joules::new(1_700_000 + i64::from(kesm.0) * 1_000 % 200_000),
        supply: Watts::ZERO,
        speed_rpm: 30_000,
        capacitor: Millivolts::new(800_000),
        available: true,
    }
}

/// Rows of fifty racks; every tenth rack has a module, and fifteen ties join racks of a row in three chains.
fn site_text(racks: usize) -> String {
    let mut text = String::from(
        "name = 'bench'\n[policy]\ntick_ms = 100\nmargin_permille = 50\ntransfer_hold_ms = 8000\nlease_ms = 1500\n\
         stale_after_ms = 500\nbranch_drop_permille = 30\npath_drop_permille = 50\n",
    );
    // One feed for all: nothing may look through it for each of its rows.
    text += &format!("[[feed]]\nid = 'F'\nlimit_watts = {}\n", racks.div_ceil(RACKS_PER_ROW) * 1_200_000);
    for row in 0..racks.div_ceil(RACKS_PER_ROW) {
        text += &format!("[[row]]\nid = 'R{row}'\nfeed = 'F'\nlimit_watts = 1100000\nbus_volts = 800\n");
    }
    for rack in 0..racks {
        text += &format!("[[rack]]\nid = '{rack}'\nrow = 'R{}'\nlimit_watts = {LIMIT_WATTS}\n", rack / RACKS_PER_ROW);
        for server in 0..2 {
            text += &format!("[[server]]\nid = '{rack}-{server}'\nrack = '{rack}'\nrated_watts = 18000\n");
        }
    }
    for kesm in 0..racks / 10 {
        text += &format!(
            "[[kesm]]\nid = 'K{kesm}'\nrack = '{}'\nrated_watts = 50000\ncharge_rated_watts = 15000\n\
             capacity_joules = 2000000\nreserve_joules = 600000\n",
            kesm * 10 + 5
        );
    }
    for tie in 0..racks * 3 / 10 {
        // In each ten racks: 3-4, 4-5 and 5-6 round the module at 5, and now and then on to the next ten.
        let (ten, nth) = (tie / 3 * 10, tie % 3);
        let (from, to) = if nth == 2 && ten % 50 < 40 && ten % 20 == 0 {
            (ten + 5, ten + 13)
        } else {
            (ten + 3 + nth, ten + 4 + nth)
        };
        text += &format!(
            "[[tie]]\nid = 'T{tie}'\nbetween = ['{from}', '{to}']\nlength_mm = 10000\nresistance_microohm = 7000\n\
             rated_watts = 25000\n"
        );
    }
    text
}
