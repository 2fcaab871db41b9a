//! The one snapshot that a replica keeps: a checksummed file, and its bytes in memory for peers that lag behind.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ridethrough_core::device::{DeviceId, Setpoint};
use ridethrough_core::ledger::{Parts, Transfer};
use ridethrough_core::site::Site;

use crate::codec::entry::check_grant;
use crate::codec::snapshot::{SNAPSHOT_BYTES_MAX, Snapshot, decode_snapshot};
use crate::error::SnapshotError;
use crate::type_config::SnapshotMeta;

const SNAPSHOT_FILE: &str = "snapshot.bin";
const MAGIC: [u8; 8] = *b"RDTHSNAP";
const FORMAT_VERSION: u32 = 1;
/// magic | version u32 | cluster [u8; 16] | length u64 | crc32c u32 of all other bytes; integers little-endian.
const HEADER_BYTES: usize = 40;
const CHECKSUM_OFFSET: usize = 36;

/// A snapshot and what it goes up to.
#[derive(Clone, Debug)]
pub(crate) struct Current {
    pub(crate) meta: SnapshotMeta,
    pub(crate) bytes: Vec<u8>,
}

/// Where the snapshot lies.
#[derive(Debug)]
pub(crate) struct SnapshotStore {
    dir: PathBuf,
    cluster: [u8; 16],
    current: Mutex<Option<Current>>,
}

impl SnapshotStore {
    /// Loads what lies in `dir`, which is made when absent. A snapshot that cannot be used is an error, not absence.
    pub(crate) fn open(dir: &Path, cluster: [u8; 16], site: &Site) -> Result<Arc<Self>, SnapshotError> {
        fs::create_dir_all(dir).map_err(|error| io_error(dir, "create the directory", error))?;
        let store = Self { dir: dir.to_path_buf(), cluster, current: Mutex::new(None) };
        let file = store.file();
        match fs::read(&file) {
            Ok(bytes) => {
                let bytes = check_file(&file, &bytes, cluster)?.to_vec();
                let Snapshot { meta, .. } = decode_for(site, &bytes, &file.display().to_string())?;
                *store.current() = Some(Current { meta, bytes });
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(io_error(&file, "read", error)),
        }
        Ok(Arc::new(store))
    }

    /// The newest snapshot.
    pub(crate) fn newest(&self) -> Option<Current> {
        self.current().clone()
    }

    /// Keeps a snapshot on the disk and in memory, unless a newer one is kept already. Blocks on the disk.
    pub(crate) fn keep(&self, snapshot: Current) -> Result<(), SnapshotError> {
        let mut current = self.current();
        let newer = current.as_ref().is_none_or(|kept| kept.meta.last_log_id < snapshot.meta.last_log_id);
        if newer {
            self.write(&snapshot.bytes)?;
            *current = Some(snapshot);
        }
        Ok(())
    }

    fn current(&self) -> MutexGuard<'_, Option<Current>> {
        // The snapshot is replaced whole, so a panic elsewhere cannot have left it half changed.
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self) -> PathBuf {
        self.dir.join(SNAPSHOT_FILE)
    }

    /// A crash leaves the old file or the new one, never a part: the new one is durable before it takes the name.
    fn write(&self, bytes: &[u8]) -> Result<(), SnapshotError> {
        let (file, new) = (self.file(), self.dir.join("snapshot.tmp"));
        let failed = |operation| {
            let new = new.clone();
            move |error| io_error(&new, operation, error)
        };
        let mut out = File::create(&new).map_err(failed("create the file"))?;
        out.write_all(&header(self.cluster, bytes)).map_err(failed("write"))?;
        out.write_all(bytes).map_err(failed("write"))?;
        out.sync_all().map_err(failed("sync"))?;
        fs::rename(&new, &file).map_err(failed("rename"))?;
        File::open(&self.dir).and_then(|dir| dir.sync_all()).map_err(failed("sync the directory"))
    }
}

/// Up to which entry the snapshot in `dir` goes; none when there is none. It is checked whole, but for what the site has.
pub(crate) fn index(dir: &Path, cluster: [u8; 16]) -> Result<Option<u64>, SnapshotError> {
    let file = dir.join(SNAPSHOT_FILE);
    let bytes = match fs::read(&file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read.map_err(|error| io_error(&file, "read", error))?,
    };
    let decoded = decode_snapshot(check_file(&file, &bytes, cluster)?);
    let from = file.display().to_string();
    let snapshot = decoded.map_err(|error| SnapshotError::Undecodable { from, error })?;
    Ok(snapshot.meta.last_log_id.map(|id| id.index))
}

