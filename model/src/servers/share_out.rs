//! Makes the forecasts of a rack's servers add up to the rack's.

use ridethrough_core::units::Watts;

use super::ServerForecast;

/// Adjusts the forecasts of a rack's servers, so that their medians add up to `p50` exactly and their bounds to no less
/// than `peak_p99`, both of the rack.
///
/// What is missing or too much is shared out by how much each server is in doubt (its bound less its median), as the
/// weighted least squares of forecast reconciliation have it (Wickramasuriya et al. 2019, with a diagonal covariance of the
/// doubts); no median falls below zero or rises above its bound without raising that as well.
pub fn share_out(p50: Watts, peak_p99: Watts, servers: &mut [ServerForecast]) {
    let doubt = |server: &ServerForecast| i128::from(server.peak_p99.get() - server.p50.get()).max(0) + 1;
    let weights: Vec<i128> = servers.iter().map(doubt).collect();
    let medians: Watts = servers.iter().map(|server| server.p50).sum();
    let mut left = i128::from(p50.get()) - i128::from(medians.get());
    let mut weight_left: i128 = weights.iter().sum();
    for (server, weight) in servers.iter_mut().zip(&weights) {
        // What has gone before takes what cannot be shared out: nothing is lost by rounding.
        let part = (left * weight).checked_div(weight_left).unwrap_or(0);
        let taken = part.max(-i128::from(server.p50.get()));
        server.p50 = Watts::new(server.p50.get() + i64::try_from(taken).unwrap_or(0));
        server.peak_p99 = server.peak_p99.max(server.p50);
        (left, weight_left) = (left - taken, weight_left - weight);
    }
    take_the_rest(left, servers);
    let bounds: Watts = servers.iter().map(|server| server.peak_p99).sum();
    let missing = peak_p99.saturating_sub(bounds).or_zero();
    let (mut left, mut weight_left) = (i128::from(missing.get()), weights.iter().sum::<i128>());
    for (server, weight) in servers.iter_mut().zip(&weights) {
        let part = (left * weight).checked_div(weight_left).unwrap_or(0);
        server.peak_p99 = server.peak_p99.saturating_add(Watts::new(i64::try_from(part).unwrap_or(0)));
        (left, weight_left) = (left - part, weight_left - weight);
    }
}

/// What servers at zero could not give is taken from the others in their order.
fn take_the_rest(mut left: i128, servers: &mut [ServerForecast]) {
    for server in servers {
        let taken = left.clamp(-i128::from(server.p50.get()), 0);
        server.p50 = Watts::new(server.p50.get() + i64::try_from(taken).unwrap_or(0));
        left -= taken;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn server(p50: i64, peak_p99: i64) -> ServerForecast {
        ServerForecast { p50: Watts::new(p50), peak_p99: Watts::new(peak_p99) }
    }

    #[test]
    fn who_is_in_doubt_takes_the_difference() {
        let mut servers = [server(1_000, 1_010), server(1_000, 1_989)];
        share_out(Watts::new(2_500), Watts::new(3_000), &mut servers);
        assert_eq!(servers.map(|server| server.p50.get()), [1_005, 1_495]);
        assert_eq!(servers.map(|server| server.peak_p99.get()).iter().sum::<i64>(), 3_000);
    }

    #[test]
    fn a_rack_without_servers_is_left_alone() {
        share_out(Watts::new(2_500), Watts::new(3_000), &mut []);
    }

    proptest! {
        #[test]
        fn medians_add_up_and_bounds_cover(
            told in prop::collection::vec((0_i64..20_000, 0_i64..20_000), 1..40), p50 in 0_i64..200_000, above in 0_i64..50_000
        ) {
            let mut servers: Vec<_> = told.iter().map(|(p50, more)| server(*p50, p50 + more)).collect();
            share_out(Watts::new(p50), Watts::new(p50 + above), &mut servers);
            prop_assert_eq!(servers.iter().map(|server| server.p50.get()).sum::<i64>(), p50);
            prop_assert!(servers.iter().map(|server| server.peak_p99.get()).sum::<i64>() >= p50 + above);
            prop_assert!(servers.iter().all(|server| Watts::ZERO <= server.p50 && server.p50 <= server.peak_p99));
        }
    }
}
