//! Wires: everything that is on its way, and what the weather makes of it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use ridethrough_protocol::Lan;

use crate::consensus::message::Word;
use crate::dice::Dice;

/// Something on its way. Replicas and devices are named by their places.
#[derive(Debug)]
pub enum Packet {
    /// From a replica to another.
    Peer {
        /// Who sent it.
        from: usize,
        /// Whose it is.
        to: usize,
        /// What it says.
        word: Word,
    },
    /// From a replica to a device.
    Order {
        /// Who sent it.
        from: usize,
        /// Whose it is.
        device: usize,
        /// Over which network.
        lan: Lan,
        /// The frame.
        bytes: Vec<u8>,
    },
    /// From a device to a replica.
    Report {
        /// Who sent it.
        device: usize,
        /// Whose it is.
        to: usize,
        /// Over which network.
        lan: Lan,
        /// The frame.
        bytes: Vec<u8>,
    },
}

/// What happens to what is sent, in thousandths, and how long it takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weather {
    /// So much is lost.
    pub loss_permille: u64,
    /// So much arrives twice.
    pub twice_permille: u64,
    /// So much has a bit flipped; between replicas TLS makes that a loss.
    pub corrupt_permille: u64,
    /// Everything takes up to so many ms more, each for itself, so that some is overtaken.
    pub delay_max_ms: u64,
}

/// Everything on its way, in the order of its arrival.
#[derive(Debug)]
pub struct Wires {
    ways: BinaryHeap<Reverse<Arrival>>,
    sent: u64,
    dice: Dice,
    /// Among replicas.
    pub peers: Weather,
    /// Of the field networks.
    pub field: Weather,
    /// Which replica's words reach which: a cut may be one way only.
    pub cut: [[bool; 3]; 3],
    /// Which field networks are dead.
    pub dead: [bool; 2],
    /// Which replicas the field networks do not reach.
    pub away: [bool; 3],
    /// What the weather did.
    pub tally: Tally,
}

/// What the weather did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Sent.
    pub sent: u64,
    /// Lost, by the weather or a cut.
    pub lost: u64,
    /// Arrived twice.
    pub twice: u64,
    /// Arrived with a bit flipped.
    pub corrupted: u64,
}

#[derive(Debug)]
struct Arrival {
    at_ms: u64,
    nth: u64,
    packet: Packet,
}

impl Wires {
    /// Calm ones.
    pub fn new(dice: Dice) -> Self {
        Self {
            ways: BinaryHeap::new(),
            sent: 0,
            dice,
            peers: Weather::default(),
            field: Weather::default(),
            cut: [[false; 3]; 3],
            dead: [false; 2],
            away: [false; 3],
            tally: Tally::default(),
        }
    }

    /// Sends something; it arrives in the next millisecond or later, or never.
    pub fn send(&mut self, packet: Packet, now_ms: u64) {
        self.tally.sent += 1;
        let weather = match &packet {
            Packet::Peer { .. } => self.peers,
            Packet::Order { .. } | Packet::Report { .. } => self.field,
        };
        if self.is_cut(&packet) || self.dice.chance(weather.loss_permille) {
            self.tally.lost += 1;
            return;
        }
        if self.dice.chance(weather.twice_permille) {
            self.tally.twice += 1;
            let copy = packet.copy();
            self.post(copy, weather, now_ms);
        }
        if self.dice.chance(weather.corrupt_permille) {
            self.tally.corrupted += 1;
            if let Some(flipped) = flip(packet, &mut self.dice) {
                self.post(flipped, weather, now_ms);
            }
            return;
        }
        self.post(packet, weather, now_ms);
    }

    /// The next thing that has arrived by now.
    pub fn arrived(&mut self, now_ms: u64) -> Option<Packet> {
        let is_here = self.ways.peek().is_some_and(|Reverse(first)| first.at_ms <= now_ms);
        if is_here { self.ways.pop().map(|Reverse(arrival)| arrival.packet) } else { None }
    }

    /// A replica's connections are gone, with what was under way on them.
    pub fn hang_up(&mut self, replica: usize) {
        self.ways.retain(|Reverse(arrival)| !matches!(arrival.packet, Packet::Peer { from, .. } if from == replica));
    }

    fn post(&mut self, packet: Packet, weather: Weather, now_ms: u64) {
        self.sent += 1;
        let at_ms = now_ms + 1 + self.dice.below(weather.delay_max_ms + 1);
        self.ways.push(Reverse(Arrival { at_ms, nth: self.sent, packet }));
    }

    fn is_cut(&self, packet: &Packet) -> bool {
        match packet {
            Packet::Peer { from, to, .. } => self.cut[*from][*to],
            Packet::Order { from: replica, lan, .. } | Packet::Report { to: replica, lan, .. } => {
                self.dead[lan.index()] || self.away[*replica]
            }
        }
    }
}

impl Packet {
    fn copy(&self) -> Self {
        match self {
            Self::Peer { from, to, word } => Self::Peer { from: *from, to: *to, word: word.clone() },
            Self::Order { from, device, lan, bytes } => {
                Self::Order { from: *from, device: *device, lan: *lan, bytes: bytes.clone() }
            }
            Self::Report { device, to, lan, bytes } => {
                Self::Report { device: *device, to: *to, lan: *lan, bytes: bytes.clone() }
            }
        }
    }
}

/// One bit of a frame flipped; nothing is left of what replicas say, since TLS refuses it and the connection is made anew.
fn flip(mut packet: Packet, dice: &mut Dice) -> Option<Packet> {
    match &mut packet {
        Packet::Peer { .. } => return None,
        Packet::Order { bytes, .. } | Packet::Report { bytes, .. } => {
            let bit = dice.below(bytes.len() as u64 * 8);
            let byte = bytes.get_mut(usize::try_from(bit / 8).unwrap_or(0))?;
            *byte ^= 1 << (bit % 8);
        }
    }
    Some(packet)
}

impl PartialEq for Arrival {
    fn eq(&self, other: &Self) -> bool {
        self.nth == other.nth
    }
}

impl Eq for Arrival {}

impl PartialOrd for Arrival {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Arrival {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at_ms, self.nth).cmp(&(other.at_ms, other.nth))
    }
}
