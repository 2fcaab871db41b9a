//! One thing that is wrong with a TOML file, told so that a person finds it: line, field, what was expected.

use std::fmt;
use std::ops::Range;

/// A field name longer than this is cut in messages.
const FIELD_CHARS_MAX: usize = 60;

/// One thing that is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Line, counted from 1.
    pub line: usize,
    /// The table and key, such as `rack.limit_watts`; the whole line where TOML itself is at fault.
    pub field: String,
    /// What was found and what was expected.
    pub reason: String,
}

impl Fault {
    /// A fault in the field at this place of the text.
    pub fn at(text: &str, span: &Range<usize>, field: &str, reason: String) -> Self {
        Self { line: line_of(text, span), field: field.to_owned(), reason }
    }

    /// A text that is not the TOML that was expected.
    pub fn syntax(text: &str, error: &toml::de::Error) -> Self {
        let line = error.span().map_or(1, |span| line_of(text, &span));
        let reason = error.message().lines().collect::<Vec<_>>().join(" ");
        let field = text.lines().nth(line - 1).map_or("", str::trim).chars().take(FIELD_CHARS_MAX).collect();
        Self { line, field, reason }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.line, self.field, self.reason)
    }
}

/// The line in which a span of a text begins, counted from 1.
pub(super) fn line_of(text: &str, span: &Range<usize>) -> usize {
    text.as_bytes().iter().take(span.start).filter(|&&byte| byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_toml_is_told_with_the_line_that_is_at_fault() {
        let told = |text: &str| {
            let error = toml::from_str::<toml::Table>(text).expect_err("no TOML");
            let fault = Fault::syntax(text, &error);
            (fault.line, fault.field)
        };
        assert_eq!(told("a = 1\n  b = = 2\nc = 3\n"), (2, "b = = 2".into()));
        assert_eq!(told("a = = 1"), (1, "a = = 1".into()));
    }
}
