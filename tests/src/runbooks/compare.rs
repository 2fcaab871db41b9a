//! What was promised against what was said.

use std::collections::BTreeMap;

/// Words that stand for something that a reader puts in.
pub const PLACEHOLDERS: [&str; 6] = ["ENTRY", "TRANSFER", "TERM", "INDEX", "MODEL", "RACK"];
/// Stands for anything.
const ANYTHING: &str = "…";

/// So many lines of what was said are shown when they are not what was promised.
const SHOWN_MAX: usize = 40;

/// What the placeholders of a page stand for, as far as it is known.
pub type Known = BTreeMap<&'static str, String>;

/// A part of a promised line.
#[derive(Clone, Copy)]
enum Part<'a> {
    Text(&'a str),
    Anything,
    Placeholder(&'static str),
}

/// Compares what a command said with what is promised; what placeholders stand for is learned from it. An error says which line
/// of the promise was not met.
pub fn compare(promised: &[String], said: &str, known: &mut Known) -> Result<(), String> {
    let said: Vec<&str> = said.lines().map(str::trim_end).collect();
    let mut search = Search { promised, said: &said, deepest: 0 };
    match search.lines(0, 0, known) {
        Some(learned) => {
            *known = learned;
            Ok(())
        }
        None => Err(search.refusal()),
    }
}

/// Puts what is known in the place of placeholders; an error names the one that nothing is known of.
pub fn fill(command: &str, known: &Known) -> Result<String, String> {
    let mut filled = String::new();
    for part in parts(command) {
        match part {
            Part::Text(text) => filled += text,
            Part::Anything => filled += ANYTHING,
            Part::Placeholder(name) => {
                filled += known.get(name).ok_or_else(|| format!("nothing before this says what {name} is"))?;
            }
        }
    }
    Ok(filled)
}

struct Search<'a> {
    promised: &'a [String],
    said: &'a [&'a str],
    /// The furthest line of the promise that was looked at.
    deepest: usize,
}

impl Search<'_> {
    fn lines(&mut self, promise: usize, at: usize, known: &Known) -> Option<Known> {
        self.deepest = self.deepest.max(promise);
        let Some(line) = self.promised.get(promise) else {
            return (at == self.said.len()).then(|| known.clone());
        };
        if line == ANYTHING {
            return (at..=self.said.len()).find_map(|next| self.lines(promise + 1, next, known));
        }
        let mut learned = known.clone();
        if !matches(&parts(line), self.said.get(at)?, &mut learned) {
            return None;
        }
        self.lines(promise + 1, at + 1, &learned)
    }

    fn refusal(&self) -> String {
        let shown = self.said.iter().take(SHOWN_MAX).map(|line| format!("\n  {line}")).collect::<String>();
        let more = self.said.len().saturating_sub(SHOWN_MAX);
        let said = match (self.said.is_empty(), more) {
            (true, _) => "nothing".to_owned(),
            (false, 0) => shown,
            (false, more) => format!("{shown}\n  and {more} lines more"),
        };
        match self.promised.get(self.deepest) {
            Some(line) => format!("promised, but not said: `{line}`; it said {said}"),
            None => format!("it said more than is promised: {said}"),
        }
    }
}

/// Whether a line is what its parts say. Backtracks: lines are short, and few have more than three open parts.
fn matches(parts: &[Part<'_>], line: &str, known: &mut Known) -> bool {
    let Some((first, rest)) = parts.split_first() else { return line.is_empty() };
    match first {
        Part::Text(text) => line.strip_prefix(text).is_some_and(|left| matches(rest, left, known)),
        Part::Anything => ends(line).any(|end| matches(rest, &line[end..], known)),
        Part::Placeholder(name) => {
            if let Some(value) = known.get(name) {
                return line.strip_prefix(value.as_str()).is_some_and(|left| matches(rest, left, known));
            }
            let word = line.find(|letter: char| !is_of_word(letter)).unwrap_or(line.len());
            // The longest first, so that `48211:` gives up its colon and no digit.
            ends(&line[..word]).collect::<Vec<_>>().into_iter().rev().any(|end| {
                let mut tried = known.clone();
                tried.insert(name, line[..end].to_owned());
                let met = matches(rest, &line[end..], &mut tried);
                if met {
                    *known = tried;
                }
                met
            })
        }
    }
}

/// Where something that is not empty may end.
fn ends(text: &str) -> impl Iterator<Item = usize> {
    text.char_indices().map(|(start, letter)| start + letter.len_utf8())
}

fn is_of_word(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || ".:_-".contains(letter)
}

fn parts(line: &str) -> Vec<Part<'_>> {
    let (mut found, mut left) = (Vec::new(), line);
    while let Some((start, length, part)) = next_open(left) {
        found.extend((start > 0).then(|| Part::Text(&left[..start])));
        found.push(part);
        left = &left[start + length..];
    }
    found.extend((!left.is_empty()).then_some(Part::Text(left)));
    found
}

