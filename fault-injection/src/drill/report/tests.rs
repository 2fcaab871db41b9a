use serde_json::json;

use super::*;
use crate::drill::checks::Check;
use crate::drill::journal::{About, Event, FaultSpan, Outcome, Verdict};
use crate::drill::seen::Sample;
use crate::page::markup;

const EVIL: &str = "</script><b>&\"'";

fn outcome() -> Outcome {
    let check = |name: &str, ok| Check { name: name.into(), measured: "15.9 ms".into(), budget: "2000 ms".into(), ok };
    let sample = |t_s: f64, roles: &str| Sample {
        t_s,
        roles: roles.into(),
        term: 2,
        transfers: 3,
        obeying: 12,
        worst_draw_share: 1.02,
        stored_share: 0.9,
    };
    Outcome {
        drill: "kill-leader".into(),
        about: EVIL.into(),
        row: "kill".into(),
        keeps: vec!["I1".into()],
        verdict: Verdict::Failed,
        seed: 42,
        command: "drill run kill-leader --seed 42".into(),
        began_unix_s: 1,
        seconds: 12.0,
        checks: vec![check("failover gap", true), check(EVIL, false)],
        events: vec![Event { t_s: 0.0, about: About::Fault, text: EVIL.into() }],
        events_left_out: 2,
        faults: vec![FaultSpan { text: EVIL.into(), from_s: 2.0, until_s: 7.0 }],
        samples: vec![sample(0.0, "lff"), sample(2.0, "xcf"), sample(3.0, "xlf"), sample(8.0, "flf")],
        audit: json!({ "entries": 56, "root": "abc" }),
        begun_at_index: Some(7),
    }
}

#[test]
fn a_page_is_well_formed_and_asks_for_nothing() {
    let page = html::page(&outcome()).expect("plain figures");
    assert_eq!(markup::check(&page), Ok(()));
    for outside in ["http:", "https:", "src=", "href=", "url(", "@import", "<b>&"] {
        assert!(!page.contains(outside), "{outside}");
    }
    let sections = ["id=\"verdict\"", "id=\"timeline\"", "id=\"checks\"", "id=\"audit\"", "id=\"run\""];
    let places = sections.map(|section| page.find(section).expect("every section is there"));
    assert!(places.is_sorted(), "{places:?}");
    assert!(page.contains("1 of 2 checks did not hold") && page.contains("2 more events"), "{page}");
}

#[test]
fn a_page_of_a_run_that_never_began_is_a_page() {
    let nothing =
        Outcome { samples: Vec::new(), checks: Vec::new(), events: Vec::new(), faults: Vec::new(), ..outcome() };
    let page = html::page(&nothing).expect("plain figures");
    assert_eq!(markup::check(&page), Ok(()));
}

#[test]
fn every_check_is_a_case_and_what_did_not_hold_is_a_failure() {
    let text = junit::text(&outcome());
    assert!(text.contains("tests=\"2\" failures=\"1\""), "{text}");
    assert_eq!((text.matches("<testcase").count(), text.matches("<failure").count()), (2, 1));
    let as_page = text.replace("<?xml version=\"1.0\" encoding=\"UTF-8\"?>", "<!doctype html>");
    assert_eq!(markup::check(&as_page), Ok(()));
}

#[test]
fn the_text_has_a_line_for_every_check() {
    let text = text::text(&outcome());
    assert!(text.starts_with("kill-leader FAILED in 12.0 s, seed 42\n"), "{text}");
    assert_eq!(text.lines().count(), 3);
    assert!(text.contains("ok    failover gap") && text.contains("FAIL"), "{text}");
}
