//! A run as JUnit XML: one suite, one case for every check.

use std::fmt::Write as _;

use crate::drill::journal::Outcome;
use crate::page::markup::escaped;

/// The file's text.
pub fn text(outcome: &Outcome) -> String {
    let failures = outcome.checks.iter().filter(|check| !check.ok).count();
    let (drill, tests, seconds) = (escaped(&outcome.drill), outcome.checks.len(), outcome.seconds);
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <testsuite name=\"drill {drill}\" tests=\"{tests}\" failures=\"{failures}\" time=\"{seconds:.3}\">\n\
         <properties><property name=\"seed\" value=\"{}\"/><property name=\"verdict\" value=\"{}\"/></properties>\n",
        outcome.seed,
        outcome.verdict.as_str()
    );
    for check in &outcome.checks {
        let name = plain(&check.name);
        let _ = write!(text, "<testcase classname=\"{drill}\" name=\"{name}\"");
        if check.ok {
            text += "/>\n";
        } else {
            let message = plain(&format!("{}, allowed is: {}", check.measured, check.budget));
            let _ = writeln!(text, "><failure message=\"{message}\"/></testcase>");
        }
    }
    text + "</testsuite>\n"
}

/// What XML may hold: no control characters, escaped.
fn plain(text: &str) -> String {
    escaped(&text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect::<String>())
}