/// Decodes a snapshot and checks that nothing in it can make the ledger of this site panic.
pub(crate) fn decode_for(site: &Site, bytes: &[u8], from: &str) -> Result<Snapshot, SnapshotError> {
    let decoded = decode_snapshot(bytes);
    let snapshot = decoded.map_err(|error| SnapshotError::Undecodable { from: from.into(), error })?;
    match misfit(site, &snapshot.parts) {
        None => Ok(snapshot),
        Some(reason) => Err(SnapshotError::OtherSite { from: from.into(), reason }),
    }
}

/// What in the snapshot is not of this site, in words.
fn misfit(site: &Site, parts: &Parts) -> Option<String> {
    if parts.founding.is_some_and(|founding| founding.site_hash != site.hash) {
        return Some("it was founded on another site file".into());
    }
    if let Some(transfer) = parts.transfers.iter().find(|transfer| !fits(site, transfer)) {
        return Some(format!("transfer {} names what the site does not have", transfer.id));
    }
    stranger(site, parts).or_else(|| strange_order(site, parts))
}

fn fits(site: &Site, transfer: &Transfer) -> bool {
    let grant = &transfer.grant;
    let known = site.device_slot(DeviceId::Pdu(grant.rack)).is_some();
    known && check_grant(grant).is_ok() && grant.devices().all(|device| site.device_slot(device).is_some())
}

/// Something outside the transfers that the site does not have.
fn stranger(site: &Site, parts: &Parts) -> Option<String> {
    let charged = parts.charges.iter().map(|(kesm, _)| kesm.0);
    let capped = parts.caps.iter().map(|(rack, _)| rack.0).chain(parts.sheds.iter().map(|(rack, _)| rack.0));
    let touched = parts.loads.iter().map(|load| load.rack.0).chain(parts.closings.iter().map(|closing| closing.rack.0));
    let ruled = parts.generators.iter().map(|(feed, _)| feed.0).chain(parts.modes.iter().map(|(feed, _)| feed.0));
    beyond("module", site.kesms.len(), charged)
        .or_else(|| beyond("rack", site.racks.len(), capped.chain(touched)))
        .or_else(|| beyond("feed", site.feeds.len(), ruled))
        .or_else(|| unknown_device(site, parts))
        .or_else(|| strange_alarm(site, parts))
        .or_else(|| strange_lock(site, parts))
}

fn strange_alarm(site: &Site, parts: &Parts) -> Option<String> {
    let strange = parts.alarms.iter().map(|(key, _)| key.subject).find(|subject| !subject.is_of(site))?;
    Some(format!("there is no {}", strange.name(site)))
}

/// A locked device is held: a ledger never lets go of it first.
fn strange_lock(site: &Site, parts: &Parts) -> Option<String> {
    let (device, _) = parts.locks.iter().find(|(device, _)| !parts.held.contains(device))?;
    Some(format!("{} is locked and not held", site.device_name(*device)))
}

/// The first of these indexes that the site's list does not reach, in words.
fn beyond(what: &str, count: usize, mut indexes: impl Iterator<Item = u16>) -> Option<String> {
    let index = indexes.find(|index| usize::from(*index) >= count)?;
    Some(format!("there is no {what} #{index}"))
}

fn unknown_device(site: &Site, parts: &Parts) -> Option<String> {
    let mut named = parts.held.iter().chain(parts.closings.iter().flat_map(|closing| &closing.devices));
    let device = named.find(|device| site.device_slot(**device).is_none())?;
    Some(format!("there is no {}", site.device_name(*device)))
}

fn strange_order(site: &Site, parts: &Parts) -> Option<String> {
    let strange = parts.orders.iter().find(|order| {
        let of_its_kind = matches!(
            (order.device, order.setpoint),
            (DeviceId::Pdu(_), Setpoint::Pdu { .. })
                | (DeviceId::Kesm(_), Setpoint::Kesm { .. })
                | (DeviceId::Tie(_), Setpoint::Tie { .. })
                | (DeviceId::Supply(_), Setpoint::Supply { .. })
        );
        !of_its_kind || site.device_slot(order.device).is_none()
    });
    strange.map(|order| format!("there is no such order for {}", site.device_name(order.device)))
}

