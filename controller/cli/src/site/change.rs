//! A change: asked once more where a person sits, sent, and told what became of it.

use std::io::{IsTerminal, Write};

use anyhow::Result;
use serde_json::Value;

use super::Why;
use crate::ask::{UnknownOutcome, ended, insist, settled};
use crate::ended::Ended;
use crate::output::Output;

/// Asks for it. `words` say what, to go on after "would" or "may".
pub fn ask_for(words: &str, request: Value, why: &Why, output: Output) -> Result<Ended> {
    if !why.how.dry_run && !why.yes && !confirmed(words)? {
        eprintln!("nothing was asked for");
        return Ok(Ended::Negative);
    }
    let told = match insist(&why.how, request) {
        Ok(told) => told,
        Err(error) => {
            eprintln!("ridectl: {error:#}");
            return Ok(if error.is::<UnknownOutcome>() { Ended::Unknown } else { Ended::Unreachable });
        }
    };
    output.print(&told, || tell(words, &told))?;
    Ok(ended(&told))
}

/// Whether a person wants it, where one sits.
fn confirmed(words: &str) -> Result<bool> {
    if !std::io::stdin().is_terminal() {
        return Ok(true);
    }
    eprint!("{words}? [y/N] ");
    std::io::stderr().flush()?;
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes"))
}

fn tell(words: &str, told: &Value) -> String {
    match (settled(told), told["index"].as_u64()) {
        (Some(settled), _) => settled,
        (None, Some(index)) => {
            format!("done      {words}\nlog       entry {index}: `ridectl audit show {index}` tells it\n")
        }
        (None, None) => format!("would     {words}; nothing was done\n"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(told: &Value, expected: &str, status: Ended) {
        assert_eq!((tell("hold K1", told).as_str(), ended(told)), (expected, status));
    }

    #[test]
    fn what_became_of_it_is_told_and_in_the_exit_status() {
        check(
            &json!({ "index": 7 }),
            "done      hold K1\nlog       entry 7: `ridectl audit show 7` tells it\n",
            Ended::Well,
        );
        check(&json!({ "would": true }), "would     hold K1; nothing was done\n", Ended::Well);
        check(&json!({ "refused": "it is held", "index": null }), "REFUSED   it is held\n", Ended::Refused);
        let late = json!({ "refused": "it is held", "index": 8 });
        check(&late, "REFUSED   it is held (entry 8 tells that it was asked for)\n", Ended::Refused);
        let elsewhere = json!({ "refused": "n1 leads: ask it", "leader": 1 });
        check(&elsewhere, "REFUSED   n1 leads: ask it\n", Ended::Unreachable);
    }
}
