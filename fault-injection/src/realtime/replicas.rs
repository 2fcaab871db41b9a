//! Where devices reach the replicas, on each network.

use std::net::SocketAddr;

use ridethrough_core::device::ReplicaId;
use ridethrough_protocol::limits::REPLICAS_MAX;

use super::RealtimeError;

/// A replica as devices reach it.
#[derive(Clone, Copy)]
pub(super) struct Addressee {
    pub(super) id: ReplicaId,
    /// On each network.
    pub(super) addresses: [Option<SocketAddr>; 2],
}

/// The replicas of both lists, which say where each of them is on the first network and on the second.
pub(super) fn numbered(first: &[SocketAddr], second: &[SocketAddr]) -> Result<Vec<Addressee>, RealtimeError> {
    if !(1..=REPLICAS_MAX).contains(&first.len()) {
        return Err(RealtimeError::Replicas(first.len()));
    }
    if !second.is_empty() && second.len() != first.len() {
        return Err(RealtimeError::SecondNetwork { first: first.len(), second: second.len() });
    }
    let on_second = second.iter().copied().map(Some).chain(std::iter::repeat(None));
    let addresses = first.iter().copied().map(Some).zip(on_second).map(|(a, b)| [a, b]);
    Ok((1..).map(ReplicaId).zip(addresses).map(|(id, addresses)| Addressee { id, addresses }).collect())
}
