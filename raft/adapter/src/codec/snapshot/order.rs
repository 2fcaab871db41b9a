//! The newest order of each device.

use bincode::{Decode, Encode};
use ridethrough_core::device::{Order, Setpoint};
use ridethrough_core::units::{Millis, Watts};

use crate::codec::CodecError;
use crate::codec::entry::numbers::{device, direction, direction_number, duty, duty_number};

#[derive(Clone, Copy, Encode, Decode)]
pub(super) struct OrderV2 {
    device: u32,
    index: u64,
    term: u64,
    setpoint: SetpointV2,
    until_ms: i64,
}

#[derive(Clone, Copy, Encode, Decode)]
enum SetpointV2 {
    Kesm { supply_max_w: i64, charge_max_w: i64, hold_w: i64 },
    Tie { direction: u8, flow_max_w: i64, hold_w: i64 },
    Pdu { cap_w: i64, keep_tiers: u8 },
    Supply { generator: u8 },
}

impl From<&Order> for OrderV2 {
    fn from(order: &Order) -> Self {
        let setpoint = match order.setpoint {
            Setpoint::Kesm { supply_max, charge_max, hold } => {
                SetpointV2::Kesm { supply_max_w: supply_max.get(), charge_max_w: charge_max.get(), hold_w: hold.get() }
            }
            Setpoint::Tie { direction, flow_max, hold } => SetpointV2::Tie {
                direction: direction_number(direction),
                flow_max_w: flow_max.get(),
                hold_w: hold.get(),
            },
            Setpoint::Pdu { cap, keep_tiers } => SetpointV2::Pdu { cap_w: cap.get(), keep_tiers },
            Setpoint::Supply { generator } => SetpointV2::Supply { generator: duty_number(generator) },
        };
        let (device, until_ms) = (order.device.to_wire(), order.until.get());
        Self { device, index: order.index, term: order.term, setpoint, until_ms }
    }
}

impl TryFrom<OrderV2> for Order {
    type Error = CodecError;

    fn try_from(v2: OrderV2) -> Result<Self, CodecError> {
        let setpoint = match v2.setpoint {
            SetpointV2::Kesm { supply_max_w, charge_max_w, hold_w } => Setpoint::Kesm {
                supply_max: Watts::new(supply_max_w),
                charge_max: Watts::new(charge_max_w),
                hold: Watts::new(hold_w),
            },
            SetpointV2::Tie { direction: number, flow_max_w, hold_w } => Setpoint::Tie {
                direction: direction(number)?,
                flow_max: Watts::new(flow_max_w),
                hold: Watts::new(hold_w),
            },
            SetpointV2::Pdu { cap_w, keep_tiers } => Setpoint::Pdu { cap: Watts::new(cap_w), keep_tiers },
            SetpointV2::Supply { generator: number } => Setpoint::Supply { generator: duty(number)? },
        };
        let (device, until) = (device(v2.device)?, Millis::new(v2.until_ms));
        Ok(Self { device, index: v2.index, term: v2.term, setpoint, until })
    }
}
