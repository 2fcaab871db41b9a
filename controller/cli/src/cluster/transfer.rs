//! Who is to lead.

use anyhow::Result;
use serde_json::{Value, json};

use crate::ask::{How, ended, settled, wish};
use crate::ended::Ended;
use crate::output::Output;

/// Asks the leader to hand over and waits until another leads.
pub fn transfer(how: &How, to: u16, output: Output) -> Result<Ended> {
    let told = wish(how, json!({ "command": "handover", "to": to }))?;
    output.print(&told, || words(to, &told))?;
    // Somebody else than was asked for leads where that one failed in this very moment.
    let another = told["term"].is_u64() && told["leader"] != to;
    Ok(if another { Ended::Negative } else { ended(&told) })
}

fn words(to: u16, told: &Value) -> String {
    if let Some(words) = settled(told) {
        return words;
    }
    let (index, leader) = (&told["index"], &told["leader"]);
    if index.is_null() {
        return format!("would be done: n{to} would lead; nothing was done\n");
    }
    format!(
        "done      n{leader} leads in term {}, {} ms after it was asked for\n\
         log       entry {index}: `ridectl audit explain {index}` tells it\n",
        told["term"], told["took_ms"]
    )
}
