//! What makes a whole of it on bare metal: an entry for each piece, so that the linker must find everything.

use core::panic::PanicInfo;

use ridethrough_protocol::{
    Actuator, BootNonce, DeviceEndpoint, KeyEpoch, Keyring, Lan, Orders, SiteSecret, VolatileFence,
};
use ridethrough_vocabulary::device::{DeviceId, Reading, ReplicaId, Setpoint, Verdict};
use ridethrough_vocabulary::part::TieId;
use ridethrough_vocabulary::units::{Millis, Watts};

use crate::{Board, Firmware};

const REPLICAS: &[ReplicaId] = &[ReplicaId(1), ReplicaId(2), ReplicaId(3)];

/// A board without anything on it: a port puts its registers here.
struct Empty {
    turns: i64,
}

impl Actuator for Empty {
    fn check(&self, _: &Setpoint) -> Result<(), Verdict> {
        Err(Verdict::Unavailable)
    }

    fn apply(&mut self, _: Option<Setpoint>) {}
}

impl Board for Empty {
    fn now(&mut self) -> Millis {
        self.turns = self.turns.saturating_add(1);
        Millis::new(self.turns)
    }

    fn receive<'b>(&mut self, _: Lan, _: &'b mut [u8]) -> Option<&'b [u8]> {
        None
    }

    fn send(&mut self, _: ReplicaId, _: &[u8]) {}

    fn measure(&mut self) -> Reading {
        Reading::Tie { flow: Watts::ZERO, available: false }
    }
}

/// Boots a tie with this secret and turns its loop for ever.
#[allow(unsafe_code, reason = "a name that the start-up code can call; nothing else here is unsafe")]
#[unsafe(no_mangle)]
pub extern "C" fn ridethrough_tie_main(secret: &[u8; 32], boot_counter: u64) -> ! {
    let keyring = Keyring::new(KeyEpoch::FIRST, SiteSecret::new(*secret));
    let keys = keyring.device(DeviceId::Tie(TieId(0)), REPLICAS);
    let endpoint =
        DeviceEndpoint::new(keys, BootNonce::new(boot_counter), Orders::TwoOfThree, VolatileFence::default());
    let (mut firmware, mut board) = (Firmware::new(endpoint, REPLICAS, Millis::new(100)), Empty { turns: 0 });
    loop {
        firmware.turn(&mut board);
    }
}

#[panic_handler]
fn halt(_: &PanicInfo<'_>) -> ! {
    loop {}
}
