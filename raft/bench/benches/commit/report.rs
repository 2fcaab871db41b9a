//! What is told.

use std::time::Duration;

use ridethrough_commit_bench::spread::Spread;
use serde_json::{Value, json};

use crate::rounds::IN_FLIGHT;

/// Everything that was measured in one run.
#[derive(Debug, Default)]
pub struct Report {
    pub floor: Spread,
    pub ours: Figures,
    pub etcd: Option<Figures>,
    /// Why there is no etcd.
    pub left_out: Option<String>,
}

/// What was measured of one system.
#[derive(Debug, Default)]
pub struct Figures {
    pub serial: Spread,
    entries: usize,
    time: Duration,
}

impl Figures {
    /// So many entries took this long, many at a time.
    pub fn note_parallel(&mut self, entries: usize, time: Duration) {
        self.entries += entries;
        self.time += time;
    }

    #[allow(clippy::cast_precision_loss, reason = "far fewer entries than a float counts")]
    fn per_second(&self) -> f64 {
        if self.time.is_zero() { 0.0 } else { self.entries as f64 / self.time.as_secs_f64() }
    }

    fn json(&self) -> Value {
        let mut json = times(&self.serial);
        json["throughput_64_per_s"] = json!(self.per_second().round());
        json
    }
}

impl Report {
    /// For machines.
    pub fn json(&self) -> Value {
        let mut json = json!({
            "floor": times(&self.floor),
            "commit": times(&self.ours.serial),
            "throughput_64_per_s": self.ours.per_second().round(),
            "peers": {},
        });
        if let Some(etcd) = &self.etcd {
            json["peers"]["etcd"] = etcd.json();
        }
        if let Some(reason) = &self.left_out {
            json["left_out"] = json!({ "etcd": reason });
        }
        json
    }

    /// For people.
    pub fn table(&self) -> String {
        let mut text = format!("{:32}{:>9}{:>9}{:>14}\n", "", "p50 us", "p99 us", format!("{IN_FLIGHT} in flight/s"));
        text += &line("floor: round trip, 2 data syncs", &self.floor, None);
        text += &line("commit", &self.ours.serial, Some(self.ours.per_second()));
        if let Some(etcd) = &self.etcd {
            text += &line("etcd", &etcd.serial, Some(etcd.per_second()));
        }
        let at = |spread: &Spread, permille| self.ours.serial.micros_at(permille) / spread.micros_at(permille);
        text += &format!("commit to floor: {:.2} at p50, {:.2} at p99\n", at(&self.floor, 500), at(&self.floor, 990));
        if let Some(etcd) = &self.etcd {
            let times = self.ours.per_second() / etcd.per_second();
            let (p50, p99) = (at(&etcd.serial, 500), at(&etcd.serial, 990));
            text += &format!("commit to etcd: {p50:.2} at p50, {p99:.2} at p99, {times:.1} times as many in flight\n");
        }
        if let Some(reason) = &self.left_out {
            text += &format!("etcd is left out: {reason}\n");
        }
        text
    }
}

fn line(name: &str, serial: &Spread, per_second: Option<f64>) -> String {
    let many = per_second.map(|many| format!("{many:.0}")).unwrap_or_default();
    format!("{name:32}{:9.0}{:9.0}{many:>14}\n", serial.micros_at(500), serial.micros_at(990))
}

fn times(spread: &Spread) -> Value {
    let tenths = |micros: f64| (micros * 10.0).round() / 10.0;
    json!({ "p50_us": tenths(spread.micros_at(500)), "p99_us": tenths(spread.micros_at(990)) })
}
