//! I2, fencing: no device goes back behind a leader or an order that it has accepted.

use ridethrough_core::device::Fence;

use super::Finding;

/// A device has executed an order after this one. The same entry again is I4's.
pub fn executed(name: &str, fence: Fence, before: Fence) -> Finding {
    if fence.term >= before.term && fence.index >= before.index {
        return Ok(());
    }
    let (index, leader) = (fence.index, fence.term);
    Err(format!(
        "{name} executed entry {index} of leader {leader} after entry {} of leader {}",
        before.index, before.term
    ))
}
