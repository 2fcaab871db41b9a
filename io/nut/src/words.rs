//! A line as words.

use crate::fault::Fault;

/// No request has more.
const WORDS_MAX: usize = 8;

/// Splits a line at its spaces. Between quotes spaces belong to the word, and `\` takes the next letter as it is.
pub fn split(line: &[u8]) -> Result<Vec<String>, Fault> {
    let text = std::str::from_utf8(line).map_err(|_| Fault::InvalidArgument)?;
    if text.chars().any(|letter| letter.is_control() && letter != '\t') {
        return Err(Fault::InvalidArgument);
    }
    let mut words = Vec::new();
    let mut letters = text.chars().peekable();
    loop {
        while letters.next_if(|letter| letter.is_whitespace()).is_some() {}
        if letters.peek().is_none() {
            return Ok(words);
        }
        if words.len() == WORDS_MAX {
            return Err(Fault::InvalidArgument);
        }
        words.push(word(&mut letters)?);
    }
}

fn word(letters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<String, Fault> {
    let quoted = letters.next_if_eq(&'"').is_some();
    let mut word = String::new();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted => return Ok(word),
            '\\' => word.push(letters.next().ok_or(Fault::InvalidArgument)?),
            letter if letter.is_whitespace() && !quoted => return Ok(word),
            letter => word.push(letter),
        }
    }
    if quoted { Err(Fault::InvalidArgument) } else { Ok(word) }
}

/// A text between quotes, as it is told.
pub fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_told_apart() {
        let check = |line: &str, expected: &[&str]| {
            assert_eq!(split(line.as_bytes()).expect(line), expected, "{line}");
        };
        check("GET VAR A1-tier1 ups.status", &["GET", "VAR", "A1-tier1", "ups.status"]);
        check("  SET\tVAR a b \"two words\" ", &["SET", "VAR", "a", "b", "two words"]);
        check(r#"PASSWORD "a \"b\" \\ c""#, &["PASSWORD", r#"a "b" \ c"#]);
        check(r#"PASSWORD a\ b """#, &["PASSWORD", "a b", ""]);
        check("", &[]);
    }

    #[test]
    fn what_is_no_line_of_words_is_refused() {
        for wrong in [&b"GET \"open"[..], b"back \\", b"\xff\xfe", b"bell \x07", b"1 2 3 4 5 6 7 8 9"] {
            assert_eq!(split(wrong), Err(Fault::InvalidArgument), "{wrong:?}");
        }
    }
}
