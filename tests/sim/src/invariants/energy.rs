//! The plant's energy adds up: what its modules hold, what came in, what went out and what was lost.

use ridethrough_fault_injection::plant::World;

use super::Finding;

/// More than this share of what was turned over is no rounding.
const ERROR_SHARE_MAX: f64 = 1e-6;

/// The account of the whole run.
pub fn adds_up(world: &World) -> Finding {
    let error = world.energy_error_share().abs();
    if error < ERROR_SHARE_MAX { Ok(()) } else { Err(format!("the plant's energy is off by a share of {error:e}")) }
}
