//! A log that an older release began.

use super::support::{CLUSTER, all, append, config, dir, entry, open, segments};
use crate::format::{Before, HEADER_BYTES, Header, encode_frame};
use crate::reader::LogReader;
use crate::record::RecordRef;
use crate::version::{RECORD_START_BYTES, SECTOR_BYTES, Version};
use crate::{Log, LogConfig, LogEntry};
use std::fs;
use std::path::Path;

/// A segment of the first version whose second entry begins so many bytes before the end of a sector.
fn old_log(dir: &Path, left: usize) -> Vec<LogEntry> {
    let header = Header { version: Version::V1, cluster: CLUSTER, first_sequence: 1 };
    let mut bytes = header.encode().to_vec();
    // A frame of an entry has 25 bytes beside its payload.
    let filling = LogEntry { index: 0, payload: vec![b'x'; SECTOR_BYTES - left - HEADER_BYTES - 25] };
    let entries = vec![filling, entry(1), entry(2)];
    for (sequence, entry) in (1..).zip(&entries) {
        if entry.index == 1 {
            assert_eq!(SECTOR_BYTES - bytes.len() % SECTOR_BYTES, left);
        }
        encode_frame(
            RecordRef::Entry { index: entry.index, payload: &entry.payload },
            sequence,
            Before::Synced,
            &mut bytes,
        );
    }
    bytes.resize(2048, 0);
    fs::write(crate::segment::path(dir, 1), bytes).expect("writes");
    entries
}

fn version_of(segment: &Path) -> Version {
    Header::parse(&fs::read(segment).expect("reads")).expect("a header").version
}

#[test]
fn is_read_gone_on_with_and_followed_by_segments_of_the_newest() {
    for left in 1..=RECORD_START_BYTES {
        let dir = dir();
        let mut expected = old_log(dir.path(), left);
        let config = LogConfig { segment_bytes: 1024, ..config(dir.path()) };
        let log = Log::open(config.clone()).expect("the old log opens");
        assert_eq!(all(&log), expected, "{left} bytes before the end of a sector");
        for index in 3..40 {
            append(&log, vec![entry(index)]);
            expected.push(entry(index));
        }
        assert_eq!(all(&log), expected);
        drop(log);
        let versions: Vec<Version> = segments(dir.path()).iter().map(|segment| version_of(segment)).collect();
        assert!(versions.len() > 2 && versions[0] == Version::V1, "{versions:?}");
        assert!(versions[1..].iter().all(|version| *version == Version::V2), "{versions:?}");
        assert_eq!(all(&Log::open(config).expect("opens again")), expected);
        let read: Result<Vec<_>, _> = LogReader::open(dir.path()).expect("opens").collect();
        assert_eq!(read.expect("a healthy log").len(), expected.len());
    }
}

#[test]
fn data_in_the_room_between_two_records_is_damage() {
    let dir = dir();
    let filling = LogEntry { index: 0, payload: vec![b'x'; SECTOR_BYTES - 3 - HEADER_BYTES - 25] };
    let config = LogConfig { segment_bytes: 4096, ..config(dir.path()) };
    append(&Log::open(config.clone()).expect("opens"), vec![filling, entry(1), entry(2)]);
    let file = segments(dir.path()).pop().expect("a segment");
    let healthy = fs::read(&file).expect("reads");
    assert!(healthy[SECTOR_BYTES - 3..SECTOR_BYTES].iter().all(|byte| *byte == 0), "the record left no room");
    for bit in (SECTOR_BYTES - 3) * 8..SECTOR_BYTES * 8 {
        let mut bytes = healthy.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        fs::write(&file, &bytes).expect("writes");
        let error = Log::open(config.clone()).expect_err("damage is not taken for a torn write").to_string();
        assert!(error.contains("data between two records"), "bit {bit}: {error}");
    }
    fs::write(&file, &healthy).expect("writes");
    assert_eq!(all(&open(dir.path())).len(), 3);
}
