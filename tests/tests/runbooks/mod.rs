//! Every command of every runbook, typed at real replicas that command the plant, and what it says compared with what the page
//! promises. `tests/src/runbooks` tells the notation.

mod hall;
mod pages;
mod paths;
mod setting;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use ridethrough_core::alarm::AlarmKind;
use ridethrough_tests::runbooks::{Page, alarms, metrics};
use ridethrough_tests::{alone, read, root, run};

use self::hall::Hall;
use self::pages::{PAGES, SLOW, Situation};

/// The index of the pages, and what replicas say with the page for it.
const INDEX: &str = "README.md";
const ALARMS: &str = "alarms.md";
/// Metrics that tell how much there is to do, or how long it takes: no page is wanted for any value of them.
const TOLD_ONLY: &[&str] = &[
    "ridethrough_actuation_seconds",
    "ridethrough_anomaly_score",
    "ridethrough_audit_signed_entries",
    "ridethrough_baseline_heard_seconds",
    "ridethrough_baseline_seconds",
    "ridethrough_dpcn_datagrams_total",
    "ridethrough_dpcn_device_rtt_seconds",
    "ridethrough_dpcn_device_transmissions_total",
    "ridethrough_dpcn_frames_total",
    "ridethrough_dpcn_network_frames_total",
    "ridethrough_dpcn_receive_buffer_bytes",
    "ridethrough_dpcn_scheduling_info",
    "ridethrough_dpcn_telemetry_replaced_total",
    "ridethrough_forecast_seconds",
    "ridethrough_intake_samples_total",
    "ridethrough_intake_seconds",
    "ridethrough_kesm_capacity_joules",
    "ridethrough_kesm_stored_joules",
    "ridethrough_model_shadow_judged",
    "ridethrough_model_shadow_skipped_total",
    "ridethrough_nut_connections",
    "ridethrough_rack_limit_watts",
    "ridethrough_rack_power_watts",
    "ridethrough_racks_at_risk",
    "ridethrough_record_bytes",
    "ridethrough_record_rows_total",
    "ridethrough_record_segments_deleted_total",
    "ridethrough_term",
    "ridethrough_tick_seconds",
    "ridethrough_transfers",
    "ridethrough_transfers_judged_seconds",
];

/// Names the pages that are played, for whoever writes one; all without it.
const CHOSEN: &str = "RIDETHROUGH_RUNBOOKS";

fn text(page: &str) -> String {
    read(&root().join("runbooks").join(page))
}

fn pages() -> BTreeSet<String> {
    let entries = fs::read_dir(root().join("runbooks")).expect("there are runbooks").flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names
        .filter(|name| {
            Path::new(name).extension().is_some_and(|ending| ending == "md") && name != INDEX && name != ALARMS
        })
        .collect()
}

/// Plays pages in one hall, and says for each how many commands were typed. A page that does not hold is no reason not to play
/// the next: each begins with what it needs.
fn play(mut hall: Hall, pages: &[(&str, Situation)]) {
    let (mut typed, mut by_hand, mut broken) = (0, 0, Vec::new());
    for (name, situation) in pages {
        let page = Page::parse(&text(name)).unwrap_or_else(|error| panic!("runbooks/{name}: {error}"));
        hall.turn_to();
        situation(&mut hall);
        let ready = hall.seconds();
        match hall.type_all(&page) {
            Ok(count) => {
                let left = page.steps.len() - count;
                println!(
                    "{name}: {count} commands typed, {left} by hand, {:.1} s, {ready:.1} of it for the situation",
                    hall.seconds()
                );
                typed += count;
                by_hand += left;
            }
            Err(error) => {
                println!("{name} does not hold, {:.1} s: line {error}", hall.seconds());
                broken.push(format!("runbooks/{name}:{error}"));
                hall.mend();
            }
        }
    }
    println!("{typed} commands typed, {by_hand} left to hands");
    hall.close();
    assert!(broken.is_empty(), "these pages do not hold:\n{}", broken.join("\n"));
}

#[test]
fn every_command_of_every_page_says_what_is_promised() {
    let _alone = alone();
    let chosen = std::env::var(CHOSEN).unwrap_or_default();
    let pages: Vec<_> = PAGES.iter().copied().filter(|(name, _)| chosen.is_empty() || chosen.contains(name)).collect();
    play(Hall::open(), &pages);
}

#[test]
#[ignore = "two minutes: the nightly command runs it"]
fn the_slow_pages_hold_too() {
    let _alone = alone();
    play(Hall::open(), SLOW);
}

