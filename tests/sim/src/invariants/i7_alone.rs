//! I7, fail-safe alone: without a leader every device follows its local safe rule one lease later, two replicas never command
//! for longer than their clocks may differ, and ledger time is never made by a wall clock.

use ridethrough_core::units::Millis;

use super::Finding;
use crate::field::Field;

/// Beyond a lease, for clocks that differ and the millisecond that everything takes, in ms.
const LEASE_SLACK_MS: u64 = 100;
/// Two leaders may overlap by what their clocks may differ within a lease, in ms.
const OVERLAP_MAX_MS: u64 = 3;
/// Clocks run fast by so many millionths at the most.
const DRIFT_MAX_PPM: u64 = 200;

/// For how long nobody, or more than one, has commanded.
pub struct Alone {
    lease_ms: u64,
    led_at_ms: u64,
    /// Since when more than one commands, if they do.
    overlap_from_ms: Option<u64>,
    /// Whether it was said already that devices obey nobody, or two.
    told: bool,
}

impl Alone {
    /// With leases of this length.
    pub const fn new(lease: Millis) -> Self {
        Self { lease_ms: lease.get().unsigned_abs(), led_at_ms: 0, overlap_from_ms: None, told: false }
    }

    /// Time has passed in which so many replicas commanded.
    pub fn passed(&mut self, commanding: usize, field: &Field, names: &[String], at_ms: u64) -> Finding {
        if commanding > 0 {
            (self.led_at_ms, self.told) = (at_ms, false);
        }
        self.overlap_from_ms = (commanding > 1).then(|| self.overlap_from_ms.unwrap_or(at_ms));
        if self.overlap_from_ms.is_some_and(|from| at_ms - from >= OVERLAP_MAX_MS) {
            return Err(format!("{commanding} replicas command"));
        }
        let unled_ms = at_ms - self.led_at_ms;
        if self.told || unled_ms < self.lease_ms + LEASE_SLACK_MS {
            return Ok(());
        }
        self.told = true;
        let left: Vec<&str> =
            (0..field.devices()).filter(|nth| field.is_ordered(*nth)).map(|nth| names[nth].as_str()).collect();
        if left.is_empty() { Ok(()) } else { Err(format!("{unled_ms} ms without a leader, and {left:?} still obey")) }
    }
}

/// Ledger time begins with the run, stands still while nobody leads, and goes on by monotonic clocks: it is never ahead.
pub fn ledger_time(ledger: Millis, at_ms: u64) -> Finding {
    let most = at_ms + at_ms * DRIFT_MAX_PPM / 1_000_000 + 1;
    if ledger.get().unsigned_abs() <= most {
        return Ok(());
    }
    Err(format!("ledger time is {ledger}, {at_ms} ms after the beginning"))
}