fn header(cluster: [u8; 16], bytes: &[u8]) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..8].copy_from_slice(&MAGIC);
    header[8..12].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
    header[12..28].copy_from_slice(&cluster);
    header[28..CHECKSUM_OFFSET].copy_from_slice(&(bytes.len() as u64).to_le_bytes());
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&header[..CHECKSUM_OFFSET]), bytes);
    header[CHECKSUM_OFFSET..].copy_from_slice(&checksum.to_le_bytes());
    header
}

fn check_file<'a>(file: &Path, bytes: &'a [u8], cluster: [u8; 16]) -> Result<&'a [u8], SnapshotError> {
    let damaged = |offset, reason| SnapshotError::Damaged { file: file.to_path_buf(), offset, reason };
    let (found, content) = bytes.split_first_chunk::<HEADER_BYTES>().ok_or(damaged(0, "the header is cut short"))?;
    if found[..8] != MAGIC {
        return Err(damaged(0, "this is no snapshot"));
    }
    if found[8..12] != FORMAT_VERSION.to_le_bytes() {
        return Err(damaged(8, "another release wrote this snapshot"));
    }
    let mut owner = [0; 16];
    owner.copy_from_slice(&found[12..28]);
    if content.len() > SNAPSHOT_BYTES_MAX || found[28..36] != (content.len() as u64).to_le_bytes() {
        return Err(damaged(28, "the length is not the file's"));
    }
    if *found != header(owner, content) {
        return Err(damaged(CHECKSUM_OFFSET as u64, "the checksum does not fit"));
    }
    if owner == cluster {
        Ok(content)
    } else {
        Err(SnapshotError::ForeignCluster { file: file.to_path_buf(), expected: cluster, found: owner })
    }
}

