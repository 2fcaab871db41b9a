//! Three-band power capping, the rival that needs no storage: Wu et al., "Dynamo: Facebook's Data Center-Wide Power
//! Management System", ISCA 2016.
//!
//! A leaf controller reads its servers every [`CYCLE_MS`]. In the top band it caps down to a target just below the
//! limit, in the bottom band it lifts all caps, and between them it leaves everything as it is. A row's controller is
//! the same band over the row's limit, and shares its cut over all its servers. Dynamo's upper level picks the child
//! that passed its quota first ("punish the offender first"); that is left out, as our rows have no quotas.

/// How often a leaf controller decides, in ms.
pub const CYCLE_MS: u64 = 3_000;

/// The three bands of one limit, and whether caps are in force below it.
#[derive(Clone, Debug, PartialEq)]
pub struct ThreeBand {
    /// At this share of the limit it caps.
    pub cap_at: f64,
    /// Down to this share of the limit.
    pub cap_to: f64,
    /// Below this share of the limit it lifts all caps.
    pub uncap_below: f64,
    capping: bool,
}

/// What a decision asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Action {
    /// Leave every cap as it is.
    Hold,
    /// Take this much, in W, from what the servers draw now.
    Cap {
        /// How much, above 0.
        cut_watts: f64,
    },
    /// Lift all caps.
    Uncap,
}

impl Default for ThreeBand {
    fn default() -> Self {
        Self { cap_at: 0.99, cap_to: 0.95, uncap_below: 0.90, capping: false }
    }
}

impl ThreeBand {
    /// Whether caps are in force.
    pub fn is_capping(&self) -> bool {
        self.capping
    }

    /// Decides on what was measured. A measurement that is no number moves nothing.
    pub fn decide(&mut self, drawn_watts: f64, limit_watts: f64) -> Action {
        if drawn_watts >= limit_watts * self.cap_at && drawn_watts > 0.0 {
            self.capping = true;
            return Action::Cap { cut_watts: drawn_watts - limit_watts * self.cap_to };
        }
        if self.capping && drawn_watts < limit_watts * self.uncap_below {
            self.capping = false;
            return Action::Uncap;
        }
        Action::Hold
    }
}

/// Shares a cut among servers: those in the highest power bucket give first, those of one bucket give alike, and none
/// goes below its floor. A bucket gives all it has before the next one gives anything.
///
/// Returns the new cap of each server that gives, in W; the others keep the cap they have, if any.
pub fn high_bucket_first(
    servers_watts: &[f64],
    floor_watts: &[f64],
    cut_watts: f64,
    bucket_watts: f64,
) -> Vec<Option<f64>> {
    assert_eq!(servers_watts.len(), floor_watts.len(), "every server has a floor");
    assert!(bucket_watts > 0.0, "a bucket has a width");
    let bucket = |server: usize| (servers_watts[server] / bucket_watts).floor();
    let mut order = (0..servers_watts.len()).collect::<Vec<_>>();
    order.sort_by(|&left, &right| bucket(right).total_cmp(&bucket(left)));
    let mut caps = vec![None; servers_watts.len()];
    let mut left_watts = cut_watts;
    for servers in order.chunk_by(|&left, &right| bucket(left).total_cmp(&bucket(right)).is_eq()) {
        let rooms = servers.iter().map(|&server| (server, (servers_watts[server] - floor_watts[server]).max(0.0)));
        for (server, given_watts) in evenly(rooms.collect(), left_watts) {
            if given_watts > 0.0 {
                caps[server] = Some(servers_watts[server] - given_watts);
                left_watts -= given_watts;
            }
        }
    }
    caps
}

