//! The loop of a field device's firmware, over a board that it knows only by a trait.
//!
//! ```text
//!   turn:  take in what both networks have ─► answer ─► let lapse what is due ─► telemetry and outlets, when it is time
//! ```
//!
//! This crate is to firmware what `fault-injection/src/realtime.rs` is to the emulated plant: it shows that DPCN's device
//! half needs no `std` and no allocator. `cargo xtask test` builds it for a Cortex-M4.

#![cfg_attr(target_os = "none", no_std)]

#[cfg(target_os = "none")]
mod bare;

use ridethrough_protocol::{
    Actuator, DATAGRAM_BYTES_MAX, Datagram, DeviceEndpoint, FenceMemory, Handled, Lan, OUTLETS_MAX, OUTLETS_PER_FRAME,
    OutletPage, frames,
};
use ridethrough_vocabulary::device::{Reading, ReplicaId};
use ridethrough_vocabulary::units::Millis;

/// At most so many datagrams of one network in one turn, so that a flood does not keep the lease from lapsing.
const DATAGRAMS_PER_TURN_MAX: usize = 16;

/// Between two words on a PDU's outlets.
const OUTLETS_PERIOD: Millis = Millis::seconds(1);
/// No PDU has more pages of outlets.
const PAGES_MAX: usize = OUTLETS_MAX / OUTLETS_PER_FRAME;

/// What a board has to offer.
pub trait Board: Actuator {
    /// Time since the device booted, by a counter that never goes back.
    fn now(&mut self) -> Millis;

    /// The next datagram of one network, cut to the buffer; none when there is none.
    fn receive<'b>(&mut self, lan: Lan, buffer: &'b mut [u8]) -> Option<&'b [u8]>;

    /// Sends a frame to a replica over both networks. What cannot be sent is lost, as on any network.
    fn send(&mut self, replica: ReplicaId, frame: &[u8]);

    /// What the device measures now.
    fn measure(&mut self) -> Reading;

    /// What a page of its outlets feeds, counted from 0; none where there is no such page, as on a board without meters.
    fn measure_outlets(&mut self, _page: usize) -> Option<OutletPage> {
        None
    }
}

/// A device's loop.
pub struct Firmware<M> {
    endpoint: DeviceEndpoint<M>,
    replicas: &'static [ReplicaId],
    /// Between two telemetry frames.
    period: Millis,
    telemetry_due: Millis,
    outlets_due: Millis,
    buffer: [u8; DATAGRAM_BYTES_MAX],
    out: Datagram,
}

impl<M: FenceMemory> Firmware<M> {
    /// The loop of a device that has just booted and speaks to these replicas.
    pub const fn new(endpoint: DeviceEndpoint<M>, replicas: &'static [ReplicaId], period: Millis) -> Self {
        Self {
            endpoint,
            replicas,
            period,
            telemetry_due: Millis::ZERO,
            outlets_due: Millis::ZERO,
            buffer: [0; DATAGRAM_BYTES_MAX],
            out: Datagram::new(),
        }
    }

    /// One turn; returns when the next is due at the latest, if nothing is received before.
    pub fn turn(&mut self, board: &mut impl Board) -> Millis {
        for lan in Lan::ALL {
            self.listen(lan, board);
        }
        let now = board.now();
        let lapses = self.endpoint.poll(now, board);
        if self.telemetry_due <= now {
            self.telemetry_due = now.saturating_add(self.period);
            for replica in self.replicas {
                self.tell(*replica, now, board);
            }
        }
        // Looked at with telemetry, so that it never asks for a turn of its own.
        if self.outlets_due <= now {
            self.outlets_due = now.saturating_add(OUTLETS_PERIOD);
            self.tell_outlets(now, board);
        }
        lapses.map_or(self.telemetry_due, |lapses| lapses.min(self.telemetry_due))
    }

    fn listen(&mut self, lan: Lan, board: &mut impl Board) {
        for _ in 0..DATAGRAMS_PER_TURN_MAX {
            let Self { endpoint, buffer, out, .. } = self;
            let Some(datagram) = board.receive(lan, buffer) else { return };
            let mut opened = None;
            for frame in frames(datagram).map_while(Result::ok) {
                let now = board.now();
                match endpoint.handle(frame, lan, now, board, out) {
                    Handled::Answer { replica, .. } => board.send(replica, out.as_bytes()),
                    Handled::Opened(replica) => opened = Some(replica),
                    Handled::Nothing | Handled::Copy | Handled::Ignored(_) => {}
                }
            }
            if let Some(replica) = opened {
                let now = board.now();
                self.tell(replica, now, board);
            }
        }
    }

