//! Wires: everything that is on its way, and what the weather makes of it.

use std::collections::VecDeque;

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

/// Room that is kept for so many frames.
const SPARE_MAX: usize = 256;

/// Everything on its way, in the order of its arrival.
#[derive(Debug)]
pub struct Wires {
    /// What arrives in each millisecond from `arrived_ms` on, in the order in which it was sent.
    ways: VecDeque<VecDeque<Packet>>,
    arrived_ms: u64,
    /// Room of frames that have arrived, for others.
    spare: Vec<Vec<u8>>,
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

impl Wires {
    /// Calm ones.
    pub fn new(dice: Dice) -> Self {
        Self {
            ways: VecDeque::new(),
            arrived_ms: 0,
            spare: Vec::new(),
            dice,
            peers: Weather::default(),
            field: Weather::default(),
            cut: [[false; 3]; 3],
            dead: [false; 2],
            away: [false; 3],
            tally: Tally::default(),
        }
    }

    /// A copy of a frame in room that is there already.
    pub fn room_with(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut room = self.spare.pop().unwrap_or_default();
        room.extend_from_slice(bytes);
        room
    }

    /// A frame was read, and its room is free.
    pub fn give_back(&mut self, mut bytes: Vec<u8>) {
        if self.spare.len() < SPARE_MAX {
            bytes.clear();
            self.spare.push(bytes);
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
        while self.arrived_ms <= now_ms {
            if let Some(packet) = self.ways.front_mut().and_then(VecDeque::pop_front) {
                return Some(packet);
            }
            self.arrived_ms += 1;
            // The room of what has arrived is used again.
            if let Some(empty) = self.ways.pop_front() {
                self.ways.push_back(empty);
            }
        }
        None
    }

    /// A replica's connections are gone, with what was under way on them.
    pub fn hang_up(&mut self, replica: usize) {
        let stays = |packet: &Packet| !matches!(packet, Packet::Peer { from, .. } if *from == replica);
        self.ways.iter_mut().for_each(|way| way.retain(stays));
    }

    fn post(&mut self, packet: Packet, weather: Weather, now_ms: u64) {
        let at_ms = now_ms + 1 + self.dice.below(weather.delay_max_ms + 1);
        let place = usize::try_from(at_ms.saturating_sub(self.arrived_ms)).unwrap_or(usize::MAX);
        if place >= self.ways.len() {
            self.ways.resize_with(place + 1, VecDeque::new);
        }
        self.ways[place].push_back(packet);
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
