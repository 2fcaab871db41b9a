//! Every limit of the protocol, with who set it.

use ridethrough_vocabulary::units::Millis;

/// A device shares keys with at most so many replicas.
pub const REPLICAS_MAX: usize = 7;

/// No order may expire further ahead than this on the device's clock; set by the site policy's longest transfer.
pub const EXPIRY_AHEAD_MAX: Millis = Millis::seconds(600);

/// No beat grants a longer lease than this, whatever it says: a device must not outlive its leader for longer.
pub const LEASE_MAX: Millis = Millis::seconds(60);

/// A device clock heard longer ago than this is not extrapolated. At 200 ppm of drift the estimate is then still
/// within 2 ms, which is what "can only be early" is worth.
pub const HEARD_AGE_MAX: Millis = Millis::seconds(10);

/// Taken off every estimate of a device's clock, because both ends round their clocks down to a millisecond.
pub const CLOCK_ROUNDING: Millis = Millis::new(1);

/// A leader sends so many beats in one lease, so that several may be lost.
pub const BEATS_PER_LEASE: i64 = 5;

/// A replica that follows says its term so often to devices that demand the word of two, beside at once when it rises.
pub const VOUCH_GAP: Millis = Millis::new(100);

/// An unanswered order is sent again after this, then after twice as long each time.
pub const RETRANSMIT_FIRST: Millis = Millis::new(5);

/// The longest pause between two transmissions of one order.
pub const RETRANSMIT_MAX: Millis = Millis::new(200);

/// Answers that a replica can be trusted to read in one millisecond, the kernel's part and a slow machine allowed for.
/// Nothing is sent again before what is owed can have been read.
pub const ANSWERS_PER_MS: i64 = 50;

/// Greetings of one device are answered at most this often: enough for a reconnect, too little to amplify anything.
pub const GREETING_GAP: Millis = Millis::new(10);

/// MACs that frames in the name of one sender on one network may cost in one millisecond: about a twentieth of a core of
/// a server. Beyond that they are dropped unread, true ones among them, so it must not be little: a forger who sees
/// the traffic can spend it.
pub const MACS_PER_MS: u32 = 256;

/// MACs that a quiet time may save up for.
pub const MACS_BURST: u32 = 4_096;

/// Authenticated frames of one sender on one network that are taken in one millisecond. A forger cannot spend these; one
/// who babbles with true keys is dropped beyond them.
pub const FRAMES_PER_MS: u32 = 8;

/// Authenticated frames that a quiet sender may save up for.
pub const FRAMES_BURST: u32 = 64;

const _: () = assert!(HEARD_AGE_MAX.get() < LEASE_MAX.get() && LEASE_MAX.get() < EXPIRY_AHEAD_MAX.get());
const _: () = assert!(RETRANSMIT_FIRST.get() > 0 && RETRANSMIT_FIRST.get() < RETRANSMIT_MAX.get());
const _: () = assert!(FRAMES_PER_MS > 0 && FRAMES_PER_MS <= FRAMES_BURST && FRAMES_BURST <= MACS_BURST);
const _: () = assert!(FRAMES_PER_MS <= MACS_PER_MS && MACS_PER_MS <= MACS_BURST);
