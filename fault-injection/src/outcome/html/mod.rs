//! Scores and curves as one page: no script is needed to read it, and nothing is fetched.
//!
//! Order of the page: verdicts, the command that repeats it, tables, plots, what the words mean, the scores as JSON.

mod figure;
mod sample;

use super::columns::{COLUMNS, Column, MORE, seconds};
use super::{Outcome, PolicyOutcome, json, verdict};
use crate::page::markup::escaped;

const STYLE: &str = concat!(include_str!("../../page/base.css"), include_str!("style.css"));

/// The page. `command_line` is what to type for the same comparison.
pub fn page(outcomes: &[Outcome], command_line: &str) -> Result<String, serde_json::Error> {
    let parts = [
        head(),
        section("verdict", "What each policy was worth", &verdicts(outcomes)),
        section("command", "To repeat it", &format!("<pre><code>{}</code></pre>\n", escaped(command_line))),
        section("scores", "Scores", &outcomes.iter().map(scores).collect::<String>()),
        section("plots", "Over time", &outcomes.iter().map(plots).collect::<String>()),
        section("words", "What the words mean", &words(outcomes)),
        // A `<` would let a name end the element.
        format!(
            "<script type=\"application/json\" id=\"outcome\">{}</script>\n",
            json::text(outcomes)?.replace('<', "\\u003c")
        ),
        "</main>\n</body>\n</html>\n".to_owned(),
    ];
    Ok(parts.concat())
}

fn head() -> String {
    let heads = "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n";
    let view = "<meta name=\"viewport\" content=\"width=device-width\">\n<title>Ridethrough: outcome</title>\n";
    format!("{heads}{view}<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>Ridethrough: outcome</h1>\n")
}

fn section(id: &str, title: &str, content: &str) -> String {
    format!("<section id=\"{id}\">\n<h2>{title}</h2>\n{content}</section>\n")
}

fn verdicts(outcomes: &[Outcome]) -> String {
    let items = outcomes.iter().map(|outcome| {
        let (name, sentence) = (escaped(&outcome.scenario), escaped(&verdict::sentence(outcome)));
        format!("<dt>{name}</dt><dd>{sentence}</dd>\n")
    });
    format!("<dl class=\"verdicts\">\n{}</dl>\n", items.collect::<String>())
}

fn scores(outcome: &Outcome) -> String {
    let heads = columns().map(|column| {
        let unit = if column.unit.is_empty() { String::new() } else { format!("<br>{}", column.unit) };
        format!("<th scope=\"col\" title=\"{}\">{}{unit}</th>", column.about, column.head)
    });
    let heads = heads.collect::<String>();
    let rows = outcome.policies.iter().map(row).collect::<String>();
    format!(
        "<div class=\"wide\">\n<table>\n<caption>{}</caption>\n<thead><tr><th scope=\"col\">policy</th>{heads}</tr></thead>\n\
         <tbody>\n{rows}</tbody>\n</table>\n</div>\n",
        headline(outcome)
    )
}

fn row(outcome: &PolicyOutcome) -> String {
    let cells = columns().map(|column| {
        let figure = (column.cell)(&outcome.score);
        if (column.abnormal)(&outcome.score) {
            // The triangle tells it without colour, too.
            return format!("<td class=\"abnormal\">▲ {figure}</td>");
        }
        let class = if figure.bytes().any(|digit| (b'1'..=b'9').contains(&digit)) { "" } else { " class=\"nil\"" };
        format!("<td{class}>{figure}</td>")
    });
    let policy = outcome.policy;
    let cells = cells.collect::<String>();
    format!("<tr class=\"{policy}\"><th scope=\"row\">{}{policy}</th>{cells}</tr>\n", figure::swatch(policy))
}

fn columns() -> impl Iterator<Item = &'static Column> {
    COLUMNS.iter().chain(&MORE)
}

fn plots(outcome: &Outcome) -> String {
    let caption = headline(outcome);
    format!("<figure>\n<figcaption>{caption}</figcaption>\n{}{}</figure>\n", figure::draw(outcome), marks(outcome))
}

fn headline(outcome: &Outcome) -> String {
    let (name, about) = (escaped(&outcome.scenario), escaped(&outcome.about));
    format!("<b>{name}</b> {about} <span>seed {}, {}</span>", outcome.seed, seconds(outcome.seconds))
}

/// The marks of the figure in words.
fn marks(outcome: &Outcome) -> String {
    let events = figure::events(outcome);
    let shown = events.iter().take(figure::EVENTS_MAX).map(|event| {
        let whose = event.only.map_or_else(String::new, |policy| format!(" ({policy})"));
        format!("<li>{} s: {}{whose}</li>\n", event.at_seconds, escaped(event.text))
    });
    let list = format!("<ol class=\"events\">\n{}</ol>\n", shown.collect::<String>());
    let left_out = events.len().saturating_sub(figure::EVENTS_MAX);
    let more = if left_out == 0 { String::new() } else { format!("<p>{left_out} more events are not shown.</p>\n") };
    let trips = outcome.policies.iter().filter_map(trips).collect::<String>();
    format!("{}{more}{trips}", if events.is_empty() { String::new() } else { list })
}

