//! What a run says about itself: a summary of a moment, and the verdict of the judges, as JSON and for people.

use std::fmt::Write as _;

use serde::Serialize;

use crate::plant::World;
use crate::plant::judge::{DarkCause, Place};
use crate::plant::{real, whole};

/// One moment of the plant.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Always `summary`, to tell the lines of a stream apart.
    pub kind: &'static str,
    /// Scenario time in s.
    pub t_s: f64,
    /// How far the plant was behind the real clock since the last summary, at worst, in ms.
    pub lag_ms: u64,
    /// By rack.
    pub racks: Vec<RackSummary>,
    /// Ties that carry something now.
    pub ties: Vec<TieSummary>,
    /// By module.
    pub kesms: Vec<KesmSummary>,
    /// By row.
    pub rows: Vec<RowSummary>,
    /// How many racks went dark so far.
    pub trips: usize,
    /// What does not add up in the energy account, as a share of what was turned over.
    pub energy_error_share: f64,
}

/// A rack at one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RackSummary {
    /// Its id in the site file.
    pub rack: String,
    /// What its servers take in W.
    pub load_w: i64,
    /// What comes through its breaker in W.
    pub draw_w: i64,
    /// What its breaker carries for ever, in W.
    pub limit_w: i64,
    /// Whether it draws more than that now.
    pub over_limit: bool,
    /// For how many ms it has, so far.
    pub over_limit_ms: u64,
    /// The heat of its breaker, 1000 trips.
    pub breaker_permille: i64,
    /// Whether it is dark.
    pub tripped: bool,
}

/// A tie at one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TieSummary {
    /// Its id in the site file.
    pub tie: String,
    /// What leaves the source bus in W, positive in the forward direction.
    pub flow_w: i64,
}

/// A module at one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KesmSummary {
    /// Its id in the site file.
    pub kesm: String,
    /// What it gives to its rack bus in W; negative while it charges.
    pub supply_w: i64,
    /// Usable energy in J.
    pub stored_j: i64,
    /// The same in thousandths of its capacity.
    pub charge_permille: i64,
}

/// A row at one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RowSummary {
    /// Its id in the site file.
    pub row: String,
    /// What its feed gives in W.
    pub feed_w: i64,
}

/// What the judges saw in a whole run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// Always `verdict`, to tell the lines of a stream apart.
    pub kind: &'static str,
    /// Scenario time in s.
    pub t_s: f64,
    /// Racks that went dark, in the order of time.
    pub trips: Vec<TripVerdict>,
    /// By rack.
    pub racks: Vec<RackVerdict>,
    /// By module.
    pub kesms: Vec<KesmVerdict>,
    /// By tie.
    pub ties: Vec<TieVerdict>,
    /// By row.
    pub rows: Vec<RowVerdict>,
    /// The energy account.
    pub energy: EnergyVerdict,
}

/// A rack that went dark.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TripVerdict {
    /// Its id in the site file.
    pub rack: String,
    /// When, in s of scenario time.
    pub t_s: f64,
    /// Why.
    pub cause: DarkCause,
}

/// A rack over a whole run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RackVerdict {
    /// Its id in the site file.
    pub rack: String,
    /// For how long it drew more than its limit, in s.
    pub over_limit_s: f64,
    /// The highest draw in W.
    pub peak_draw_w: i64,
    /// The highest heat of its breaker, 1000 trips.
    pub peak_breaker_permille: i64,
    /// What its servers would have taken while it was dark, in J.
    pub unserved_j: i64,
}

/// A module over a whole run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KesmVerdict {
    /// Its id in the site file.
    pub kesm: String,
    /// Given to its rack bus, in J.
    pub supplied_j: i64,
    /// Taken from its rack bus, in J.
    pub charged_j: i64,
    /// The least usable energy, in J.
    pub lowest_j: i64,
    /// The same in thousandths of its capacity.
    pub lowest_permille: i64,
    /// For how long it was below its reserve, in s.
    pub below_reserve_s: f64,
}

/// A tie over a whole run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TieVerdict {
    /// Its id in the site file.
    pub tie: String,
    /// Arrived at sink buses, in J.
    pub moved_j: i64,
    /// The highest flow leaving, in W.
    pub peak_w: i64,
    /// The highest voltage drop, in V.
    pub peak_drop_v: f64,
}

