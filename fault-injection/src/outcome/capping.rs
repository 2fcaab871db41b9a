//! Power capping as Facebook's Dynamo does it (Wu et al., "Dynamo: Facebook's Data Center-Wide Power Management
//! System", ISCA 2016): every 3 s, in three bands, highest power first.
//!
//! Racks are watched by leaf controllers and rows by upper ones. An upper controller here shares its cut over all
//! servers of the row in the same way; the paper's contractual limits and priority groups are left out.

use ridethrough_core::device::{DeviceId, Reading};
use ridethrough_core::site::{RackId, ServerId, Site};

use crate::plant::{World, real};

/// How often it looks, in ms.
pub const CYCLE_MS: u64 = 3_000;
/// From this share of a limit on it caps …
const CAP_AT: f64 = 0.99;
/// … down to this one …
const CAP_TO: f64 = 0.95;
/// … and below this one it uncaps.
const UNCAP_BELOW: f64 = 0.90;
/// Servers within so many W of each other are cut together.
const BUCKET_WATTS: f64 = 20.0;
/// No server is capped below this share of its rating: what it cannot go below, and what its users accept.
const FLOOR_SHARE: f64 = 0.5;

/// What a controller does in one cycle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Action {
    /// Nothing.
    Hold,
    /// It takes so many W away.
    Cap {
        /// From what is drawn now.
        cut_watts: f64,
    },
    /// It ends all caps.
    Uncap,
}

/// The three bands, for what is drawn against a limit.
pub fn decide(drawn_watts: f64, limit_watts: f64, capping: bool) -> Action {
    if drawn_watts > CAP_AT * limit_watts {
        Action::Cap { cut_watts: drawn_watts - CAP_TO * limit_watts }
    } else if capping && drawn_watts < UNCAP_BELOW * limit_watts {
        Action::Uncap
    } else {
        Action::Hold
    }
}

/// Shares a cut: the level of the highest servers is lowered bucket by bucket until it is reached, none below its
/// floor. Returns what each server may take; none where it may go on.
pub fn high_bucket_first(taken_watts: &[f64], floor_watts: &[f64], cut_watts: f64) -> Vec<Option<f64>> {
    let highest_watts = taken_watts.iter().copied().fold(0.0, f64::max);
    let lowered = |level_watts: f64| -> Vec<f64> {
        let lower = |(taken, floor): (&f64, &f64)| taken.min(level_watts.max(*floor));
        taken_watts.iter().zip(floor_watts).map(lower).collect()
    };
    let cut_by = |caps: &[f64]| taken_watts.iter().zip(caps).map(|(taken, cap)| taken - cap).sum::<f64>();
    let mut level_watts = highest_watts;
    let mut caps = lowered(level_watts);
    while level_watts > 0.0 && cut_by(&caps) < cut_watts {
        level_watts -= BUCKET_WATTS;
        caps = lowered(level_watts);
    }
    caps.iter().zip(taken_watts).map(|(cap, taken)| (cap < taken).then_some(*cap)).collect()
}

/// Every controller of a site.
#[derive(Clone, Debug)]
pub struct Capping {
    due_ms: u64,
    racks: Vec<bool>,
    rows: Vec<bool>,
    caps: Vec<Option<f64>>,
}

impl Capping {
    /// Nothing is capped.
    pub fn new(site: &Site) -> Self {
        Self {
            due_ms: CYCLE_MS,
            racks: vec![false; site.racks.len()],
            rows: vec![false; site.rows.len()],
            caps: vec![None; site.servers.len()],
        }
    }

