//! What an order says, read from its bytes as `io/PROTOCOL.md` lays them out.
//!
//! The endpoint keeps what it judged to itself; the device's own record is to say what it was asked even when it
//! refused. Only bytes that the endpoint has believed are read here.

use ridethrough_core::device::{Direction, Fence, GeneratorDuty, Setpoint};
use ridethrough_core::units::{Millis, Watts};

/// Length of an order frame.
const ORDER_BYTES: usize = 128;

/// What an order says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OrderSeen {
    /// Leader term and entry index.
    pub(super) fence: Fence,
    /// Term of the entry.
    pub(super) entry_term: u64,
    /// When it is void, on the device's clock.
    pub(super) expires_at: Millis,
    /// What to do.
    pub(super) setpoint: Setpoint,
}

/// Reads an order; `None` when the datagram is none.
pub(super) fn read(datagram: &[u8]) -> Option<OrderSeen> {
    if datagram.len() != ORDER_BYTES {
        return None;
    }
    let [first, second, third] = [88, 96, 104].map(|offset| watts(datagram, offset));
    let setpoint = match (datagram.get(80)?, datagram.get(81)?) {
        (1, 0) => Setpoint::Kesm { supply_max: first?, charge_max: second?, hold: third? },
        (2, 1) => Setpoint::Tie { direction: Direction::Forward, flow_max: first?, hold: second? },
        (2, 2) => Setpoint::Tie { direction: Direction::Backward, flow_max: first?, hold: second? },
        (3, &keep_tiers) => Setpoint::Pdu { cap: first?, keep_tiers },
        (4, 1) => Setpoint::Supply { generator: GeneratorDuty::Auto },
        (4, 2) => Setpoint::Supply { generator: GeneratorDuty::Run },
        _ => return None,
    };
    Some(OrderSeen {
        fence: Fence { term: u64::from_le_bytes(word(datagram, 48)?), index: u64::from_le_bytes(word(datagram, 56)?) },
        entry_term: u64::from_le_bytes(word(datagram, 64)?),
        expires_at: Millis::new(i64::from_le_bytes(word(datagram, 72)?)),
        setpoint,
    })
}

fn watts(datagram: &[u8], offset: usize) -> Option<Watts> {
    Some(Watts::new(i64::from_le_bytes(word(datagram, offset)?)))
}

fn word(datagram: &[u8], offset: usize) -> Option<[u8; 8]> {
    datagram.get(offset..offset + 8)?.try_into().ok()
}
