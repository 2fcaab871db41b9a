//! One field device.

use ridethrough_core::device::{DeviceId, Fence, Reading, ReplicaId, Setpoint};
use ridethrough_core::units::Millis;
use ridethrough_protocol::{
    BootNonce, Datagram, DeviceEndpoint, DeviceKeys, FenceMemory, Handled, Lan, Orders, OutletPage, Refusals,
    UnknownReplica,
};

use super::actuator::WorldActuator;
use super::outlets::OutletMeters;
use super::record::{Act, Record};
use crate::plant::World;
use crate::plant::meter::DeviceClock;
use crate::plant::random::mix;
use crate::plant::voice::Off;

/// A device of the world with its end of DPCN.
///
/// `true_ms` is always the time since the plant was started, in ms and never going back; the device tells its own
/// time from it. It is not scenario time, which may stand still.
pub struct FieldDevice<M> {
    name: String,
    clock: DeviceClock,
    keys: DeviceKeys,
    orders: Orders,
    /// What the nonces of all its boots come from.
    boot_bits: u64,
    boots: u64,
    life: Life<M>,
    outlets: OutletMeters,
}

/// Whether the device is on.
enum Life<M> {
    On(Box<DeviceEndpoint<M>>),
    Off(M),
    /// Only while it changes from one to the other.
    Between,
}

/// What became of one datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// There is nothing to send.
    Nothing,
    /// `out` holds what goes to this replica.
    Send(ReplicaId),
}

impl<M: FenceMemory> FieldDevice<M> {
    /// A device that has just booted; `None` when the world has no such device. `orders` says how many replicas' word it
    /// demands; `boot_bits` are random bits, from which the nonces of this boot and of all later ones are drawn.
    pub fn boot(world: &World, keys: DeviceKeys, orders: Orders, boot_bits: u64, memory: M) -> Option<Self> {
        let device = keys.device();
        let clock = world.clock_of(device)?;
        let name = world.site().device_name(device);
        let (life, outlets) = (Life::Off(memory), OutletMeters::new(device));
        let mut booted = Self { name, clock, keys, orders, boot_bits, boots: 0, life, outlets };
        booted.switch_on();
        Some(booted)
    }

    /// Which device it is.
    pub fn device(&self) -> DeviceId {
        self.keys.device()
    }

    /// What people call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its own clock at this time.
    pub fn now(&self, true_ms: u64) -> Millis {
        self.clock.at(true_ms)
    }

    /// A true time in ms by which its clock shows `at`, or a little earlier, as it runs now.
    pub fn shows(&self, at: Millis) -> u64 {
        self.clock.shows(at)
    }

    /// Its clock jumps ahead: a counter that was disturbed.
    pub fn step_clock(&mut self, by: Millis) {
        self.clock = self.clock.ahead_by(by);
    }

    /// Its clock is fast by so many millionths from this time on.
    pub fn drift_clock(&mut self, ppm: i32, true_ms: u64) {
        self.clock = self.clock.at_rate(f64::from(ppm), true_ms);
    }

    /// Gives it other keys, as its maker's tool does: it boots with them and with what its memory has kept, so that what was in
    /// force is released. Keys of another device change nothing.
    pub fn commission(&mut self, keys: DeviceKeys, world: &mut World) {
        if keys.device() != self.device() {
            return;
        }
        self.keys = keys;
        let is_on = matches!(self.life, Life::On(_));
        self.switch_off(Off { keeps_memory: true }, world);
        if is_on {
            self.switch_on();
        }
    }

    /// The setpoint in force; nothing while it follows its local safe rule.
    pub fn in_force(&self) -> Option<Setpoint> {
        self.endpoint()?.in_force()
    }

    /// What it refused since its boot.
    pub fn refusals(&self) -> Refusals {
        self.endpoint().map(DeviceEndpoint::counters).unwrap_or_default()
    }

    /// Takes in one frame that came over this network. `out` gets the answer, `record` every line for the device's own record.
    pub fn handle(
        &mut self,
        frame: &[u8],
        lan: Lan,
        true_ms: u64,
        world: &mut World,
        out: &mut Datagram,
        record: &mut impl FnMut(&Record),
    ) -> Reply {
        let now = self.now(true_ms);
        let mut actuator = WorldActuator::new(world, self.device());
        let Life::On(endpoint) = &mut self.life else { return Reply::Nothing };
        let handled = endpoint.handle(frame, lan, now, &mut actuator, out);
        let judged = endpoint.judged();
        if actuator.released {
            record(&self.record(now, world, Act::Lapsed));
        }
        match handled {
            Handled::Nothing | Handled::Copy | Handled::Ignored(_) => Reply::Nothing,
            Handled::Opened(replica) => self.telemetry(replica, true_ms, world, out),
            Handled::Answer { replica, verdict } => {
                if let Some(order) = judged {
                    let act = Act::Order {
                        verdict: verdict.as_str(),
                        replica: replica.0,
                        fence_term: order.fence.term,
                        fence_index: order.fence.index,
                        entry_term: order.entry_term,
                        expires_ms: order.expires_at.get(),
                        setpoint: order.setpoint.into(),
                    };
                    record(&self.record(now, world, act));
                }
                if world.voice(self.device()).mute { Reply::Nothing } else { Reply::Send(replica) }
            }
        }
    }

