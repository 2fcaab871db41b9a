//! Who takes turns with whom, and how often.

use std::time::Duration;

use anyhow::{Context, Result};
use ridethrough_commit_bench::floor::Floor;

use crate::cluster::Cluster;
use crate::etcd::Etcd;
use crate::options::Options;
use crate::report::{Figures, Report};

/// What a commit of ours writes in a log, with its frame: an idle plan.
const ENTRY_BYTES: usize = 220;
/// Proposals that wait at a time when as many as possible are made.
pub const IN_FLIGHT: usize = 64;

/// How much is measured.
struct Plan {
    rounds: usize,
    serial: usize,
    parallel: usize,
}

/// Starts everything, lets all take turns, and tells.
pub fn measure(options: &Options) -> Result<Report> {
    let mut plan = if options.quick {
        Plan { rounds: 2, serial: 50, parallel: 1_000 }
    } else {
        Plan { rounds: 20, serial: 250, parallel: 6_400 }
    };
    plan.rounds = options.rounds.unwrap_or(plan.rounds);
    let home = tempfile::tempdir().context("a folder")?;
    let mut floor = Floor::new(home.path(), (plan.rounds + 1) * plan.serial, ENTRY_BYTES).context("the floor")?;
    let mut ours = Cluster::start(home.path(), options)?;
    let (mut etcd, left_out) = match Etcd::start(home.path()) {
        Ok(etcd) => (Some(etcd), None),
        Err(reason) => (None, Some(format!("{reason:#}"))),
    };
    let mut report = Report { left_out, ..Report::default() };
    // The first round warms all up: connections, caches, file systems.
    round(&plan, &mut floor, &mut ours, etcd.as_mut(), &mut Report::default())?;
    for _ in 0..plan.rounds {
        round(&plan, &mut floor, &mut ours, etcd.as_mut(), &mut report)?;
    }
    Ok(report)
}

fn round(
    plan: &Plan,
    floor: &mut Floor,
    ours: &mut Cluster,
    etcd: Option<&mut Etcd>,
    report: &mut Report,
) -> Result<()> {
    let floors = (0..plan.serial).map(|_| floor.once()).collect::<Result<Vec<Duration>, _>>()?;
    report.floor.add(floors);
    report.ours.serial.add(ours.serial(plan.serial)?);
    report.ours.note_parallel(plan.parallel, ours.parallel(plan.parallel, IN_FLIGHT)?);
    if let Some(etcd) = etcd {
        let figures = report.etcd.get_or_insert_with(Figures::default);
        figures.serial.add(etcd.serial(plan.serial)?);
        figures.note_parallel(plan.parallel, etcd.parallel(plan.parallel, IN_FLIGHT)?);
    }
    Ok(())
}
