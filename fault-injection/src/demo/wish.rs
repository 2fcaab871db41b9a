//! An operator's wish that another replica lead, over the leader's own socket as `ridectl cluster transfer` says it.

use std::path::Path;
use std::time::Instant;

use anyhow::Result;
use serde_json::json;

use crate::demo::ask::{ask, refusal};

/// What came of a wish.
pub(crate) struct Answered {
    /// When it was said.
    pub(crate) at: Instant,
    /// Why nothing came of it; none when another leads.
    pub(crate) refused: Option<String>,
}

/// Asks the replica of this data folder to hand over, and waits for its answer.
pub(crate) fn hand_over(data: &Path, to: u16) -> Result<Answered> {
    let at = Instant::now();
    let told = ask(data, &json!({ "command": "handover", "to": to, "reason": "drill", "dry_run": false }))?;
    Ok(Answered { at, refused: refusal(&told) })
}
