//! Who is to lead.

use anyhow::Result;
use serde_json::json;

use crate::ask::{How, ask, refusal};
use crate::output::Output;

/// Asks the leader to hand over and waits until another leads; a refusal is a negative answer.
pub fn transfer(how: &How, to: u16, output: Output) -> Result<bool> {
    let request = json!({ "command": "handover", "to": to, "reason": how.reason, "dry_run": how.dry_run });
    let told = ask(&how.of, &request)?;
    let refused = refusal(&told);
    let done = refused.is_none();
    output.print(&told, || match (refused, told["leader"].as_u64()) {
        (Some(refused), _) => refused,
        (None, Some(leader)) => format!(
            "done      n{leader} leads in term {}, {} ms after it was asked for\nlog       entry {}: `ridectl audit explain {}` tells it\n",
            told["term"], told["took_ms"], told["index"], told["index"]
        ),
        (None, None) => format!("would be done: n{to} would lead; nothing was done\n"),
    })?;
    // Somebody else than was asked for leads where that one failed in this very moment.
    Ok(done && (how.dry_run || told["leader"] == to))
}
