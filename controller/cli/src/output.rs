//! How things are printed.

use std::io::{self, ErrorKind, Write};

use anyhow::Result;
use clap::ValueEnum;
use serde::Serialize;
use serde_json::Value;

/// The form of what goes to standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Table,
    /// For people with wide screens: lists have more columns.
    Wide,
    /// One JSON document.
    Json,
    /// JSON without line breaks: of lists, one line for each item.
    Jsonl,
}

impl Output {
    /// A value as JSON, or the words that stand for it.
    pub fn text<T: Serialize>(self, value: &T, words: impl FnOnce() -> String) -> Result<String> {
        Ok(match self {
            Self::Json => serde_json::to_string_pretty(value)? + "\n",
            Self::Jsonl => lines(&serde_json::to_value(value)?),
            Self::Table | Self::Wide => words(),
        })
    }

    /// Whether people read it.
    pub const fn is_for_people(self) -> bool {
        matches!(self, Self::Table | Self::Wide)
    }

    /// Prints a value as JSON, or the words that stand for it. A reader that has seen enough (`| head`) is no error.
    pub fn print<T: Serialize>(self, value: &T, words: impl FnOnce() -> String) -> Result<()> {
        match io::stdout().write_all(self.text(value, words)?.as_bytes()) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            written => Ok(written?),
        }
    }
}

fn lines(value: &Value) -> String {
    match value {
        Value::Array(items) => items.iter().map(|item| format!("{item}\n")).collect(),
        one => format!("{one}\n"),
    }
}

/// Whether somebody who read what is printed has gone (`| head`).
pub fn reader_left(error: &anyhow::Error) -> bool {
    let kinds = error.chain().filter_map(|cause| {
        let json = cause.downcast_ref::<serde_json::Error>().and_then(serde_json::Error::io_error_kind);
        cause.downcast_ref::<io::Error>().map(io::Error::kind).or(json)
    });
    kinds.into_iter().any(|kind| kind == ErrorKind::BrokenPipe)
}

/// Unix milliseconds as a UTC time for people.
pub fn wall_time(unix_ms: i64) -> String {
    let since = std::time::Duration::from_millis(unix_ms.max(0).unsigned_abs());
    // Four centuries on, the formatter gives up; so do we.
    let at = std::time::UNIX_EPOCH.checked_add(since.min(std::time::Duration::from_secs(250_000_000_000)));
    at.map_or_else(String::new, |at| humantime::format_rfc3339_millis(at).to_string())
}

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let digits = |byte: &u8| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
    bytes.iter().flat_map(digits).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_list_in_lines_has_one_for_each_item() {
        let text = |output: Output, value: &Value| output.text(value, || "words\n".into()).expect("told");
        let list = json!([{ "name": "A1" }, { "name": "A\n2" }]);
        assert_eq!(text(Output::Jsonl, &list), "{\"name\":\"A1\"}\n{\"name\":\"A\\n2\"}\n");
        assert_eq!(
            (text(Output::Jsonl, &json!([])), text(Output::Jsonl, &json!({ "a": 1 }))),
            (String::new(), "{\"a\":1}\n".into())
        );
        assert_eq!(text(Output::Json, &json!([])), "[]\n");
        assert_eq!((text(Output::Table, &list).as_str(), text(Output::Wide, &list).as_str()), ("words\n", "words\n"));
    }
}
