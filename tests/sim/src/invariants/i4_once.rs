//! I4, exactly-once effect: no entry's order is executed twice, no frame is answered twice, and nothing is obeyed beyond
//! its expiry on the device's own clock.

use std::collections::BTreeSet;

use ridethrough_core::device::Fence;
use ridethrough_core::units::Millis;
use ridethrough_fault_injection::field::Act;

use super::Finding;
use crate::field::{Deed, Field};

/// What devices have answered, and until when they may obey.
pub struct Once {
    /// Frames by device and MAC.
    answered: BTreeSet<(usize, u128)>,
    /// On each device's own clock; none before its first order.
    expires: Vec<Option<Millis>>,
    /// How clocks ran when they were last looked at, and when one of them will show what an order ends at.
    looked_at: u64,
    look_ms: u64,
}

impl Once {
    /// Of so many devices.
    pub fn new(devices: usize) -> Self {
        Self { answered: BTreeSet::new(), expires: vec![None; devices], looked_at: 0, look_ms: 0 }
    }

    /// A device has judged an order that a frame made it judge.
    pub fn answered(&mut self, deed: &Deed, name: &str) -> Finding {
        match deed.frame.filter(|_| matches!(deed.act, Act::Order { .. })) {
            Some(mac) if !self.answered.insert((deed.device, mac)) => Err(format!("{name} answered one frame twice")),
            _ => Ok(()),
        }
    }

    /// A device has executed an order.
    pub fn executed(&mut self, device: usize, name: &str, fence: Fence, before: Fence, expires: Millis) -> Finding {
        self.expires[device] = Some(expires);
        self.look_ms = 0;
        if fence.index == before.index {
            return Err(format!("{name} executed entry {} twice", fence.index));
        }
        Ok(())
    }

    /// Time has passed.
    pub fn passed(&mut self, field: &Field, names: &[String], at_ms: u64) -> Finding {
        if std::mem::replace(&mut self.looked_at, field.clocks()) == field.clocks() && at_ms < self.look_ms {
            return Ok(());
        }
        self.look_ms = u64::MAX;
        for (device, expires) in self.expires.iter_mut().enumerate() {
            let Some(until) = *expires else { continue };
            let now = field.clock(device, at_ms);
            if now < until {
                self.look_ms = self.look_ms.min(field.clock_shows(device, until, at_ms));
                continue;
            }
            // Whatever comes next has an expiry of its own.
            *expires = None;
            if field.is_ordered(device) {
                return Err(format!("{} obeys at {now} an order that expired at {until}", names[device]));
            }
        }
        Ok(())
    }
}
