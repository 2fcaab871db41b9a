//! What modules truly give: no more than the order in force lets them, unless they bridge.

use ridethrough_core::device::{DeviceId, Setpoint};
use ridethrough_core::site::{KesmId, Site};

use super::super::Finding;
use super::super::excuse::Excuses;
use crate::field::Field;

/// A converter goes from its rating to nothing in so many ms, and a little more.
const RAMP_MS: u64 = 20;
/// Below this share of nominal a bus sags, and modules bridge without being asked.
const SAG_SHARE: f64 = 0.975;
/// Afterwards they hand it back for so long, in ms.
const WALK_IN_MS: u64 = 6_000;
/// Rounding and control, as a share of a module's rating.
const OFF_SHARE_MAX: f64 = 0.02;

/// What one module may give.
#[derive(Clone, Copy, Default)]
struct May {
    /// By the order in force, in W.
    watts: i64,
    /// By the order before, in W, and until when it may still be on its way down from there.
    before: (i64, u64),
    /// Until when it may be bridging.
    bridges_until_ms: u64,
    /// Whether its bus sagged when it was last looked at, and so until it is looked at again.
    sags: bool,
}

/// All modules.
pub struct Giving {
    may: Vec<May>,
    /// What the field was like when they were last looked at, and when they are looked at again though it stays so.
    looked_at: u64,
    look_ms: u64,
}

impl Giving {
    /// Of this site.
    pub fn new(site: &Site) -> Self {
        Self { may: vec![May::default(); site.kesms.len()], looked_at: 0, look_ms: 0 }
    }

    /// Time has passed. Where nothing else has happened, what modules give is what it was, and what they may give falls only when
    /// a ramp, a bridging or an excuse is over.
    pub fn passed(&mut self, site: &Site, field: &Field, excuses: &Excuses, at_ms: u64) -> Finding {
        if std::mem::replace(&mut self.looked_at, field.revision()) == field.revision() && at_ms < self.look_ms {
            return Ok(());
        }
        self.look_ms = excuses.bridging_ends_ms(at_ms);
        let is_bridging = excuses.is_bridging(at_ms);
        for (id, may) in (0..).map(KesmId).zip(&mut self.may) {
            let rack = site.kesm(id).rack;
            may.hear(field.in_force(DeviceId::Kesm(id)), at_ms);
            may.see(field.world().bus_volts(rack) < real(site.bus(rack).get()) / 1_000.0 * SAG_SHARE, at_ms);
            self.look_ms = self.look_ms.min(may.look_ms(at_ms));
            let gives = field.world().kesm(id.index()).bus_watts();
            let most = real(may.most(at_ms)) + real(site.kesm(id).rated.get()) * OFF_SHARE_MAX;
            let bridges = may.bridges_until_ms > at_ms || is_bridging;
            if gives > most && !bridges && !excuses.has_stuck(DeviceId::Kesm(id), at_ms) {
                return Err(format!("module {} gives {gives:.0} W, and may give {most:.0} W", site.kesm(id).name));
            }
        }
        Ok(())
    }
}

impl May {
    fn hear(&mut self, in_force: Option<Setpoint>, at_ms: u64) {
        let watts = match in_force {
            Some(Setpoint::Kesm { supply_max, .. }) => supply_max.get(),
            _ => 0,
        };
        if watts < self.watts {
            self.before = (self.most(at_ms), at_ms + RAMP_MS);
        }
        self.watts = watts;
    }

    fn see(&mut self, sags: bool, at_ms: u64) {
        if self.sags {
            self.bridges_until_ms = at_ms - 1 + WALK_IN_MS;
        }
        if sags {
            self.bridges_until_ms = at_ms + WALK_IN_MS;
        }
        self.sags = sags;
    }

    /// When it may give less though nothing happens.
    fn look_ms(&self, at_ms: u64) -> u64 {
        let (_, ramped_ms) = self.before;
        let ends = [ramped_ms, self.bridges_until_ms].into_iter();
        ends.filter(|end_ms| *end_ms > at_ms).min().unwrap_or(u64::MAX)
    }

    fn most(&self, at_ms: u64) -> i64 {
        let (before, until_ms) = self.before;
        if until_ms > at_ms { self.watts.max(before) } else { self.watts }
    }
}

#[allow(clippy::cast_precision_loss, reason = "watts and millivolts of a site are far below 2^52")]
const fn real(whole: i64) -> f64 {
    whole as f64
}
