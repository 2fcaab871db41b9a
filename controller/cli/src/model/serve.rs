//! What a running replica is asked for, over the socket in its data folder.

use anyhow::Result;
use serde_json::json;

use crate::ask::{How, Of, ask, ended, insist, settled};
use crate::ended::Ended;
use crate::output::Output;

/// Prints what decides, what is tried and what there is.
pub fn list(of: &Of, output: Output) -> Result<bool> {
    let told = ask(of, &json!({ "command": "list" }))?;
    output.print(&told, || {
        let field = |name: &str| told[name].as_str().unwrap_or("-").to_owned();
        let leader = told["leader"].as_u64().map_or_else(|| "-".into(), |id| format!("n{id}"));
        let mut words = format!(
            "deciding  {}\nactive    {}\nshadow    {}\nprevious  {}\nminimum   version {}\nleader    {leader}\n",
            field("deciding"),
            field("active"),
            field("shadow"),
            field("previous"),
            told["minimum_version"]
        );
        for model in told["models"].as_array().into_iter().flatten() {
            let said = |name: &str| model[name].as_str().unwrap_or_default();
            let refused = || format!("REFUSED ({}): {}", said("refused"), said("why"));
            let what = model["model"].as_str().map_or_else(refused, |id| format!("model {id}"));
            words += &format!("folder    {}: {what}\n", said("name"));
        }
        words
    })?;
    Ok(true)
}

/// Asks for an operation and waits until it is committed.
pub fn operate(verb: &str, model: Option<&str>, minimum: Option<u64>, how: &How, output: Output) -> Result<Ended> {
    let mut request = json!({ "command": verb });
    if let Some(model) = model {
        request["model"] = model.into();
    }
    if let Some(minimum) = minimum {
        request["minimum"] = minimum.into();
    }
    let told = insist(how, request)?;
    let answered = settled(&told);
    output.print(&told, || match (answered, told["index"].as_u64()) {
        (Some(words), _) => words,
        (None, Some(index)) => format!("done      entry {index}: `ridectl audit explain {index}` tells it\n"),
        (None, None) => format!("would be done: {verb}; nothing was\n"),
    })?;
    Ok(ended(&told))
}
