//! How long the certificates still last: a gauge, and a warning in time.

use std::time::{Duration, SystemTime};

use metrics::{describe_gauge, gauge};
use tokio::time::sleep;

use super::tls::PeerTls;

/// From so many days on it is a warning.
const WARN_DAYS: i64 = 30;
const DAY_SECONDS: f64 = 86_400.0;
/// How often the gauge is set.
const TOLD_EVERY: Duration = Duration::from_hours(1);
/// The warning comes with every so-manieth of them: once a day.
const WARN_EVERY: u32 = 24;

/// Tells until it is dropped.
pub(crate) async fn watch(tls: PeerTls) {
    describe_gauge!(
        "ridethrough_peer_certificate_left_seconds",
        "Time until a certificate of this replica expires, in whole days"
    );
    for nth in (0..WARN_EVERY).cycle() {
        for (certificate, days) in tls.days_left(SystemTime::now()) {
            let told = i32::try_from(days).map_or(f64::INFINITY, f64::from) * DAY_SECONDS;
            gauge!("ridethrough_peer_certificate_left_seconds", "certificate" => certificate).set(told);
            if nth == 0 && days < WARN_DAYS {
                tracing::warn!(certificate, days, "CERTIFICATE EXPIRES: replace it while it is valid");
            }
        }
        sleep(TOLD_EVERY).await;
    }
}