#[test]
fn every_page_is_read_is_played_and_is_listed() {
    let index = text(INDEX);
    let played: BTreeSet<String> = PAGES.iter().chain(SLOW).map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(played, pages(), "each page has a situation, and each situation a page");
    for name in pages() {
        let page = Page::parse(&text(&name)).unwrap_or_else(|error| panic!("runbooks/{name}: {error}"));
        assert!(page.steps.iter().any(|step| step.by_hand.is_none()), "runbooks/{name}: nothing in it is typed");
        assert!(index.contains(&format!("]({name})")), "runbooks/{INDEX} does not list {name}");
    }
    assert!(index.contains(&format!("]({ALARMS})")), "runbooks/{INDEX} does not list {ALARMS}");
}

/// Alarms that operators see and acknowledge name their page themselves.
#[test]
fn every_alarm_has_a_page_and_a_row() {
    let alarms = text(ALARMS);
    for kind in AlarmKind::ALL {
        let (page, name) = (format!("{}.md", kind.runbook()), kind.as_str());
        assert!(pages().contains(&page), "{name}: there is no runbooks/{page}");
        let row = format!("| {name} | {} |", kind.priority().number());
        let line = alarms.lines().find(|line| line.starts_with(&row));
        assert!(
            line.is_some_and(|line| line.contains(&format!("({page})"))),
            "runbooks/{ALARMS} has no row `{row} … {page}`"
        );
    }
}

/// First words and the rest of the rows of [`ALARMS`] that begin with something in backticks.
fn rows() -> Vec<(String, String)> {
    let row = |line: &str| {
        let (words, rest) = line.strip_prefix("| `")?.split_once("` |")?;
        Some((words.to_owned(), rest.to_owned()))
    };
    text(ALARMS).lines().filter_map(row).collect()
}

#[test]
fn every_warning_of_a_replica_has_a_page_and_no_row_is_stale() {
    let (rows, alarms) = (rows(), alarms());
    for alarm in &alarms {
        let row = rows.iter().find(|(words, _)| *words == alarm.words);
        let (_, rest) = row.unwrap_or_else(|| panic!("{}: runbooks/{ALARMS} has no row `{}`", alarm.from, alarm.words));
        let page = rest.rsplit_once("](").and_then(|(_, link)| link.split([')', '#']).next()).unwrap_or_default();
        assert!(pages().contains(page), "runbooks/{ALARMS}: the row `{}` names no page", alarm.words);
    }
    for (words, _) in &rows {
        let is_metric = words.starts_with("ridethrough_");
        let said = alarms.iter().any(|alarm| alarm.words == *words);
        assert!(is_metric || said, "runbooks/{ALARMS}: no replica says `{words}`");
    }
}

#[test]
fn every_metric_has_a_page_or_needs_none_and_none_is_invented() {
    let (known, rows) = (metrics(), rows());
    let in_row = |name: &str| rows.iter().any(|(words, _)| words.split('{').next() == Some(name));
    for name in &known {
        assert!(in_row(name) != TOLD_ONLY.contains(&name.as_str()), "{name}: a row of runbooks/{ALARMS}, or told only");
    }
    let all: Vec<String> = pages().into_iter().chain([INDEX.to_owned(), ALARMS.to_owned()]).collect();
    for page in all {
        let text = text(&page);
        for (at, _) in text.match_indices("ridethrough_") {
            let end = text[at..].find(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'));
            let name = end.map_or(&text[at..], |end| &text[at..at + end]);
            let is_known = known.iter().any(|one| one == name || (name.ends_with('_') && one.starts_with(name)));
            assert!(is_known, "runbooks/{page}: there is no metric `{name}`");
        }
    }
}

/// What a text in backticks calls, as far as it names subcommands: `ridectl audit explain` of `ridectl audit explain ENTRY`.
fn called(text: &str) -> BTreeSet<Vec<String>> {
    let of = |code: &str| {
        let words = code.strip_prefix("ridectl ")?.split(' ');
        let named = words.take_while(|word| word.chars().all(|letter| letter.is_ascii_lowercase())).take(2);
        Some(named.map(str::to_owned).collect())
    };
    text.lines().flat_map(|line| line.split('`').skip(1).step_by(2)).filter_map(of).collect()
}

#[test]
fn what_the_prose_wants_called_exists() {
    let called: BTreeSet<_> = pages().iter().flat_map(|name| called(&text(name))).collect();
    assert!(called.len() > 10, "{called:?}");
    for words in called {
        let help = run("ridectl", &[&words[..], &["--help".to_owned()]].concat());
        assert!(help.code() == 0 && help.stdout.contains("Usage: ridectl"), "{words:?}: {help:?}");
    }
}
