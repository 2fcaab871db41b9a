//! What the page shows of servers.

use std::sync::Arc;
use std::time::Instant;

use ridethrough_core::site::{Server, ServerId, Site};
use ridethrough_dashboard::{ServerView, Servers};
use ridethrough_model::ServerForecast;

use crate::power::{ServerPower, ServerReading};
use crate::serving::ServersTold;

/// What the web view shows of servers, made anew for whoever asks.
pub fn server_views(site: &Arc<Site>, power: &Arc<ServerPower>, told: &ServersTold) -> Servers {
    let (site, power, told) = (Arc::clone(site), Arc::clone(power), Arc::clone(told));
    Arc::new(move || {
        let (now, told) = (Instant::now(), told.load());
        let view = |(server, id): (&Server, ServerId)| {
            server_view(&server.name, power.read(id, now), told.get(id.index()).copied().flatten())
        };
        site.servers.iter().zip(power.servers()).map(view).collect()
    })
}

fn server_view(name: &str, reading: Option<ServerReading>, forecast: Option<ServerForecast>) -> ServerView {
    ServerView {
        name: name.to_owned(),
        power_watts: reading.map(|reading| reading.power.get()),
        age_ms: reading.map(|reading| u64::try_from(reading.age.as_millis()).unwrap_or(u64::MAX)),
        source: reading.map(|reading| reading.source.as_str().to_owned()),
        forecast_p50_watts: forecast.map(|forecast| forecast.p50.get()),
        forecast_peak_p99_watts: forecast.map(|forecast| forecast.peak_p99.get()),
    }
}
