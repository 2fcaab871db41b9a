//! A replica's end of the socket is played line by line: what a command makes of each answer.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::thread::{JoinHandle, spawn};

use serde_json::json;

use super::*;

/// What is answered to one caller after the other; none where the replica ends instead.
fn replica(home: &Path, answers: Vec<Option<Value>>) -> JoinHandle<Vec<Value>> {
    let listener = UnixListener::bind(home.join("operator.sock")).expect("a folder of our own");
    spawn(move || {
        let mut asked = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().expect("somebody asks");
            let mut line = String::new();
            BufReader::new(&stream).read_line(&mut line).expect("a line");
            asked.push(serde_json::from_str(&line).expect("a request"));
            if let Some(answer) = answer {
                writeln!(stream, "{answer}").expect("it is read");
            }
        }
        asked
    })
}

fn how(home: &Path, request: Option<RequestId>) -> How {
    let of = Of { data_dir: Some(home.to_owned()), at: Vec::new(), identity: None };
    How { of, reason: "trial".into(), dry_run: false, request }
}

fn unknown() -> Value {
    json!({ "error": "no majority answered in time", "outcome": "unknown" })
}

#[test]
fn what_became_of_a_change_is_asked_on_under_the_same_number() {
    let home = tempfile::tempdir().expect("a folder");
    let nobody = json!({ "refused": "this replica does not lead", "leader": null });
    let busy = json!({ "error": "another operation is on its way: try again" });
    let done = json!({ "index": 9, "before": true });
    let answers = vec![Some(unknown()), Some(nobody), None, Some(busy), Some(unknown()), Some(done)];
    let played = replica(home.path(), answers);
    let told = insist(&how(home.path(), None), json!({ "command": "hold" })).expect("told in the end");
    assert_eq!(told, json!({ "index": 9, "before": false }), "nobody asked before this command");
    let asked = played.join().expect("it was asked");
    assert!(asked.len() == 6 && asked.windows(2).all(|two| two[0] == two[1]), "{asked:?}");
    assert!(asked[0]["request"].is_string());
}

#[test]
fn a_number_that_was_given_may_have_been_asked_with_before() {
    let home = tempfile::tempdir().expect("a folder");
    let done = json!({ "index": 9, "before": true });
    let played = replica(home.path(), vec![Some(unknown()), Some(done.clone())]);
    let told = insist(&how(home.path(), Some(RequestId(7))), json!({ "command": "hold" }));
    assert_eq!(told.expect("told in the end"), done);
    played.join().expect("it was asked");
}

#[test]
fn a_refusal_is_an_answer() {
    let home = tempfile::tempdir().expect("a folder");
    let refused = json!({ "refused": "K9 is held", "index": null });
    let played = replica(home.path(), vec![Some(unknown()), Some(refused.clone())]);
    let told = insist(&how(home.path(), None), json!({ "command": "hold" })).expect("told in the end");
    assert_eq!(told, refused);
    played.join().expect("it was asked");
}

#[test]
fn who_is_asked_once_is_told_the_number_where_the_replica_ended() {
    let home = tempfile::tempdir().expect("a folder");
    let played = replica(home.path(), vec![None]);
    let error = wish(&how(home.path(), Some(RequestId(7))), json!({ "command": "hold" })).expect_err("unknown");
    let said = error.to_string();
    assert!(error.is::<UnknownOutcome>() && said.contains("ended before it answered"), "{said}");
    assert!(said.contains(&format!("ridectl outcome {}", RequestId(7))), "{said}");
    played.join().expect("it was asked");
}
