//! A page, read into what is to be typed and what is promised.

/// What every page has, in this order.
pub const SECTIONS: [&str; 5] =
    ["When", "What you see", "What to type", "How to know that it worked", "How to go back"];
/// Before a command that the tests do not type.
const BY_HAND: &str = "# by hand: ";
/// After a command that is typed until it says what is promised.
const AGAIN: &str = "again until it says so";
/// After a command that ends with another status than 0.
const STATUS: &str = "exit status ";

/// Where a command is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Where {
    /// At the operator's desk.
    Desk,
    /// On the host of the replica of this number.
    Host(u16),
    /// On the host of whoever leads.
    Leader,
}

/// One command with its promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Line of the page, from 1.
    pub line: usize,
    /// Where it is typed.
    pub at: Where,
    /// The command, without what is noted behind it.
    pub command: String,
    /// The lines that it is to say.
    pub promised: Vec<String>,
    /// How it is to end.
    pub status: i32,
    /// Whether it is typed again until it says what is promised.
    pub again: bool,
    /// Why the tests do not type it.
    pub by_hand: Option<String>,
}

/// A page of the runbooks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// What is to be typed, in order.
    pub steps: Vec<Step>,
}

impl Page {
    /// Reads a page; what is wrong with it begins with the number of the line.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut reader = Reader::default();
        for (nth, line) in text.lines().enumerate() {
            reader.take(nth + 1, line)?;
        }
        if let Some(begun) = reader.block {
            return Err(format!("line {begun}: this block does not end"));
        }
        match SECTIONS.get(reader.sections) {
            Some(missing) => {
                Err(format!("line 1: a page has the sections {SECTIONS:?} in this order; `{missing}` is missing"))
            }
            None => Ok(Self { steps: reader.steps }),
        }
    }
}

#[derive(Default)]
struct Reader {
    steps: Vec<Step>,
    /// How many of [`SECTIONS`] were met.
    sections: usize,
    /// Where the block that is read began.
    block: Option<usize>,
    /// Whether a command has begun in it, which what is said belongs to.
    has_step: bool,
    /// A reason that awaits its command.
    by_hand: Option<String>,
}

impl Reader {
    fn take(&mut self, number: usize, line: &str) -> Result<(), String> {
        match (line.strip_prefix("```"), self.block) {
            (Some("console"), None) => {
                (self.block, self.has_step) = (Some(number), false);
                Ok(())
            }
            (Some(""), Some(_)) => self.end_block(number),
            (Some(kind), _) => {
                Err(format!("line {number}: a block of the kind `{kind}`; only `console` is typed by the tests"))
            }
            (None, Some(_)) => self.typed(number, line),
            (None, None) => {
                self.prose(line);
                Ok(())
            }
        }
    }

    fn prose(&mut self, line: &str) {
        let awaited = SECTIONS.get(self.sections);
        if line.strip_prefix("## ").is_some_and(|title| Some(&title) == awaited) {
            self.sections += 1;
        }
    }

    fn end_block(&mut self, number: usize) -> Result<(), String> {
        self.block = None;
        match (self.by_hand.take(), self.has_step) {
            (Some(_), _) => Err(format!("line {number}: no command follows the reason")),
            (None, false) => Err(format!("line {number}: a block without a command")),
            (None, true) => Ok(()),
        }
    }

    fn typed(&mut self, number: usize, line: &str) -> Result<(), String> {
        if let Some(reason) = line.strip_prefix(BY_HAND) {
            self.by_hand = Some(reason.to_owned());
            return Ok(());
        }
        if let Some((at, typed)) = prompt(line) {
            let mut step = step(number, at, typed)?;
            step.by_hand = self.by_hand.take();
            self.steps.push(step);
            self.has_step = true;
            return Ok(());
        }
        match self.steps.last_mut().filter(|_| self.has_step && self.by_hand.is_none()) {
            Some(step) => {
                step.promised.push(line.trim_end().to_owned());
                Ok(())
            }
            None => Err(format!("line {number}: no command says this; one begins with `$ `, `n1$ ` or `leader$ `")),
        }
    }
}

