//! A run as one page: verdict, what was done, timeline, checks, audit. No script is needed, nothing is fetched.

use super::timeline;
use crate::drill::checks::Check;
use crate::drill::journal::{Outcome, Verdict};
use crate::page::markup::escaped;

const STYLE: &str = concat!(include_str!("../../page/base.css"), include_str!("style.css"));

/// The page.
pub fn page(outcome: &Outcome) -> Result<String, serde_json::Error> {
    let parts = [
        head(&outcome.drill),
        section("verdict", &verdict(outcome), &done(outcome)),
        section(
            "timeline",
            "What happened when",
            &format!("<figure>\n{}</figure>\n{}", timeline::draw(outcome), events(outcome)),
        ),
        section("checks", "What must have held", &checks(&outcome.checks)),
        section("audit", "For the auditor", &audit(outcome)),
        // A `<` would let a name end the element.
        format!(
            "<script type=\"application/json\" id=\"run\">{}</script>\n",
            serde_json::to_string(outcome)?.replace('<', "\\u003c")
        ),
        "</main>\n</body>\n</html>\n".to_owned(),
    ];
    Ok(parts.concat())
}

fn head(drill: &str) -> String {
    let heads = "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n";
    let title = escaped(drill);
    let view = format!("<meta name=\"viewport\" content=\"width=device-width\">\n<title>Drill {title}</title>\n");
    format!("{heads}{view}<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>Ridethrough: drill {title}</h1>\n")
}

fn section(id: &str, title: &str, content: &str) -> String {
    format!("<section id=\"{id}\">\n<h2>{title}</h2>\n{content}</section>\n")
}

/// The verdict in words, with a sign that needs no colour.
fn verdict(outcome: &Outcome) -> String {
    let failed = outcome.checks.iter().filter(|check| !check.ok).count();
    match outcome.verdict {
        Verdict::Passed => format!("✓ Passed: all {} checks held", outcome.checks.len()),
        Verdict::Failed => format!("▲ Failed: {failed} of {} checks did not hold", outcome.checks.len()),
        Verdict::Aborted => "▲ Broken off".into(),
        Verdict::Refused => "▲ Refused".into(),
    }
}

fn done(outcome: &Outcome) -> String {
    let (about, row, keeps) = (escaped(&outcome.about), escaped(&outcome.row), escaped(&outcome.keeps.join(" ")));
    format!(
        "<p>{about}</p>\n<dl>\n<dt>fault</dt><dd>{row}</dd>\n<dt>tries</dt><dd>{keeps}</dd>\n<dt>seed</dt><dd>{}</dd>\n\
         <dt>lasted</dt><dd>{:.1} s from the steady state on</dd>\n<dt>again</dt><dd><code>{}</code></dd>\n</dl>\n",
        outcome.seed,
        outcome.seconds,
        escaped(&outcome.command)
    )
}

fn events(outcome: &Outcome) -> String {
    let rows = outcome
        .events
        .iter()
        .map(|event| format!("<tr><td>{:.2}</td><td class=\"words\">{}</td></tr>\n", event.t_s, escaped(&event.text)));
    let rows = rows.collect::<String>();
    let left_out = match outcome.events_left_out {
        0 => String::new(),
        more => format!("<p>{more} more events are not kept.</p>\n"),
    };
    format!(
        "<table>\n<thead><tr><th scope=\"col\">s</th><th scope=\"col\" class=\"words\">event</th></tr></thead>\n<tbody>\n{rows}</tbody>\n\
         </table>\n{left_out}"
    )
}

fn checks(checks: &[Check]) -> String {
    let row = |check: &Check| {
        let (class, mark) = if check.ok { ("", "✓") } else { (" class=\"abnormal\"", "▲") };
        format!(
            "<tr{class}><td>{mark}</td><th scope=\"row\">{}</th><td class=\"words\">{}</td><td class=\"words\">{}</td></tr>\n",
            escaped(&check.name),
            escaped(&check.measured),
            escaped(&check.budget)
        )
    };
    let rows = checks.iter().map(row).collect::<String>();
    format!(
        "<table>\n<thead><tr><th scope=\"col\"></th><th scope=\"col\" class=\"words\">check</th><th scope=\"col\" class=\"words\">measured\
         </th><th scope=\"col\" class=\"words\">allowed</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n"
    )
}

fn audit(outcome: &Outcome) -> String {
    let told = |key: &str| match &outcome.audit[key] {
        serde_json::Value::Null => "not told".to_owned(),
        serde_json::Value::String(text) => escaped(text),
        other => escaped(&other.to_string()),
    };
    let begun = outcome.begun_at_index.map_or_else(|| "none".into(), |index| index.to_string());
    format!(
        "<dl>\n<dt>entry that says it began</dt><dd>{begun}</dd>\n<dt>entries</dt><dd>{}</dd>\n<dt>root hash</dt><dd><code>{}</code></dd>\n\
         <dt>orders executed</dt><dd>{}</dd>\n<dt>orders refused</dt><dd>{}</dd>\n</dl>\n",
        told("entries"),
        told("root"),
        told("orders_executed"),
        told("orders_refused")
    )
}