/// Takes the same from everyone; what someone lacks room for, the others give.
fn evenly(mut rooms_watts: Vec<(usize, f64)>, cut_watts: f64) -> Vec<(usize, f64)> {
    rooms_watts.sort_by(|left, right| left.1.total_cmp(&right.1));
    let mut left_watts = cut_watts.max(0.0);
    let mut givers_left = f64::from(u32::try_from(rooms_watts.len()).unwrap_or(u32::MAX));
    for (_, watts) in &mut rooms_watts {
        *watts = watts.min(left_watts / givers_left);
        left_watts -= *watts;
        givers_left -= 1.0;
    }
    rooms_watts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Dynamo found 10 to 30 W to do well for its servers.
    const BUCKET_WATTS: f64 = 20.0;

    /// Follows one controller over loads of a limit of 1 kW.
    fn check(loads_and_actions: &[(f64, Action)]) {
        let mut band = ThreeBand::default();
        for (nth, &(drawn_watts, expected)) in loads_and_actions.iter().enumerate() {
            let found = match band.decide(drawn_watts, 1_000.0) {
                Action::Cap { cut_watts } => Action::Cap { cut_watts: (cut_watts * 1e6).round() / 1e6 },
                other => other,
            };
            assert_eq!(found, expected, "decision {nth} at {drawn_watts} W");
        }
    }

    // Wu et al. 2016, the three-band algorithm: cap at 99 % of the limit, down to 95 %, uncap below 90 %.
    #[test]
    fn the_three_bands_are_those_of_the_paper() {
        check(&[(989.9, Action::Hold), (990.0, Action::Cap { cut_watts: 40.0 }), (949.0, Action::Hold)]);
        check(&[(1_200.0, Action::Cap { cut_watts: 250.0 }), (900.0, Action::Hold), (899.9, Action::Uncap)]);
        check(&[(899.9, Action::Hold), (1.0, Action::Hold)]);
        check(&[
            (1_000.0, Action::Cap { cut_watts: 50.0 }),
            (995.0, Action::Cap { cut_watts: 45.0 }),
            (950.0, Action::Hold),
            (700.0, Action::Uncap),
            (700.0, Action::Hold),
        ]);
    }

    #[test]
    fn what_is_no_number_moves_nothing() {
        check(&[(1_000.0, Action::Cap { cut_watts: 50.0 }), (f64::NAN, Action::Hold), (950.0, Action::Hold)]);
        assert_eq!(ThreeBand::default().decide(500.0, f64::NAN), Action::Hold);
        assert_eq!(ThreeBand::default().decide(0.0, 0.0), Action::Hold);
    }

    #[test]
    fn the_highest_bucket_gives_first() {
        for (servers_watts, floors_watts, cut_watts, expected) in [
            // 310 W and 305 W share a bucket of 20 W, 299 W is in the next.
            (vec![305.0, 299.0, 310.0], vec![100.0; 3], 50.0, vec![Some(280.0), None, Some(285.0)]),
            // The bucket is spent before the next one gives.
            (vec![300.0, 250.0], vec![210.0; 2], 100.0, vec![Some(210.0), Some(240.0)]),
            // What one of a bucket lacks, the other gives.
            (vec![310.0, 305.0], vec![300.0, 200.0], 50.0, vec![Some(300.0), Some(265.0)]),
            (vec![300.0, 250.0], vec![210.0; 2], 1_000.0, vec![Some(210.0), Some(210.0)]),
            (vec![300.0, 100.0], vec![350.0, 150.0], 10.0, vec![None, None]),
            (vec![300.0], vec![100.0], 0.0, vec![None]),
            (vec![], vec![], 10.0, vec![]),
        ] {
            let found = high_bucket_first(&servers_watts, &floors_watts, cut_watts, BUCKET_WATTS);
            assert_eq!(found, expected, "{servers_watts:?} over {floors_watts:?}, {cut_watts} W");
        }
    }

    fn servers() -> impl Strategy<Value = Vec<(f64, f64)>> {
        prop::collection::vec((0.0..12_000.0, 0.0..12_000.0), 0..40)
    }

    proptest! {
        #[test]
        fn a_cut_is_met_or_all_are_at_their_floors(servers in servers(), cut in 0.0..200_000.0, bucket in 1.0..4_000.0) {
            let (watts, floors) = servers.iter().copied().unzip::<f64, f64, Vec<_>, Vec<_>>();
            let caps = high_bucket_first(&watts, &floors, cut, bucket);
            let given = |server: usize| caps[server].map_or(0.0, |cap| watts[server] - cap);
            let room = |server: usize| (watts[server] - floors[server]).max(0.0);
            let all = 0..watts.len();
            let total: f64 = all.clone().map(given).sum();
            prop_assert!((total - cut.min(all.clone().map(room).sum())).abs() < 1e-6, "{total} of {cut}");
            for server in all.clone() {
                prop_assert!((0.0..=room(server) + 1e-9).contains(&given(server)), "{server} below its floor");
            }
            for (high, low) in all.clone().flat_map(|high| all.clone().map(move |low| (high, low))) {
                let higher = (watts[high] / bucket).floor() > (watts[low] / bucket).floor();
                let spent = room(high) - given(high) < 1e-6;
                prop_assert!(!higher || spent || given(low) < 1e-6, "{low} gave before {high} was spent");
            }
        }

        #[test]
        fn a_constant_load_never_flaps(demand in 0.0..3_000.0, limit in 100.0..2_000.0_f64) {
            let mut band = ThreeBand::default();
            let (mut drawn, mut uncaps, mut caps) = (demand, 0, 0);
            for _ in 0..100 {
                match band.decide(drawn, limit) {
                    Action::Cap { cut_watts } => {
                        caps += 1;
                        drawn -= cut_watts;
                    }
                    Action::Uncap => {
                        uncaps += 1;
                        drawn = demand;
                    }
                    Action::Hold => {}
                }
            }
            prop_assert_eq!(uncaps, 0);
            prop_assert_eq!(caps, i32::from(demand >= limit * 0.99));
            prop_assert_eq!(band.is_capping(), caps > 0);
        }

        #[test]
        fn only_loads_across_both_bands_lift_caps(loads in prop::collection::vec(900.0..1_500.0, 1..100)) {
            let mut band = ThreeBand::default();
            for load in loads {
                prop_assert_ne!(band.decide(load, 1_000.0), Action::Uncap);
            }
        }
    }
}
