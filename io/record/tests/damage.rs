//! What is read is what was posted, or it is told as missing: never other values.

use std::path::Path;

use ridethrough_record::{
    Block, Column, Found, Part, Recorder, Row, Segment, SegmentError, Settings, Signal, Source, segments,
};

fn columns() -> Vec<Column> {
    let column = |part, signal, source, name: &str| Column { part, signal, source, name: name.into() };
    vec![
        column(Part::Rack, Signal::Power, Source::Dpcn, "A1"),
        column(Part::Rack, Signal::Power, Source::Dpcn, "A2"),
        column(Part::Server, Signal::Network, Source::RemoteWrite, "A1-s1"),
    ]
}

/// The rows of so many seconds from a whole hour on; A2 is silent now and then, a clock steps back once.
fn rows(seconds: i64) -> Vec<Row> {
    let start = 1_700_000_000_000 / 3_600_000 * 3_600_000;
    let row = |second: i64| {
        let values = vec![
            Some(f64::from(u16::try_from(second * 37 % 9_000).expect("small"))),
            (second % 4 != 0).then(|| -f64::from(u8::try_from(second % 100).expect("small"))),
            (second % 3 != 1).then(|| f64::from(1.5e9_f32) / f64::from(u8::try_from(second % 7 + 1).expect("small"))),
        ];
        Row { unix_ms: start + second * 1_000 - if second > 12 { 2_500 } else { 0 }, values }
    };
    let narrowed = |row: Row| {
        let stored = |(value, column): (Option<f64>, Column)| {
            value.and_then(|value| column.source.stored(value)).and_then(|stored| column.source.value(stored))
        };
        Row { values: row.values.into_iter().zip(columns()).map(stored).collect(), ..row }
    };
    (0..seconds).map(row).map(narrowed).collect()
}

fn record(folder: &Path, bytes_max: u64, rows: Vec<Row>) {
    let settings = Settings { folder: folder.into(), bytes_max, replica: 2, columns: columns() };
    let recorder = Recorder::start(settings, |_| {}).expect("a thread");
    for row in rows {
        recorder.post(row);
    }
}

fn read(file: &Path, bytes: Vec<u8>) -> Result<(Vec<Row>, usize), SegmentError> {
    let segment = Segment::parse(file, bytes)?;
    let (mut rows, mut faults) = (Vec::new(), 0);
    for found in segment.found() {
        match found {
            Found::Block(Block { rows: more }) => rows.extend(more),
            Found::Damaged { .. } | Found::Torn { .. } => faults += 1,
        }
    }
    Ok((rows, faults))
}

/// One segment of 35 rows in four blocks, and where it lies.
fn sample() -> (tempfile::TempDir, std::path::PathBuf, Vec<u8>) {
    let dir = tempfile::tempdir().expect("a folder");
    record(dir.path(), 1 << 30, rows(35));
    let file = segments(dir.path()).expect("a list").pop().expect("a segment");
    let bytes = std::fs::read(&file).expect("a file");
    (dir, file, bytes)
}

#[test]
fn what_was_posted_is_read() {
    let (_dir, file, bytes) = sample();
    let segment = Segment::read(&file).expect("a segment");
    assert_eq!((segment.replica, &segment.columns), (2, &columns()));
    assert_eq!(read(&file, bytes).expect("a segment"), (rows(35), 0));
}

#[test]
fn a_flipped_byte_anywhere_costs_rows_and_changes_none() {
    let (_dir, file, bytes) = sample();
    let all = rows(35);
    for at in 0..bytes.len() {
        for mask in [0x01, 0x80, 0xff] {
            let mut bad = bytes.clone();
            bad[at] ^= mask;
            let Ok((got, faults)) = read(&file, bad) else { continue };
            assert_eq!(faults, 1, "byte {at}");
            let missing = all.iter().filter(|row| !got.contains(row)).count();
            assert!((1..=10).contains(&missing), "byte {at}: one block and no more, but {missing} rows are missing");
            assert!(got.iter().all(|row| all.contains(row)), "byte {at}: a value that nobody posted");
            assert_eq!(got.len() + missing, all.len(), "byte {at}: nothing twice");
        }
    }
}

#[test]
fn a_torn_tail_costs_what_is_torn() {
    let (_dir, file, bytes) = sample();
    let all = rows(35);
    for length in 0..bytes.len() {
        match read(&file, bytes[..length].to_vec()) {
            Err(error) => assert!(matches!(error, SegmentError::Torn), "{length}: {error}"),
            Ok((got, faults)) => {
                assert_eq!(got[..], all[..got.len()], "{length}");
                assert!(got.len() % 10 == 0 && faults <= 1, "{length}");
            }
        }
    }
}

#[test]
fn a_restart_begins_a_new_segment_and_leaves_the_torn_one() {
    let (dir, file, bytes) = sample();
    std::fs::write(&file, &bytes[..bytes.len() - 3]).expect("a torn file");
    record(dir.path(), 1 << 30, rows(35));
    let files = segments(dir.path()).expect("a list");
    assert_eq!(files.len(), 2);
    let torn: Vec<Found> = Segment::read(&files[0]).expect("a segment").found().collect();
    assert!(matches!(torn.last(), Some(Found::Torn { .. })) && torn.len() == 4, "three blocks and a torn one");
    assert_eq!(read(&files[1], std::fs::read(&files[1]).expect("a file")).expect("a segment"), (rows(35), 0));
}

#[test]
fn the_limit_is_kept_by_deleting_the_oldest() {
    let dir = tempfile::tempdir().expect("a folder");
    for _ in 0..40 {
        record(dir.path(), 4_000, rows(35));
        let bytes: u64 =
            segments(dir.path()).expect("a list").iter().map(|file| file.metadata().expect("a file").len()).sum();
        assert!(bytes <= 4_000, "{bytes}");
    }
}

#[test]
fn a_folder_that_cannot_be_made_hurts_nobody() {
    let dir = tempfile::tempdir().expect("a folder");
    let blocked = dir.path().join("a-file");
    std::fs::write(&blocked, "in the way").expect("a file");
    record(&blocked, 1 << 30, rows(35));
    assert_eq!(std::fs::read(&blocked).expect("a file"), b"in the way", "nothing is lost");
}
