//! A device with what it needs to stand in the field by itself: sockets, a record and a fence memory.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use mio::net::UdpSocket;
use mio::{Interest, Poll, Token};
use ridethrough_core::device::{DeviceId, Fence, ReplicaId};
use ridethrough_protocol::{FenceMemory, StoreFailed, VolatileFence};

use super::replicas::Addressee;
use super::{RealtimeError, Setup};
use crate::field::{FenceFile, FieldDevice, RecordFile};
use crate::plant::World;

/// A device with its sockets and its record.
pub(super) struct Station {
    pub(super) device: FieldDevice<Memory>,
    /// On each network.
    pub(super) ports: [Option<Port>; 2],
    pub(super) records: RecordFile,
    pub(super) telemetry_due_ms: u64,
}

/// A device's end of one network.
pub(super) struct Port {
    pub(super) socket: UdpSocket,
    pub(super) has_more: bool,
}

impl Station {
    /// Boots a device on sockets of its own.
    pub(super) fn boot(
        setup: &Setup<'_>,
        world: &World,
        replicas: &[Addressee],
        device: DeviceId,
    ) -> Result<Self, RealtimeError> {
        let name = world.site().device_name(device);
        let memory = match setup.nvm {
            Some(folder) => Memory::File(FenceFile::open(folder, &name).map_err(RealtimeError::Fence)?),
            None => Memory::Volatile(VolatileFence::default()),
        };
        let ids: Vec<ReplicaId> = replicas.iter().map(|to| to.id).collect();
        let keys = setup.keyring.device(device, &ids);
        let boot_bits = getrandom::u64().map_err(|_| RealtimeError::Random)?;
        let device = FieldDevice::boot(world, keys, setup.orders, boot_bits, memory);
        let failed = |error| RealtimeError::Record { folder: setup.records.to_owned(), error };
        Ok(Self {
            device: device.ok_or(RealtimeError::NoSuchDevice)?,
            ports: [port(setup.replicas)?, port(setup.replicas_b)?],
            records: RecordFile::open(setup.records, &name).map_err(failed)?,
            telemetry_due_ms: 0,
        })
    }

    /// Lets its sockets end the waiting of a turn; their tokens are twice its place among the stations and the next.
    pub(super) fn listen(&mut self, poll: &Poll, slot: usize) -> Result<(), RealtimeError> {
        for (port, token) in self.ports.iter_mut().zip(2 * slot..) {
            let Some(port) = port else { continue };
            let registered = poll.registry().register(&mut port.socket, Token(token), Interest::READABLE);
            registered.map_err(RealtimeError::Socket)?;
        }
        Ok(())
    }

    /// Whether something may wait at a socket.
    pub(super) fn has_more(&self) -> bool {
        self.ports.iter().flatten().any(|port| port.has_more)
    }
}

/// A socket on the network on which the replicas have these addresses; none where they have none.
fn port(replicas: &[SocketAddr]) -> Result<Option<Port>, RealtimeError> {
    if replicas.is_empty() {
        return Ok(None);
    }
    let socket = UdpSocket::bind(local_address(replicas)).map_err(RealtimeError::Socket)?;
    Ok(Some(Port { socket, has_more: false }))
}

/// Loopback when all replicas are there: then nothing outside can reach the plant.
fn local_address(replicas: &[SocketAddr]) -> SocketAddr {
    let is_local = replicas.iter().all(|address| address.ip().is_loopback());
    let is_v4 = replicas.iter().all(SocketAddr::is_ipv4);
    let ip: IpAddr = match (is_v4, is_local) {
        (true, true) => Ipv4Addr::LOCALHOST.into(),
        (true, false) => Ipv4Addr::UNSPECIFIED.into(),
        (false, true) => Ipv6Addr::LOCALHOST.into(),
        (false, false) => Ipv6Addr::UNSPECIFIED.into(),
    };
    SocketAddr::new(ip, 0)
}

/// A fence memory of either kind.
pub(super) enum Memory {
    File(FenceFile),
    Volatile(VolatileFence),
}

impl FenceMemory for Memory {
    fn load(&self) -> Fence {
        match self {
            Self::File(memory) => memory.load(),
            Self::Volatile(memory) => memory.load(),
        }
    }

    fn store(&mut self, fence: Fence) -> Result<(), StoreFailed> {
        match self {
            Self::File(memory) => memory.store(fence),
            Self::Volatile(memory) => memory.store(fence),
        }
    }
}
