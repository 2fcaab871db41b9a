//! I3, the envelope: what stands in the ledger, what plans rest on, in which order devices act, and what they truly give.

mod evidence;
mod giving;
mod sums;
mod turns;

use std::sync::Arc;

use ridethrough_core::command::Plan;
use ridethrough_core::device::DeviceId;
use ridethrough_core::ledger::Ledger;
use ridethrough_core::site::Site;
use ridethrough_fault_injection::plant::World;

use self::giving::Giving;
use self::turns::Turns;
use super::Finding;
use super::excuse::Excuses;
use crate::field::Field;
use crate::replica::Relied;

/// The envelope as it is watched.
pub struct Envelope {
    site: Arc<Site>,
    turns: Turns,
    giving: Giving,
}

impl Envelope {
    /// Of this site.
    pub fn new(site: &Arc<Site>) -> Self {
        Self { site: Arc::clone(site), turns: Turns::new(site), giving: Giving::new(site) }
    }

    /// An entry left this ledger; the plan that it carried, if any.
    pub fn committed(&mut self, ledger: &Arc<Ledger>, plan: Option<&Plan>) -> Finding {
        self.turns.committed(ledger);
        sums::within_ratings(ledger)?;
        plan.map_or(Ok(()), |plan| sums::above_reserves(ledger, plan))
    }

    /// A replica is about to propose a plan that rests on this.
    pub fn relied(&self, relied: &Relied, world: &World, excuses: &Excuses, at_ms: u64) -> Finding {
        evidence::is_fresh(&self.site, relied)?;
        evidence::is_true(&self.site, relied, world, excuses, at_ms)
    }

    /// A device has executed the order of this entry.
    pub fn executed(&mut self, device: DeviceId, name: &str, index: u64) -> Finding {
        self.turns.executed(&self.site, device, name, index)
    }

    /// Time has passed.
    pub fn passed(&mut self, field: &Field, excuses: &Excuses, at_ms: u64) -> Finding {
        self.giving.passed(&self.site, field, excuses, at_ms)
    }
}
