//! Who is to be a member, and who no longer.

use anyhow::Result;
use serde_json::Value;

use crate::ask::{How, ended, settled, wish};
use crate::ended::Ended;
use crate::output::Output;

/// Asks the leader for a change and waits until it is committed.
pub fn change(how: &How, request: &Value, output: Output) -> Result<Ended> {
    let told = wish(how, request.clone())?;
    output.print(&told, || words(request, &told))?;
    Ok(ended(&told))
}

fn words(request: &Value, told: &Value) -> String {
    if let Some(words) = settled(told) {
        return words;
    }
    let done = if request["command"] == "add" { "a voting member" } else { "no member any longer" };
    let what = format!("n{} is {done}", request["replica"]);
    if told["would"] == true {
        return format!("would be done: {what}; nothing was done\n");
    }
    let voters: Vec<String> = told["voters"].as_array().into_iter().flatten().map(|id| format!("n{id}")).collect();
    format!(
        "done      {what}, {} ms after it was asked for\nvoters    {}\nlog       entry {}: `ridectl audit explain {}` tells it\n",
        told["took_ms"],
        voters.join(", "),
        told["index"],
        told["index"]
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_operator_reads_what_was_done_what_would_be_and_why_not() {
        let (add, forget) = (json!({ "command": "add", "replica": 4 }), json!({ "command": "forget", "replica": 3 }));
        let done = json!({ "index": 90, "membership_index": 92, "voters": [1, 2], "took_ms": 12.5 });
        let expected = "done      n3 is no member any longer, 12.5 ms after it was asked for\nvoters    n1, n2\n\
                        log       entry 90: `ridectl audit explain 90` tells it\n";
        assert_eq!(words(&forget, &done), expected);
        let would = json!({ "would": true });
        assert_eq!(words(&add, &would), "would be done: n4 is a voting member; nothing was done\n");
        let refused = json!({ "refused": "n4 listens at this address", "index": null });
        assert_eq!(words(&add, &refused), "REFUSED   n4 listens at this address\n");
    }
}
