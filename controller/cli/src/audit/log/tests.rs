use clap::Parser;
use tempfile::TempDir;

use super::super::example::Growing;
use super::super::{Source, history};
use super::*;

/// What the command line gives a filter.
#[derive(Parser)]
struct Given {
    #[command(flatten)]
    filter: Filter,
}

fn filter(words: &str) -> Filter {
    let words = std::iter::once("log").chain(words.split(' ').filter(|word| !word.is_empty()));
    Given::try_parse_from(words).unwrap_or_else(|error| panic!("{error}")).filter
}

fn written(log: Growing) -> (TempDir, History) {
    let dir = tempfile::tempdir().expect("a folder for a test");
    log.write(dir.path());
    let source = Source { dir: vec![dir.path().to_path_buf()], site: None };
    let history = history::open(&source).expect("a log");
    (dir, history)
}

fn told(history: &History, filter: &Filter, order: Order, output: Output) -> Result<String> {
    let mut out = Vec::new();
    tell(history, filter, order, output, &mut out)?;
    Ok(String::from_utf8(out).expect("text"))
}

fn indexes(history: &History, words: &str, order: Order) -> Vec<u64> {
    let json = told(history, &filter(words), order, Output::Json).expect("told");
    let lines: Vec<serde_json::Value> = serde_json::from_str(&json).expect("a list");
    lines.iter().map(|line| line["index"].as_u64().expect("a number")).collect()
}

#[test]
fn filters_are_joined_by_and() {
    let (_dir, history) = written(Growing::eventful());
    let check = |words: &str, expected: &[u64]| {
        assert_eq!(indexes(&history, words, Order::OldestFirst), expected, "{words}");
    };
    check("", &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    check("--rack A1", &[2, 3, 4, 5]);
    check("--rack A2", &[5, 6, 7, 10]);
    // The tie acts in the transfer, answers, and is told to stop.
    check("--device A1-A2", &[2, 3, 4]);
    check("--device K1", &[2, 3, 4, 6]);
    check("--device utility", &[5]);
    check("--actor mir", &[6, 7, 8]);
    check("--actor nobody", &[]);
    check("--kind transfer", &[2]);
    check("--kind release", &[4, 7]);
    check("--kind refusal,mode", &[5, 7]);
    check("--kind leader founding", &[0, 1]);
    check("--kind plan --rack A1 --device K1", &[2, 4]);
    check("--term 2 --index 3..5", &[3, 4, 5]);
    check("--term 3..", &[]);
    check("--index ..2 --limit 2", &[0, 1]);
    check("--since 2025-10-09T08:53:25Z", &[6, 7, 8, 9, 10]);
    check("--since 2025-10-09T08:53:25Z --until 2025-10-09T08:53:26Z", &[6]);
    check("--since 1h", &[]);
    // Before the first entry with a time there is none.
    check("--until 1h --limit 1", &[1]);
}

#[test]
fn the_newest_come_first_or_alone() {
    let (_dir, history) = written(Growing::eventful());
    assert_eq!(indexes(&history, "--limit 3", Order::NewestFirst), [10, 9, 8]);
    assert_eq!(indexes(&history, "--actor mira", Order::NewestFirst), [8, 7, 6]);
    assert_eq!(indexes(&history, "--rack A1", Order::Last(2)), [4, 5]);
}

#[test]
fn what_the_site_does_not_have_is_refused_with_what_is_near() {
    let (_dir, history) = written(Growing::founded());
    let refused = |words: &str| {
        let told = told(&history, &filter(words), Order::OldestFirst, Output::Table);
        told.expect_err("not there").to_string()
    };
    assert_eq!(refused("--rack A3"), "--rack: the site has no rack `A3`; near it: `A1`, `A2`");
    assert_eq!(refused("--device K11"), "--device: the site has no device `K11`; near it: `kesm K1`");
    let error = Given::try_parse_from(["log", "--kind", "transfers"]).err().expect("no such kind").to_string();
    assert!(error.contains("'transfers'") && error.contains("'transfer'") && error.contains("refusal"), "{error}");
    for bad in ["--since=yesterday", "--index=9..7", "--term=x", "--limit=0"] {
        assert!(Given::try_parse_from(["log", bad]).is_err(), "{bad}");
    }
}

#[test]
fn a_table_has_a_line_for_each_thing_that_is_said() {
    let (_dir, history) = written(Growing::eventful());
    let table = told(&history, &filter("--index ..2"), Order::OldestFirst, Output::Table).expect("told");
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 4, "{table}");
    assert!(lines[0].starts_with("INDEX   TERM  LED BY PROPOSED (UTC)"), "{table}");
    assert!(lines[1].ends_with(" -                        -         leader    n1 begins term 2"), "{table}");
    assert!(
        lines[3].contains("2025-10-09T08:53:21.000Z") && lines[3].contains("transfer  2.0 to A1 from K1"),
        "{table}"
    );
}

#[test]
fn more_than_can_be_held_is_refused() {
    let mut log = Growing::founded();
    for at in 0..i64::try_from(HELD_MAX).expect("small") {
        log.commit(at, ridethrough_core::command::Command::Plan(ridethrough_core::command::Plan::default()));
    }
    let (_dir, history) = written(log);
    let error = told(&history, &Filter::default(), Order::NewestFirst, Output::Table).expect_err("too many");
    assert!(error.to_string().contains("name --limit"), "{error}");
    assert_eq!(indexes(&history, "--limit 1", Order::NewestFirst), [HELD_MAX as u64 + 1]);
}
