//! How many samples a second one core takes: `cargo run --release -p ridethrough-intake --example decode`.
//!
//! Requests as a Prometheus sends them: 500 series of one sample, seven labels each; all of them mapped, or none.

#[path = "../tests/desk/mod.rs"]
mod desk;

use std::time::{Duration, Instant};

use desk::{Desk, Request, TimeSeries2, WriteRequest, compress, series};
use prost::Message as _;
use ridethrough_intake::{Fate, Message};

const SERIES: usize = 500;
/// For so long each figure is measured.
const TIME: Duration = Duration::from_secs(2);
/// Requests of one cycle, each a millisecond later than the one before, so that every sample is new.
const CYCLE: i64 = 64;
const MODES: [&str; 8] = ["idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user"];

fn main() {
    for (what, metric) in [("mapped", "node_cpu_seconds_total"), ("unmapped", "node_disk_io_time_seconds_total")] {
        measure(what, Message::V1, &|after| v1(metric, after));
        measure(what, Message::V2, &|after| v2(metric, after));
    }
}

/// Every series of the metric is mapped, by one of eight rules that are all asked.
fn mapping() -> String {
    let rule = |mode: &str| {
        format!(
            "[[signal]]\nsignal = \"workload\"\nmetric = \"node_cpu_seconds_total\"\nkind = \"gauge\"\nsum = true\n\
             labels = {{ mode = \"{mode}\" }}\nserver = {{ \"10.0.0.1:9100\" = \"s1\", \"10.0.0.2:9100\" = \"s2\" }}\n"
        )
    };
    MODES.map(rule).concat()
}

fn measure(what: &str, message: Message, encode: &dyn Fn(i64) -> Vec<u8>) {
    let messages: Vec<_> = (0..CYCLE).map(encode).collect();
    let bodies: Vec<_> = messages.iter().map(|bytes| compress(bytes)).collect();
    let mapping = mapping();
    let (mut spent, mut requests, mut taken) = (Duration::ZERO, 0_u32, 0);
    while spent < TIME {
        let desk = Desk::new(&mapping);
        let begun = Instant::now();
        for body in &bodies {
            taken += desk.write(message, body).expect("whole").count(Fate::Taken);
            requests += 1;
        }
        spent += begun.elapsed();
    }
    println!(
        "{what:9} {message:?}: {:.2} million samples/s, {:.1?} a request of {} bytes ({} decompressed); {taken} taken",
        f64::from(requests) * 500.0 / spent.as_secs_f64() / 1e6,
        spent / requests,
        bodies[0].len(),
        messages[0].len(),
    );
}

/// The labels of one of 500 series, as the node exporter has them.
fn labels(metric: &str, nth: usize) -> Vec<(String, String)> {
    let one = |name: &str, value: String| (name.to_owned(), value);
    vec![
        one("__name__", metric.to_owned()),
        one("cluster", "hall-1".to_owned()),
        one("cpu", (nth / 16).to_string()),
        one("env", "production".to_owned()),
        one("instance", format!("10.0.0.{}:9100", 1 + nth % 2)),
        one("job", "node".to_owned()),
        one("mode", MODES[nth / 2 % 8].to_owned()),
    ]
}

fn v1(metric: &str, after: i64) -> Vec<u8> {
    let one = |nth| {
        let labels = labels(metric, nth);
        let labels: Vec<_> = labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        series(&labels, &[(after, 0.25)])
    };
    WriteRequest { timeseries: (0..SERIES).map(one).collect() }.encode_to_vec()
}

fn v2(metric: &str, after: i64) -> Vec<u8> {
    let mut request = Request { symbols: vec![String::new()], timeseries: Vec::new() };
    for nth in 0..SERIES {
        let mut labels_refs = Vec::new();
        for text in labels(metric, nth).into_iter().flat_map(|(name, value)| [name, value]) {
            let known = request.symbols.iter().position(|symbol| *symbol == text);
            let at = known.unwrap_or_else(|| {
                request.symbols.push(text);
                request.symbols.len() - 1
            });
            labels_refs.push(u32::try_from(at).expect("few"));
        }
        let samples = series(&[], &[(after, 0.25)]).samples;
        request.timeseries.push(TimeSeries2 { labels_refs, samples, histograms: vec![] });
    }
    request.encode_to_vec()
}
