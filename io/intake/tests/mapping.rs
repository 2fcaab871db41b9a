//! A mapping file is checked against the site; what is wrong is told with file, line and key.

mod desk;

use desk::{MAPPING, R1, S1, S2, mapping, site};
use ridethrough_intake::{Mapping, Signal};

const GOOD: &str = r#"[[signal]]
signal = "power"
metric = "meter_watts"
kind = "gauge"
server = { a = "s1", b = "s2" }
"#;

/// The error that an edit of a good file leads to.
fn check(from: &str, to: &str, expected: &str) {
    assert!(GOOD.contains(from), "the test edits what is there");
    let text = GOOD.replacen(from, to, 1);
    let error = Mapping::parse("signals.toml", &text, &site()).expect_err(expected).to_string();
    assert!(error.contains(expected), "expected `{expected}` in `{error}`");
}

#[test]
fn a_good_mapping_says_what_it_maps() {
    let mapping = mapping(MAPPING);
    assert_eq!((mapping.signals(), mapping.inputs()), (3, 6));
    let whole_numbers = GOOD.replacen("server", "scale = 8\nmax = 250000\nserver", 1);
    assert!(Mapping::parse("signals.toml", &whole_numbers, &site()).is_ok());
}

#[test]
fn what_the_site_does_not_have_is_named_with_its_line() {
    check("\"s2\"", "\"s9\"", "signals.toml:5: signal.server: \"s9\", for \"b\", is not in the site");
    check(
        "server = { a = \"s1\", b = \"s2\" }",
        "rack = { a = \"s1\" }",
        "signals.toml:5: signal.rack: \"s1\", for \"a\"",
    );
}

#[test]
fn keys_and_values_that_cannot_be_are_named() {
    check("\"power\"", "\"temperature\"", "signals.toml:2:");
    check("kind", "kimd", "unknown field `kimd`");
    check(
        "\"meter_watts\"",
        "\"meter watts\"",
        "signals.toml:3: signal.metric: \"meter watts\" is no name of a metric",
    );
    check(
        "server = { a = \"s1\", b = \"s2\" }",
        "server_pattern = \"s1\"",
        "signal.server_pattern: \"s1\", expected one {}",
    );
    check("server = { a = \"s1\", b = \"s2\" }", "", "expected one of server, server_pattern, rack, rack_pattern");
    check("server", "by = \"9x\"\nserver", "signals.toml:5: signal.by: \"9x\" is no name of a label");
    check("server", "scale = 0.0\nserver", "signals.toml:5: signal.scale: 0, expected 1e-12 to 1e12");
    check("server", "scale = nan\nserver", "signal.scale: NaN");
    check("server", "max = -1.0\nserver", "signal.max: -1");
    check("server", "max_age_seconds = 0\nserver", "signal.max_age_seconds: 0, expected 1 to 3600");
    check("server", "labels = { x = [] }\nserver", "signal.labels: \"x\"");
    check(GOOD, "", "there is no [[signal]]");
    check("[[signal]]", "[[signal", "signals.toml:1:");
}

#[test]
fn nothing_is_added_up_that_was_not_said_to_be() {
    check("b = \"s2\"", "b = \"s1\"", "power of \"s1\" is named twice; say sum = true");
    let twice = format!("{GOOD}{}", GOOD.replace("meter_watts", "other_watts"));
    let error = Mapping::parse("signals.toml", &twice, &site()).expect_err("twice").to_string();
    assert!(error.contains("signals.toml:10: signal: power of \"s1\" is mapped at line 1 already"), "{error}");
    let summed = twice.replace("kind", "sum = true\nkind");
    assert!(Mapping::parse("signals.toml", &summed, &site()).is_ok());
    let same = format!("{GOOD}{GOOD}").replace("kind", "sum = true\nkind");
    let error = Mapping::parse("signals.toml", &same, &site()).expect_err("the same").to_string();
    assert!(error.contains("made of the very same series twice"), "{error}");
}

#[test]
fn a_pattern_names_every_server_and_racks_have_signals_too() {
    let text = "[[signal]]\nsignal = \"power\"\nmetric = \"pdu_watts\"\nkind = \"gauge\"\nrack_pattern = \"pdu-{}.example:80\"\n";
    let mut desk = desk::Desk::new(text);
    let told = [("__name__", "pdu_watts"), ("instance", "pdu-r1.example:80")];
    assert_eq!(desk.send(&[desk::series(&told, &[(0, 900.0)])]).refused(), 0);
    assert_eq!(desk.value(R1, Signal::Power), Some(900.0));
    assert_eq!((desk.value(S1, Signal::Power), desk.value(S2, Signal::Power)), (None, None));
    desk.ms = 2_000;
    let tally = desk.send(&[desk::series(&told, &[(1_000, 2_001.0)])]);
    assert_eq!(tally.to_string(), "1 of 1 samples refused: 1 absurd", "above twice what its servers can take");
}
