//! Who shares which key with whom.
//!
//! Every pair of one replica and one device has two keys, one for each way, all derived with HKDF-SHA256:
//!
//! ```text
//! SiteSecret ──replica──► ReplicaSecret ──device, way──► ChannelKey
//! ```
//!
//! A replica needs only its own [`ReplicaSecret`] and a device only its own [`DeviceKeys`], so that what is stolen from
//! one of them speaks for nobody else. No type here can be printed.

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use ridethrough_core::device::{DeviceId, ReplicaId};
use sha2::Sha256;

use crate::datagram::Datagram;
use crate::header::MAC_BYTES;
use crate::refusal::Refusal;

const SALT: &[u8] = b"ridethrough dpcn 1";

/// The secret that all keys of a site come from.
#[derive(Clone)]
pub struct SiteSecret([u8; 32]);

/// The secret that all keys of one replica come from.
#[derive(Clone)]
pub struct ReplicaSecret {
    replica: ReplicaId,
    bytes: [u8; 32],
}

/// The keys that a device shares with each replica.
#[derive(Clone)]
pub struct DeviceKeys {
    device: DeviceId,
    pairs: Vec<(ReplicaId, KeyPair)>,
}

/// Both keys of one replica and one device.
#[derive(Clone)]
pub(crate) struct KeyPair {
    pub(crate) to_device: ChannelKey,
    pub(crate) to_replica: ChannelKey,
}

/// The key of one way between one replica and one device, expanded once so that a MAC costs no key schedule.
#[derive(Clone)]
pub(crate) struct ChannelKey(Hmac<Sha256>);

impl SiteSecret {
    /// The secret made of these 32 random bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// What one replica needs of it.
    pub fn replica(&self, replica: ReplicaId) -> ReplicaSecret {
        let [low, high] = replica.0.to_le_bytes();
        ReplicaSecret { replica, bytes: derive(&self.0, &[b'r', low, high]) }
    }

    /// What one device needs of it to speak with these replicas.
    pub fn device(&self, device: DeviceId, replicas: &[ReplicaId]) -> DeviceKeys {
        let pairs = replicas.iter().map(|&replica| (replica, self.replica(replica).pair(device))).collect();
        DeviceKeys { device, pairs }
    }
}

impl ReplicaSecret {
    /// Whose it is.
    pub const fn replica(&self) -> ReplicaId {
        self.replica
    }

    pub(crate) fn pair(&self, device: DeviceId) -> KeyPair {
        KeyPair { to_device: self.key(device, b'd'), to_replica: self.key(device, b'c') }
    }

    fn key(&self, device: DeviceId, way: u8) -> ChannelKey {
        let [a, b, c, d] = device.to_wire().to_le_bytes();
        ChannelKey::new(&derive(&self.bytes, &[way, a, b, c, d]))
    }
}

impl DeviceKeys {
    /// Whose they are.
    pub const fn device(&self) -> DeviceId {
        self.device
    }

    pub(crate) fn into_pairs(self) -> Vec<(ReplicaId, KeyPair)> {
        self.pairs
    }
}

impl ChannelKey {
    fn new(key: &[u8; 32]) -> Self {
        // HMAC fills a short key up with zeros to one block; doing it here leaves no error to handle.
        let mut block = hmac::digest::Key::<Hmac<Sha256>>::default();
        block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
        Self(Hmac::new(&block))
    }

    /// Closes a frame: appends the MAC of all that was written.
    pub(crate) fn seal(&self, out: &mut Datagram) {
        let mac = self.0.clone().chain_update(out.as_bytes()).finalize().into_bytes();
        out.push(mac.get(..MAC_BYTES).unwrap_or_default());
    }

    /// Compares the MAC in constant time and gives the bytes that it covers.
    pub(crate) fn verify<'a>(&self, datagram: &'a [u8]) -> Result<&'a [u8], Refusal> {
        let (covered, mac) = datagram.split_last_chunk::<MAC_BYTES>().ok_or(Refusal::BadMac)?;
        match self.0.clone().chain_update(covered).verify_truncated_left(mac) {
            Ok(()) => Ok(covered),
            Err(_) => Err(Refusal::BadMac),
        }
    }
}

fn derive(secret: &[u8; 32], subject: &[u8]) -> [u8; 32] {
    let mut key = [0; 32];
    let derived = Hkdf::<Sha256>::new(Some(SALT), secret).expand(subject, &mut key);
    assert!(derived.is_ok(), "HKDF-SHA256 gives 32 bytes for any subject");
    key
}