/// A row over a whole run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RowVerdict {
    /// Its id in the site file.
    pub row: String,
    /// The highest power of its feed in W.
    pub peak_w: i64,
    /// For how long it gave more than its limit, in s.
    pub over_limit_s: f64,
}

/// The energy account of a whole run, in J.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EnergyVerdict {
    /// From the rows' feeds.
    pub feed_j: i64,
    /// Into servers.
    pub load_j: i64,
    /// More stored in modules than at the start.
    pub stored_change_j: i64,
    /// Lost in rack feeders.
    pub lost_feeder_j: i64,
    /// Lost in the cables of ties.
    pub lost_tie_cable_j: i64,
    /// Lost in the converters of ties.
    pub lost_tie_converter_j: i64,
    /// Lost in the converters of modules.
    pub lost_kesm_converter_j: i64,
    /// Lost in the machines of wheels.
    pub lost_wheel_machine_j: i64,
    /// Lost to bearings, gas and electronics of wheels.
    pub lost_wheel_standing_j: i64,
    /// Lost in supercapacitors, by resistance and leakage.
    pub lost_capacitor_j: i64,
    /// What does not add up.
    pub error_j: f64,
    /// The same as a share of what was turned over.
    pub error_share: f64,
}

impl Summary {
    /// The plant now, `lag_ms` behind the real clock.
    pub fn of(world: &World, lag_ms: u64) -> Self {
        let site = world.site();
        let ties = site
            .ties
            .iter()
            .enumerate()
            .map(|(index, tie)| TieSummary { tie: tie.name.clone(), flow_w: whole(world.tie(index).flow_watts()) });
        let rows = site
            .rows
            .iter()
            .enumerate()
            .map(|(index, row)| RowSummary { row: row.name.clone(), feed_w: whole(world.feed_watts(row_id(index))) });
        Self {
            kind: "summary",
            t_s: seconds(world.now_ms()),
            lag_ms,
            racks: site.rack_ids().map(|id| rack_summary(world, id)).collect(),
            ties: ties.filter(|tie| tie.flow_w != 0).collect(),
            kesms: (0..site.kesms.len()).map(|index| kesm_summary(world, index)).collect(),
            rows: rows.collect(),
            trips: world.judges().trips.len(),
            energy_error_share: world.energy_error_share(),
        }
    }
}

impl Verdict {
    /// What the judges saw up to now.
    pub fn of(world: &World) -> Self {
        let (site, judges) = (world.site(), world.judges());
        let trips = judges.trips.iter().map(|trip| TripVerdict {
            rack: match trip.place {
                Place::Rack(rack) => site.racks[rack].name.clone(),
                Place::Row(row) => format!("row {}", site.rows[row].name),
            },
            t_s: seconds(trip.at_ms),
            cause: trip.cause,
        });
        let racks = site.racks.iter().zip(&judges.racks).map(|(rack, seen)| RackVerdict {
            rack: rack.name.clone(),
            over_limit_s: seconds(seen.over_limit_ms),
            peak_draw_w: whole(seen.peak_draw_watts),
            peak_breaker_permille: whole(seen.peak_damage * 1_000.0),
            unserved_j: whole(seen.unserved_joules),
        });
        let kesms = site.kesms.iter().zip(&judges.kesms).enumerate().map(|(index, (kesm, seen))| KesmVerdict {
            kesm: kesm.name.clone(),
            supplied_j: whole(seen.supplied_joules),
            charged_j: whole(seen.charged_joules),
            lowest_j: whole(seen.lowest_joules),
            lowest_permille: whole(seen.lowest_joules / world.kesm(index).spec().capacity_joules() * 1_000.0),
            below_reserve_s: seconds(seen.below_reserve_ms),
        });
        let ties = site.ties.iter().zip(&judges.ties).map(|(tie, seen)| TieVerdict {
            tie: tie.name.clone(),
            moved_j: whole(seen.moved_joules),
            peak_w: whole(seen.peak_watts),
            peak_drop_v: (seen.peak_drop_volts * 1_000.0).round() / 1_000.0,
        });
        let rows = site.rows.iter().zip(&judges.rows).map(|(row, seen)| RowVerdict {
            row: row.name.clone(),
            peak_w: whole(seen.peak_watts),
            over_limit_s: seconds(seen.over_limit_ms),
        });
        Self {
            kind: "verdict",
            t_s: seconds(world.now_ms()),
            trips: trips.collect(),
            racks: racks.collect(),
            kesms: kesms.collect(),
            ties: ties.collect(),
            rows: rows.collect(),
            energy: energy_verdict(world),
        }
    }

