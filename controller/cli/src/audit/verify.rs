//! `ridectl audit verify`: does the log hold, and did the devices do only what it says?

use std::path::Path;

use anyhow::Result;
use ridethrough_core::ledger::Effect;
use serde::Serialize;

use super::open::Opened;
use super::records::{self, Checked};
use super::tree::Tree;
use crate::output::{Output, hex};

#[derive(Serialize)]
struct Report {
    verified: bool,
    cluster: String,
    replicas: Vec<String>,
    committed_index: u64,
    entries: usize,
    ledger_entries: usize,
    plans_refused: usize,
    transfers: usize,
    states_compared: usize,
    state_hash: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    tree: Option<Tree>,
    #[serde(flatten)]
    records: Option<Checked>,
    faults: Vec<String>,
}

/// Verifies; false when anything does not hold.
pub fn run(opened: &Opened, tree: Option<Tree>, records: Option<&Path>, output: Output) -> Result<bool> {
    let records = records.map(|folder| records::check(folder, &opened.replay, &opened.site)).transpose()?;
    let report = report(opened, tree, records);
    output.print(&report, || words_of(&report))?;
    Ok(report.verified)
}

/// What does not hold of the logs by themselves.
pub fn faults(opened: &Opened) -> Vec<String> {
    let replay = &opened.replay;
    let mut faults = opened.forks.clone();
    if let Some(divergence) = replay.divergence {
        let (index, told_by) = (divergence.index, divergence.told_by);
        faults.push(format!("replaying gives another state {index} than the proposer of entry {told_by} saw"));
    }
    if replay.ledger.founding().is_some_and(|founding| founding.cluster != opened.replicas[0].log.cluster) {
        faults.push("the log was founded for another cluster than its segments name".into());
    }
    if replay.ledger.founding().is_none() {
        faults.push("no founding entry for this site: is this the site file that the cluster runs on?".into());
    }
    faults
}

fn report(opened: &Opened, tree: Option<Tree>, records: Option<Checked>) -> Report {
    let replay = &opened.replay;
    let mut faults = faults(opened);
    faults.extend(records.iter().flat_map(|checked| checked.faults.iter().cloned()));
    let refused = replay.records.iter().filter(|record| matches!(record.effect, Effect::Refused(_))).count();
    Report {
        verified: faults.is_empty(),
        cluster: hex(&opened.replicas[0].log.cluster),
        replicas: opened.replicas.iter().map(|replica| replica.dir.display().to_string()).collect(),
        committed_index: opened.committed_index,
        entries: opened.committed_entries,
        ledger_entries: replay.records.len(),
        plans_refused: refused,
        transfers: transfers(opened),
        states_compared: replay.states_compared,
        state_hash: hex(&replay.ledger.seen().hash),
        tree,
        records,
        faults,
    }
}

fn transfers(opened: &Opened) -> usize {
    let admitted = opened.replay.records.iter().filter(|record| record.admitted());
    admitted.map(|record| record.grants().len()).sum()
}

fn words_of(report: &Report) -> String {
    let mut lines = vec![format!("cluster    {}", report.cluster)];
    lines.extend(report.replicas.iter().map(|dir| format!("log        {dir}")));
    lines.push(format!(
        "committed  {} entries up to index {}, {} of them the ledger's",
        report.entries, report.committed_index, report.ledger_entries
    ));
    lines.push(format!(
        "replayed   {} states compared with what their proposers saw, last state {}…",
        report.states_compared,
        &report.state_hash[..16]
    ));
    lines.push(format!("transfers  {} committed, {} plans refused at apply", report.transfers, report.plans_refused));
    lines.extend(report.tree.iter().flat_map(Tree::lines));
    lines.extend(report.records.iter().map(Checked::words));
    lines.extend(report.faults.iter().map(|fault| format!("FAULT      {fault}")));
    lines.push(format!("verdict    {}\n", if report.verified { "VERIFIED" } else { "DOES NOT HOLD" }));
    lines.join("\n")
}
