//! What a frame says, in words.

use ridethrough_vocabulary::device::{
    DeviceId, Direction, Fence, GeneratorDuty, GeneratorPhase, Reading, Setpoint, SupplySource,
};
use serde_json::{Value, json};

use super::hex;
use crate::body::{AckBody, Beat, Body, OrderBody, OutletsBody, TelemetryBody};
use crate::header::{Header, MAC_BYTES};
use crate::{Outlet, Refusals};

pub(super) fn frame(header: &Header, body: &Body, bytes: &[u8]) -> Value {
    json!({
        "version": header.version.to_wire(),
        "kind": header.kind.name(),
        "replica": header.replica.0,
        "device": device(header.device),
        "epoch": header.epoch.get(),
        "session": header.session.to_wire(),
        "boot": header.boot.to_wire(),
        "sequence": header.sequence,
        "heard": header.heard,
        "body": said(body),
        "mac": hex(&bytes[bytes.len() - MAC_BYTES..]),
    })
}

pub(super) fn device(device: DeviceId) -> Value {
    let kind = match device {
        DeviceId::Pdu(_) => "pdu",
        DeviceId::Kesm(_) => "kesm",
        DeviceId::Tie(_) => "tie",
        DeviceId::Supply(_) => "supply",
    };
    json!({ "kind": kind, "index": device.to_wire() & 0xffff })
}

fn said(body: &Body) -> Value {
    match body {
        Body::Beat(Beat { term, lease_until }) => json!({ "term": term, "lease_until_ms": lease_until.get() }),
        Body::Order(order) | Body::Endorsement(order) => ordered(order),
        Body::Telemetry(telemetry) => told(telemetry),
        Body::Ack(ack) => answered(ack),
        Body::Outlets(said) => outlets(said),
    }
}

fn ordered(order: &OrderBody) -> Value {
    json!({
        "fence": fence(order.fence),
        "entry_term": order.entry_term,
        "expires_at_ms": order.expires_at.get(),
        "setpoint": setpoint(Some(order.setpoint)),
    })
}

fn told(telemetry: &TelemetryBody) -> Value {
    let [lan_a, lan_b] = telemetry.heard;
    json!({
        "device_clock_ms": telemetry.device_at.get(),
        "reading": reading(telemetry.reading),
        "fence": fence(telemetry.fence),
        "setpoint": setpoint(telemetry.in_force),
        "lease_remaining_ms": telemetry.lease_remaining.get(),
        "refusals": refusals(telemetry.refusals),
        "heard": { "lan_a": lan_a, "lan_b": lan_b },
    })
}

fn answered(ack: &AckBody) -> Value {
    json!({
        "fence": fence(ack.fence),
        "device_clock_ms": ack.device_at.get(),
        "verdict": ack.verdict.as_str(),
        "setpoint": setpoint(ack.in_force),
    })
}

fn outlets(said: &OutletsBody) -> Value {
    let outlet = |outlet| {
        let (state, power) = match outlet {
            Outlet::Metered(power) => ("metered", power.get()),
            Outlet::Open => ("open", 0),
            Outlet::Unmetered => ("unmetered", 0),
        };
        json!({ "state": state, "power_w": power })
    };
    json!({
        "device_clock_ms": said.device_at.get(),
        "first": said.page.first(),
        "count": said.page.outlets().count(),
        "age_ms": said.page.age_ms(),
        "outlet": said.page.outlets().map(outlet).collect::<Vec<_>>(),
    })
}

fn fence(fence: Fence) -> Value {
    json!({ "term": fence.term, "index": fence.index })
}

fn setpoint(setpoint: Option<Setpoint>) -> Value {
    match setpoint {
        None => Value::Null,
        Some(Setpoint::Kesm { supply_max, charge_max, hold }) => json!({
            "kind": "kesm", "supply_max_w": supply_max.get(), "charge_max_w": charge_max.get(), "hold_w": hold.get(),
        }),
        Some(Setpoint::Tie { direction, flow_max, hold }) => {
            let direction = match direction {
                Direction::Forward => "forward",
                Direction::Backward => "backward",
            };
            json!({ "kind": "tie", "direction": direction, "flow_max_w": flow_max.get(), "hold_w": hold.get() })
        }
        Some(Setpoint::Pdu { cap, keep_tiers }) => {
            json!({ "kind": "pdu", "keep_tiers": keep_tiers, "cap_w": cap.get() })
        }
        Some(Setpoint::Supply { generator }) => {
            let generator = match generator {
                GeneratorDuty::Auto => "auto",
                GeneratorDuty::Run => "run",
            };
            json!({ "kind": "supply", "generator": generator })
        }
    }
}

fn reading(reading: Reading) -> Value {
    match reading {
        Reading::Pdu { load, draw, bus, breaker_permille, tripped } => json!({
            "kind": "pdu", "tripped": tripped, "breaker_permille": breaker_permille,
            "load_w": load.get(), "draw_w": draw.get(), "bus_mv": bus.get(),
        }),
        Reading::Kesm { stored, supply, speed_rpm, capacitor, available } => json!({
            "kind": "kesm", "available": available, "speed_rpm": speed_rpm,
            "stored_j": stored.get(), "supply_w": supply.get(), "capacitor_mv": capacitor.get(),
        }),
        Reading::Tie { flow, available } => json!({ "kind": "tie", "available": available, "flow_w": flow.get() }),
        Reading::Supply { utility_a_permille, utility_b_permille, source, generator, drawn } => {
            let switch = match source {
                SupplySource::Open => "open",
                SupplySource::UtilityA => "utility_a",
                SupplySource::UtilityB => "utility_b",
                SupplySource::Generator => "generator",
            };
            let generator = match generator {
                GeneratorPhase::Absent => "absent",
                GeneratorPhase::Off => "off",
                GeneratorPhase::Starting => "starting",
                GeneratorPhase::Running => "running",
                GeneratorPhase::Failed => "failed",
            };
            json!({
                "kind": "supply", "switch": switch, "utility_a_permille": utility_a_permille,
                "utility_b_permille": utility_b_permille, "generator": generator, "drawn_w": drawn.get(),
            })
        }
    }
}

fn refusals(refusals: Refusals) -> Value {
    json!({
        "malformed": refusals.malformed,
        "misaddressed": refusals.misaddressed,
        "bad_mac": refusals.bad_mac,
        "replay": refusals.replay,
        "flooded": refusals.flooded,
        "stale_fence": refusals.stale_fence,
        "no_lease": refusals.no_lease,
        "expired": refusals.expired,
        "beyond_limits": refusals.beyond_limits,
        "unavailable": refusals.unavailable,
        "unendorsed": refusals.unendorsed,
    })
}
