//! What became of a request whose answer did not come.

use anyhow::Result;
use ridethrough_core::request::RequestId;
use serde_json::json;

use super::Refused;
use crate::ask::{Of, ask};
use crate::ended::Ended;
use crate::output::Output;

/// Says whether it was carried out; that it was not is a negative answer.
pub fn show(request: RequestId, of: &Of, output: Output) -> Result<Ended> {
    let told = ask(of, &json!({ "command": "outcome", "number": request.to_string() }))?;
    if let Some(why) = told["refused"].as_str() {
        return Err(Refused(why.to_owned()).into());
    }
    let index = told["index"].as_u64();
    output.print(&told, || match index {
        Some(index) => format!("done      entry {index}: `ridectl audit show {index}` tells it\n"),
        None => "not done  none of the last requests that were carried out has this number\n".into(),
    })?;
    Ok(index.is_some().into())
}
