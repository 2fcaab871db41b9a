//! A datagram's answer. Takes bytes and `now`; no socket, no clock.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use async_snmp::DecodeConfig;
use async_snmp::ber::Decoder;
use async_snmp::message::{CommunityMessage, CommunityPdu};
use async_snmp::pdu::Pdu;
use ridethrough_door::Pace;

use crate::board::{Board, Fleet};
use crate::engine::Engine;
use crate::limits::{DATAGRAM_MAX, Limits};
use crate::meters::{Dropped, Meters};
use crate::mib::Seen;
use crate::operation::{self, Outcome};
use crate::pace::Paces;
use crate::secrets::Secrets;
use crate::tree::Tree;
use crate::usm::{Read, Usm};

/// Versions as they are written.
const V2C: i32 = 1;
const V3: i32 = 3;
/// What stands around the PDU of an answer of version 2c without its community: sequence, version, lengths.
const AROUND: usize = 16;

/// Who answers: the group `system`.
#[derive(Clone, Debug)]
pub struct Agent {
    /// The program, the replica, the site.
    pub description: String,
    /// Whom to call.
    pub contact: String,
    /// The replica.
    pub name: String,
    /// Where it stands.
    pub location: String,
    /// When it began.
    pub began: Instant,
}

impl Agent {
    /// Hundredths of a second from its begin to then, as `sysUpTime` counts them: from 0 again after 497 days.
    pub(crate) fn ticks(&self, then: Instant) -> u32 {
        let hundredths = then.saturating_duration_since(self.began).as_millis() / 10;
        u32::try_from(hundredths % (1 << 32)).unwrap_or(0)
    }
}

/// Everything that a datagram is answered from.
pub struct Desk {
    agent: Agent,
    fleet: Fleet,
    board: Arc<ArcSwap<Board>>,
    secrets: Secrets,
    v2c: bool,
    usm: Usm,
    paces: Paces,
    reports: Pace,
    meters: Meters,
}

impl Desk {
    /// A desk that answers by the newest board: by version 3, and by version 2c only where that is wanted. None when the system has
    /// no randomness. Install the recorder of metrics before.
    pub fn new(
        agent: Agent,
        fleet: Fleet,
        board: Arc<ArcSwap<Board>>,
        (secrets, engine): (Secrets, Engine),
        limits: Limits,
    ) -> Option<Self> {
        let paces = Paces::new(limits.per_second, limits.per_second_each, agent.began);
        let reports = Pace::new(limits.reports_per_second, agent.began);
        let usm = Usm::new(engine, &secrets)?;
        Some(Self { agent, fleet, board, secrets, v2c: false, usm, paces, reports, meters: Meters::new() })
    }

    /// The same, that answers whoever knows the community, too.
    pub fn with_v2c(mut self) -> Self {
        self.v2c = true;
        self
    }

    /// Answers a datagram, or does not, and counts which.
    pub fn answer(&mut self, from: IpAddr, datagram: &[u8], now: Instant) -> Option<Vec<u8>> {
        match self.heard(from, datagram, now) {
            Ok(answer) => Some(answer),
            Err(why) => {
                if let Some(why) = why {
                    self.meters.dropped(why);
                }
                None
            }
        }
    }

    /// That an answer was not taken by the system.
    pub(crate) fn unsent(&self) {
        self.meters.dropped(Dropped::Unsent);
    }

    /// Its answer, or why there is none; nothing is said of what nobody wants to hear of.
    fn heard(&mut self, from: IpAddr, datagram: &[u8], now: Instant) -> Result<Vec<u8>, Option<Dropped>> {
        if datagram.len() > DATAGRAM_MAX {
            return Err(Some(Dropped::TooLong));
        }
        if !self.paces.take(from, now) {
            return Err(Some(Dropped::TooOften));
        }
        match version(datagram).ok_or(Dropped::Malformed)? {
            V3 => self.by_v3(datagram, now),
            V2C if self.v2c => Ok(self.by_v2c(datagram, now)?),
            _ => Err(Some(Dropped::Version)),
        }
    }

    fn by_v3(&mut self, datagram: &[u8], now: Instant) -> Result<Vec<u8>, Option<Dropped>> {
        match self.usm.read(datagram, now) {
            Read::Dropped(why) => Err(Some(why)),
            Read::Reported(report, told) => {
                self.meters.reported(report);
                let told = told.ok_or(None)?;
                if self.reports.take(now) { Ok(told) } else { Err(Some(Dropped::TooOften)) }
            }
            Read::Asked(asked) => {
                let (outcome, pdu) = self.work(asked.context(), &asked.pdu, asked.room(), now)?;
                let answer = self.usm.answer(&asked, pdu, now).ok_or(Dropped::Unsent)?;
                self.meters.answered(outcome);
                Ok(answer)
            }
        }
    }

    fn by_v2c(&self, datagram: &[u8], now: Instant) -> Result<Vec<u8>, Dropped> {
        let decoded = CommunityMessage::decode(datagram.to_vec().into(), DecodeConfig::STRICT);
        let (_, community, pdu) = decoded.map_err(|_| Dropped::Malformed)?.value.into_parts();
        let CommunityPdu::Standard(pdu) = pdu else { return Err(Dropped::NoRequest) };
        let (word, rack) = split(community.as_bytes());
        if !self.secrets.is_community(word) {
            return Err(Dropped::Community);
        }
        let room = DATAGRAM_MAX.saturating_sub(AROUND + community.as_bytes().len());
        let (outcome, pdu) = self.work(rack, &pdu, room, now)?;
        let message = CommunityMessage::v2c(community, pdu).and_then(|message| message.encode());
        let answer = message.map_err(|_| Dropped::Unsent)?.to_vec();
        self.meters.answered(outcome);
        Ok(answer)
    }

    /// One board answers the whole request, so its numbers are of one moment.
    fn work(&self, context: &[u8], pdu: &Pdu, room: usize, now: Instant) -> Result<(Outcome, Pdu), Dropped> {
        let place = self.fleet.place(context).ok_or(Dropped::Context)?;
        let ups = self.fleet.ups(place).ok_or(Dropped::Context)?;
        let board = self.board.load();
        let shown = board.shown(place, now);
        let tree = Tree::new(Seen { agent: &self.agent, ups, shown, now });
        let (outcome, pdu) = operation::answer(&tree, pdu, room).ok_or(Dropped::NoRequest)?;
        let is_unknown = outcome == Outcome::Ok && shown.is_none();
        Ok((if is_unknown { Outcome::Unknown } else { outcome }, pdu))
    }
}

fn version(datagram: &[u8]) -> Option<i32> {
    let mut decoder = Decoder::from_slice(datagram).with_decode_config(DecodeConfig::STRICT);
    decoder.read_sequence().ok()?.read_integer().ok()
}

/// A community, and the rack behind its `@`; without one, the site.
fn split(community: &[u8]) -> (&[u8], &[u8]) {
    let at = community.iter().position(|byte| *byte == b'@').unwrap_or(community.len());
    let (word, rest) = community.split_at(at);
    (word, rest.get(1..).unwrap_or_default())
}

#[cfg(test)]
mod tests;