    fn tell_outlets(&mut self, now: Millis, board: &mut impl Board) {
        for page in 0..PAGES_MAX {
            let Some(page) = board.measure_outlets(page) else { return };
            for replica in self.replicas {
                // One that has no session yet would not believe it.
                if self.endpoint.outlets(*replica, &page, now, &mut self.out).is_ok() {
                    board.send(*replica, self.out.as_bytes());
                }
            }
        }
    }

    fn tell(&mut self, replica: ReplicaId, now: Millis, board: &mut impl Board) {
        let reading = board.measure();
        if self.endpoint.telemetry(replica, &reading, now, &mut self.out).is_ok() {
            board.send(replica, self.out.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use ridethrough_protocol::{
        BootNonce, ControllerEndpoint, Event, KeyEpoch, Keyring, Leadership, Orders, Outlet, SessionNonce, SiteSecret,
        VolatileFence,
    };
    use ridethrough_vocabulary::device::{DeviceId, Setpoint, Verdict};
    use ridethrough_vocabulary::part::RackId;
    use ridethrough_vocabulary::units::{Millivolts, Watts};

    use super::*;

    const PDU: DeviceId = DeviceId::Pdu(RackId(2));
    const REPLICAS: &[ReplicaId] = &[ReplicaId(1)];

    /// A board in memory.
    #[derive(Default)]
    struct Desk {
        now: i64,
        inbox: [VecDeque<Vec<u8>>; 2],
        sent: Vec<Vec<u8>>,
    }

    impl Actuator for Desk {
        fn check(&self, _: &Setpoint) -> Result<(), Verdict> {
            Ok(())
        }

        fn apply(&mut self, _: Option<Setpoint>) {}
    }

    impl Board for Desk {
        fn now(&mut self) -> Millis {
            Millis::new(self.now)
        }

        fn receive<'b>(&mut self, lan: Lan, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
            let datagram = self.inbox[lan.index()].pop_front()?;
            let room = &mut buffer[..datagram.len()];
            room.copy_from_slice(&datagram);
            Some(room)
        }

        fn send(&mut self, _: ReplicaId, frame: &[u8]) {
            self.sent.push(frame.to_vec());
        }

        fn measure(&mut self) -> Reading {
            let bus = Millivolts::new(800_000);
            Reading::Pdu { load: Watts::ZERO, draw: Watts::ZERO, bus, breaker_permille: 0, tripped: false }
        }

        fn measure_outlets(&mut self, page: usize) -> Option<OutletPage> {
            // 33 of them.
            let (first, count) = [(0, 32), (32, 1)].get(page).copied()?;
            OutletPage::new(first, &vec![Outlet::Open; count], 5).ok()
        }
    }

    #[test]
    fn it_joins_a_real_replica_and_keeps_telling() {
        let keyring = Keyring::new(KeyEpoch::FIRST, SiteSecret::new([3; 32]));
        let mut controller =
            ControllerEndpoint::new(&keyring.replica(REPLICAS[0]), SessionNonce::new(5), &[PDU], Orders::One);
        let endpoint = DeviceEndpoint::new(
            keyring.device(PDU, REPLICAS),
            BootNonce::new(6),
            Orders::One,
            VolatileFence::default(),
        );
        let (mut firmware, mut desk) = (Firmware::new(endpoint, REPLICAS, Millis::new(100)), Desk::default());
        let leave = Leadership { term: 1, lease: Millis::new(500), valid_for: Millis::seconds(9) };
        controller.lead(leave, Millis::ZERO).expect("it may lead");
        let (mut heard, mut pages) = (0, Vec::new());
        for now in 0..2_000 {
            desk.now = now;
            firmware.turn(&mut desk);
            for frame in std::mem::take(&mut desk.sent) {
                let event = controller.observe(&frame, Lan::A, Millis::new(now));
                heard += u32::from(matches!(event, Some(Event::Telemetry(_))));
                if let Some(Event::Outlets { page, .. }) = event {
                    pages.push((page.first(), page.outlets().count()));
                }
            }
            let mut datagram = Vec::new();
            controller.poll(Millis::new(now), &mut |outgoing| datagram.extend_from_slice(outgoing.bytes));
            desk.inbox.iter_mut().for_each(|inbox| inbox.push_back(datagram.clone()));
        }
        assert!(heard >= 20, "once when it joined and ten times a second: {heard}");
        assert_eq!(pages, [(0, 32), (32, 1)], "once a second, and not before a session was open");
        assert!(firmware.endpoint.lease_remaining() > Millis::ZERO);
        desk.now = 10_000;
        assert_eq!(firmware.turn(&mut desk), Millis::new(10_100));
        assert_eq!(firmware.endpoint.lease_remaining(), Millis::ZERO, "alone");
    }
}
