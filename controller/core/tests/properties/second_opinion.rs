//! A follower that hears what its leader hears, and foresees about the same, never disputes what was committed; one that is told
//! of a draw far beyond what it knows always does.

use proptest::prelude::*;
use ridethrough_core::crosscheck::{Dispute, Heard, LOAD_TOLERANCE_PERMILLE, Opinion, judge};
use ridethrough_core::device::DeviceId;
use ridethrough_core::forecast::RackForecast;
use ridethrough_core::ledger::Transfer;
use ridethrough_core::units::Watts;

use super::day::Day;
use super::random_site::{config, random_row};
use super::steps::step;

/// Forecasts of a follower whose calibration stands elsewhere, by so many thousandths of each rack's limit.
fn own_forecasts(day: &Day, off_permille: i64) -> Vec<RackForecast> {
    let of = |(rack, told): (&ridethrough_core::site::Rack, &RackForecast)| {
        let off = Watts::new(rack.limit.get() * off_permille / 1_000);
        let moved = |watts: Watts| watts.saturating_add(off).or_zero();
        RackForecast { peak_p50: moved(told.peak_p50), peak_p99: moved(told.peak_p99), ..*told }
    };
    day.site.racks.iter().zip(&day.forecasts).map(of).collect()
}

/// A day on which everything has been heard for over a minute.
fn begun(site: ridethrough_core::site::Site) -> (Day, Heard) {
    let mut day = Day::new(site);
    let mut heard = Heard::new(&day.site);
    for _ in 0..=61 {
        day.pass(1_000);
        heard.note(&day.view, &day.forecasts, day.now);
    }
    (day, heard)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn whoever_hears_the_same_never_disputes(
        row in random_row(),
        steps in prop::collection::vec(step(), 1..40),
        off_permille in -90..90_i64,
    ) {
        let (mut day, mut heard) = begun(row.site());
        for step in steps {
            let index = day.ledger.seen().index;
            day.happen(&step)?;
            day.tick();
            // The follower's tick comes after the commit, with its own forecasts.
            let own = own_forecasts(&day, off_permille);
            heard.note(&day.view, &own, day.now);
            // It holds the same against meters as its leader.
            for (device, _) in day.faults.iter().filter(|(_, fault)| fault.is_of_the_meter()) {
                if let DeviceId::Pdu(rack) = device {
                    heard.note_doubt(*rack, day.now);
                }
            }
            // Each is judged once, when it is new: later, what was foreseen then is forgotten.
            let ledger = day.ledger.at(day.now);
            let new: Vec<&Transfer> = ledger.transfers().filter(|transfer| transfer.id.index > index).collect();
            for (transfer, opinion) in new.iter().zip(judge(&ledger, &new, &heard)) {
                prop_assert!(!matches!(opinion, Opinion::Disputed(_)), "after {step:?}: {opinion:?} of {transfer:?}");
            }
        }
    }

    #[test]
    fn a_draw_far_beyond_what_is_known_is_always_disputed(
        row in random_row(),
        steps in prop::collection::vec(step(), 1..40),
        beyond in 1..50_000_i64,
    ) {
        let (mut day, mut heard) = begun(row.site());
        for step in steps {
            day.happen(&step)?;
            day.tick();
            let own = own_forecasts(&day, 0);
            heard.note(&day.view, &own, day.now);
            let ledger = day.ledger.at(day.now);
            for transfer in ledger.transfers() {
                let mut wrong = transfer.clone();
                let rack = ledger.site().rack(wrong.grant.rack);
                let Some(possible) = heard.draw_most(wrong.grant.rack) else { continue };
                let most = possible.saturating_add(rack.limit.permille(LOAD_TOLERANCE_PERMILLE));
                let claimed = most.saturating_add(Watts::new(beyond));
                wrong.grant.risk.forecast.peak_p50 = claimed;
                wrong.grant.risk.present = claimed;
                let known = wrong.grant.legs.iter().all(|leg| heard.stored_most(leg.kesm).is_some());
                if known && claimed != rack.nameplate {
                    let expected = Opinion::Disputed(Dispute::Draw { claimed, most });
                    prop_assert_eq!(judge(&ledger, &[&wrong], &heard), [expected]);
                }
            }
        }
    }
}
