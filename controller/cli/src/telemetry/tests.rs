//! What is exported is read back by the Parquet reader.

use std::path::Path;

use parquet::file::reader::{FileReader, SerializedFileReader};
use ridethrough_record::{Column, Part, Recorder, Row, Settings, Signal, Source as Told, segments};

use super::*;

/// 2023-11-14 22:59:50 UTC: ten seconds before an hour ends.
const START_MS: i64 = 1_700_002_790_000;

fn record(folder: &Path, seconds: i64) {
    let column = |part, signal, source, name: &str| Column { part, signal, source, name: name.into() };
    let columns = vec![
        column(Part::Rack, Signal::Power, Told::Dpcn, "A1"),
        column(Part::Server, Signal::Network, Told::RemoteWrite, "A1-s1"),
    ];
    let settings = Settings { folder: folder.join("record"), bytes_max: 1 << 30, replica: 3, columns };
    let recorder = Recorder::start(settings, |_| {}).expect("a thread");
    for second in 0..seconds {
        let heard = f64::from(u16::try_from(second).expect("small"));
        let values = vec![Some(5_000.0 + heard), (second % 2 == 0).then_some(heard + 0.5)];
        recorder.post(Row { unix_ms: START_MS + second * 1_000, values });
    }
}

fn source(folder: &Path) -> Source {
    Source { data_dir: vec![folder.into()], from: None, to: None }
}

/// Every row of a file, as the reader prints it.
fn rows(file: &Path) -> Vec<String> {
    let opened = std::fs::File::open(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let reader = SerializedFileReader::new(opened).expect("Parquet");
    reader.get_row_iter(None).expect("rows").map(|row| row.expect("a row").to_string()).collect()
}

#[test]
fn every_value_is_exported_once_to_the_folder_of_its_hour() {
    let dir = tempfile::tempdir().expect("a folder");
    record(dir.path(), 30);
    let out = dir.path().join("out");
    // Named twice, exported once.
    let mut source = source(dir.path());
    source.data_dir.push(dir.path().join("record"));
    assert!(export::run(&source, &out, Output::Json).expect("exported"));
    let before = rows(&out.join("date=2023-11-14/hour=22/part-3.parquet"));
    let after = rows(&out.join("date=2023-11-14/hour=23/part-3.parquet"));
    assert_eq!((before.len(), after.len()), (10 + 5, 20 + 10));
    for word in ["22:59:50", "\"rack\"", "\"A1\"", "\"power\"", "\"dpcn\"", "5000.0"] {
        assert!(before[0].contains(word), "{word} in {}", before[0]);
    }
    assert!(before[1].contains("\"A1-s1\"") && before[1].contains("0.5") && before[1].contains("\"remote-write\""));
    let again = export::run(&source, &out, Output::Json).expect_err("it is there").to_string();
    assert!(again.contains("nothing is overwritten"), "{again}");
}

#[test]
fn a_span_is_cut_out() {
    let dir = tempfile::tempdir().expect("a folder");
    record(dir.path(), 30);
    let out = dir.path().join("out");
    let from = time("2023-11-14T23:00:05Z").expect("a time");
    let source = Source { from: Some(from), to: Some(from + 2_000), ..source(dir.path()) };
    assert!(export::run(&source, &out, Output::Json).expect("exported"));
    assert_eq!(rows(&out.join("date=2023-11-14/hour=23/part-3.parquet")).len(), 3);
    assert!(!out.join("date=2023-11-14/hour=22").exists());
    let nothing = Source { from: Some(from + 3_600_000), ..source };
    assert!(!export::run(&nothing, &dir.path().join("none"), Output::Json).expect("an answer"));
    assert!(!dir.path().join("none").exists());
    assert!(time("yesterday").is_err());
}

#[test]
fn damage_is_named_and_the_rest_exported() {
    let dir = tempfile::tempdir().expect("a folder");
    record(dir.path(), 40);
    let file = segments(&dir.path().join("record")).expect("a list").pop().expect("a segment");
    let mut bytes = std::fs::read(&file).expect("a file");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&file, bytes).expect("a file");
    let gathered = gather::gather(&source(dir.path())).expect("gathered");
    assert_eq!((gathered.damage.len(), gathered.replicas[&3].rows), (1, 30));
    let out = dir.path().join("out");
    assert!(!export::run(&source(dir.path()), &out, Output::Json).expect("exported"), "told by the exit status");
    assert_eq!(rows(&out.join("date=2023-11-14/hour=23/part-3.parquet")).len(), 20 + 10);
}

#[test]
fn gaps_are_counted() {
    let gaps = gaps::gaps(&mut [9_000, 0, 1_000, 2_100, 8_000]);
    assert_eq!((gaps.count, gaps.seconds, gaps.first.len()), (1, 5, 1));
}
