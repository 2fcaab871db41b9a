//! Whatever comes, nothing panics, every answer is whole, and nobody learns or changes what he must not.

use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use proptest::prelude::*;
use ridethrough_core::units::Watts;
use ridethrough_nut::{Answer, Board, Command, Desk, Fault, Fleet, Session, Ups, UpsView, Users};

const USERS: &str = "[[user]]\nname = \"host\"\npassword = \"correct-horse\"\nrole = \"primary\"\n";
const HINTS: [&str; 30] = [
    "GET",
    "LIST",
    "SET",
    "VAR",
    "UPS",
    "RW",
    "CMD",
    "ENUM",
    "RANGE",
    "CLIENT",
    "TYPE",
    "DESC",
    "CMDDESC",
    "UPSDESC",
    "NUMLOGINS",
    "TRACKING",
    "USERNAME",
    "PASSWORD",
    "LOGIN",
    "LOGOUT",
    "PRIMARY",
    "MASTER",
    "FSD",
    "INSTCMD",
    "a",
    "ups.status",
    "host",
    "\"",
    "\\",
    "correct-horse",
];

fn cases() -> ProptestConfig {
    let cases = std::env::var("RIDETHROUGH_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(2_000);
    ProptestConfig::with_cases(cases)
}

fn desk(now: Instant) -> Desk {
    let text = || "a \"quoted\" text".to_owned();
    let ups = Ups { name: "a".into(), description: text(), location: text(), tier: 1, limit: Watts::new(1_000) };
    let board = Board { at: Some(now), views: vec![UpsView { heard: true, ..UpsView::default() }] };
    let fleet = Arc::new(Fleet::new(vec![ups]).expect("good"));
    Desk::new(fleet, Arc::new(ArcSwap::from_pointee(board)), Some(Users::parse("f", USERS).expect("good")))
}

/// One line, or a list from its BEGIN to its END; nothing that could be taken for a second answer.
fn assert_whole(text: &str) {
    assert!(text.ends_with('\n'), "{text:?}");
    let lines: Vec<&str> = text.lines().collect();
    if let Some(what) = lines[0].strip_prefix("BEGIN ") {
        assert_eq!(lines.last().copied(), Some(format!("END {what}").as_str()));
    } else {
        assert_eq!(lines.len(), 1, "{text:?}");
    }
    assert!(text.chars().all(|letter| letter == '\n' || !letter.is_control()), "{text:?}");
}

fn hinted() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(&HINTS[..]), 0..7).prop_map(|words| words.join(" ").into_bytes())
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn any_bytes_are_answered_in_whole(lines in prop::collection::vec(
        prop_oneof![prop::collection::vec(any::<u8>(), 0..200), hinted()], 1..12))
    {
        let now = Instant::now();
        let (desk, mut session) = (desk(now), Session::new([127, 0, 0, 1].into()));
        for line in lines {
            let answer = session.answer(&desk, &line, now);
            assert_whole(&answer.text());
            // Whatever was said before: nothing can be set, ordered or forced.
            let changes = ["SET VAR", "INSTCMD", "FSD"].map(str::as_bytes);
            let first: Vec<u8> = line.iter().map(u8::to_ascii_uppercase).collect();
            if changes.iter().any(|word| first.starts_with(word)) {
                prop_assert!(answer.fault().is_some(), "{answer:?}");
            }
        }
    }

    #[test]
    fn words_that_are_quoted_are_read_back(word in "[ -~]{1,40}") {
        let line = format!("PASSWORD \"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""));
        prop_assert_eq!(Command::parse(line.as_bytes()), Ok(Command::Password(word)));
    }

    #[test]
    fn only_the_right_password_opens(name in "[a-z]{0,6}|host", word in "[ -~]{0,20}|correct-horse") {
        let now = Instant::now();
        let (desk, mut session) = (desk(now), Session::new([127, 0, 0, 1].into()));
        let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
        session.answer(&desk, format!("USERNAME {}", quoted(&name)).as_bytes(), now);
        session.answer(&desk, format!("PASSWORD {}", quoted(&word)).as_bytes(), now);
        let answer = session.answer(&desk, b"LOGIN a", now);
        let right = (name.as_str(), word.as_str()) == ("host", "correct-horse");
        prop_assert_eq!(answer == Answer::Text("OK\n".into()), right);
        prop_assert_eq!(answer.fault() == Some(Fault::AccessDenied), !right);
    }
}
