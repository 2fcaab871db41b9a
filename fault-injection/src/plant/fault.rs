//! Faults as switches: what a drill, a scenario's events or a test may do to a device.

use ridethrough_core::device::DeviceId;
use ridethrough_core::site::{FeedId, KesmId};

/// What is wrong with one device. Several may be at once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum DeviceFault {
    /// It does not work: a module or a tie carries nothing and refuses orders.
    Broken,
    /// It takes orders and says so, and goes on as before.
    Stuck,
    /// Somebody at the device has locked it: it refuses orders, and a module or a tie carries nothing. Nobody on the wire
    /// can unlock it.
    LockedOut,
    /// Its meter tells every power and energy times this share of the truth.
    Lying {
        /// 1.0 would be the truth.
        share: f64,
    },
    /// Its meter repeats its last word for ever.
    Frozen,
    /// It receives and acts, and says nothing: no telemetry, no answer.
    Mute,
    /// It sends telemetry so many times as often as it should.
    Babbling {
        /// At least 2.
        times: u32,
    },
    /// It is off while the fault lasts, then boots: it has forgotten what was in force, and, without its
    /// non-volatile memory, its fence.
    Reboot {
        /// Whether its non-volatile memory survives.
        keeps_memory: bool,
    },
}

/// One of the two utility supplies of a feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Utility {
    /// The preferred one.
    A,
    /// The other, where there is one.
    B,
}

/// Something that happens to the plant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Happening {
    /// A utility supply gives this share of its nominal potential: 0 is an outage.
    UtilityVolts {
        /// At which feed.
        feed: FeedId,
        /// Which supply.
        utility: Utility,
        /// Share of nominal while it lasts.
        share: f64,
    },
    /// Every start of the generator fails while it lasts.
    GeneratorRefuses {
        /// At which feed.
        feed: FeedId,
    },
    /// A device has a fault while it lasts.
    Device {
        /// Which.
        device: DeviceId,
        /// What is wrong.
        fault: DeviceFault,
    },
    /// The vacuum of a wheel is this many times its normal pressure while it lasts.
    Vacuum {
        /// Whose.
        kesm: KesmId,
        /// Times the normal pressure.
        times: f64,
    },
    /// A bearing of a wheel takes so much more at the highest speed while it lasts, in W.
    Bearing {
        /// Whose.
        kesm: KesmId,
        /// More loss at the highest speed.
        watts: f64,
    },
}

/// A happening with its time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Event {
    /// When it begins, in ms of scenario time.
    pub at_ms: u64,
    /// When it ends; none if it lasts.
    pub until_ms: Option<u64>,
    /// What happens.
    pub what: Happening,
}
