//! How a device talks, and whether it is on: the faults that its end of DPCN carries out.

use super::fault::DeviceFault;

/// How a device talks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Voice {
    /// It receives and acts, and says nothing.
    pub mute: bool,
    /// It sends telemetry so many times as often as it should.
    pub telemetry_times: u32,
    /// It is off; what it will remember when it boots.
    pub off: Option<Off>,
}

/// A device that is off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Off {
    /// Whether its non-volatile memory survives.
    pub keeps_memory: bool,
}

impl Default for Voice {
    fn default() -> Self {
        Self { mute: false, telemetry_times: 1, off: None }
    }
}

impl Voice {
    /// Takes a fault on, or off; faults of other kinds are not its business.
    pub(super) fn set(&mut self, fault: DeviceFault, on: bool) {
        match fault {
            DeviceFault::Mute => self.mute = on,
            DeviceFault::Babbling { times } => self.telemetry_times = if on { times.max(1) } else { 1 },
            DeviceFault::Reboot { keeps_memory } => self.off = on.then_some(Off { keeps_memory }),
            _ => {}
        }
    }
}
