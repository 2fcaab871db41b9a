//! `ridectl telemetry show`: what there is.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::Serialize;

use super::gather::{Gathered, Recorded};
use crate::output::{Output, wall_time};

#[derive(Serialize)]
struct Report<'a> {
    replicas: &'a BTreeMap<u16, Recorded>,
    damage: &'a [String],
    torn: &'a [String],
}

/// Prints; false where something is damaged.
pub fn run(gathered: &Gathered, output: Output) -> Result<bool> {
    let report = Report { replicas: &gathered.replicas, damage: &gathered.damage, torn: &gathered.torn };
    output.print(&report, || words(gathered))?;
    Ok(gathered.damage.is_empty())
}

/// What was found, for people.
pub fn words(gathered: &Gathered) -> String {
    let mut lines = Vec::new();
    for (replica, recorded) in &gathered.replicas {
        let Recorded { segments, bytes, rows, racks, servers, gaps, .. } = recorded;
        let (racks, servers) = (racks.len(), servers.len());
        lines.push(format!("replica {replica}  {segments} segments, {bytes} bytes, {racks} racks, {servers} servers"));
        let span = format!("{} to {}", wall_time(recorded.first_ms), wall_time(recorded.last_ms));
        lines.push(if *rows == 0 { "rows       none".into() } else { format!("rows       {rows}, {span}") });
        lines.push(format!("gaps       {}, {} s together", gaps.count, gaps.seconds));
        lines.extend(gaps.first.iter().map(|gap| format!("gap        {gap}")));
    }
    lines.extend(gathered.torn.iter().map(|torn| format!("torn       {torn}")));
    lines.extend(gathered.damage.iter().map(|damage| format!("DAMAGED    {damage}, skipped")));
    lines.join("\n") + "\n"
}
