//! For machines.

use ridethrough_dpcn_bench::latencies::Summary;
use serde_json::{Map, Value, json};

use super::Report;
use super::bars::bars;
use crate::fanout::FanOut;
use crate::flood::Flood;

pub fn print(report: &Report) {
    let mut all = Map::new();
    all.insert("cacheline_us".into(), json!(report.cacheline.map(|summary| round(summary.p50_us))));
    all.insert("scheduling".into(), json!(report.scheduling.name()));
    all.extend(report.ours.iter().map(|(name, summary)| ((*name).into(), summarised(*summary))));
    all.insert("fanout".into(), Value::Object(report.fanout.iter().map(fanned_out).collect()));
    let mut hogged = report.hogged.iter().map(|hogged| {
        let mut told = json!({
            "scheduling": hogged.scheduling.name(),
            "floor_p50_us": round(hogged.floor.p50_us),
            "floor_p99_us": round(hogged.floor.p99_us),
        });
        merge(&mut told, summarised(hogged.summary));
        told
    });
    all.insert("hogged".into(), hogged.next().unwrap_or_default());
    all.insert("hogged_without_real_time".into(), hogged.next().unwrap_or_default());
    all.insert("flood".into(), report.flood.as_ref().map_or(Value::Null, flooded));
    let peers = report.peers.iter().map(|(name, summary)| ((*name).into(), summarised(*summary)));
    all.insert("peers".into(), Value::Object(peers.collect()));
    let stages = report.stages.iter().map(|stage| {
        (stage.name.replace(' ', "_"), json!({"one_ns": round(stage.one_ns), "many_ns": round(stage.many_ns)}))
    });
    all.insert("stages".into(), Value::Object(stages.collect()));
    let judged = bars(report).into_iter().map(
        |bar| json!({"what": bar.what, "figure": round(bar.figure), "at_most": bar.at_most, "holds": bar.holds()}),
    );
    all.insert("bars".into(), judged.collect());
    println!("{}", Value::Object(all));
}

fn summarised(summary: Summary) -> Value {
    json!({"p50_us": round(summary.p50_us), "p99_us": round(summary.p99_us), "max_us": round(summary.max_us)})
}

fn fanned_out(fanout: &FanOut) -> (String, Value) {
    let FanOut { devices, floor, unicast, gateway } = fanout;
    let told = json!({
        "floor_p50_us": round(floor.summary.p50_us),
        "floor_p99_us": round(floor.summary.p99_us),
        "p50_us": round(unicast.summary.p50_us),
        "p99_us": round(unicast.summary.p99_us),
        "gateway_p50_us": round(gateway.summary.p50_us),
        "gateway_p99_us": round(gateway.summary.p99_us),
        "lost": unicast.lost,
        "gateway_lost": gateway.lost,
        "floor_lost": floor.lost,
        "floor_send_ns_per_device": round(floor.send_ns_per_device),
        "send_ns_per_device": round(unicast.send_ns_per_device),
        "gateway_send_ns_per_device": round(gateway.send_ns_per_device),
        "gateway_send_ns_per_datagram": round(gateway.send_ns_per_datagram),
    });
    (devices.to_string(), told)
}

fn flooded(flood: &Flood) -> Value {
    json!({
        "calm_p50_us": round(flood.calm.p50_us),
        "calm_p99_us": round(flood.calm.p99_us),
        "flooded_p50_us": round(flood.blind.p50_us),
        "flooded_p99_us": round(flood.blind.p99_us),
        "sighted_p50_us": round(flood.sighted.p50_us),
        "sighted_p99_us": round(flood.sighted.p99_us),
        "unanswered": flood.unanswered[0],
        "sighted_unanswered": flood.unanswered[1],
        "frames_per_s": flood.frames_per_s.round(),
        "rss_growth_bytes": flood.rss_growth_bytes,
    })
}

fn merge(into: &mut Value, other: Value) {
    if let (Value::Object(into), Value::Object(other)) = (into, other) {
        into.extend(other);
    }
}

/// Nanoseconds are enough.
fn round(micros: f64) -> f64 {
    (micros * 1_000.0).round() / 1_000.0
}
