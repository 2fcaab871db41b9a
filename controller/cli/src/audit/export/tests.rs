//! What is exported is read back by readers that nobody here wrote: Python's `csv` and `json`, and the Parquet reader.

use std::process::Command;

use parquet::file::reader::{FileReader, SerializedFileReader};
use serde_json::Value;
use tempfile::TempDir;

use super::super::example::Growing;
use super::super::{Source, history};
use super::*;

struct Exported {
    dir: TempDir,
    history: History,
}

fn written(log: Growing) -> Exported {
    let dir = tempfile::tempdir().expect("a folder for a test");
    log.write(dir.path());
    let source = Source { dir: vec![dir.path().to_path_buf()], site: None };
    Exported { history: history::open(&source).expect("a log"), dir }
}

impl Exported {
    fn export(&self, filter: &Filter, format: Format, name: &str) -> Result<bool> {
        run(&self.history, filter, format, &self.dir.path().join(name), Output::Json)
    }

    /// What Python's own reader makes of an export: a list of objects.
    fn by_python(&self, name: &str, reads: &str) -> Vec<Value> {
        let script = format!(
            "import csv, json, sys\nfile = open(sys.argv[1], newline='', encoding='utf-8')\nprint(json.dumps({reads}))"
        );
        let output = Command::new("python3").args(["-c", &script]).arg(self.dir.path().join(name)).output();
        let output = output.expect("python3");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("a list")
    }

    fn files(&self) -> usize {
        std::fs::read_dir(self.dir.path()).expect("a folder").count()
    }
}

const CSV: &str = "list(csv.DictReader(file, strict=True))";
const JSONL: &str = "[json.loads(line) for line in file]";

#[test]
fn json_lines_have_every_entry_and_every_field() {
    let log = written(Growing::eventful());
    assert!(log.export(&Filter::default(), Format::Jsonl, "out").expect("exported"));
    let lines = log.by_python("out", JSONL);
    let indexes: Vec<u64> = lines.iter().filter_map(|line| line["index"].as_u64()).collect();
    assert_eq!(indexes, (0..=10).collect::<Vec<_>>());
    let grant = &lines[2]["plan"]["grants"][0];
    assert_eq!((&grant["transfer"], &grant["legs"][0]["delivered_watts"]), (&"2.0".into(), &4_000.into()));
    let ack = &lines[3]["outcome"]["acks"][1];
    assert_eq!(
        (&ack["device"], &ack["verdict"], &ack["after_us"]),
        (&"tie A1-A2".into(), &"executed".into(), &1_230.into())
    );
    let mode = &lines[5]["plan"]["modes"][0];
    assert_eq!((&mode["to"], &mode["time_left_ms"]), (&"ride-through".into(), &95_500.into()));
    let refused = (&lines[7]["effect"], &lines[7]["refused_for"][0]);
    assert_eq!(refused, (&"refused".into(), &"rack A2 has no transfer".into()));
    assert_eq!(lines[8]["operation"]["model"]["version"], 3);
    assert_eq!(lines[9]["model_refused"]["fault"], "bad signature");
    assert_eq!(lines[10]["forecasts"]["changes"][0]["rule"], "meter frozen");
    // Each entry names the state that the one before left.
    assert!(lines[1..].windows(2).all(|pair| pair[1]["seen_hash"] == pair[0]["state_hash"]));
}

#[test]
fn csv_has_a_line_for_each_entry_whatever_operators_write() {
    let log = written(Growing::eventful());
    assert!(log.export(&Filter::default(), Format::Csv, "out.csv").expect("exported"));
    let lines = log.by_python("out.csv", CSV);
    assert_eq!(lines.len(), 11);
    let field = |line: usize, name: &str| lines[line][name].as_str().expect("text").to_owned();
    assert_eq!(lines[0].as_object().map(|line| line.keys().map(String::as_str).collect()), Some(COLUMNS.to_vec()));
    assert_eq!((field(0, "kinds"), field(0, "proposed")), ("leader".into(), String::new()));
    assert_eq!((field(2, "transfers"), field(2, "delivered_max_watts")), ("2.0".into(), "4000".into()));
    assert_eq!((field(2, "devices"), field(3, "racks")), ("kesm K1;tie A1-A2".into(), "A1".into()));
    assert_eq!((field(6, "actor"), field(6, "proposed")), ("mira".into(), "2025-10-09T08:53:25.000Z".into()));
    let text = std::fs::read_to_string(log.dir.path().join("out.csv")).expect("there");
    assert_eq!((text.matches("\r\n").count(), text.matches('\n').count()), (12, 12), "RFC 4180 ends lines with CRLF");
}

#[test]
fn commas_quotes_and_line_ends_are_in_their_field() {
    let (actor, reason) = ("mira, \"the first\"".to_owned(), "one\r\ntwo;three".to_owned());
    let mut log = Growing::founded();
    let action = ridethrough_core::command::Action::ManualOn;
    let operation =
        ridethrough_core::command::Operation { request: None, actor: actor.clone(), reason: reason.clone(), action };
    log.commit(1_000, ridethrough_core::command::Command::Operation(operation));
    let log = written(log);
    assert!(log.export(&Filter::default(), Format::Csv, "out.csv").expect("exported"));
    let line = &log.by_python("out.csv", CSV)[2];
    assert_eq!((&line["actor"], &line["reason"], &line["index"]), (&actor.into(), &reason.into(), &"2".into()));
}

#[test]
fn parquet_has_the_same_columns_typed() {
    let log = written(Growing::eventful());
    let filter = Filter { rack: Some("A1".into()), ..Filter::default() };
    assert!(log.export(&filter, Format::Parquet, "out.parquet").expect("exported"));
    let opened = File::open(log.dir.path().join("out.parquet")).expect("there");
    let reader = SerializedFileReader::new(opened).expect("Parquet");
    let names: Vec<&str> =
        reader.metadata().file_metadata().schema().get_fields().iter().map(|field| field.name()).collect();
    assert_eq!(names, COLUMNS);
    let rows: Vec<String> =
        reader.get_row_iter(None).expect("rows").map(|row| row.expect("a row").to_string()).collect();
    assert_eq!(rows.len(), 4);
    for words in [
        "index: 2,",
        "kinds: \"plan;transfer\"",
        "delivered_max_watts: 4000",
        "actor: null",
        "proposed: 2025-10-09 08:53:21",
    ] {
        assert!(rows[0].contains(words), "{words} in {}", rows[0]);
    }
}

#[test]
fn nothing_is_overwritten_and_nothing_unfinished_is_left() {
    let log = written(Growing::eventful());
    let before = log.files();
    let out = log.dir.path().join("out");
    std::fs::write(&out, "mine").expect("room");
    let error = log.export(&Filter::default(), Format::Csv, "out").expect_err("is there").to_string();
    assert!(error.contains("nothing is overwritten"), "{error}");
    assert_eq!(std::fs::read_to_string(&out).expect("there"), "mine");
    let nobody = Filter { actor: Some("nobody".into()), ..Filter::default() };
    assert!(!log.export(&nobody, Format::Jsonl, "none").expect("an answer"));
    let unknown = Filter { rack: Some("Z9".into()), ..Filter::default() };
    assert!(log.export(&unknown, Format::Parquet, "none").is_err());
    assert!(log.export(&Filter::default(), Format::Csv, "no/such/folder").is_err());
    assert_eq!(log.files(), before + 1);
    let three = Filter { limit: Some(3), ..Filter::default() };
    assert!(log.export(&three, Format::Jsonl, "three").expect("exported"));
    assert_eq!(log.by_python("three", JSONL).len(), 3);
}
