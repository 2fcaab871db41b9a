//! Free ports for what will listen. They lie outside the range that the system gives ports from to whoever asks for any:
//! hundreds of sockets of devices ask, and one of them would now and then get what was found free for a replica.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::ops::RangeInclusive;

use anyhow::{Context, Result, bail};

/// Where the system says from which ports it gives.
const GIVEN_FILE: &str = "/proc/sys/net/ipv4/ip_local_port_range";
/// What Linux gives from unless told otherwise.
const GIVEN: RangeInclusive<u16> = 32_768..=60_999;
/// Below are ports that well-known services like to have.
const LOWEST: u16 = 10_240;
/// Fewer ports than this below the system's range, and those above it are taken.
const ENOUGH: u16 = 1_000;
/// So many are tried before it is given up.
const TRIES: usize = 200;

/// A free TCP port of loopback, held until the listener is dropped.
pub fn tcp() -> Result<(u16, TcpListener)> {
    free(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)))
}

/// A free UDP port of this address, held until the socket is dropped.
pub fn udp(address: Ipv4Addr) -> Result<(u16, UdpSocket)> {
    free(|port| UdpSocket::bind((address, port)))
}

fn free<T>(bind: impl Fn(u16) -> std::io::Result<T>) -> Result<(u16, T)> {
    let range = candidates(&given());
    let many = u32::from(range.end() - range.start()) + 1;
    for _ in 0..TRIES {
        let drawn = getrandom::u32().context("no randomness from the system")? % many;
        let port = range.start() + u16::try_from(drawn).unwrap_or(0);
        if let Ok(held) = bind(port) {
            return Ok((port, held));
        }
    }
    bail!("none of {TRIES} ports of {} to {} was free", range.start(), range.end())
}

/// The range that the system gives from.
fn given() -> RangeInclusive<u16> {
    let told = fs::read_to_string(GIVEN_FILE).unwrap_or_default();
    let mut ends = told.split_whitespace().map(str::parse);
    match (ends.next(), ends.next()) {
        (Some(Ok(low)), Some(Ok(high))) if low <= high => low..=high,
        _ => GIVEN,
    }
}

/// The ports to draw from: below those that the system gives, or above them where there is no room.
fn candidates(given: &RangeInclusive<u16>) -> RangeInclusive<u16> {
    if *given.start() > LOWEST + ENOUGH {
        LOWEST..=given.start() - 1
    } else if *given.end() < u16::MAX - ENOUGH {
        given.end() + 1..=u16::MAX
    } else {
        // The system gives all there are: nothing is better than that.
        given.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_is_held_and_never_one_that_the_system_gives() {
        let given = given();
        let (port, held) = udp(Ipv4Addr::LOCALHOST).expect("a free port");
        assert_eq!(held.local_addr().expect("bound").port(), port);
        assert!(!given.contains(&port) || candidates(&given) == given, "{port} is one of {given:?}");
        assert!(UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_err(), "it is held");
    }

    #[test]
    fn there_are_candidates_whatever_the_system_gives() {
        assert_eq!(candidates(&GIVEN), 10_240..=32_767);
        assert_eq!(candidates(&(1_024..=60_999)), 61_000..=65_535);
        assert_eq!(candidates(&(1_024..=65_535)), 1_024..=65_535);
    }
}
