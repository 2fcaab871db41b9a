//! What operators and alarms have left in the ledger.

use bincode::{Decode, Encode};
use ridethrough_core::alarm::{ALARMS_MAX, Alarm, AlarmKey, RAISES_KEPT};
use ridethrough_core::ledger::Shedding;
use ridethrough_core::site::RackId;
use ridethrough_core::units::{Millis, Watts};

use crate::codec::CodecError;
use crate::codec::entry::AlarmKeyV2;

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

/// The alarms of a snapshot; more than any ledger keeps are none.
pub(super) fn alarms(rows: Vec<AlarmV5>) -> Result<Vec<(AlarmKey, Alarm)>, CodecError> {
    match rows.len() {
        ..=ALARMS_MAX => crate::codec::each(rows),
        found => Err(CodecError::TooMany { what: "alarms", found, max: ALARMS_MAX }),
    }
}
