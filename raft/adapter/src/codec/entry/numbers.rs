//! Numbers that stand for names. They are a contract: a number once given is never given again.

use ridethrough_core::alarm::AlarmKind;
use ridethrough_core::command::{CapReason, ReleaseReason};
use ridethrough_core::device::{DeviceId, Direction, GeneratorDuty, Verdict};
use ridethrough_core::forecast::{Engine, RuleReason};
use ridethrough_core::ledger::Phase;
use ridethrough_core::mode::Mode;
use ridethrough_core::model::ModelFault;

use crate::codec::CodecError;

/// A number that is stored for a variant, both ways.
macro_rules! numbered {
    ($to:ident, $from:ident, $type:ident, $what:literal, { $($variant:ident = $number:literal),* $(,)? }) => {
        pub(crate) const fn $to(value: $type) -> u8 {
            match value { $($type::$variant => $number,)* }
        }

        pub(crate) fn $from(number: u8) -> Result<$type, CodecError> {
            match number {
                $($number => Ok($type::$variant),)*
                found => Err(CodecError::OutOfRange { what: $what, found: found.into() }),
            }
        }
    };
}

numbered!(direction_number, direction, Direction, "direction", { Forward = 1, Backward = 2 });
numbered!(reason_number, reason, ReleaseReason, "release reason", {
    ForecastFell = 1, DeviceFailed = 2, AckMissing = 3, NoLongerFeasible = 4, Operator = 5,
});
numbered!(rule_number, rule, RuleReason, "rule reason", {
    NoModel = 1, NotFinite = 2, OutOfRange = 3, Late = 4, RuntimeFailed = 5, ColdStart = 6, Refused = 7,
    NotHere = 8, Drift = 9, FrozenMeter = 10,
});
numbered!(verdict_number, verdict, Verdict, "verdict", {
    Executed = 1, Duplicate = 2, StaleFence = 3, Expired = 4, BeyondLimits = 5, Unavailable = 6, LockedOut = 7,
});
numbered!(duty_number, duty, GeneratorDuty, "generator duty", { Auto = 1, Run = 2 });
numbered!(cap_reason_number, cap_reason, CapReason, "cap reason", {
    RackUncovered = 1, RowUncovered = 2, Insecure = 3, TimeLeft = 4, GeneratorFull = 5, Operator = 6,
});
numbered!(mode_number, mode, Mode, "mode", {
    Normal = 1, RideThrough = 2, Generator = 3, OrderlyShutdown = 4, Recovery = 5,
});
numbered!(phase_number, phase, Phase, "phase", { Supplying = 1, Drawing = 2, Held = 3 });

numbered!(fault_number, fault, ModelFault, "model fault", {
    Unsigned = 1, UnknownKey = 2, BadSignature = 3, Damaged = 4, Shape = 5, TooOld = 6, Missing = 7, Runtime = 8,
    Broken = 9,
});

numbered!(engine_number, engine, Engine, "engine", {
    Configured = 1, Late = 2, Failed = 3, NoRuntime = 4, RuntimeHung = 5, RuntimePanicked = 6, Gone = 7,
});

numbered!(alarm_number, alarm, AlarmKind, "alarm", {
    UtilityOutage = 1, OrderlyShutdown = 2, RackOverLimit = 3, OnGenerator = 4, ServersCapped = 5,
    DeviceQuarantined = 6, DeviceSilent = 7, StoreAtReserve = 8, ReplicaUnreachable = 9, ForecastByRule = 10,
});

/// The device that a stored number names.
pub(crate) fn device(wire: u32) -> Result<DeviceId, CodecError> {
    DeviceId::from_wire(wire).ok_or(CodecError::OutOfRange { what: "device", found: wire.into() })
}
