//! What every server draws: as its PDU says, and where that is not known, as remote-write says.
//!
//! Both lie in atomic words, so whoever likes reads, from any thread, and nobody waits. Nothing commands by it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ridethrough_core::site::{RackId, ServerId, Site};
use ridethrough_core::units::Watts;
use ridethrough_intake::{Part, Signal, Signals};
use ridethrough_link::{OutletPowers, OutletReading};
use ridethrough_protocol::Outlet;

/// What a PDU said longer ago is not told any more: it says so once a second, and five words in a row are rarely lost.
pub const OUTLET_AGE_MAX: Duration = Duration::from_secs(5);

/// What is older is not added up: the meter of a rack is looked back on no further.
const SUM_AGE_MAX: Duration = Duration::from_secs(3);

/// Who says what a server draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The outlet of its PDU.
    Outlet,
    /// The power signal of remote-write.
    Signal,
}

impl Source {
    /// Each of them.
    pub const ALL: [Self; 2] = [Self::Outlet, Self::Signal];

    /// Its name in metrics and views.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Outlet => "outlet",
            Self::Signal => "signal",
        }
    }
}

/// What a server draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerReading {
    /// Nothing while its outlet is open.
    pub power: Watts,
    /// How long ago it was measured.
    pub age: Duration,
    /// Who says so.
    pub source: Source,
}

/// What every server draws.
#[derive(Debug)]
pub struct ServerPower {
    outlets: Arc<OutletPowers>,
    signals: Arc<Signals>,
    /// Rack and outlet of each server, by its index.
    places: Box<[(RackId, usize)]>,
}

impl ServerPower {
    /// The servers of this site, over what the link and the intake hear.
    pub fn new(site: &Site, outlets: Arc<OutletPowers>, signals: Arc<Signals>) -> Self {
        let mut places = vec![(RackId(0), usize::MAX); site.servers.len()];
        for rack in site.rack_ids() {
            for (outlet, server) in site.rack(rack).servers.iter().enumerate() {
                places[server.index()] = (rack, outlet);
            }
        }
        Self { outlets, signals, places: places.into() }
    }

    /// What a server draws; none where nobody has said so lately.
    pub fn read(&self, server: ServerId, now: Instant) -> Option<ServerReading> {
        self.of_outlet(server, now).or_else(|| self.of_signal(server, now))
    }

    /// What the outlets of these servers feed together, as their PDUs say; none unless each of them has been heard within
    /// [`SUM_AGE_MAX`].
    pub fn sum_of_outlets(&self, servers: &[ServerId], now: Instant) -> Option<Watts> {
        let of = |server| self.of_outlet(server, now).filter(|reading| reading.age <= SUM_AGE_MAX);
        let known = servers.iter().map(|server| of(*server).map(|reading| reading.power));
        known.sum::<Option<Watts>>().filter(|_| !servers.is_empty())
    }

    /// How many servers each source speaks for now, in the order of [`Source::ALL`].
    pub fn heard(&self, now: Instant) -> [usize; 2] {
        let sources = self.servers().filter_map(|server| self.read(server, now)).map(|reading| reading.source);
        sources.fold([0, 0], |[outlets, signals], source| match source {
            Source::Outlet => [outlets + 1, signals],
            Source::Signal => [outlets, signals + 1],
        })
    }

    /// Every server.
    pub fn servers(&self) -> impl Iterator<Item = ServerId> + use<> {
        (0..u16::try_from(self.places.len()).unwrap_or(u16::MAX)).map(ServerId)
    }

    /// What the outlet of a server says; none where it has not said so lately.
    pub fn outlet(&self, server: ServerId, now: Instant) -> Option<Outlet> {
        self.outlet_reading(server, now).map(|reading| reading.outlet)
    }

    fn outlet_reading(&self, server: ServerId, now: Instant) -> Option<OutletReading> {
        let (rack, outlet) = *self.places.get(server.index())?;
        self.outlets.read(rack, outlet, now).filter(|reading| reading.age <= OUTLET_AGE_MAX)
    }

    fn of_outlet(&self, server: ServerId, now: Instant) -> Option<ServerReading> {
        let reading = self.outlet_reading(server, now)?;
        let power = match reading.outlet {
            Outlet::Metered(power) => power,
            Outlet::Open => Watts::ZERO,
            Outlet::Unmetered => return None,
        };
        Some(ServerReading { power, age: reading.age, source: Source::Outlet })
    }

