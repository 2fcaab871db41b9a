//! What version 3 knows this agent by (RFC 3414, 2.2): an id, how often it began, for how long it has been running. The id and the
//! count lie in a file and are on disk before anything is answered, so that what was signed before a restart is never fresh again.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use async_snmp::v3::{MAX_ENGINE_TIME, compute_engine_boots_time, in_authoritative_time_window};

/// How ids begin (RFC 3411): no enterprise's number, since the project has none, and "octets that are given by whoever runs it".
const ID_BEGINS: [u8; 5] = [0x80, 0, 0, 0, 5];
/// Bytes of an id: behind its begin it is drawn, once.
const ID_BYTES: usize = 17;

/// An agent's engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Engine {
    id: [u8; ID_BYTES],
    boots: u32,
    began: Instant,
}

/// Why there is no engine.
#[derive(Debug)]
pub struct EngineError {
    file: PathBuf,
    reason: io::Error,
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: the SNMP engine cannot be kept: {}", self.file.display(), self.reason)
    }
}

impl std::error::Error for EngineError {}

impl Engine {
    /// The engine that this file tells of, begun once more; a new one where the file is not there or tells of none. A new one has
    /// an id that nobody has signed anything for, so that nothing old can be said to it again.
    pub fn begin(file: &Path, now: Instant) -> Result<Self, EngineError> {
        let wrong = |reason| EngineError { file: file.into(), reason };
        let kept = match fs::read_to_string(file) {
            Ok(text) => parse(&text),
            Err(error) if error.kind() == ErrorKind::NotFound || error.kind() == ErrorKind::InvalidData => None,
            Err(error) => return Err(wrong(error)),
        };
        let (id, boots) = match kept.filter(|(_, boots)| *boots < MAX_ENGINE_TIME - 1) {
            Some((id, boots)) => (id, boots + 1),
            None => (drawn().map_err(wrong)?, 1),
        };
        keep(file, &id, boots).map_err(wrong)?;
        Ok(Self { id, boots, began: now })
    }

    /// Its id.
    pub const fn id(&self) -> &[u8] {
        &self.id
    }

    /// How often it began, and for how many seconds it has been running.
    pub fn time(&self, now: Instant) -> (u32, u32) {
        compute_engine_boots_time(self.boots, now.saturating_duration_since(self.began).as_secs())
    }

    /// Whether a message that says so is fresh.
    pub(crate) fn is_fresh(&self, boots: u32, time: u32, now: Instant) -> bool {
        let (own_boots, own_time) = self.time(now);
        in_authoritative_time_window(own_boots, own_time, boots, time)
    }
}

fn drawn() -> io::Result<[u8; ID_BYTES]> {
    let mut id = [0; ID_BYTES];
    let (begin, drawn) = id.split_at_mut(ID_BEGINS.len());
    begin.copy_from_slice(&ID_BEGINS);
    getrandom::fill(drawn).map_err(io::Error::other)?;
    Ok(id)
}

/// `<id as hexadecimal digits> <boots>`.
fn parse(text: &str) -> Option<([u8; ID_BYTES], u32)> {
    let (digits, boots) = text.strip_suffix('\n')?.split_once(' ')?;
    if digits.len() != 2 * ID_BYTES || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let mut id = [0; ID_BYTES];
    for (nth, byte) in id.iter_mut().enumerate() {
        *byte = u8::from_str_radix(digits.get(2 * nth..2 * nth + 2)?, 16).ok()?;
    }
    Some((id, boots.parse().ok()?)).filter(|_| id.starts_with(&ID_BEGINS))
}

/// Puts it on disk: whole or not at all, and before this returns.
fn keep(file: &Path, id: &[u8], boots: u32) -> io::Result<()> {
    let unfinished = file.with_extension("unfinished");
    let digits: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut made = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    made.write_all(format!("{digits} {boots}\n").as_bytes())?;
    made.sync_all()?;
    fs::rename(&unfinished, file)?;
    file.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_start_counts_and_the_id_stays() {
        let home = tempfile::tempdir().expect("a folder");
        let (file, now) = (home.path().join("snmp-engine"), Instant::now());
        let first = Engine::begin(&file, now).expect("room");
        let second = Engine::begin(&file, now).expect("room");
        assert_eq!((first.boots, second.boots), (1, 2));
        assert_eq!(first.id, second.id);
        assert_eq!(second.time(now + Duration::from_millis(3_900)), (2, 3));
        assert_eq!(fs::read_dir(home.path()).expect("there").count(), 1, "nothing is left over");
    }

    #[test]
    fn what_is_no_engine_is_a_new_one() {
        let home = tempfile::tempdir().expect("a folder");
        let (file, now) = (home.path().join("snmp-engine"), Instant::now());
        let first = Engine::begin(&file, now).expect("room");
        let good = fs::read_to_string(&file).expect("there");
        let used_up = good.replace(" 1\n", " 2147483646\n");
        for text in
            ["", "beef 1\n", &good.replacen('8', "9", 1), good.trim_end(), &good.replace(' ', ""), &used_up, "\u{e9}\n"]
        {
            fs::write(&file, text).expect("room");
            let next = Engine::begin(&file, now).expect("room");
            assert!(next.id != first.id && next.boots == 1, "{text:?}");
        }
        fs::write(&file, [0xff, 0xfe]).expect("room");
        assert_ne!(Engine::begin(&file, now).expect("room").id, first.id, "no text");
        let nowhere = Engine::begin(&home.path().join("none/snmp-engine"), now).expect_err("no folder").to_string();
        assert!(nowhere.contains("none/snmp-engine: the SNMP engine cannot be kept"), "{nowhere}");
    }

    #[test]
    fn fresh_is_what_was_said_to_this_start_within_150_seconds() {
        let home = tempfile::tempdir().expect("a folder");
        let now = Instant::now();
        let engine = Engine::begin(&home.path().join("e"), now).expect("room");
        let later = now + Duration::from_secs(1_000);
        assert!(engine.is_fresh(1, 850, later) && engine.is_fresh(1, 1_150, later));
        assert!(!engine.is_fresh(1, 849, later) && !engine.is_fresh(1, 1_151, later));
        assert!(!engine.is_fresh(0, 1_000, later) && !engine.is_fresh(2, 1_000, later), "another start");
    }
}
