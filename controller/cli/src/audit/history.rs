//! The committed entries of a log, one after the other with what each did: replayed as they are read, never held together.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use ridethrough_core::audit::Record;
use ridethrough_core::command::{Position, TransferId};
use ridethrough_core::ledger::Ledger;
use ridethrough_core::site::{RackId, Site};
use ridethrough_raft::audit_read::AuditContent;
use ridethrough_raft::audit_stream::{StreamedEntry, Survey, survey};
use ridethrough_raft::audit_tree::leaves::{Leaves, read_leaves};
use ridethrough_witness::Hash;

use super::Source;
use super::open;

/// Of so many transfers, the newest, is known whose they are. What devices said comes within seconds of the grant.
const TRANSFERS_MAX: usize = 65_536;

/// The log that was chosen of those that were named.
#[derive(Debug)]
pub struct History {
    /// The site.
    pub site: Arc<Site>,
    /// Highest index that the logs vouch for as committed.
    pub committed_index: u64,
    survey: Survey,
}

/// One entry, at the moment when it has been applied.
#[derive(Debug)]
pub struct Item<'a> {
    /// Where it stands.
    pub at: Position,
    /// Its leaf in the log's tree.
    pub leaf: Hash,
    /// How many bytes the log holds of it.
    pub bytes: usize,
    /// What it says.
    pub said: Said,
    /// Milliseconds of Unix time on the wall clock of its proposer; where it has none, of the entry before.
    pub wall_unix_ms: Option<i64>,
    /// The ledger after it.
    pub ledger: &'a Ledger,
    transfers: &'a Transfers,
}

/// What an entry says.
#[derive(Debug)]
pub enum Said {
    /// Something to the ledger, which did this with it.
    Ledger(Box<Record>),
    /// Nothing: a new leader begins.
    Blank,
    /// Who the members are.
    Membership(String),
}

impl Item<'_> {
    /// What it did to the ledger, if it was for it.
    pub fn record(&self) -> Option<&Record> {
        match &self.said {
            Said::Ledger(record) => Some(record),
            Said::Blank | Said::Membership(_) => None,
        }
    }

    /// Whose transfer that is or was.
    pub fn rack_of(&self, transfer: TransferId) -> Option<RackId> {
        self.transfers.0.get(&transfer).copied()
    }
}

/// Surveys the logs and takes one that has the longest committed history.
pub fn open(source: &Source) -> Result<History> {
    let surveyed = source.dir.iter().map(|dir| surveyed(dir)).collect::<Result<Vec<_>>>()?;
    let Some((first_dir, first)) = surveyed.first() else { bail!("--dir: name at least one replica's data folder") };
    if let Some((other, _)) = surveyed.iter().find(|(_, other)| other.cluster != first.cluster) {
        bail!("{} and {} are logs of two clusters", first_dir.display(), other.display());
    }
    let site = open::site(source, first_dir)?;
    let marked = surveyed.iter().filter_map(|(_, survey)| survey.committed_index).max().unwrap_or(0);
    let committed_index = marked.max(shared_index(&surveyed, marked)?);
    let reaches = |survey: &Survey| survey.last_index.unwrap_or(0) >= committed_index;
    let whole = |survey: &Survey| survey.first_index.is_none_or(|first| first <= 1);
    let mut reaching: Vec<_> = surveyed.into_iter().filter(|(_, survey)| reaches(survey)).collect();
    let place = reaching.iter().position(|(_, survey)| whole(survey));
    let Some(place) = place.or((!reaching.is_empty()).then_some(0)) else {
        bail!("no log reaches entry {committed_index}, which is marked as committed")
    };
    let (dir, survey) = reaching.swap_remove(place);
    open::check_begins(&dir, survey.first_index)?;
    Ok(History { site, committed_index, survey })
}

fn surveyed(dir: &Path) -> Result<(PathBuf, Survey)> {
    let survey = survey(dir).with_context(|| format!("--dir {}", dir.display()))?;
    Ok((dir.to_path_buf(), survey))
}

/// The last entry that most of three or more logs hold alike: a majority has it. Nothing below `marked` is looked for.
fn shared_index(surveyed: &[(PathBuf, Survey)], marked: u64) -> Result<u64> {
    if surveyed.len() < 3 {
        return Ok(0);
    }
    let leaves = surveyed.iter().map(|(dir, _)| read_leaves(dir).with_context(|| format!("--dir {}", dir.display())));
    let leaves = leaves.collect::<Result<Vec<Leaves>>>()?;
    let end = leaves.iter().map(Leaves::end).max().unwrap_or(0);
    let majority = leaves.len() / 2 + 1;
    let alike = |index: u64| {
        let held: Vec<&Hash> = leaves.iter().filter_map(|log| log.get(index)).collect();
        held.iter().any(|one| held.iter().filter(|other| one == *other).count() >= majority)
    };
    Ok((marked..end).rev().find(|&index| alike(index)).unwrap_or(0))
}

impl History {
    /// The entries of one log up to this one, whether it vouches for them as committed or not.
    pub fn up_to(dir: &Path, site: Arc<Site>, last_index: u64) -> Result<Self> {
        let (_, survey) = surveyed(dir)?;
        open::check_begins(dir, survey.first_index)?;
        Ok(Self { site, committed_index: last_index, survey })
    }

    /// Shows every committed entry in order, until there is no more or `each` has seen enough.
    pub fn walk(&self, mut each: impl FnMut(&Item) -> Result<ControlFlow<()>>) -> Result<()> {
        let (mut ledger, mut transfers) = (Ledger::new(Arc::clone(&self.site)), Transfers::default());
        let mut wall_unix_ms = None;
        for entry in self.survey.entries()? {
            let StreamedEntry { at, content, leaf, bytes } = entry?;
            if at.index > self.committed_index {
                break;
            }
            let said = match content {
                AuditContent::Entry(entry) => {
                    let effect = ledger.apply(at, &entry);
                    wall_unix_ms = Some(entry.stamp.wall_unix_ms);
                    let (now, after) = (ledger.now(), ledger.seen());
                    let record = Record { position: at, entry: *entry, effect, at: now, after };
                    transfers.note(&record);
                    Said::Ledger(Box::new(record))
                }
                AuditContent::Blank => Said::Blank,
                AuditContent::Membership(members) => Said::Membership(members),
            };
            let item = Item { at, leaf, bytes, said, wall_unix_ms, ledger: &ledger, transfers: &transfers };
            if each(&item)?.is_break() {
                break;
            }
        }
        Ok(())
    }
}

/// Whose the newest transfers are.
#[derive(Debug, Default)]
struct Transfers(BTreeMap<TransferId, RackId>);

impl Transfers {
    fn note(&mut self, record: &Record) {
        for (nth, grant) in (0..).zip(record.grants()) {
            self.0.insert(TransferId { index: record.position.index, nth }, grant.rack);
        }
        while self.0.len() > TRANSFERS_MAX {
            self.0.pop_first();
        }
    }
}
