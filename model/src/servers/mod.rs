//! Forecasts of single servers: the same step as for racks, by the crate's own code, for a part of them in each call.
//!
//! A server's sample is three seconds, so that tens of thousands can take their turns, a thirtieth of them in each tick of
//! 100 ms. Ten samples are then the 30 s that racks are forecast for, and sixty are three minutes. What is carried for a
//! server is packed: its last samples in 16 bits each.
//!
//! ```text
//! power of those whose turn it is ─► packed state ─► NativeStep (a block at a time) ─► corrected by its own errors ─► forecasts
//!                                                           forecasts of a rack's servers ─► share_out ─► sum to the rack's
//! ```

mod correction;
mod packed;
mod share_out;
#[cfg(test)]
mod tests;

pub use self::share_out::share_out;

use ridethrough_core::units::Watts;

use self::correction::{Correction, Drawn};
use self::packed::Packed;
use crate::forecast::HORIZON;
use crate::native::{NativeStep, Out};
use crate::parts::{PARTS_MAX, ratio, up};

/// How many calls a round takes, and with that a server's sample: every server has its turn once in so many ticks.
pub const TURNS: usize = 30;
/// Samples that a server's forecast looks ahead: of three seconds each, as long as [`HORIZON`].
const SAMPLES_AHEAD: usize = 10;
/// Servers that are stepped together.
const BATCH: usize = 96;
/// Samples that a reading may be missing before a server starts cold.
const MISSED_MAX: u8 = 1;
/// Samples that a server must have been seen for before it is forecast.
const WARM_SAMPLES_MIN: u16 = 10;
/// What one server will take within [`HORIZON`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServerForecast {
    /// Median at the horizon.
    pub p50: Watts,
    /// 99th percentile of the maximum until then.
    pub peak_p99: Watts,
}

/// The forecasts of all servers of a site.
///
/// Those that have their turn together lie side by side, so that a turn reads memory from one end to the other.
#[derive(Debug)]
pub struct ServerForecasts {
    native: NativeStep,
    place: Place,
    count: usize,
    /// In the order of [`ServerForecasts::seat`]; where there are fewer servers than seats, the last of a turn stays empty.
    servers: Vec<Server>,
    packed: Packed,
    room: Room,
}

/// Where the horizon that is answered for stands in what a step gives.
#[derive(Clone, Copy, Debug)]
struct Place {
    horizon: usize,
    horizons: usize,
}

#[derive(Clone, Debug)]
struct Server {
    rated: Watts,
    seen: u16,
    missed: u8,
    last: f32,
    correction: Correction,
    forecast: Option<ServerForecast>,
}

/// What a batch works in.
#[derive(Debug, Default)]
struct Room {
    /// Seats.
    chosen: Vec<usize>,
    power: Vec<f32>,
    state: Vec<f32>,
    next: Vec<f32>,
    quantiles: Vec<f32>,
    maxima: Vec<f32>,
}

impl ServerForecasts {
    /// Cold servers with these ratings, forecast by `native`, whose horizons are `horizons` samples.
    ///
    /// `None` where the model has no horizon of [`SAMPLES_AHEAD`] samples with a span.
    pub(crate) fn new(native: NativeStep, horizons: &[usize], rated: impl Iterator<Item = Watts>) -> Option<Self> {
        let horizon = horizons.iter().position(|samples| *samples == SAMPLES_AHEAD).filter(|place| *place > 0)?;
        let rated: Vec<Watts> = rated.collect();
        let (count, seats) = (rated.len(), rated.len().next_multiple_of(TURNS));
        let packed = Packed::new(seats, native.past());
        let place = Place { horizon, horizons: horizons.len() };
        let servers = vec![Server::cold(Watts::ZERO); seats];
        let mut all = Self { native, place, count, servers, packed, room: Room::default() };
        for (server, rated) in rated.into_iter().enumerate() {
            let seat = all.seat(server);
            all.servers[seat] = Server::cold(rated);
        }
        Some(all)
    }

    /// Where a server lies.
    fn seat(&self, server: usize) -> usize {
        server % TURNS * (self.servers.len() / TURNS) + server / TURNS
    }

    /// Takes the samples of those whose turn it is, `turn` counting ticks; `power` says what a server draws, `None` where
    /// that is not known.
    pub fn take(&mut self, turn: usize, power: impl Fn(usize) -> Option<Watts>) {
        let mut next = turn % TURNS;
        while next < self.count {
            next = self.choose(next, &power);
            self.step();
        }
    }

