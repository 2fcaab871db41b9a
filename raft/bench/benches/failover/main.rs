//! How long etcd takes no writes when its leader goes: the peer of `drill failover`, in the same command.
//!
//! `cargo bench-failover --etcd`. Three etcd at the shortest times that they accept. The leader is killed or frozen, and from
//! that moment on both other members are offered a write every millisecond, since one that is offered to a member without a
//! leader may never be answered. The gap ends with the first that is acknowledged.

mod options;
mod trial;

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use options::Options;
use ridethrough_commit_bench::spread::Spread;
use serde_json::{Value, json};
use tokio::runtime::Builder;
use trial::{Fault, Trials};

fn main() -> ExitCode {
    let options = Options::parse();
    match measure(&options) {
        Ok(told) => {
            println!("{told}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("etcd: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn measure(options: &Options) -> Result<Value> {
    let home = tempfile::tempdir().context("a folder")?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let mut trials = Trials::begin(home.path(), options.pace())?;
    let mut run = |fault, times: usize| -> Result<Spread> {
        let mut gaps = Spread::default();
        for _ in 0..times {
            gaps.add([runtime.block_on(trials.once(fault))?]);
        }
        Ok(gaps)
    };
    let (killed, frozen) = (run(Fault::Kill, options.kills)?, run(Fault::Freeze, options.freezes)?);
    Ok(json!({
        "heartbeat_ms": options.heartbeat_ms,
        "election_ms": options.election_ms,
        "kills": options.kills,
        "gap_ms": gaps(&killed),
        "freezes": options.freezes,
        "frozen_gap_ms": gaps(&frozen),
    }))
}

fn gaps(spread: &Spread) -> Value {
    let ms = |permille| (spread.micros_at(permille) / 10.0).round() / 100.0;
    json!({ "p50": ms(500), "p99": ms(990), "max": ms(1_000) })
}