    fn of_signal(&self, server: ServerId, now: Instant) -> Option<ServerReading> {
        let reading = self.signals.read(Part::Server(server), Signal::Power, now)?;
        // Finite and not negative; what is beyond all servers saturates.
        #[expect(clippy::cast_possible_truncation, reason = "`as` saturates")]
        let power = Watts::new(reading.value.round() as i64);
        Some(ServerReading { power, age: reading.age, source: Source::Signal })
    }
}

#[cfg(test)]
mod tests {
    use ridethrough_intake::{Intake, Limits, Mapping, Message, Now};

    use super::*;

    const MAPPING: &str = "[[signal]]\nsignal = \"power\"\nmetric = \"meter_watts\"\nkind = \"gauge\"\n\
                           server_pattern = \"{}\"\nmax_age_seconds = 10\n";

    #[test]
    fn a_site_of_which_nothing_is_heard_is_known_to_be_so() {
        let site = Site::parse("demo", &demo()).expect("the demo's site is good");
        let power = ServerPower::new(&site, Arc::new(OutletPowers::none()), Arc::new(Signals::none(Instant::now())));
        let now = Instant::now();
        assert_eq!((power.heard(now), power.servers().count()), ([0, 0], site.servers.len()));
        assert_eq!(power.read(ServerId(0), now), None);
        assert_eq!(power.read(ServerId(u16::MAX), now), None);
        assert_eq!(power.sum_of_outlets(&site.racks[0].servers, now), None);
        assert_eq!(power.sum_of_outlets(&[], now), None, "no server is not no power");
    }

    #[test]
    fn each_server_has_an_outlet_of_its_rack_in_the_order_of_the_site() {
        let site = Site::parse("demo", &demo()).expect("the demo's site is good");
        let power = ServerPower::new(&site, Arc::new(OutletPowers::none()), Arc::new(Signals::none(Instant::now())));
        for (server, (rack, outlet)) in site.servers.iter().zip(&power.places) {
            assert_eq!(server.rack, *rack);
            assert_eq!(site.servers_of(*rack).nth(*outlet).map(|there| &there.name), Some(&server.name));
        }
    }

    #[test]
    fn what_no_outlet_says_is_read_from_remote_write_until_it_is_too_old() {
        let site = Site::parse("demo", &demo()).expect("the demo's site is good");
        let mapping = Mapping::parse("signals.toml", MAPPING, &site).expect("a good mapping");
        let at = Instant::now();
        let intake = Intake::new(&site, mapping, Limits::default(), at);
        let power = ServerPower::new(&site, Arc::new(OutletPowers::none()), intake.signals());
        let told = pushed(&site.servers[2].name, 299.6);
        intake.write(Message::V1, &told, Now { unix_ms: PUSHED_MS, at }).expect("a good request");
        let age = Duration::from_secs(4);
        let reading = ServerReading { power: Watts::new(300), age, source: Source::Signal };
        assert_eq!(power.read(ServerId(2), at + age), Some(reading));
        assert_eq!((power.heard(at + age), power.read(ServerId(1), at + age)), ([0, 1], None));
        let rack = &site.rack(site.servers[2].rack).servers;
        assert_eq!(power.sum_of_outlets(rack, at + age), None, "a signal is no outlet");
        let late = at + Duration::from_secs(11);
        assert_eq!((power.heard(late), power.read(ServerId(2), late)), ([0, 0], None));
    }

    const PUSHED_MS: i64 = 100;

    /// A request of remote-write 1.0 with one sample, of [`PUSHED_MS`].
    fn pushed(server: &str, watts: f64) -> Vec<u8> {
        let field = |number: u8, of: &[u8]| {
            let length = u8::try_from(of.len()).ok().filter(|length| *length < 128).expect("short");
            [&[number << 3 | 2, length], of].concat()
        };
        let label =
            |name: &str, value: &str| field(1, &[field(1, name.as_bytes()), field(2, value.as_bytes())].concat());
        let time = u8::try_from(PUSHED_MS).expect("a varint of one byte");
        let sample = [&[1 << 3 | 1][..], &watts.to_le_bytes(), &[2 << 3, time]].concat();
        let series = [label("__name__", "meter_watts"), label("instance", server), field(2, &sample)].concat();
        snap::raw::Encoder::new().compress_vec(&field(1, &series)).expect("short enough")
    }

    fn demo() -> String {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fault-injection/scenarios/demo/site.toml");
        std::fs::read_to_string(file).expect("the demo's site is there")
    }
}
