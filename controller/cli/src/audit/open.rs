//! Reading the logs and replaying what is committed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use ridethrough_core::audit::{Replay, replay};
use ridethrough_core::command::{Entry, Position};
use ridethrough_core::site::{RackId, Site};
use ridethrough_raft::audit_read::{AuditContent, AuditEntry, AuditLog, read_log};
use ridethrough_raft::retention::ARCHIVE;

use super::Source;
use super::words::names::rack_id;

/// One replica's log.
#[derive(Debug)]
pub struct ReplicaLog {
    /// Its folder.
    pub dir: PathBuf,
    /// What it holds.
    pub log: AuditLog,
}

/// The logs that were named, and the committed entries replayed.
#[derive(Debug)]
pub struct Opened {
    /// The site.
    pub site: Arc<Site>,
    /// The logs.
    pub replicas: Vec<ReplicaLog>,
    /// Highest index that the logs vouch for as committed.
    pub committed_index: u64,
    /// Entries up to there, blanks and memberships included.
    pub committed_entries: usize,
    /// Disagreements between the logs, in words.
    pub forks: Vec<String>,
    /// The ledger's entries, replayed.
    pub replay: Replay,
}

/// Reads the logs, takes the longest committed history and replays it.
pub fn open(source: &Source) -> Result<Opened> {
    let replicas = source.dir.iter().map(|dir| read(dir)).collect::<Result<Vec<_>>>()?;
    let Some(first) = replicas.first() else { bail!("--dir: name at least one replica's data folder") };
    if let Some(other) = replicas.iter().find(|replica| replica.log.cluster != first.log.cluster) {
        bail!("{} and {} are logs of two clusters", first.dir.display(), other.dir.display());
    }
    let site = site(source, &first.dir)?;
    let committed_index = committed_index(&replicas);
    let longest = longest(&replicas, committed_index)?;
    let committed: Vec<&AuditEntry> =
        longest.log.entries.iter().filter(|entry| entry.at.index <= committed_index).collect();
    check_begins(&longest.dir, committed.first().map(|entry| entry.at.index))?;
    let replay = replay(Arc::clone(&site), committed.iter().filter_map(|entry| ledger_entry(entry)));
    Ok(Opened {
        committed_entries: committed.len(),
        forks: forks(&replicas, &committed),
        site,
        committed_index,
        replay,
        replicas,
    })
}

impl Opened {
    /// The rack that `--rack` names.
    pub fn rack(&self, name: &str) -> Result<RackId> {
        rack_id(&self.site, "--rack", name)
    }
}

fn read(dir: &Path) -> Result<ReplicaLog> {
    let log = read_log(dir).with_context(|| format!("--dir {}", dir.display()))?;
    Ok(ReplicaLog { dir: dir.to_owned(), log })
}

/// Refuses a log whose beginning is not there: nothing can be replayed on it.
pub(super) fn check_begins(dir: &Path, first_index: Option<u64>) -> Result<()> {
    match first_index.filter(|first| *first > 1) {
        None => Ok(()),
        Some(first) => bail!(
            "{}: the log begins at entry {first}: this replica was filled by a snapshot, or its older segments were removed; \
             name one with the whole log, or let {} lead to the archive",
            dir.display(),
            dir.join(ARCHIVE).display()
        ),
    }
}

/// The site that was named, or the copy beside the log.
pub(super) fn site(source: &Source, dir: &Path) -> Result<Arc<Site>> {
    let file = source.site.clone().unwrap_or_else(|| dir.join("site.toml"));
    let text = std::fs::read_to_string(&file)
        .with_context(|| format!("{}: cannot be read; name the site file with --site", file.display()))?;
    Ok(Arc::new(Site::parse(&file.display().to_string(), &text)?))
}

/// What any log vouches for, and beyond that what most of three or more logs hold alike: a majority has it.
fn committed_index(replicas: &[ReplicaLog]) -> u64 {
    let marked = replicas.iter().filter_map(|replica| replica.log.committed_index).max().unwrap_or(0);
    if replicas.len() < 3 {
        return marked;
    }
    let mut held: Vec<u64> = replicas.iter().map(|replica| last_index_shared(replica, replicas)).collect();
    held.sort_unstable();
    // The highest index that a majority holds is the median, rounded down.
    marked.max(held[(held.len() - 1) / 2])
}

/// The last entry of this log that a majority of the logs hold alike.
fn last_index_shared(replica: &ReplicaLog, all: &[ReplicaLog]) -> u64 {
    let majority = all.len() / 2 + 1;
    let shared = |entry: &&AuditEntry| all.iter().filter(|other| holds(other, entry)).count() >= majority;
    replica.log.entries.iter().rev().find(shared).map_or(0, |entry| entry.at.index)
}

fn holds(replica: &ReplicaLog, entry: &AuditEntry) -> bool {
    at(replica, entry.at.index).is_some_and(|own| own.at == entry.at && own.content == entry.content)
}

fn at(replica: &ReplicaLog, index: u64) -> Option<&AuditEntry> {
    let place = replica.log.entries.binary_search_by_key(&index, |entry| entry.at.index).ok()?;
    replica.log.entries.get(place)
}

fn longest(replicas: &[ReplicaLog], committed_index: u64) -> Result<&ReplicaLog> {
    let reaches =
        |replica: &&ReplicaLog| replica.log.entries.last().map_or(0, |entry| entry.at.index) >= committed_index;
    let whole = |replica: &&ReplicaLog| replica.log.entries.first().is_none_or(|entry| entry.at.index <= 1);
    let mut reaching = replicas.iter().filter(reaches);
    let found = replicas.iter().filter(reaches).find(whole).or_else(|| reaching.next());
    found.with_context(|| format!("no log reaches entry {committed_index}, which is marked as committed"))
}

fn ledger_entry(entry: &AuditEntry) -> Option<(Position, Entry)> {
    match &entry.content {
        AuditContent::Entry(content) => Some((entry.at, Entry::clone(content))),
        AuditContent::Blank | AuditContent::Membership(_) => None,
    }
}

/// Committed entries that another log holds otherwise. A log that is merely shorter does not disagree.
fn forks(replicas: &[ReplicaLog], committed: &[&AuditEntry]) -> Vec<String> {
    let mut forks = Vec::new();
    for replica in replicas {
        let differs = committed.iter().find(|entry| at(replica, entry.at.index).is_some() && !holds(replica, entry));
        if let Some(entry) = differs {
            forks.push(format!("{} holds another entry {}", replica.dir.display(), entry.at.index));
        }
    }
    forks
}