    /// The verdict for people.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "{:.1} s simulated, {} of {} racks dark", self.t_s, self.trips.len(), self.racks.len());
        for trip in &self.trips {
            let _ = writeln!(text, "  {} went dark at {:.3} s ({:?})", trip.rack, trip.t_s, trip.cause);
        }
        for rack in self.racks.iter().filter(|rack| rack.over_limit_s > 0.0) {
            let _ = writeln!(
                text,
                "  {} over its limit for {:.3} s, peak {:.1} kW, breaker heat {} ‰",
                rack.rack,
                rack.over_limit_s,
                kilo(rack.peak_draw_w),
                rack.peak_breaker_permille
            );
        }
        for row in &self.rows {
            let _ =
                writeln!(text, "  row {} peak {:.1} kW, over for {:.3} s", row.row, kilo(row.peak_w), row.over_limit_s);
        }
        let moved_joules = self.ties.iter().map(|tie| tie.moved_j).sum::<i64>();
        let supplied_joules = self.kesms.iter().map(|kesm| kesm.supplied_j).sum::<i64>();
        let _ = writeln!(
            text,
            "  modules gave {:.1} kJ, {:.1} kJ came over ties",
            kilo(supplied_joules),
            kilo(moved_joules)
        );
        let _ = writeln!(
            text,
            "  energy: {:.1} kJ in, {:.1} kJ to servers, error {:.1} J ({:.1e})",
            kilo(self.energy.feed_j),
            kilo(self.energy.load_j),
            self.energy.error_j,
            self.energy.error_share
        );
        text
    }
}

fn rack_summary(world: &World, id: ridethrough_core::site::RackId) -> RackSummary {
    let (rack, seen) = (world.site().rack(id), &world.judges().racks[id.index()]);
    let draw_watts = world.draw_watts(id);
    RackSummary {
        rack: rack.name.clone(),
        load_w: whole(world.load_watts(id)),
        draw_w: whole(draw_watts),
        limit_w: rack.limit.get(),
        over_limit: draw_watts > real(rack.limit.get()),
        over_limit_ms: seen.over_limit_ms,
        breaker_permille: whole(world.breaker_damage(id) * 1_000.0),
        tripped: world.dark(id).is_some(),
    }
}

fn kesm_summary(world: &World, index: usize) -> KesmSummary {
    let kesm = world.kesm(index);
    KesmSummary {
        kesm: world.site().kesms[index].name.clone(),
        supply_w: whole(kesm.bus_watts()),
        stored_j: whole(kesm.usable_joules()),
        charge_permille: whole(kesm.usable_joules() / kesm.spec().capacity_joules() * 1_000.0),
    }
}

fn energy_verdict(world: &World) -> EnergyVerdict {
    let account = world.account();
    let (losses, stored_joules) = (&account.losses, world.stored_joules());
    EnergyVerdict {
        feed_j: whole(account.feed_joules),
        load_j: whole(account.load_joules),
        stored_change_j: whole(stored_joules - account.stored_start_joules),
        lost_feeder_j: whole(losses.feeder_joules),
        lost_tie_cable_j: whole(losses.tie_cable_joules),
        lost_tie_converter_j: whole(losses.tie_converter_joules),
        lost_kesm_converter_j: whole(losses.kesm.converter_joules),
        lost_wheel_machine_j: whole(losses.kesm.conversion_joules),
        lost_wheel_standing_j: whole(losses.kesm.standing_joules),
        lost_capacitor_j: whole(losses.kesm.resistance_joules + losses.kesm.leak_joules),
        error_j: account.error_joules(stored_joules),
        error_share: account.error_share(stored_joules),
    }
}

#[allow(clippy::cast_possible_truncation, reason = "a site's lists fit 16 bits")]
fn row_id(index: usize) -> ridethrough_core::site::RowId {
    ridethrough_core::site::RowId(index as u16)
}

#[allow(clippy::cast_precision_loss, reason = "milliseconds of a run stay far below 2^52")]
fn seconds(span_ms: u64) -> f64 {
    span_ms as f64 / 1_000.0
}

fn kilo(units: i64) -> f64 {
    real(units) / 1_000.0
}
