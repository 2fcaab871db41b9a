//! One look at everything: what replicas say, what the plant is doing.

use ridethrough_dashboard::Snapshot;
use serde::Serialize;

use super::stage::Stage;
use crate::plant::kesm::Kesm;
use crate::realtime::Plant;

/// The plant at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PlantSeen {
    /// Racks that went dark so far.
    pub(super) trips: usize,
    /// Devices with an order in force.
    pub(super) obeying: usize,
    /// What devices have refused so far.
    pub(super) refused: u64,
    /// The highest draw of a rack, as a share of its limit.
    pub(super) worst_draw_share: f64,
    /// What all modules store, as a share of what they can.
    pub(super) stored_share: f64,
}

impl PlantSeen {
    #[allow(clippy::cast_precision_loss, reason = "watts of a rack are far below 2^53")]
    fn of(plant: &Plant) -> Self {
        let world = plant.world();
        let site = world.site();
        let share = |rack| world.draw_watts(rack) / site.rack(rack).limit.get() as f64;
        let modules = || (0..site.kesms.len()).map(|index| world.kesm(index));
        let capacity: f64 = modules().map(|module| module.spec().capacity_joules()).sum();
        let usable: f64 = modules().map(Kesm::usable_joules).sum();
        Self {
            trips: world.judges().trips.len(),
            obeying: plant.obeying(),
            refused: plant.refusals(),
            worst_draw_share: site.rack_ids().map(share).fold(0.0, f64::max),
            stored_share: usable / capacity.max(1.0),
        }
    }
}

/// What one look found.
pub(super) struct Seen {
    /// By id; none for those that do not answer.
    pub(super) replicas: Vec<Option<Snapshot>>,
    /// None where the plant is somebody else's.
    pub(super) plant: Option<PlantSeen>,
}

/// The same in numbers, for plots.
#[derive(Clone, Debug, Serialize)]
pub struct Sample {
    /// Since the steady state, in s.
    pub t_s: f64,
    /// By replica: `l`eader that acts, `f`ollower, `c`andidate, `x` silent, `o`ther.
    pub roles: String,
    /// The newest term.
    pub term: u64,
    /// Transfers in force, as the newest leader says.
    pub transfers: usize,
    /// Devices with an order in force.
    pub obeying: usize,
    /// The highest draw of a rack, as a share of its limit.
    pub worst_draw_share: f64,
    /// What all modules store, as a share of what they can.
    pub stored_share: f64,
}

impl Seen {
    pub(super) fn look(stage: &Stage) -> anyhow::Result<Self> {
        let plant = stage.plant().map(|plant| plant.with(|plant| PlantSeen::of(plant))).transpose()?;
        Ok(Self { replicas: stage.snapshots(), plant })
    }

    /// The replica that acts, of the newest term.
    pub(super) fn leader(&self) -> Option<&Snapshot> {
        self.replicas.iter().flatten().filter(|one| one.acting).max_by_key(|one| one.term)
    }

    /// Whether more than one acts in one term: that must never be.
    pub(super) fn rivals(&self) -> Option<String> {
        let acting: Vec<&Snapshot> = self.replicas.iter().flatten().filter(|one| one.acting).collect();
        acting.iter().enumerate().find_map(|(nth, one)| {
            let other = acting.iter().skip(nth + 1).find(|other| other.term == one.term)?;
            Some(format!("n{} and n{} both act in term {}", one.replica, other.replica, one.term))
        })
    }

    /// What keeps this from being the steady state; nothing when it is.
    pub(super) fn unsteady(&self, transfers: usize, by_model: bool) -> Option<String> {
        let Some(leader) = self.leader() else { return Some("nobody leads".into()) };
        let silent = (1..).zip(&self.replicas).find(|(_, replica)| replica.is_none());
        if let Some((id, _)) = silent {
            return Some(format!("n{id} does not answer"));
        }
        if let Some(astray) = self.replicas.iter().flatten().find(|one| one.leader != Some(leader.replica)) {
            return Some(format!("n{} does not follow n{}", astray.replica, leader.replica));
        }
        let behind = self.replicas.iter().flatten().find(|one| one.applied_index + 16 < leader.applied_index);
        if let Some(behind) = behind {
            return Some(format!(
                "n{} is {} entries behind",
                behind.replica,
                leader.applied_index - behind.applied_index
            ));
        }
        if leader.devices_heard < leader.devices {
            return Some(format!("{} of {} devices are heard", leader.devices_heard, leader.devices));
        }
        if let Some(quarantined) = leader.quarantined.first() {
            return Some(format!("{} is quarantined", quarantined.name));
        }
        if by_model && !leader.forecast_source.starts_with("model") {
            return Some(format!("forecasts come from {}", leader.forecast_source));
        }
        let standing = leader.transfers.iter().filter(|transfer| transfer.acked).count();
        (standing < transfers).then(|| format!("{standing} transfers are in force, expected {transfers}"))
    }

    pub(super) fn sample(&self, t_s: f64) -> Sample {
        let letter = |replica: &Option<Snapshot>| match replica {
            None => 'x',
            Some(one) if one.acting => 'l',
            Some(one) => one.role.chars().next().filter(|letter| "fc".contains(*letter)).unwrap_or('o'),
        };
        let plant = self.plant.unwrap_or_default();
        Sample {
            t_s,
            roles: self.replicas.iter().map(letter).collect(),
            term: self.replicas.iter().flatten().map(|one| one.term).max().unwrap_or(0),
            transfers: self.leader().map_or(0, |leader| leader.transfers.len()),
            obeying: plant.obeying,
            worst_draw_share: plant.worst_draw_share,
            stored_share: plant.stored_share,
        }
    }
}
