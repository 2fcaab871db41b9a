//! `cargo bench-failover`: how long nobody commands when the leader goes, and with `--etcd` how long etcd takes no writes.

use std::process::{ExitCode, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::shell::cargo;
use crate::{debian, drill};

/// Asks for etcd; all other options are the drill's.
const BESIDE_ETCD: &str = "--etcd";
/// The drill's options that etcd is given, too.
const SHARED: [&str; 2] = ["--kills", "--freezes"];

/// Runs the drill with the given options, and etcd after it if that is asked for; the exit status is the drill's.
pub fn bench(options: &[String]) -> Result<ExitCode> {
    let ours: Vec<String> = options.iter().filter(|word| *word != BESIDE_ETCD).cloned().collect();
    if ours.len() == options.len() {
        return drill::run("failover", &ours);
    }
    let drilled =
        drill::prepared("failover", &ours)?.stderr(Stdio::inherit()).output().context("cannot start the drill")?;
    let told = String::from_utf8_lossy(&drilled.stdout);
    let etcd = etcd(&ours)?;
    match serde_json::from_str::<Value>(&told) {
        Ok(mut json) => {
            json["peers"]["etcd"] = etcd;
            println!("{json:#}");
        }
        Err(_) => print!("{told}{}", line(&etcd)),
    }
    Ok(if drilled.status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What etcd's failovers came to.
fn etcd(options: &[String]) -> Result<Value> {
    debian::ensure_unpacked(debian::ETCD)?;
    let package = ["--package", "ridethrough-commit-bench", "--bench", "failover", "--features", "etcd", "--"];
    let mut bench = cargo(&["bench", "--quiet", "--locked"]);
    let shared = options.windows(2).filter(|pair| pair.first().is_some_and(|name| SHARED.contains(&name.as_str())));
    bench.args(package).args(shared.flatten()).stderr(Stdio::inherit());
    let output = bench.output().context("cannot start the bench of etcd")?;
    if !output.status.success() {
        bail!("the bench of etcd failed");
    }
    serde_json::from_slice(&output.stdout).context("the bench of etcd tells no JSON")
}

/// For people.
fn line(etcd: &Value) -> String {
    let gaps = |of: &str| {
        let ms = |at: &str| etcd[of][at].as_f64().unwrap_or(f64::NAN);
        format!("p50 {:.1} ms, p99 {:.1} ms, max {:.1} ms", ms("p50"), ms("p99"), ms("max"))
    };
    format!(
        "etcd (heartbeat {} ms, election {} ms): leader killed {} times   {}; frozen {} times   {}\n",
        etcd["heartbeat_ms"],
        etcd["election_ms"],
        etcd["kills"],
        gaps("gap_ms"),
        etcd["freezes"],
        gaps("frozen_gap_ms"),
    )
}