    /// Looks, when it is time.
    pub fn tick(&mut self, world: &mut World) {
        if world.now_ms() < self.due_ms {
            return;
        }
        self.due_ms += CYCLE_MS;
        let site = world.site().clone();
        let drawn = drawn(world, &site);
        let mut caps = self.caps.clone();
        for rack in site.rack_ids() {
            let limit_watts = real(site.rack(rack).limit.get());
            let action = decide(drawn[rack.index()], limit_watts, self.racks[rack.index()]);
            let members = |server: &ridethrough_core::site::Server| server.rack == rack;
            self.racks[rack.index()] = act(action, self.racks[rack.index()], world, &site, &members, &mut caps);
        }
        for (row, of_row) in site.rows.iter().enumerate() {
            let of = |rack: RackId| site.rack(rack).row.index() == row;
            let sum: f64 = site.rack_ids().filter(|&rack| of(rack)).map(|rack| drawn[rack.index()]).sum();
            let action = decide(sum, real(of_row.limit.get()), self.rows[row]);
            let members = |server: &ridethrough_core::site::Server| of(server.rack);
            self.rows[row] = act(action, self.rows[row], world, &site, &members, &mut caps);
        }
        for (index, (new, old)) in caps.iter().zip(&self.caps).enumerate() {
            if new != old {
                world.set_cap(server_id(index), *new);
            }
        }
        self.caps = caps;
    }
}

/// Carries one action out on the members of a rack or a row; returns whether it caps from now on.
fn act(
    action: Action,
    capping: bool,
    world: &World,
    site: &Site,
    members: &dyn Fn(&ridethrough_core::site::Server) -> bool,
    caps: &mut [Option<f64>],
) -> bool {
    let chosen: Vec<usize> =
        site.servers.iter().enumerate().filter(|(_, server)| members(server)).map(|(nth, _)| nth).collect();
    match action {
        Action::Hold => capping,
        Action::Uncap => {
            chosen.iter().for_each(|&nth| caps[nth] = None);
            false
        }
        Action::Cap { cut_watts } => {
            let taken: Vec<f64> = chosen.iter().map(|&nth| world.server(server_id(nth)).watts()).collect();
            let floors: Vec<f64> =
                chosen.iter().map(|&nth| FLOOR_SHARE * real(site.servers[nth].rated.get())).collect();
            for (&nth, cap) in chosen.iter().zip(high_bucket_first(&taken, &floors, cut_watts)) {
                caps[nth] = match (cap, caps[nth]) {
                    (Some(new), Some(old)) => Some(new.min(old)),
                    (new, old) => new.or(old),
                };
            }
            true
        }
    }
}

/// What every rack draws, as its PDU says.
fn drawn(world: &World, site: &Site) -> Vec<f64> {
    let told = |rack| match world.read(DeviceId::Pdu(rack)) {
        Some(Reading::Pdu { draw, .. }) => real(draw.get()),
        _ => 0.0,
    };
    site.rack_ids().map(told).collect()
}

fn server_id(index: usize) -> ServerId {
    ServerId(u16::try_from(index).unwrap_or(u16::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_bands_of_the_paper() {
        for (drawn_watts, capping, expected) in [
            (991.0, false, Action::Cap { cut_watts: 41.0 }),
            (989.0, false, Action::Hold),
            (950.0, true, Action::Hold),
            (901.0, true, Action::Hold),
            (899.0, true, Action::Uncap),
            (899.0, false, Action::Hold),
        ] {
            assert_eq!(decide(drawn_watts, 1_000.0, capping), expected, "{drawn_watts} W");
        }
    }

    fn check(taken: &[f64], cut_watts: f64, expected: &[Option<f64>]) {
        let floors = vec![100.0; taken.len()];
        assert_eq!(high_bucket_first(taken, &floors, cut_watts), expected, "{taken:?} less {cut_watts}");
    }

    #[test]
    fn the_highest_give_first_and_nobody_goes_below_its_floor() {
        check(&[300.0, 200.0, 250.0], 40.0, &[Some(260.0), None, None]);
        check(&[300.0, 200.0, 250.0], 100.0, &[Some(220.0), None, Some(220.0)]);
        check(&[300.0, 200.0], 900.0, &[Some(100.0), Some(100.0)]);
        check(&[300.0, 200.0], 0.0, &[None, None]);
    }
}