    /// Writes telemetry for one replica into `out`.
    pub fn telemetry(&mut self, replica: ReplicaId, true_ms: u64, world: &World, out: &mut Datagram) -> Reply {
        let reading = world.read(self.device());
        reading.map_or(Reply::Nothing, |reading| self.tell(replica, &reading, true_ms, world, out))
    }

    /// The same with this word of its meter, whatever the meter says.
    pub fn tell(
        &mut self,
        replica: ReplicaId,
        reading: &Reading,
        true_ms: u64,
        world: &World,
        out: &mut Datagram,
    ) -> Reply {
        let Life::On(endpoint) = &mut self.life else { return Reply::Nothing };
        if world.voice(self.keys.device()).mute {
            return Reply::Nothing;
        }
        match endpoint.telemetry(replica, reading, self.clock.at(true_ms), out) {
            Ok(()) => Reply::Send(replica),
            Err(UnknownReplica(_)) => Reply::Nothing,
        }
    }

    /// What its outlets' meters have to tell now, page by page: once a second of a PDU, never of another device.
    pub fn outlet_pages(&mut self, true_ms: u64, world: &World) -> Vec<OutletPage> {
        self.outlets.pages(true_ms, world)
    }

    /// Writes a page for one replica into `out`; there is nothing to send to one that has no session with it.
    pub fn outlets(
        &mut self,
        replica: ReplicaId,
        page: &OutletPage,
        true_ms: u64,
        world: &World,
        out: &mut Datagram,
    ) -> Reply {
        let Life::On(endpoint) = &mut self.life else { return Reply::Nothing };
        if world.voice(self.keys.device()).mute {
            return Reply::Nothing;
        }
        let said = endpoint.outlets(replica, page, self.clock.at(true_ms), out);
        said.map_or(Reply::Nothing, |()| Reply::Send(replica))
    }

    /// Lets lapse what is due, and goes off or boots as its faults say. Call it in every step, or when its own clock shows what
    /// it says, and whenever something was done to it or happens in the world; it says when something lapses, if anything may.
    pub fn poll(&mut self, true_ms: u64, world: &mut World, record: &mut impl FnMut(&Record)) -> Option<Millis> {
        let now = self.now(true_ms);
        match (world.voice(self.device()).off, &self.life) {
            (Some(off), Life::On(_)) => self.switch_off(off, world),
            (None, Life::Off(_)) => self.switch_on(),
            _ => {}
        }
        let mut actuator = WorldActuator::new(world, self.keys.device());
        let Life::On(endpoint) = &mut self.life else { return None };
        let lapses = endpoint.poll(now, &mut actuator);
        if actuator.released {
            record(&self.record(now, world, Act::Lapsed));
        }
        lapses
    }

    fn endpoint(&self) -> Option<&DeviceEndpoint<M>> {
        match &self.life {
            Life::On(endpoint) => Some(endpoint.as_ref()),
            Life::Off(_) | Life::Between => None,
        }
    }

    /// What was in force is released, as it is when a device loses its power.
    fn switch_off(&mut self, off: Off, world: &mut World) {
        let endpoint = match std::mem::replace(&mut self.life, Life::Between) {
            Life::On(endpoint) => endpoint,
            off => {
                self.life = off;
                return;
            }
        };
        world.release(self.keys.device());
        let mut memory = endpoint.into_memory();
        if !off.keeps_memory {
            // A memory that refuses even this keeps its fence, which harms nobody.
            let _ = memory.store(Fence::default());
        }
        self.life = Life::Off(memory);
    }

    fn switch_on(&mut self) {
        let Life::Off(memory) = std::mem::replace(&mut self.life, Life::Between) else { return };
        self.boots += 1;
        let boot = BootNonce::new(mix(self.boot_bits.wrapping_add(self.boots)));
        let endpoint = DeviceEndpoint::new(self.keys.clone(), boot, self.orders, memory);
        self.life = Life::On(Box::new(endpoint));
    }

    fn record(&self, now: Millis, world: &World, act: Act) -> Record {
        Record {
            device: self.device().to_wire(),
            name: self.name.clone(),
            device_ms: now.get(),
            scenario_ms: world.now_ms(),
            act,
        }
    }
}
