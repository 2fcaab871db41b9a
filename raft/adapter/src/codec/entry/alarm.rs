//! What wants somebody.

use bincode::{Decode, Encode};
use ridethrough_core::alarm::{AlarmKey, AlarmNote, Subject};
use ridethrough_core::device::ReplicaId;
use ridethrough_core::site::{FeedId, RackId};

use super::numbers::{alarm, alarm_number, device};
use crate::codec::{CodecError, each};

#[derive(Encode, Decode)]
pub(super) struct AlarmNoteV2 {
    raised: Vec<AlarmKeyV2>,
    cleared: Vec<AlarmKeyV2>,
}

#[derive(Clone, Copy, Encode, Decode)]
pub(crate) struct AlarmKeyV2 {
    kind: u8,
    subject: SubjectV2,
}

#[derive(Clone, Copy, Encode, Decode)]
enum SubjectV2 {
    Site,
    Feed(u16),
    Rack(u16),
    Device(u32),
    Replica(u16),
}

impl From<&AlarmNote> for AlarmNoteV2 {
    fn from(note: &AlarmNote) -> Self {
        let keys = |keys: &[AlarmKey]| keys.iter().map(|key| (*key).into()).collect();
        Self { raised: keys(&note.raised), cleared: keys(&note.cleared) }
    }
}

impl TryFrom<AlarmNoteV2> for AlarmNote {
    type Error = CodecError;

    fn try_from(v2: AlarmNoteV2) -> Result<Self, CodecError> {
        Ok(Self { raised: each(v2.raised)?, cleared: each(v2.cleared)? })
    }
}

impl From<AlarmKey> for AlarmKeyV2 {
    fn from(key: AlarmKey) -> Self {
        let subject = match key.subject {
            Subject::Site => SubjectV2::Site,
            Subject::Feed(feed) => SubjectV2::Feed(feed.0),
            Subject::Rack(rack) => SubjectV2::Rack(rack.0),
            Subject::Device(device) => SubjectV2::Device(device.to_wire()),
            Subject::Replica(replica) => SubjectV2::Replica(replica.0),
        };
        Self { kind: alarm_number(key.kind), subject }
    }
}

impl TryFrom<AlarmKeyV2> for AlarmKey {
    type Error = CodecError;

    fn try_from(v2: AlarmKeyV2) -> Result<Self, CodecError> {
        let subject = match v2.subject {
            SubjectV2::Site => Subject::Site,
            SubjectV2::Feed(feed) => Subject::Feed(FeedId(feed)),
            SubjectV2::Rack(rack) => Subject::Rack(RackId(rack)),
            SubjectV2::Device(wire) => Subject::Device(device(wire)?),
            SubjectV2::Replica(replica) => Subject::Replica(ReplicaId(replica)),
        };
        Ok(Self { kind: alarm(v2.kind)?, subject })
    }
}