    /// What is forecast of a server; none while it is cold or not heard.
    pub fn of(&self, server: usize) -> Option<ServerForecast> {
        self.servers.get(self.seat(server)).filter(|_| server < self.count)?.forecast
    }

    /// Bytes that are kept for each server.
    pub fn bytes_per_server(&self) -> usize {
        size_of::<Server>() + self.packed.bytes_per_server()
    }

    /// Chooses the next batch from those whose turn it is, from `first` on; says where the one after begins.
    fn choose(&mut self, first: usize, power: &impl Fn(usize) -> Option<Watts>) -> usize {
        self.room.chosen.clear();
        self.room.power.clear();
        let mut index = first;
        while index < self.count && self.room.chosen.len() < BATCH {
            let (reading, seat) = (power(index).filter(|watts| *watts >= Watts::ZERO), self.seat(index));
            if let Some(x) = self.servers[seat].observe(reading) {
                self.room.chosen.push(seat);
                self.room.power.push(x);
            } else {
                self.packed.forget(seat);
            }
            index += TURNS;
        }
        index
    }

    fn step(&mut self) {
        let (count, width) = (self.room.chosen.len(), self.native.state());
        let (horizons, spans) = self.native.outputs();
        let room = &mut self.room;
        for (values, each) in [
            (&mut room.state, width),
            (&mut room.next, width),
            (&mut room.quantiles, horizons * 3),
            (&mut room.maxima, spans * 3),
        ] {
            values.resize(count * each, 0.0);
        }
        for (row, seat) in room.chosen.iter().enumerate() {
            self.packed.unpack(*seat, &mut room.state[row * width..(row + 1) * width]);
        }
        let mut out = Out { quantiles: &mut room.quantiles, maxima: &mut room.maxima, state: &mut room.next };
        self.native.run(&room.power, &room.state, &mut out);
        for (row, seat) in room.chosen.iter().enumerate() {
            let p50 = room.quantiles[(row * self.place.horizons + self.place.horizon) * 3];
            let peak_p99 = room.maxima[(row * spans + self.place.horizon - 1) * 3 + 2];
            let next = &room.next[row * width..(row + 1) * width];
            let kept = self.packed.pack(*seat, next);
            let before = self.packed.before(*seat, SAMPLES_AHEAD);
            let highest = self.packed.highest(*seat, SAMPLES_AHEAD);
            self.servers[*seat].forecast(kept, before, highest, [p50, peak_p99]);
        }
    }
}

impl Server {
    /// Of which nothing is known.
    fn cold(rated: Watts) -> Self {
        Self { rated, seen: 0, missed: 0, last: 0.0, correction: Correction::default(), forecast: None }
    }

    /// The sample to go by, in parts of the rating; none when it is cold.
    fn observe(&mut self, reading: Option<Watts>) -> Option<f32> {
        match reading {
            Some(watts) => {
                self.missed = 0;
                self.last = ratio(watts, self.rated);
                self.seen = self.seen.saturating_add(1);
            }
            None if self.seen > 0 && self.missed < MISSED_MAX => self.missed += 1,
            None => {
                *self = Self::cold(self.rated);
                return None;
            }
        }
        Some(self.last)
    }

    /// Takes what the step said; `before` is the sample that the forecast whose time has come was made at, `highest` the
    /// maximum since then. What is not finite starts cold.
    fn forecast(&mut self, kept: bool, before: f32, highest: f32, [p50, peak_p99]: [f32; 2]) {
        let fits = kept && p50.is_finite() && peak_p99.is_finite() && 0.0 <= p50 && p50 <= peak_p99;
        if !fits {
            *self = Self::cold(self.rated);
            return;
        }
        let drawn = Drawn { now: self.last, before, highest };
        let [median, bound] = self.correction.corrected(drawn, [p50, peak_p99]).map(|part| part.min(PARTS_MAX));
        let watts = |part| up(part, self.rated);
        self.forecast = (self.seen >= WARM_SAMPLES_MIN && peak_p99 <= PARTS_MAX)
            .then(|| ServerForecast { p50: watts(median.min(bound)), peak_p99: watts(bound) });
    }
}

const _: () = assert!(
    HORIZON.get().unsigned_abs() == SAMPLES_AHEAD as u64 * TURNS as u64 * 100,
    "servers look as far ahead as racks, with a tick of 100 ms"
);
