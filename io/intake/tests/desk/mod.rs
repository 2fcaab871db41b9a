//! What these tests share: a small site, its mapping, a clock that stands, and requests as prost encodes them, which has
//! nothing in common with the decoder that is tested.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::time::{Duration, Instant};

use prost::Message as _;
use ridethrough_core::site::{RackId, ServerId, Site};
use ridethrough_intake::{Intake, Limits, Mapping, Message, Now, Part, Refused, Signal, Tally};

/// The time of the vectors, milliseconds of Unix time.
pub const T: i64 = 1_764_000_000_000;
/// What ends a series.
pub const STALE: f64 = f64::from_bits(0x7ff0_0000_0000_0002);
pub const S1: Part = Part::Server(ServerId(0));
pub const S2: Part = Part::Server(ServerId(1));
pub const R1: Part = Part::Rack(RackId(0));

const SITE: &str = r#"
name = "small"
[policy]
tick_ms = 100
margin_permille = 50
transfer_hold_ms = 8000
lease_ms = 1500
stale_after_ms = 500
branch_drop_permille = 30
path_drop_permille = 50
[[feed]]
id = "utility"
limit_watts = 100000
[[row]]
id = "A"
feed = "utility"
limit_watts = 50000
bus_volts = 800
[[rack]]
id = "r1"
row = "A"
limit_watts = 20000
[[server]]
id = "s1"
rack = "r1"
rated_watts = 500
[[server]]
id = "s2"
rack = "r1"
rated_watts = 500
"#;

/// What the vectors hold, mapped.
pub const MAPPING: &str = r#"
[[signal]]
signal = "workload"
metric = "busy_cores"
kind = "gauge"
server = { "10.0.0.1:9100" = "s1", "10.0.0.2:9100" = "s2" }

[[signal]]
signal = "network"
metric = "node_network_receive_bytes_total"
labels = { device = ["eth0", "eth1"] }
kind = "counter"
sum = true
max = 1e9
server = { "10.0.0.1:9100" = "s1", "10.0.0.2:9100" = "s2" }

[[signal]]
signal = "power"
metric = "meter_watts"
kind = "gauge"
by = "server"
server_pattern = "{}"
max_age_seconds = 10
"#;

pub fn site() -> Site {
    Site::parse("site.toml", SITE).expect("a good site")
}

pub fn mapping(text: &str) -> Mapping {
    Mapping::parse("signals.toml", text, &site()).expect("a good mapping")
}

/// An intake with a clock that the test moves.
pub struct Desk {
    pub intake: Intake,
    pub started: Instant,
    /// Milliseconds after T and after the start.
    pub ms: i64,
}

impl Desk {
    pub fn new(text: &str) -> Self {
        Self::with(text, Limits::default())
    }

    pub fn with(text: &str, limits: Limits) -> Self {
        let started = Instant::now();
        Self { intake: Intake::new(&site(), mapping(text), limits, started), started, ms: 1_000 }
    }

    pub fn now(&self) -> Now {
        Now { unix_ms: T + self.ms, at: self.started + Duration::from_millis(self.ms.unsigned_abs()) }
    }

    pub fn write(&self, message: Message, body: &[u8]) -> Result<Tally, Refused> {
        self.intake.write(message, body, self.now())
    }

    /// Sends series in the older message and returns the tally.
    pub fn send(&self, series: &[TimeSeries]) -> Tally {
        self.write(Message::V1, &compress(&WriteRequest { timeseries: series.to_vec() }.encode_to_vec()))
            .expect("whole")
    }

    pub fn value(&self, part: Part, signal: Signal) -> Option<f64> {
        self.intake.signals().read(part, signal, self.now().at).map(|reading| reading.value)
    }

    pub fn age_ms(&self, part: Part, signal: Signal) -> Option<u128> {
        self.intake.signals().read(part, signal, self.now().at).map(|reading| reading.age.as_millis())
    }
}

pub fn compress(message: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(message).expect("short enough")
}

/// A series of the older message, its labels in the order given.
pub fn series(labels: &[(&str, &str)], samples: &[(i64, f64)]) -> TimeSeries {
    let label = |&(name, value): &(&str, &str)| Label { name: name.into(), value: value.into() };
    let sample = |&(after, value): &(i64, f64)| Sample { value, timestamp: T.saturating_add(after) };
    TimeSeries {
        labels: labels.iter().map(label).collect(),
        samples: samples.iter().map(sample).collect(),
        histograms: vec![],
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    pub timeseries: Vec<TimeSeries>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct TimeSeries {
    #[prost(message, repeated, tag = "1")]
    pub labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    pub samples: Vec<Sample>,
    #[prost(message, repeated, tag = "4")]
    pub histograms: Vec<Histogram>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Label {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub value: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Sample {
    #[prost(double, tag = "1")]
    pub value: f64,
    #[prost(int64, tag = "2")]
    pub timestamp: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Histogram {
    #[prost(double, tag = "3")]
    pub sum: f64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Request {
    #[prost(string, repeated, tag = "4")]
    pub symbols: Vec<String>,
    #[prost(message, repeated, tag = "5")]
    pub timeseries: Vec<TimeSeries2>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct TimeSeries2 {
    #[prost(uint32, repeated, tag = "1")]
    pub labels_refs: Vec<u32>,
    #[prost(message, repeated, tag = "2")]
    pub samples: Vec<Sample>,
    #[prost(message, repeated, tag = "3")]
    pub histograms: Vec<Histogram>,
}
