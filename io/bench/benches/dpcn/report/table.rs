//! For people.

use ridethrough_dpcn_bench::latencies::Summary;

use super::bars::bars;
use super::{FLOOR, FLOOR_BLOCKING, Report};
use crate::fanout::FanOut;
use crate::flood::Flood;
use crate::session::{ACK_BYTES, ORDER_BYTES};

pub fn print(report: &Report) {
    let turns = report.turns;
    println!(
        "order {ORDER_BYTES} B there, ack {ACK_BYTES} B back; {} rounds of {}; {}",
        turns.rounds,
        turns.samples,
        report.scheduling.name()
    );
    if let Some(cacheline) = report.cacheline {
        println!("cache line there and back: {:.3} µs p50, {:.3} µs p99", cacheline.p50_us, cacheline.p99_us);
    }
    println!("\n{:<34}{:>10}{:>10}{:>11}{:>9}{:>9}", "µs", "p50", "p99", "max", "p50/raw", "p99/raw");
    for (name, summary) in report.ours.iter().chain(&report.peers) {
        let floor = report.ours(if name.ends_with("blocking") { FLOOR_BLOCKING } else { FLOOR });
        row(name, *summary, floor);
    }
    report.fanout.iter().for_each(fanned_out);
    for hogged in &report.hogged {
        let name = hogged.scheduling.name();
        row(&format!("hogged, {name}, raw"), hogged.floor, Some(hogged.floor));
        row(&format!("hogged, {name}"), hogged.summary, Some(hogged.floor));
    }
    report.flood.iter().for_each(flooded);
    println!("\n{:<34}{:>12}{:>12}", "ns of one core, p50", "one device", "one of 1000");
    for stage in &report.stages {
        println!("{:<34}{:>12.0}{:>12.0}", stage.name, stage.one_ns, stage.many_ns);
    }
    println!("\n{:<44}{:>12}{:>12}", "bar", "measured", "at most");
    for bar in bars(report) {
        let word = if bar.holds() { "holds" } else { "MISSED" };
        println!("{:<44}{:>12.2}{:>12.2}  {word}", bar.what, bar.figure, bar.at_most);
    }
}

fn row(name: &str, summary: Summary, floor: Option<Summary>) {
    let Summary { p50_us, p99_us, max_us, .. } = summary;
    let ratios =
        floor.map_or_else(String::new, |floor| format!("{:>9.2}{:>9.2}", p50_us / floor.p50_us, p99_us / floor.p99_us));
    println!("{name:<34}{p50_us:>10.2}{p99_us:>10.2}{max_us:>11.1}{ratios}");
}

fn fanned_out(fanout: &FanOut) {
    let FanOut { devices, floor, unicast, gateway } = fanout;
    row(&format!("{devices} devices, raw"), floor.summary, Some(floor.summary));
    row(&format!("{devices} devices"), unicast.summary, Some(floor.summary));
    row(&format!("{devices} devices behind gateways"), gateway.summary, Some(floor.summary));
    for (name, told) in [("raw", floor), ("DPCN", unicast), ("gateways", gateway)] {
        println!(
            "    sending, {name}: {:.0} ns a device, {:.0} ns a datagram; {} answers lost",
            told.send_ns_per_device, told.send_ns_per_datagram, told.lost
        );
    }
}

fn flooded(flood: &Flood) {
    row("calm, one order in 2 ms", flood.calm, Some(flood.calm));
    row("flooded by a blind forger", flood.blind, Some(flood.calm));
    row("flooded by a sighted forger", flood.sighted, Some(flood.calm));
    let Flood { unanswered: [blind, sighted], frames_per_s, rss_growth_bytes, .. } = flood;
    println!("    {frames_per_s:.0} forged frames/s, {rss_growth_bytes} bytes more memory");
    println!("    unanswered in time: {blind} under the blind forger, {sighted} under the sighted one");
}
