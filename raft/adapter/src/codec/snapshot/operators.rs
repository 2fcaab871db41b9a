//! What operators and alarms have left in the ledger.

use bincode::{Decode, Encode};
use ridethrough_core::alarm::{ALARMS_MAX, Alarm, AlarmKey, RAISES_KEPT};
use ridethrough_core::device::DeviceId;
use ridethrough_core::drill::{DRILLS_KEPT, DrillNote, DrillRun};
use ridethrough_core::ledger::{LOCKS_MAX, Shedding};
use ridethrough_core::request::{CarriedOut, REQUESTS_KEPT, RequestId};
use ridethrough_core::site::RackId;
use ridethrough_core::units::{Millis, Watts};

use crate::codec::CodecError;
use crate::codec::entry::numbers::device;
use crate::codec::entry::{AlarmKeyV2, DrillStageV2};

#[derive(Clone, Copy, Encode, Decode)]
pub(super) struct ShedV5 {
    rack: u16,
    cap_w: i64,
    until_ms: i64,
}

#[derive(Encode, Decode)]
pub(super) struct AlarmV5 {
    key: AlarmKeyV2,
    active: bool,
    raises_ms: Vec<i64>,
    acknowledged: Option<String>,
    shelved_until_ms: Option<i64>,
}

#[derive(Encode, Decode)]
pub(super) struct LockV6 {
    device: u32,
    person: String,
}

#[derive(Clone, Copy, Encode, Decode)]
pub(super) struct RequestV6 {
    request: [u8; 16],
    index: u64,
}

#[derive(Encode, Decode)]
pub(super) struct DrillV6 {
    drill: String,
    seed: u64,
    stage: DrillStageV2,
    actor: String,
    index: u64,
    began_ms: i64,
    ended_ms: Option<i64>,
}

impl From<&DrillRun> for DrillV6 {
    fn from(run: &DrillRun) -> Self {
        Self {
            drill: run.note.drill.clone(),
            seed: run.note.seed,
            stage: run.note.stage.into(),
            actor: run.actor.clone(),
            index: run.index,
            began_ms: run.began.get(),
            ended_ms: run.ended.map(Millis::get),
        }
    }
}

impl From<DrillV6> for DrillRun {
    fn from(v6: DrillV6) -> Self {
        Self {
            note: DrillNote { drill: v6.drill, seed: v6.seed, stage: v6.stage.into() },
            actor: v6.actor,
            index: v6.index,
            began: Millis::new(v6.began_ms),
            ended: v6.ended_ms.map(Millis::new),
        }
    }
}

impl From<&(DeviceId, String)> for LockV6 {
    fn from((device, person): &(DeviceId, String)) -> Self {
        Self { device: device.to_wire(), person: person.clone() }
    }
}

impl From<&CarriedOut> for RequestV6 {
    fn from(done: &CarriedOut) -> Self {
        Self { request: done.request.0.to_le_bytes(), index: done.index }
    }
}

impl From<&(RackId, Shedding)> for ShedV5 {
    fn from((rack, shed): &(RackId, Shedding)) -> Self {
        Self { rack: rack.0, cap_w: shed.cap.get(), until_ms: shed.until.get() }
    }
}

impl From<ShedV5> for (RackId, Shedding) {
    fn from(v5: ShedV5) -> Self {
        (RackId(v5.rack), Shedding { cap: Watts::new(v5.cap_w), until: Millis::new(v5.until_ms) })
    }
}

impl From<&(AlarmKey, Alarm)> for AlarmV5 {
    fn from((key, alarm): &(AlarmKey, Alarm)) -> Self {
        Self {
            key: (*key).into(),
            active: alarm.active,
            raises_ms: alarm.raises.iter().map(|at| at.get()).collect(),
            acknowledged: alarm.acknowledged.clone(),
            shelved_until_ms: alarm.shelved_until.map(Millis::get),
        }
    }
}

impl TryFrom<AlarmV5> for (AlarmKey, Alarm) {
    type Error = CodecError;

    fn try_from(v5: AlarmV5) -> Result<Self, CodecError> {
        match v5.raises_ms.len() {
            1..=RAISES_KEPT => {}
            found => return Err(CodecError::TooMany { what: "raises of an alarm", found, max: RAISES_KEPT }),
        }
        let alarm = Alarm {
            active: v5.active,
            raises: v5.raises_ms.into_iter().map(Millis::new).collect(),
            acknowledged: v5.acknowledged,
            shelved_until: v5.shelved_until_ms.map(Millis::new),
        };
        Ok((v5.key.try_into()?, alarm))
    }
}

/// The locks of a snapshot, as every ledger keeps them: in order, none twice, not too many at one device.
pub(super) fn locks(rows: Vec<LockV6>) -> Result<Vec<(DeviceId, String)>, CodecError> {
    let rows = rows.into_iter().map(|lock| Ok((device(lock.device)?, lock.person)));
    let rows = rows.collect::<Result<Vec<_>, CodecError>>()?;
    if !rows.is_sorted_by(|one, next| one < next) {
        return Err(CodecError::Malformed { reason: "locks out of order".into() });
    }
    match rows.chunk_by(|one, next| one.0 == next.0).map(<[_]>::len).max() {
        Some(found) if found > LOCKS_MAX => {
            Err(CodecError::TooMany { what: "locks of a device", found, max: LOCKS_MAX })
        }
        _ => Ok(rows),
    }
}

