//! Alarms.

use super::Canon;
use crate::alarm::{AlarmKey, AlarmKind, AlarmNote, Subject};

impl Canon {
    pub(super) fn alarm_note(&mut self, note: &AlarmNote) {
        for keys in [&note.raised, &note.cleared] {
            self.list(keys, |canon, key| canon.alarm_key(*key));
        }
    }

    pub(crate) fn alarm_key(&mut self, key: AlarmKey) {
        self.unsigned(match key.kind {
            AlarmKind::UtilityOutage => 1,
            AlarmKind::OrderlyShutdown => 2,
            AlarmKind::RackOverLimit => 3,
            AlarmKind::OnGenerator => 4,
            AlarmKind::ServersCapped => 5,
            AlarmKind::DeviceQuarantined => 6,
            AlarmKind::DeviceSilent => 7,
            AlarmKind::StoreAtReserve => 8,
            AlarmKind::ReplicaUnreachable => 9,
            AlarmKind::ForecastByRule => 10,
        });
        let (what, which) = match key.subject {
            Subject::Site => (1, 0),
            Subject::Feed(feed) => (2, u64::from(feed.0)),
            Subject::Rack(rack) => (3, u64::from(rack.0)),
            Subject::Device(device) => (4, u64::from(device.to_wire())),
            Subject::Replica(replica) => (5, u64::from(replica.0)),
        };
        self.unsigned(what);
        self.unsigned(which);
    }
}