/// How many trips of a policy are told in words.
const TRIPS_TOLD_MAX: usize = 24;

fn trips(outcome: &PolicyOutcome) -> Option<String> {
    let trips = figure::trips(&outcome.curve).collect::<Vec<_>>();
    let told = trips.iter().take(TRIPS_TOLD_MAX);
    let told = told.map(|mark| format!("{} at {} s", escaped(&mark.text), mark.at_seconds)).collect::<Vec<_>>();
    let left_out = trips.len() - told.len();
    let more = if left_out == 0 { String::new() } else { format!(" and {left_out} more") };
    let sentence = format!("<p>Under {}, breakers trip: {}{more}.</p>\n", outcome.policy, told.join(", "));
    (!trips.is_empty()).then_some(sentence)
}

fn words(outcomes: &[Outcome]) -> String {
    let mut policies = outcomes.iter().flat_map(|each| &each.policies).map(|each| each.policy).collect::<Vec<_>>();
    policies.sort();
    policies.dedup();
    let policies = policies.iter().map(|policy| format!("<dt>{policy}</dt><dd>{}.</dd>\n", escaped(&policy.about())));
    let columns = columns().map(|column| format!("<dt>{}</dt><dd>{}.</dd>\n", column.title(), column.about));
    format!(
        "<div class=\"words\">\n<dl>\n{}</dl>\n<dl>\n{}</dl>\n</div>\n<p>{}</p>\n<p>{}</p>\n",
        policies.collect::<String>(),
        columns.collect::<String>(),
        verdict::RANKING,
        figure::NOTE
    )
}

#[cfg(test)]
mod tests {
    use super::super::{Mark, MarkKind, example};
    use super::*;

    fn page_of(outcomes: &[Outcome]) -> String {
        let page = page(outcomes, "drill outcome --seed 42").expect("plain figures");
        if let Err(fault) = crate::page::markup::check(&page) {
            panic!("{fault}");
        }
        page
    }

    #[test]
    fn a_page_is_well_formed_and_asks_for_nothing() {
        let page = page_of(&example::outcomes());
        for outside in ["http:", "https:", "src=", "href=", "url(", "@import", "//"] {
            assert!(!page.contains(outside), "{outside}");
        }
        let sections = ["id=\"verdict\"", "id=\"command\"", "id=\"scores\"", "id=\"plots\"", "id=\"outcome\""];
        let places = sections.map(|section| page.find(section).expect("every section is there"));
        assert!(places.is_sorted(), "{places:?}");
    }

    #[test]
    fn a_page_of_nothing_is_a_page() {
        page_of(&[]);
        let mut outcomes = example::outcomes();
        outcomes[0].policies.clear();
        outcomes[1].seconds = 0.0;
        outcomes[1].policies[0].curve = super::super::Curve::default();
        outcomes[1].policies[1].curve.utility_watts.fill(f64::NAN);
        page_of(&outcomes);
    }

    #[test]
    fn every_text_from_outside_is_escaped() {
        let evil = "</script><b>&\"'";
        let mut outcomes = example::outcomes();
        outcomes[0].scenario = evil.to_owned();
        outcomes[0].about = evil.to_owned();
        for kind in [MarkKind::Event, MarkKind::Trip] {
            outcomes[0].policies[1].curve.marks.push(Mark { at_seconds: 3.0, kind, text: evil.to_owned() });
        }
        let page = page(&outcomes, evil).expect("plain figures");
        assert_eq!(crate::page::markup::check(&page), Ok(()));
        assert_eq!(page.matches("</script>").count(), 1);
        assert!(!page.contains("<b>&\""));
    }

    #[test]
    fn the_scores_in_the_page_are_those_of_the_json_output() {
        let mut outcomes = example::outcomes();
        outcomes[0].scenario = "a<b".to_owned();
        let page = page_of(&outcomes);
        let start = page.find("id=\"outcome\">").expect("the data") + "id=\"outcome\">".len();
        let data = &page[start..start + page[start..].find("</script>").expect("an end")];
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON");
        assert_eq!(read(data), read(&json::text(&outcomes).expect("plain figures")));
    }

    #[test]
    fn a_scenario_costs_at_most_150_kilobytes() {
        let one = page_of(&example::outcomes()[..1]).len();
        let mut long = example::outcomes()[..1].to_vec();
        long[0].seconds = 7_200.0;
        for each in &mut long[0].policies {
            let curve = &mut each.curve;
            // The worst for the size: every point is elsewhere.
            curve.worst_draw_shares = (0..=7_200).map(|second| f64::from(second * 37 % 101) / 100.0).collect();
            curve.stored_shares = (0..=7_200).map(|second| f64::from(second * 53 % 101) / 100.0).collect();
            curve.utility_watts = (0..=7_200).map(|second| f64::from(second * 71 % 101) * 1_000.0).collect();
            curve.capped_servers = (0..=7_200).map(|second| second * 89 % 101).collect();
        }
        let worst = page_of(&long).len();
        assert!(one < 120_000 && worst < 150_000, "{one} and {worst} bytes");
    }
}