/// Splits a line into where and what, if it is typed.
fn prompt(line: &str) -> Option<(Where, &str)> {
    let (host, typed) = line.split_once("$ ")?;
    if host.is_empty() {
        return Some((Where::Desk, typed));
    }
    if host == "leader" {
        return Some((Where::Leader, typed));
    }
    let number = host.strip_prefix('n')?.parse().ok()?;
    Some((Where::Host(number), typed))
}

fn step(line: usize, at: Where, typed: &str) -> Result<Step, String> {
    let (command, notes) = typed.split_once(" # ").unwrap_or((typed, ""));
    let command = command.trim().to_owned();
    let mut step = Step { line, at, command, promised: Vec::new(), status: 0, again: false, by_hand: None };
    for note in notes.split(", ").filter(|note| !note.is_empty()) {
        match note.strip_prefix(STATUS).map(str::parse) {
            Some(Ok(status)) => step.status = status,
            None if note == AGAIN => step.again = true,
            _ => {
                return Err(format!(
                    "line {line}: `{note}` means nothing behind a command; `{STATUS}1` or `{AGAIN}` would"
                ));
            }
        }
    }
    Ok(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A page with all sections and these lines in its middle.
    fn page(lines: &str) -> Result<Page, String> {
        let [when, see, typed, worked, back] = SECTIONS;
        Page::parse(&format!("# Title\n## {when}\n## {see}\n## {typed}\n{lines}\n## {worked}\n## Else\n## {back}\n"))
    }

    fn check(lines: &str, expected: &str) {
        let error = page(lines).expect_err(expected);
        assert!(error.contains(expected), "expected `{expected}`: {error}");
    }

    #[test]
    fn commands_are_found_with_their_hosts_promises_and_notes() {
        let text = "```console\n$ ridectl audit verify n1 n2 # exit status 1\nverdict    …\n\n  end\nn2$ date # again until it says so, exit status 3\n```\n\
                    prose\n```console\n# by hand: it takes an hour\nn3$ sleep 3600\nleader$ true\n```";
        let steps = page(text).expect("it is a page").steps;
        let told: Vec<_> =
            steps.iter().map(|step| (step.line, step.at, step.command.as_str(), step.status, step.again)).collect();
        let expected = [
            (6, Where::Desk, "ridectl audit verify n1 n2", 1, false),
            (10, Where::Host(2), "date", 3, true),
            (15, Where::Host(3), "sleep 3600", 0, false),
            (16, Where::Leader, "true", 0, false),
        ];
        assert_eq!(told, expected);
        assert_eq!(steps[0].promised, ["verdict    …", "", "  end"]);
        assert_eq!(steps[2].by_hand.as_deref(), Some("it takes an hour"));
        assert!(steps[0].by_hand.is_none() && steps[1].by_hand.is_none() && steps[1].promised.is_empty());
    }

    #[test]
    fn what_would_be_typed_by_nobody_is_refused_with_its_line() {
        check("```sh\nls\n```", "line 5: a block of the kind `sh`");
        check("```\nls\n```", "line 5: a block of the kind ``");
        check("```console\nls\n```", "line 6: no command says this");
        check("```console\n```", "line 6: a block without a command");
        check("```console\n$ ls # quickly\n```", "line 6: `quickly` means nothing");
        check("```console\n$ ls # exit status one\n```", "line 6: `exit status one` means nothing");
        check("```console\n$ ls\n# by hand: no\n```", "line 8: no command follows the reason");
        check("```console\n# by hand: no\nit says\n```", "line 7: no command says this");
        check("```console\n$ ls", "line 5: this block does not end");
    }

    #[test]
    fn a_page_without_one_of_its_sections_is_refused() {
        let error = Page::parse("## When\n## What to type\n## What you see\n").expect_err("sections are missing");
        assert!(error.contains("`What to type` is missing"), "{error}");
        assert!(Page::parse("# Nothing\n").expect_err("no section").contains("`When` is missing"));
    }
}