fn io_error(file: &Path, operation: &'static str, error: io::Error) -> SnapshotError {
    SnapshotError::Io { file: file.to_path_buf(), operation, error }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::snapshot::encode_snapshot;
    use crate::leader_id::Elected;
    use crate::type_config::LogId;
    use ridethrough_core::alarm::{Alarm, AlarmKey, AlarmKind, Subject};
    use ridethrough_core::command::{CapReason, Founding, Grant, Hop, Leg, RackLoad, ReleaseReason, Risk, TransferId};
    use ridethrough_core::device::{Direction, GeneratorDuty, Order};
    use ridethrough_core::forecast::{ForecastSource, RackForecast, RuleReason};
    use ridethrough_core::ledger::{Cap, Charge, Closing, FeedMode, GeneratorRule, Phase, Shedding};
    use ridethrough_core::site::{FeedId, KesmId, RackId, TieId};
    use ridethrough_core::units::{Millis, Watts};

    const CLUSTER: [u8; 16] = [1; 16];
    const KESM: DeviceId = DeviceId::Kesm(KesmId(0));

    fn site() -> Site {
        Site::parse("site.toml", include_str!("../tests/site.toml")).expect("a site")
    }

    fn meta(index: u64) -> SnapshotMeta {
        let last_log_id = Some(LogId::new(Elected { term: 1, node: 1 }, index));
        SnapshotMeta { last_log_id, ..SnapshotMeta::default() }
    }

    fn current(index: u64, parts: &Parts) -> Current {
        Current { meta: meta(index), bytes: encode_snapshot(&meta(index), parts, None).expect("encodes") }
    }

    fn transfer(rack: u16, kesm: u16, tie: u16) -> Transfer {
        let w = Watts::ZERO;
        let source = ForecastSource::Rule(RuleReason::NoModel);
        let forecast = RackForecast::flat(w, Millis::ZERO, source);
        let path = vec![Hop { tie: TieId(tie), direction: Direction::Forward }];
        let legs = vec![Leg { kesm: KesmId(kesm), path, supplied: w, delivered: w }];
        let risk = Risk { present: w, forecast, limit: w, margin: w };
        let id = TransferId { index: 1, nth: 0 };
        let grant = Grant { rack: RackId(rack), legs, help_above: w, risk, hold: Millis::ZERO };
        let (since, until, phase) = (Millis::ZERO, Millis::ZERO, Phase::Supplying);
        Transfer { id, first: id, since, grant, until, phase, noted: false }
    }

    fn check(parts: &Parts, expected: &str) {
        let bytes = encode_snapshot(&meta(1), parts, None).expect("encodes");
        let error = decode_for(&site(), &bytes, "a peer").expect_err(expected).to_string();
        assert!(error.contains(expected), "expected `{expected}` in: {error}");
    }

    #[test]
    fn what_the_site_does_not_have_is_refused() {
        let setpoint = Setpoint::Kesm { supply_max: Watts::ZERO, charge_max: Watts::ZERO, hold: Watts::ZERO };
        let charge = Charge { charge_max: Watts::ZERO, until: Millis::ZERO };
        let order = |device| Order { device, index: 1, term: 1, setpoint, until: Millis::ZERO };
        for (rack, kesm, tie) in [(9, 0, 0), (0, 9, 0), (0, 0, 9)] {
            check(&Parts { transfers: vec![transfer(rack, kesm, tie)], ..Parts::default() }, "transfer 1.0");
        }
        check(&Parts { charges: vec![(KesmId(9), charge)], ..Parts::default() }, "no module #9");
        check(&Parts { orders: vec![order(DeviceId::Kesm(KesmId(9)))], ..Parts::default() }, "no such order");
        check(&Parts { orders: vec![order(DeviceId::Pdu(RackId(0)))], ..Parts::default() }, "no such order");
        let of_another_kind = Order { setpoint: Setpoint::Pdu { cap: Watts::ZERO, keep_tiers: 4 }, ..order(KESM) };
        check(&Parts { orders: vec![of_another_kind], ..Parts::default() }, "no such order");
        let founding = Some(Founding { cluster: CLUSTER, site_hash: [9; 32] });
        check(&Parts { founding, ..Parts::default() }, "another site file");
    }

    #[test]
    fn caps_modes_rules_and_holds_must_be_of_the_site() {
        let (now, w) = (Millis::ZERO, Watts::ZERO);
        let cap = Cap { cap: w, keep_tiers: 4, reason: CapReason::Operator, since: now, until: now };
        check(&Parts { caps: vec![(RackId(9), cap)], ..Parts::default() }, "no rack #9");
        let load = RackLoad { rack: RackId(9), peak: w, heat_permille: 0 };
        check(&Parts { loads: vec![load], ..Parts::default() }, "no rack #9");
        let rule = GeneratorRule { duty: GeneratorDuty::Run, until: now };
        check(&Parts { generators: vec![(FeedId(9), rule)], ..Parts::default() }, "no feed #9");
        check(&Parts { modes: vec![(FeedId(9), FeedMode::default())], ..Parts::default() }, "no feed #9");
        check(&Parts { held: vec![DeviceId::Tie(TieId(9))], ..Parts::default() }, "no device 0x30009");
        let shed = Shedding { cap: Watts::new(1), until: Millis::new(1) };
        check(&Parts { sheds: vec![(RackId(9), shed)], ..Parts::default() }, "no rack #9");
        let over = AlarmKey { kind: AlarmKind::RackOverLimit, subject: Subject::Rack(RackId(9)) };
        let alarm = Alarm { raises: vec![Millis::new(1)], ..Alarm::default() };
        check(&Parts { alarms: vec![(over, alarm)], ..Parts::default() }, "no rack #9");
        let (transfer, reason) = (TransferId { index: 1, nth: 0 }, ReleaseReason::Operator);
        let closing = |rack, device| Closing { transfer, rack, reason, devices: vec![device], until: now };
        check(&Parts { closings: vec![closing(RackId(9), KESM)], ..Parts::default() }, "no rack #9");
        let strange = closing(RackId(0), DeviceId::Kesm(KesmId(9)));
        check(&Parts { closings: vec![strange], ..Parts::default() }, "no device 0x20009");
    }

    #[test]
    fn the_newest_snapshot_survives_and_no_other() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = SnapshotStore::open(dir.path(), CLUSTER, &site()).expect("empty");
        assert!(store.newest().is_none());
        for index in [7, 9, 8] {
            store.keep(current(index, &Parts::default())).expect("kept");
        }
        let again = SnapshotStore::open(dir.path(), CLUSTER, &site()).expect("loads");
        assert_eq!(again.newest().expect("kept").meta, meta(9));
        assert_eq!(fs::read_dir(dir.path()).expect("listed").count(), 1, "no temporary file stays behind");
    }

    #[test]
    fn every_bit_flip_in_the_file_is_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = SnapshotStore::open(dir.path(), CLUSTER, &site()).expect("empty");
        store.keep(current(7, &Parts::default())).expect("kept");
        let mut bytes = fs::read(store.file()).expect("reads");
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(check_file(&store.file(), &bytes, CLUSTER).is_err(), "bit {bit} was accepted");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        let foreign = check_file(&store.file(), &bytes, [2; 16]);
        assert!(matches!(foreign, Err(SnapshotError::ForeignCluster { .. })));
    }
}
