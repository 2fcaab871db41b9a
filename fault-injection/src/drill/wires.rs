//! What lies between two replicas: a relay of TCP for every one that dials and every one that is dialled, which stalls, delays
//! and damages what goes over it. A stalled wire holds bytes back as a network does whose packets get lost: they come later.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::plant::random::mix;

/// At most so many connections over one wire; more are closed at once.
const CONNECTIONS_MAX: usize = 32;
/// How often a wire looks for somebody who dials, and whether it is to end.
const LOOK: Duration = Duration::from_millis(2);
/// How long a read waits before it is looked whether the wire is to end.
const READ_TIMEOUT: Duration = Duration::from_millis(100);
/// How long the far end may take to be reached.
const DIAL_TIMEOUT: Duration = Duration::from_secs(2);
/// Bytes that go over at once.
const CHUNK_BYTES: usize = 64 << 10;

/// One way of a wire.
#[derive(Debug, Default)]
pub(super) struct Lane {
    stalled: AtomicBool,
    delay_ms: AtomicU32,
    damaged_permille: AtomicU16,
    /// Chunks that were held back, came later or were damaged.
    touched: AtomicU64,
    drawn: AtomicU64,
}

impl Lane {
    /// Stalls, or goes on.
    pub(super) fn stall(&self, on: bool) {
        self.stalled.store(on, Ordering::Relaxed);
    }

    /// Delays by so many ms from now on.
    pub(super) fn delay(&self, ms: u32) {
        self.delay_ms.store(ms, Ordering::Relaxed);
    }

    /// Flips a bit in so many thousandths of chunks from now on.
    pub(super) fn damage(&self, permille: u16) {
        self.damaged_permille.store(permille, Ordering::Relaxed);
    }

    /// How often it did so.
    pub(super) fn touched(&self) -> u64 {
        self.touched.load(Ordering::Relaxed)
    }

    fn touch(&self) {
        self.touched.fetch_add(1, Ordering::Relaxed);
    }

    #[allow(clippy::cast_possible_truncation, reason = "a place in a chunk")]
    fn maybe_damage(&self, chunk: &mut [u8]) {
        let permille = u64::from(self.damaged_permille.load(Ordering::Relaxed));
        let bits = mix(self.drawn.fetch_add(1, Ordering::Relaxed));
        if permille > 0 && bits % 1_000 < permille {
            let place = (bits >> 10) as usize % chunk.len();
            chunk[place] ^= 1 << (bits >> 61);
            self.touch();
        }
    }
}

/// A wire with both ways.
#[derive(Debug)]
pub(super) struct Wire {
    /// Who dials.
    pub(super) from: u16,
    /// Who is dialled.
    pub(super) to: u16,
    /// What the one who dials says.
    pub(super) there: Arc<Lane>,
    /// What he is answered.
    pub(super) back: Arc<Lane>,
}

/// All wires of a cluster. They end when this is dropped.
#[derive(Debug, Default)]
pub(super) struct Wires {
    wires: Vec<Wire>,
    ending: Arc<AtomicBool>,
}

impl Wires {
    /// A wire from one replica to another that listens here; returns where the one must dial.
    pub(super) fn lay(&mut self, from: u16, to: u16, listens: SocketAddr) -> Result<SocketAddr> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("a wire between replicas")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let wire = Wire { from, to, there: Arc::default(), back: Arc::default() };
        let (lanes, ending) = ([Arc::clone(&wire.there), Arc::clone(&wire.back)], Arc::clone(&self.ending));
        self.wires.push(wire);
        std::thread::Builder::new()
            .name(format!("wire n{from}-n{to}"))
            .spawn(move || carry(&listener, listens, &lanes, &ending))
            .context("a wire's thread")?;
        Ok(address)
    }

    /// The ways on which a replica is told something.
    pub(super) fn to(&self, id: u16) -> impl Iterator<Item = &Arc<Lane>> {
        self.wires.iter().filter_map(move |wire| match (wire.to == id, wire.from == id) {
            (true, _) => Some(&wire.there),
            (_, true) => Some(&wire.back),
            _ => None,
        })
    }

    /// The ways on which it tells something.
    pub(super) fn out_of(&self, id: u16) -> impl Iterator<Item = &Arc<Lane>> {
        self.wires.iter().filter_map(move |wire| match (wire.from == id, wire.to == id) {
            (true, _) => Some(&wire.there),
            (_, true) => Some(&wire.back),
            _ => None,
        })
    }
}

impl Drop for Wires {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::Relaxed);
    }
}

