//! What is answered.

use std::sync::PoisonError;
use std::time::Duration;

use ridethrough_core::model::{ModelId, Models};
use ridethrough_raft::Changed;
use serde_json::json;

use super::{Desk, cluster, failed, members};
use crate::serving::Shelved;

/// What the control thread answers.
#[derive(Debug)]
pub enum Told {
    /// What the log has chosen, and what this replica does.
    Models {
        /// The log's choice.
        models: Models,
        /// What decides here.
        deciding: String,
        /// The leader that this replica knows of.
        leader: Option<u16>,
    },
    /// Who is in the cluster, and who leads.
    Cluster(serde_json::Value),
    /// Somebody else leads, as was asked for.
    HandedOver {
        /// The entry that says so.
        index: u64,
        /// Who leads now.
        leader: u16,
        /// In which term.
        term: u64,
        /// From hearing of the wish until another led.
        took: Duration,
    },
    /// The members have changed, as was asked for.
    Members {
        /// The entry that says so.
        index: u64,
        /// What came of it.
        changed: Changed,
        /// From hearing of the wish until it was committed.
        took: Duration,
    },
    /// It would be carried out.
    Would,
    /// It is committed and was carried out.
    Done {
        /// The entry.
        index: u64,
        /// Whether it was before this time of asking.
        before: bool,
    },
    /// None of the last requests that were carried out is this one.
    NotCarriedOut,
    /// It is refused, with the entry that says so when one was committed.
    Refused {
        /// Why.
        why: String,
        /// The entry.
        index: Option<u64>,
    },
    /// Only the leader can do it.
    NotLeader {
        /// Who leads, as far as is known.
        leader: Option<u16>,
    },
    /// It was not tried.
    Failed {
        /// Why.
        why: String,
    },
    /// It may have been carried out or may yet be: the log says.
    Unknown {
        /// Why.
        why: String,
    },
}

/// The answer as it stands on the line.
pub(super) fn json(told: Told, desk: &Desk) -> serde_json::Value {
    match told {
        Told::Models { models, deciding, leader } => {
            let library = desk.library.lock().unwrap_or_else(PoisonError::into_inner);
            let name = |id: Option<ModelId>| id.map(|id| id.to_string());
            json!({
                "deciding": deciding,
                "active": name(models.active),
                "shadow": name(models.shadow),
                "previous": name(models.previous),
                "minimum_version": models.minimum_version,
                "leader": leader,
                "models": library.shelf.iter().map(shelved).collect::<Vec<_>>(),
            })
        }
        Told::Cluster(status) => status,
        Told::HandedOver { index, leader, term, took } => {
            json!({ "index": index, "leader": leader, "term": term, "took_ms": cluster::millis(took) })
        }
        Told::Members { index, changed, took } => members::told(index, &changed, took),
        Told::Would => json!({ "would": true }),
        Told::Done { index, before: false } => json!({ "index": index }),
        Told::Done { index, before: true } => json!({ "index": index, "before": true }),
        Told::NotCarriedOut => json!({ "index": null }),
        Told::Refused { why, index } => json!({ "refused": why, "index": index }),
        Told::NotLeader { leader } => {
            let who = leader.map_or_else(|| "nobody leads at present".into(), |id| format!("n{id} leads: ask it"));
            json!({ "refused": format!("this replica does not lead; {who}"), "leader": leader })
        }
        Told::Failed { why } => failed(&why),
        Told::Unknown { why } => json!({ "error": why, "outcome": "unknown" }),
    }
}

fn shelved(shelved: &Shelved) -> serde_json::Value {
    match &shelved.what {
        Ok(id) => serde_json::json!({ "name": shelved.name, "model": id.to_string() }),
        Err((fault, why)) => {
            serde_json::json!({ "name": shelved.name, "refused": fault.as_str(), "why": why })
        }
    }
}