/// The first open part of a text, where it begins, and its length.
fn next_open(text: &str) -> Option<(usize, usize, Part<'static>)> {
    let anything = text.find(ANYTHING).map(|at| (at, ANYTHING.len(), Part::Anything));
    let named = PLACEHOLDERS.iter().filter_map(|name| {
        let whole = |at: &usize| {
            let is_letter = |letter: char| letter.is_alphanumeric();
            !text[..*at].ends_with(is_letter) && !text[at + name.len()..].starts_with(is_letter)
        };
        let at = text.match_indices(name).map(|(at, _)| at).find(whole)?;
        Some((at, name.len(), Part::Placeholder(name)))
    });
    anything.into_iter().chain(named).min_by_key(|(at, ..)| *at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn promised(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    fn holds(promise: &str, said: &str) -> Known {
        let mut known = Known::new();
        compare(&promised(promise), said, &mut known).unwrap_or_else(|error| panic!("{promise}: {error}"));
        known
    }

    fn fails(promise: &str, said: &str, expected: &str) {
        let mut known = Known::from([("TERM", "7".to_owned())]);
        let error = compare(&promised(promise), said, &mut known).expect_err(promise);
        assert!(error.contains(expected), "expected `{expected}`: {error}");
        assert_eq!(known.len(), 1, "nothing is learned from what does not hold");
    }

    #[test]
    fn what_is_said_holds_a_promise() {
        holds("", "");
        holds("verdict  VERIFIED", "verdict  VERIFIED  \n");
        holds("took … ms", "took 3.25 ms\n");
        holds("…\nlast", "first\nsecond\nlast\n");
        holds("first\n…", "first\n");
        holds("a\n…\nb\n…\nc", "a\nb\nx\nb\nc");
        assert_eq!(holds("entry ENTRY: `show ENTRY`", "entry 48211: `show 48211`")["ENTRY"], "48211");
        assert_eq!(holds("…\nto RACK, from …", "so\nto A2, from K1")["RACK"], "A2");
    }

    #[test]
    fn a_wrong_promise_is_found() {
        fails("", "something", "more than is promised");
        fails("verdict  VERIFIED", "", "promised, but not said: `verdict  VERIFIED`; it said nothing");
        fails("0 entries behind", "10 entries behind", "`0 entries behind`");
        fails("one\ntwo", "one\nthree", "not said: `two`");
        fails("one", "one\ntwo", "more than is promised");
        fails("…\ntwo", "one\ntwo\nthree", "more than is promised");
        fails("took … ms", "took  ms", "`took … ms`");
        fails("entry ENTRY: ENTRY", "entry 5: 6", "`entry ENTRY: ENTRY`");
        fails("term TERM", "term 8", "`term TERM`");
        fails("term TERM\nentry ENTRY\nend", "term 7\nentry 9\nno end", "`end`");
    }

    #[test]
    fn commands_are_filled_with_what_is_known() {
        let known = Known::from([("ENTRY", "48211".to_owned())]);
        assert_eq!(
            fill("explain ENTRY --dir n1 # RE-ENTRYS", &known),
            Ok("explain 48211 --dir n1 # RE-ENTRYS".to_owned())
        );
        assert_eq!(fill("explain TRANSFER", &known), Err("nothing before this says what TRANSFER is".to_owned()));
    }
}
