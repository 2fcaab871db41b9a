//! One field device.

use ridethrough_core::device::{DeviceId, ReplicaId, Setpoint};
use ridethrough_core::units::Millis;
use ridethrough_protocol::{
    BootNonce, Datagram, DeviceEndpoint, DeviceKeys, FenceMemory, Handled, Refusals, UnknownReplica,
};

use super::actuator::WorldActuator;
use super::order_bytes;
use super::record::{Act, Record, verdict_name};
use crate::plant::World;
use crate::plant::meter::DeviceClock;

/// A device of the world with its end of DPCN.
///
/// `true_ms` is always the time since the plant was started, in ms and never going back; the device tells its own
/// time from it. It is not scenario time, which may stand still.
pub struct FieldDevice<M> {
    device: DeviceId,
    name: String,
    clock: DeviceClock,
    endpoint: DeviceEndpoint<M>,
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
    /// A device that has just booted; `None` when the world has no such device.
    pub fn boot(world: &World, keys: DeviceKeys, boot: BootNonce, memory: M) -> Option<Self> {
        let device = keys.device();
        let clock = world.clock_of(device)?;
        let name = world.site().device_name(device);
        Some(Self { device, name, clock, endpoint: DeviceEndpoint::new(keys, boot, memory) })
    }

    /// Which device it is.
    pub fn device(&self) -> DeviceId {
        self.device
    }

    /// What people call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its own clock at this time.
    pub fn now(&self, true_ms: u64) -> Millis {
        self.clock.at(true_ms)
    }

    /// The setpoint in force; nothing while it follows its local safe rule.
    pub fn in_force(&self) -> Option<Setpoint> {
        self.endpoint.in_force()
    }

    /// What it refused since its boot.
    pub fn refusals(&self) -> Refusals {
        self.endpoint.counters()
    }

    /// Takes in one datagram. `out` gets the answer, `record` every line for the device's own record.
    pub fn handle(
        &mut self,
        datagram: &[u8],
        true_ms: u64,
        world: &mut World,
        out: &mut Datagram,
        record: &mut impl FnMut(&Record),
    ) -> Reply {
        let now = self.now(true_ms);
        let mut actuator = WorldActuator::new(world, self.device);
        let handled = self.endpoint.handle(datagram, now, &mut actuator, out);
        if actuator.released {
            record(&self.record(now, world, Act::Lapsed));
        }
        match handled {
            Handled::Nothing | Handled::Ignored(_) => Reply::Nothing,
            Handled::Opened(replica) => self.telemetry(replica, true_ms, world, out),
            Handled::Answer { replica, verdict } => {
                if let Some(order) = order_bytes::read(datagram) {
                    let act = Act::Order {
                        verdict: verdict_name(verdict),
                        replica: replica.0,
                        fence_term: order.fence.term,
                        fence_index: order.fence.index,
                        entry_term: order.entry_term,
                        expires_ms: order.expires_at.get(),
                        setpoint: order.setpoint.into(),
                    };
                    record(&self.record(now, world, act));
                }
                Reply::Send(replica)
            }
        }
    }

    /// Writes telemetry for one replica into `out`.
    pub fn telemetry(&mut self, replica: ReplicaId, true_ms: u64, world: &World, out: &mut Datagram) -> Reply {
        let Some(reading) = world.read(self.device) else { return Reply::Nothing };
        match self.endpoint.telemetry(replica, &reading, self.clock.at(true_ms), out) {
            Ok(()) => Reply::Send(replica),
            Err(UnknownReplica(_)) => Reply::Nothing,
        }
    }

    /// Lets lapse what is due; call it in every step.
    pub fn poll(&mut self, true_ms: u64, world: &mut World, record: &mut impl FnMut(&Record)) {
        let now = self.now(true_ms);
        let mut actuator = WorldActuator::new(world, self.device);
        self.endpoint.poll(now, &mut actuator);
        if actuator.released {
            record(&self.record(now, world, Act::Lapsed));
        }
    }

    /// Ends this life of the device and gives its memory back, for the next one. What was in force is released.
    pub fn shut_down(self, world: &mut World) -> M {
        world.release(self.device);
        self.endpoint.into_memory()
    }

    fn record(&self, now: Millis, world: &World, act: Act) -> Record {
        Record {
            device: self.device.to_wire(),
            name: self.name.clone(),
            device_ms: now.get(),
            scenario_ms: world.now_ms(),
            act,
        }
    }
}