fn carry(listener: &TcpListener, listens: SocketAddr, lanes: &[Arc<Lane>; 2], ending: &Arc<AtomicBool>) {
    let open = Arc::new(AtomicUsize::new(0));
    while !ending.load(Ordering::Relaxed) {
        let Ok((dialled, _)) = listener.accept() else {
            std::thread::sleep(LOOK);
            continue;
        };
        if open.load(Ordering::Relaxed) >= 2 * CONNECTIONS_MAX {
            continue;
        }
        // Whoever is not there is not reached over a wire either: the one who dials is hung up on.
        let Ok(far) = TcpStream::connect_timeout(&listens, DIAL_TIMEOUT) else { continue };
        let ready = dialled
            .set_nonblocking(false)
            .and_then(|()| dialled.set_nodelay(true))
            .and_then(|()| far.set_nodelay(true));
        let (Ok(()), Ok(near_again), Ok(far_again)) = (ready, dialled.try_clone(), far.try_clone()) else { continue };
        let ways = [(dialled, far, Arc::clone(&lanes[0])), (far_again, near_again, Arc::clone(&lanes[1]))];
        for (from, to, lane) in ways {
            let (open, ending) = (Arc::clone(&open), Arc::clone(ending));
            open.fetch_add(1, Ordering::Relaxed);
            std::thread::spawn(move || {
                pump(&from, &to, &lane, &ending);
                // One way that has ended ends the other.
                drop(from.shutdown(Shutdown::Both));
                drop(to.shutdown(Shutdown::Both));
                open.fetch_sub(1, Ordering::Relaxed);
            });
        }
    }
}

fn pump(mut from: &TcpStream, mut to: &TcpStream, lane: &Lane, ending: &AtomicBool) {
    if from.set_read_timeout(Some(READ_TIMEOUT)).is_err() {
        return;
    }
    let mut buffer = vec![0; CHUNK_BYTES];
    while !ending.load(Ordering::Relaxed) {
        let length = match from.read(&mut buffer) {
            Ok(0) => return,
            Ok(length) => length,
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted) =>
            {
                continue;
            }
            Err(_) => return,
        };
        if lane.stalled.load(Ordering::Relaxed) {
            lane.touch();
        }
        while lane.stalled.load(Ordering::Relaxed) {
            if ending.load(Ordering::Relaxed) {
                return;
            }
            std::thread::sleep(LOOK);
        }
        let delay_ms = lane.delay_ms.load(Ordering::Relaxed);
        if delay_ms > 0 {
            lane.touch();
            std::thread::sleep(Duration::from_millis(u64::from(delay_ms)));
        }
        lane.maybe_damage(&mut buffer[..length]);
        if to.write_all(&buffer[..length]).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Somebody who says everything again.
    fn echo() -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("binds");
        let address = listener.local_addr().expect("bound");
        std::thread::spawn(move || {
            while let Ok((mut stream, _)) = listener.accept() {
                std::thread::spawn(move || {
                    let mut again = stream.try_clone().expect("clones");
                    std::io::copy(&mut stream, &mut again)
                });
            }
        });
        address
    }

    fn said(stream: &mut TcpStream, words: &[u8]) -> std::io::Result<Vec<u8>> {
        stream.write_all(words)?;
        let mut heard = vec![0; words.len()];
        stream.read_exact(&mut heard).map(|()| heard)
    }

    #[test]
    fn a_wire_carries_stalls_and_damages_each_way_by_itself() {
        let mut wires = Wires::default();
        let address = wires.lay(1, 2, echo()).expect("laid");
        let mut stream = TcpStream::connect(address).expect("somebody carries");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket");
        assert_eq!(said(&mut stream, b"hello").expect("comes back"), b"hello");

        let out_of_one: Vec<_> = wires.out_of(1).cloned().collect();
        for lane in &out_of_one {
            lane.damage(1_000);
        }
        let heard = said(&mut stream, b"hello").expect("comes back");
        let bits: u32 = heard.iter().zip(b"hello").map(|(one, other)| (one ^ other).count_ones()).sum();
        assert_eq!(bits, 1, "{heard:?}");
        for lane in &out_of_one {
            lane.damage(0);
        }

        let into_one: Vec<_> = wires.to(1).cloned().collect();
        for lane in &into_one {
            lane.stall(true);
        }
        stream.write_all(b"later").expect("it is taken");
        let deadline = std::time::Instant::now() + Duration::from_secs(20);
        while into_one[0].touched() == 0 && std::time::Instant::now() < deadline {
            std::thread::sleep(LOOK);
        }
        assert_eq!(into_one[0].touched(), 1, "the answer is held back");
        for lane in &into_one {
            lane.stall(false);
        }
        let mut heard = [0; 5];
        stream.read_exact(&mut heard).expect("it comes later");
        assert_eq!(&heard, b"later");
    }

    #[test]
    fn who_dials_somebody_who_is_gone_is_hung_up_on() {
        let gone =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr()).expect("bound");
        let mut wires = Wires::default();
        let address = wires.lay(1, 2, gone).expect("laid");
        let mut stream = TcpStream::connect(address).expect("the wire itself is there");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket");
        assert_eq!(stream.read(&mut [0; 1]).expect("an end"), 0);
    }
}
