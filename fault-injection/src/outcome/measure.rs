//! From a world and its judges to a score, and to curves over time.

use super::{Curve, Mark, MarkKind, Score};
use crate::plant::fault::{DeviceFault, Happening, Utility};
use crate::plant::judge::Place;
use crate::plant::{World, real, whole};
use crate::scenario::Scenario;

/// What the judges of a world saw.
pub fn score(world: &World, [transfers, false_transfers, refused_plans]: [u64; 3]) -> Score {
    let (judges, account, capping) = (world.judges(), world.account(), world.capping());
    let (racks, rows, kesms) = (&judges.racks, &judges.rows, &judges.kesms);
    let over_ms = racks.iter().map(|rack| rack.over_limit_ms).chain(rows.iter().map(|row| row.over_limit_ms));
    let over_joules =
        racks.iter().map(|rack| rack.over_limit_joules).chain(rows.iter().map(|row| row.over_limit_joules));
    let damages = racks.iter().map(|rack| rack.peak_damage).chain(rows.iter().map(|row| row.peak_damage));
    let capacity_joules = |index: usize| world.kesm(index).spec().capacity_joules();
    let charges = kesms.iter().enumerate().map(|(index, kesm)| kesm.lowest_joules / capacity_joules(index));
    let losses = &account.losses;
    Score {
        trips: judges.trips.len() as u64,
        overload_seconds: seconds(over_ms.sum()),
        overload_joules: whole(over_joules.sum()),
        capped_server_seconds: seconds(capping.capped_ms),
        denied_joules: whole(capping.denied_joules),
        moved_joules: whole(kesms.iter().map(|kesm| kesm.supplied_joules).sum()),
        loss_joules: whole(losses.kesm.total_joules() + losses.tie_cable_joules + losses.tie_converter_joules),
        reserve_floor_seconds: seconds(kesms.iter().map(|kesm| kesm.below_reserve_supplied_ms).sum()),
        false_transfers,
        itic_violations: racks.iter().map(|rack| u64::from(rack.itic_violations)).sum(),
        worst_damage: damages.fold(0.0, f64::max),
        deepest_charge_share: charges.fold(1.0, f64::min),
        utility_peak_watts: whole(judges.feed_peaks_watts.iter().sum()),
        server_failures: racks.iter().map(|rack| u64::from(rack.failures)).sum(),
        unserved_joules: whole(racks.iter().map(|rack| rack.unserved_joules).sum()),
        deferred_joules: whole(capping.backlog_joules),
        transfers,
        energy_error_share: world.energy_error_share(),
        reserve_floor_total_seconds: seconds(kesms.iter().map(|kesm| kesm.below_reserve_ms).sum()),
        shutdown_server_seconds: seconds(capping.shutdown_ms),
        orderly_shutdowns: capping.orderly_shutdowns,
        refused_plans,
    }
}

/// Adds the sample of this moment to the curves.
pub fn sample(curve: &mut Curve, world: &World) {
    let site = world.site();
    let share = |rack| world.draw_watts(rack) / real(site.rack(rack).limit.get());
    let kesms = 0..site.kesms.len();
    let stored: f64 = kesms.clone().map(|index| world.kesm(index).usable_joules()).sum();
    let capacity: f64 = kesms.map(|index| world.kesm(index).spec().capacity_joules()).sum();
    let rows = (0..site.rows.len()).map(|row| u16::try_from(row).unwrap_or(u16::MAX));
    curve.worst_draw_shares.push(site.rack_ids().map(share).fold(0.0, f64::max));
    curve.stored_shares.push(if capacity > 0.0 { stored / capacity } else { 0.0 });
    curve.utility_watts.push(rows.map(|row| world.feed_watts(ridethrough_core::site::RowId(row))).sum());
    curve.capped_servers.push(u32::try_from(world.servers_held_back()).unwrap_or(u32::MAX));
}

/// What the scenario did and what tripped, in the order of time.
pub fn marks(scenario: &Scenario, world: &World) -> Vec<Mark> {
    let site = world.site();
    let events = scenario.events.iter().map(|event| Mark {
        at_seconds: seconds(event.at_ms),
        kind: MarkKind::Event,
        text: happening(scenario, &event.what, event.until_ms.map(|until_ms| seconds(until_ms - event.at_ms))),
    });
    let judges = world.judges();
    let trips = judges.trips.iter().map(|trip| Mark {
        at_seconds: seconds(trip.at_ms),
        kind: MarkKind::Trip,
        text: match trip.place {
            Place::Rack(rack) => site.racks[rack].name.clone(),
            Place::Row(row) => format!("row {}", site.rows[row].name),
        },
    });
    let mut marks: Vec<Mark> = events.chain(trips).collect();
    marks.sort_by(|left, right| left.at_seconds.total_cmp(&right.at_seconds));
    marks
}

fn happening(scenario: &Scenario, what: &Happening, lasting_seconds: Option<f64>) -> String {
    let site = &scenario.site;
    let what = match what {
        Happening::UtilityVolts { utility, share, .. } => {
            let name = match utility {
                Utility::A => "A",
                Utility::B => "B",
            };
            format!("utility {name} at {:.0} %", share * 100.0)
        }
        Happening::GeneratorRefuses { .. } => "the generator refuses".to_owned(),
        Happening::Device { device, fault } => format!("{} {}", site.device_name(*device), fault_name(fault)),
        Happening::Vacuum { kesm, times } => format!("{} leaks: {times} times the pressure", site.kesm(*kesm).name),
        Happening::Bearing { kesm, watts } => format!("a bearing of {} takes {watts} W more", site.kesm(*kesm).name),
    };
    lasting_seconds.map_or_else(|| what.clone(), |seconds| format!("{what} for {seconds} s"))
}

fn fault_name(fault: &DeviceFault) -> &'static str {
    match fault {
        DeviceFault::Broken => "breaks",
        DeviceFault::Stuck => "is stuck",
        DeviceFault::LockedOut => "is locked",
        DeviceFault::Lying { .. } => "lies",
        DeviceFault::Frozen => "freezes",
        DeviceFault::Mute => "falls silent",
        DeviceFault::Babbling { .. } => "babbles",
        DeviceFault::Reboot { .. } => "reboots",
    }
}

fn seconds(ms: u64) -> f64 {
    real(i64::try_from(ms).unwrap_or(i64::MAX)) / 1_000.0
}
