//! What drives the forecast of a rack or a row, asked of the forecast's thread.

use std::sync::Arc;
use std::time::Duration;

use crossbeam::queue::ArrayQueue;
use ridethrough_core::site::Site;
use ridethrough_dashboard::Explain;
use ridethrough_model::{Decisive, Explanation};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::forecasting::Wondering;

/// How long the forecast's thread may take: some ticks.
const ANSWER_DEADLINE: Duration = Duration::from_secs(2);

/// Where explanations come from.
#[derive(Debug)]
pub struct Wonders {
    /// Knows racks and rows by name.
    pub site: Arc<Site>,
    /// Those who wait.
    pub queue: Arc<ArrayQueue<Wondering>>,
}

/// What drives the forecast of the rack or row of this name.
pub async fn explain(name: &str, wonders: &Wonders) -> Value {
    let site = &wonders.site;
    let rack = site.racks.iter().position(|rack| rack.name == name);
    let row = || site.rows.iter().position(|row| row.name == name).map(|row| site.racks.len() + row);
    let Some(rack) = rack.or_else(row) else {
        return super::failed(&format!("the site has no rack or row `{}`", name.escape_debug()));
    };
    let (answer, told) = oneshot::channel();
    if wonders.queue.push(Wondering { rack, answer }).is_err() {
        return super::failed("too many ask at once: try again");
    }
    match tokio::time::timeout(ANSWER_DEADLINE, told).await {
        Ok(Ok(Some(explanation))) => told_of(name, &explanation),
        Ok(Ok(None)) => json!({ "name": name, "explained": null }),
        _ => super::failed("no answer in time: the forecast is late"),
    }
}

/// The same for whoever asks at the page.
pub fn at_the_page(wonders: Arc<Wonders>) -> Explain {
    Arc::new(move |rack| {
        let wonders = Arc::clone(&wonders);
        Box::pin(async move { explain(&rack, &wonders).await })
    })
}

fn told_of(name: &str, told: &Explanation) -> Value {
    let both = |it: &Decisive| json!({ "peak_p50_watts": it.peak_p50.get(), "peak_p99_watts": it.peak_p99.get() });
    let drivers = told.drivers.iter().map(|(driver, adds)| {
        let mut told = both(adds);
        told["driver"] = driver.as_str().into();
        told
    });
    json!({
        "name": name,
        "explained": {
            "now_watts": told.now.get(),
            "flat": both(&told.flat),
            "drivers": drivers.collect::<Vec<_>>(),
            "calibration": both(&told.calibration),
            "issued": both(&told.issued),
        },
    })
}
