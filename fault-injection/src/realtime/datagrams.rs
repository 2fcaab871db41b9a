//! What passes between the devices' sockets and the replicas, through the impaired network, and what comes of it.

use std::io;
use std::time::{Duration, Instant};

use mio::Token;
use ridethrough_core::device::DeviceId;
use ridethrough_protocol::{Lan, frames};

use super::error::record_failed;
use super::network::{Fate, Passing, Way};
use super::station::Station;
use super::{Plant, RealtimeError};
use crate::field::{Act, Record, Reply};

/// At most so many datagrams of one socket in one turn, so that a flood at one device does not silence the others.
const DATAGRAMS_PER_TURN_MAX: usize = 64;
/// Longer than any frame: what is longer is no frame, and its end may be lost.
const RECEIVE_BYTES: usize = 2_048;

/// An order that a device has judged, and when.
#[derive(Clone, Debug)]
pub struct Witnessed {
    /// When its answer had been sent.
    pub at: Instant,
    /// Which device.
    pub device: DeviceId,
    /// What the device wrote into its record.
    pub act: Act,
}

impl Plant {
    /// Waits for sockets, at most to the next millisecond, and marks the ports at which something waits.
    pub(super) fn wait(&mut self) -> Result<(), RealtimeError> {
        let is_behind = self.lag.now_ms > 0 || self.stations.iter().any(Station::has_more);
        let timeout = if is_behind { Duration::ZERO } else { Duration::from_millis(1) };
        match self.poll.poll(&mut self.events, Some(timeout)) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(RealtimeError::Socket(error)),
            _ => {}
        }
        for event in &self.events {
            let Token(token) = event.token();
            let port = self.stations.get_mut(token / 2).and_then(|station| station.ports[token % 2].as_mut());
            if let Some(port) = port {
                port.has_more = true;
            }
        }
        Ok(())
    }

    /// Takes in what waits at one port of a device.
    pub(super) fn receive(&mut self, slot: usize, lan: Lan, now_ms: u64) -> Result<(), RealtimeError> {
        let mut buffer = [0; RECEIVE_BYTES];
        for _ in 0..DATAGRAMS_PER_TURN_MAX {
            let Some(port) = lan.of_mut(&mut self.stations[slot].ports) else { return Ok(()) };
            let (length, from) = match port.socket.recv_from(&mut buffer) {
                Ok(received) => received,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    port.has_more = false;
                    return Ok(());
                }
                // A replica that is away may be reported here; there is nothing to read and nothing to do.
                Err(_) => continue,
            };
            self.network.hear(slot, &buffer[..length]);
            let sender = self.replicas.iter().find(|to| to.addresses[lan.index()] == Some(from));
            let fate = match sender.map(|to| Passing { slot, lan, replica: to.id, way: Way::ToDevice }) {
                Some(passing) => self.network.pass(passing, &mut buffer[..length], now_ms),
                None => Fate::Delivered(1),
            };
            let Fate::Delivered(copies) = fate else { continue };
            for _ in 0..copies {
                self.take_in(slot, lan, &buffer[..length], now_ms)?;
            }
        }
        Ok(())
    }

    /// What is no frame ends its datagram; nothing of it is believed.
    fn take_in(&mut self, slot: usize, lan: Lan, datagram: &[u8], now_ms: u64) -> Result<(), RealtimeError> {
        frames(datagram).map_while(Result::ok).try_for_each(|frame| self.handle(slot, lan, frame, now_ms))
    }

    /// What the network has held back until now.
    pub(super) fn deliver_late(&mut self, now_ms: u64) -> Result<(), RealtimeError> {
        while let Some((passing, bytes)) = self.network.due(now_ms) {
            match passing.way {
                Way::ToDevice => self.take_in(passing.slot, passing.lan, &bytes, now_ms)?,
                Way::ToReplica => self.put_on_the_wire(passing, &bytes),
            }
        }
        Ok(())
    }

    fn put_on_the_wire(&mut self, passing: Passing, bytes: &[u8]) {
        let to = self.replicas.iter().find(|to| to.id == passing.replica);
        let address = to.and_then(|to| to.addresses[passing.lan.index()]);
        let port = passing.lan.of(&self.stations[passing.slot].ports);
        if let (Some(address), Some(port)) = (address, port)
            && port.socket.send_to(bytes, address).is_err()
        {
            self.tally.send_failed += 1;
        }
    }

    fn handle(&mut self, slot: usize, lan: Lan, frame: &[u8], now_ms: u64) -> Result<(), RealtimeError> {
        let mut written = Ok(());
        let station = &mut self.stations[slot];
        let mut acts = None;
        let mut keep = |record: &Record| {
            self.tally.count(&record.act);
            acts = self.witness.is_some().then(|| record.act.clone());
            if let Err(error) = station.records.append(record) {
                written = Err(error);
            }
        };
        let reply = station.device.handle(frame, lan, now_ms, &mut self.world, &mut self.out, &mut keep);
        written.map_err(record_failed)?;
        self.send(slot, reply);
        if let (Some(witness), Some(act)) = (&self.witness, acts) {
            // Whoever has gone away or is behind misses it.
            let device = self.stations[slot].device.device();
            let _ = witness.try_send(Witnessed { at: Instant::now(), device, act });
        }
        Ok(())
    }

    /// Over every network that there is.
    pub(super) fn send(&mut self, slot: usize, reply: Reply) {
        let Reply::Send(replica) = reply else { return };
        let now_ms = self.elapsed_ms();
        for lan in Lan::ALL {
            let passing = Passing { slot, lan, replica, way: Way::ToReplica };
            let frame = self.out.as_bytes();
            let (mut buffer, length) = ([0; RECEIVE_BYTES], frame.len());
            buffer[..length].copy_from_slice(frame);
            let Fate::Delivered(copies) = self.network.pass(passing, &mut buffer[..length], now_ms) else { continue };
            for _ in 0..copies {
                self.put_on_the_wire(passing, &buffer[..length]);
            }
        }
    }
}
