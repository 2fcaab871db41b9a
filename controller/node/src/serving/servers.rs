//! Forecasts of servers, by the model that decides: in turns with the ticks, and once a second shared out to their racks.
//! Nothing is decided by them.

use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use ridethrough_core::forecast::RackForecast;
use ridethrough_core::model::ModelId;
use ridethrough_core::site::{ServerId, Site};
use ridethrough_model::{Guarded, SERVER_TURNS, ServerForecast, ServerForecasts, share_out};

use crate::power::ServerPower;

/// What is last forecast of each server of the site; none where nothing is.
pub type ServersTold = Arc<ArcSwap<Vec<Option<ServerForecast>>>>;

/// The forecasts of all servers.
#[derive(Debug)]
pub struct Servers {
    site: Arc<Site>,
    power: Arc<ServerPower>,
    told: ServersTold,
    by: Option<(ModelId, ServerForecasts)>,
    turn: usize,
}

impl Servers {
    /// Cold forecasts of a site's servers, to be told in `told`.
    pub fn new(site: Arc<Site>, power: Arc<ServerPower>, told: ServersTold) -> Self {
        Self { site, power, told, by: None, turn: 0 }
    }

    /// Lets those whose turn it is go on. Where another model decides than at the last call, all start cold; where none
    /// does, nothing is forecast.
    pub fn take(&mut self, deciding: Option<(ModelId, &Guarded)>) {
        let Some((id, engine)) = deciding else {
            self.by = None;
            return;
        };
        if self.by.as_ref().is_none_or(|(by, _)| *by != id) {
            let rated = self.site.servers.iter().map(|server| server.rated);
            self.by = engine.servers(rated).map(|servers| (id, servers));
        }
        let Some((_, servers)) = &mut self.by else { return };
        let (now, power) = (Instant::now(), &self.power);
        let of = |server: usize| {
            let id = ServerId(u16::try_from(server).ok()?);
            power.read(id, now).map(|reading| reading.power)
        };
        servers.take(self.turn, of);
        self.turn = (self.turn + 1) % SERVER_TURNS;
    }

    /// Tells what is forecast of every server, so that those of a rack add up to the rack's own forecast.
    pub fn tell(&self, racks: &[RackForecast]) {
        let Some((_, servers)) = &self.by else {
            self.told.store(Arc::default());
            return;
        };
        let mut all: Vec<Option<ServerForecast>> =
            (0..self.site.servers.len()).map(|server| servers.of(server)).collect();
        for (rack, forecast) in self.site.racks.iter().zip(racks) {
            // A rack of which one server is not forecast has a part that nobody knows: the others are told as they are.
            let known: Option<Vec<_>> = rack.servers.iter().map(|server| all[server.index()]).collect();
            let Some(mut known) = known else { continue };
            share_out(forecast.p50, forecast.peak_p99, &mut known);
            rack.servers.iter().zip(known).for_each(|(server, told)| all[server.index()] = Some(told));
        }
        self.told.store(Arc::new(all));
    }
}
