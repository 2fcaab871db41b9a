//! What is counted of a run.

use serde::Serialize;

use crate::plant::{World, real, whole};

/// One policy in one scenario.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Score {
    /// Breakers of racks and rows that opened.
    pub trips: usize,
    /// For how long racks and rows drew more than their limits, all added, in s.
    pub overload_seconds: f64,
    /// What they drew beyond their limits, in J.
    pub overload_joules: i64,
    /// For how long servers took less than they would have because of a cap, all added, in s.
    pub capped_server_seconds: f64,
    /// Work that caps denied when it was due, in J.
    pub denied_joules: i64,
    /// What modules gave to their buses, in J.
    pub moved_joules: i64,
    /// What was lost in modules and ties, standing losses included, in J.
    pub loss_joules: i64,
    /// For how long modules were below their reserve, all added, in s.
    pub reserve_floor_seconds: f64,
    /// Transfers to a rack that would not have passed its limit while they lasted.
    pub false_transfers: usize,
    /// Excursions of rack buses out of the ITIC curve.
    pub itic_violations: u32,
    /// The highest heat of a breaker; 1 trips.
    pub worst_damage: f64,
    /// The least charge of a module, as a share of its capacity.
    pub deepest_charge_share: f64,
    /// The highest power of a utility feed, in W.
    pub utility_peak_watts: i64,
    /// Racks whose servers lost power, each time.
    pub server_failures: u32,
    /// What servers without power would have taken, in J.
    pub unserved_joules: i64,
    /// Work that caps denied and that is still not done at the end, in J.
    pub deferred_joules: i64,
    /// Transfers that began.
    pub transfers: usize,
    /// What does not add up in the energy account, as a share of what was turned over.
    pub energy_error_share: f64,
}

/// Transfers as a controller counted them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Transfers {
    /// That began.
    pub begun: usize,
    /// Of these, for nothing.
    pub false_ones: usize,
}

impl Score {
    /// What the judges of a world saw.
    pub fn of(world: &World, transfers: Transfers) -> Self {
        let (judges, account, capping) = (world.judges(), world.account(), world.capping());
        let (racks, rows, kesms) = (&judges.racks, &judges.rows, &judges.kesms);
        let over_ms: u64 =
            racks.iter().map(|rack| rack.over_limit_ms).chain(rows.iter().map(|row| row.over_limit_ms)).sum();
        let over_joules = racks.iter().map(|rack| rack.over_limit_joules);
        let damages = racks.iter().map(|rack| rack.peak_damage).chain(rows.iter().map(|row| row.peak_damage));
        let charges = kesms
            .iter()
            .enumerate()
            .map(|(index, kesm)| kesm.lowest_joules / world.kesm(index).spec().capacity_joules());
        let losses = &account.losses;
        Self {
            trips: judges.trips.len(),
            overload_seconds: seconds(over_ms),
            overload_joules: whole(over_joules.chain(rows.iter().map(|row| row.over_limit_joules)).sum()),
            capped_server_seconds: seconds(capping.capped_ms),
            denied_joules: whole(capping.denied_joules),
            moved_joules: whole(kesms.iter().map(|kesm| kesm.supplied_joules).sum()),
            loss_joules: whole(losses.kesm.total_joules() + losses.tie_cable_joules + losses.tie_converter_joules),
            reserve_floor_seconds: seconds(kesms.iter().map(|kesm| kesm.below_reserve_ms).sum()),
            false_transfers: transfers.false_ones,
            itic_violations: racks.iter().map(|rack| rack.itic_violations).sum(),
            worst_damage: thousandths(damages.fold(0.0, f64::max)),
            deepest_charge_share: thousandths(charges.fold(1.0, f64::min)),
            utility_peak_watts: whole(judges.feed_peaks_watts.iter().copied().fold(0.0, f64::max)),
            server_failures: racks.iter().map(|rack| rack.failures).sum(),
            unserved_joules: whole(racks.iter().map(|rack| rack.unserved_joules).sum()),
            deferred_joules: whole(capping.backlog_joules),
            transfers: transfers.begun,
            energy_error_share: world.energy_error_share(),
        }
    }
}

fn seconds(ms: u64) -> f64 {
    real(i64::try_from(ms).unwrap_or(i64::MAX)) / 1_000.0
}

fn thousandths(share: f64) -> f64 {
    (share * 1_000.0).round() / 1_000.0
}
