//! What an attacker on the path makes of the frames that fly by.

use arbitrary::Arbitrary;
use ridethrough_protocol::Lan;
use ridethrough_protocol::header::MAC_BYTES;

/// Begin and length of every field of the header, of the body's first fields, and of the MAC of a beat.
const FIELDS: [(usize, usize); 14] = [
    (0, 4),
    (4, 1),
    (5, 1),
    (6, 2),
    (8, 4),
    (12, 4),
    (16, 8),
    (24, 8),
    (32, 8),
    (40, 8),
    (48, 8),
    (56, 8),
    (64, 8),
    (72, 8),
];

/// One forged frame.
#[derive(Arbitrary, Debug)]
pub enum Attack {
    /// Anything at all.
    Raw(Vec<u8>),
    /// A frame that flew by, changed.
    Changed {
        /// Which of them.
        victim: u8,
        /// How.
        edits: Vec<Edit>,
    },
}

/// One change.
#[derive(Arbitrary, Debug)]
pub enum Edit {
    /// Flips a bit.
    Flip(u16, u8),
    /// Writes a number over one of [`FIELDS`].
    Write(u8, u64),
    /// Adds to one of [`FIELDS`]: the next sequence, the term before.
    Add(u8, i8),
    /// Copies a part of another frame over the same place.
    Splice {
        /// Which frame.
        from: u8,
        /// Where.
        at: u8,
        /// How much.
        length: u8,
    },
    /// Takes another frame's MAC.
    Mac(u8),
    /// Cuts it short.
    Truncate(u8),
    /// Writes more behind it.
    Extend(Vec<u8>),
}

/// One forged frame on its way.
#[derive(Arbitrary, Debug)]
pub struct Shot {
    /// What it is.
    pub attack: Attack,
    on_a: bool,
}

impl Shot {
    /// The network that it comes over.
    pub const fn lan(&self) -> Lan {
        if self.on_a { Lan::A } else { Lan::B }
    }
}

impl Attack {
    /// The forged bytes; none if they are what somebody truly said.
    pub fn forge(&self, genuine: &[Vec<u8>]) -> Option<Vec<u8>> {
        let bytes = match self {
            Self::Raw(bytes) => bytes.clone(),
            Self::Changed { victim, edits } => {
                let mut bytes = pick(genuine, *victim).to_vec();
                for edit in edits {
                    edit.apply(&mut bytes, genuine);
                }
                bytes
            }
        };
        (!genuine.contains(&bytes)).then_some(bytes)
    }
}

impl Edit {
    fn apply(&self, bytes: &mut Vec<u8>, genuine: &[Vec<u8>]) {
        match self {
            Self::Flip(at, bit) if !bytes.is_empty() => {
                let at = usize::from(*at) % bytes.len();
                bytes[at] ^= 1 << (bit % 8);
            }
            Self::Flip(..) => {}
            Self::Write(field, value) => change(bytes, *field, |_| *value),
            Self::Add(field, by) => change(bytes, *field, |old| old.wrapping_add_signed(i64::from(*by))),
            Self::Splice { from, at, length } => {
                let (at, other) = (usize::from(*at), pick(genuine, *from));
                let end = (at + usize::from(*length)).min(bytes.len()).min(other.len());
                if at < end {
                    bytes[at..end].copy_from_slice(&other[at..end]);
                }
            }
            Self::Mac(from) => {
                let mac = pick(genuine, *from).last_chunk::<MAC_BYTES>();
                if let (Some(mac), Some(own)) = (mac, bytes.last_chunk_mut::<MAC_BYTES>()) {
                    *own = *mac;
                }
            }
            Self::Truncate(length) => bytes.truncate(usize::from(*length)),
            Self::Extend(more) => bytes.extend_from_slice(more),
        }
    }
}

fn change(bytes: &mut [u8], field: u8, to: impl FnOnce(u64) -> u64) {
    let (begin, length) = FIELDS[usize::from(field) % FIELDS.len()];
    let Some(part) = bytes.get_mut(begin..begin + length) else { return };
    let mut number = [0; 8];
    number[..length].copy_from_slice(part);
    part.copy_from_slice(&to(u64::from_le_bytes(number)).to_le_bytes()[..length]);
}

fn pick(genuine: &[Vec<u8>], number: u8) -> &[u8] {
    &genuine[usize::from(number) % genuine.len()]
}