/// The requests of a snapshot; more than any ledger remembers are none.
pub(super) fn requests(rows: Vec<RequestV6>) -> Result<Vec<CarriedOut>, CodecError> {
    let done = |row: RequestV6| CarriedOut { request: RequestId(u128::from_le_bytes(row.request)), index: row.index };
    match rows.len() {
        ..=REQUESTS_KEPT => Ok(rows.into_iter().map(done).collect()),
        found => Err(CodecError::TooMany { what: "requests", found, max: REQUESTS_KEPT }),
    }
}

/// The drills of a snapshot; more than any ledger remembers are none.
pub(super) fn drills(rows: Vec<DrillV6>) -> Result<Vec<DrillRun>, CodecError> {
    match rows.len() {
        ..=DRILLS_KEPT => Ok(rows.into_iter().map(Into::into).collect()),
        found => Err(CodecError::TooMany { what: "drills", found, max: DRILLS_KEPT }),
    }
}

/// The alarms of a snapshot; more than any ledger keeps are none.
pub(super) fn alarms(rows: Vec<AlarmV5>) -> Result<Vec<(AlarmKey, Alarm)>, CodecError> {
    match rows.len() {
        ..=ALARMS_MAX => crate::codec::each(rows),
        found => Err(CodecError::TooMany { what: "alarms", found, max: ALARMS_MAX }),
    }
}

/// A snapshot comes from another replica: what no ledger keeps would make this one differ from it, or grow without a limit.
#[cfg(test)]
mod tests {
    use ridethrough_core::alarm::{AlarmKind, Subject};
    use ridethrough_core::site::KesmId;

    use super::*;

    const K0: DeviceId = DeviceId::Kesm(KesmId(0));
    const K1: DeviceId = DeviceId::Kesm(KesmId(1));

    fn read(rows: &[(DeviceId, String)]) -> Result<Vec<(DeviceId, String)>, CodecError> {
        locks(rows.iter().map(Into::into).collect())
    }

    #[test]
    fn locks_are_in_order_and_none_is_there_twice() {
        let lock = |device, person: &str| (device, person.to_owned());
        let good = [lock(K0, "anna"), lock(K0, "mira"), lock(K1, "anna")];
        assert_eq!(read(&good), Ok(good.to_vec()));
        let [one, two, three] = good;
        for bad in [[two.clone(), one.clone()], [one.clone(), one], [three, two]] {
            assert_eq!(read(&bad), Err(CodecError::Malformed { reason: "locks out of order".into() }), "{bad:?}");
        }
    }

    #[test]
    fn one_device_has_no_more_locks_than_a_ledger_keeps() {
        let locks = |device, count| (0..count).map(move |nth| (device, format!("person {nth:03}")));
        let most: Vec<_> = locks(K0, LOCKS_MAX).chain(locks(K1, LOCKS_MAX)).collect();
        assert_eq!(read(&most), Ok(most.clone()));
        let more: Vec<_> = locks(K0, 1).chain(locks(K1, LOCKS_MAX + 1)).collect();
        let (what, found) = ("locks of a device", LOCKS_MAX + 1);
        assert_eq!(read(&more), Err(CodecError::TooMany { what, found, max: LOCKS_MAX }));
    }

    #[test]
    fn no_more_is_read_than_a_ledger_keeps() {
        let request = RequestV6 { request: [1; 16], index: 1 };
        assert!(requests(vec![request; REQUESTS_KEPT]).is_ok());
        let (found, max) = (REQUESTS_KEPT + 1, REQUESTS_KEPT);
        assert_eq!(requests(vec![request; found]), Err(CodecError::TooMany { what: "requests", found, max }));

        let key = AlarmKey { kind: AlarmKind::DeviceSilent, subject: Subject::Device(K0) };
        let alarm = |raises| {
            let raises = vec![Millis::new(1); raises];
            AlarmV5::from(&(key, Alarm { active: true, raises, acknowledged: None, shelved_until: None }))
        };
        let all = |count| (0..count).map(|_| alarm(1)).collect::<Vec<_>>();
        assert_eq!(alarms(all(ALARMS_MAX)).map(|read| read.len()), Ok(ALARMS_MAX));
        let (found, max) = (ALARMS_MAX + 1, ALARMS_MAX);
        assert_eq!(alarms(all(found)), Err(CodecError::TooMany { what: "alarms", found, max }));
        assert!(alarms(vec![alarm(RAISES_KEPT)]).is_ok());
        for found in [0, RAISES_KEPT + 1] {
            let (what, max) = ("raises of an alarm", RAISES_KEPT);
            assert_eq!(alarms(vec![alarm(found)]), Err(CodecError::TooMany { what, found, max }));
        }
    }
}
