//! Who shares which key with whom.
//!
//! Every pair of one replica and one device has two keys in every epoch, one for each way, and each life of the two has
//! keys of its own, all derived with HKDF-SHA256:
//!
//! ```text
//! Keyring ──replica──► ReplicaKeys ──device, way──► channel key ──session, boot──► session key ──► MACs
//!  one or two epochs
//! ```
//!
//! A replica needs only its own [`ReplicaKeys`] and a device only its own [`DeviceKeys`], so that what is stolen from
//! one of them speaks for nobody else. No type here can be printed.

mod epochs;
mod mac;
mod parse;
mod session;

pub(crate) use epochs::Epochs;
pub use epochs::{EpochsClash, KeyEpoch};
pub use parse::KeyringError;
pub(crate) use session::{Lock, Seal};

use hkdf::Hkdf;
use ridethrough_vocabulary::device::{DeviceId, ReplicaId};
use sha2::Sha256;

use crate::limits::REPLICAS_MAX;

const SALT: &[u8] = b"ridethrough dpcn 3";

/// The secret that all keys of a site in one epoch come from.
#[derive(Clone)]
pub struct SiteSecret([u8; 32]);

/// The secrets of a site: one is spoken with, and while they are being changed another is believed, too.
#[derive(Clone)]
pub struct Keyring(Epochs<SiteSecret>);

/// The secrets that all keys of one replica come from.
#[derive(Clone)]
pub struct ReplicaKeys {
    replica: ReplicaId,
    secrets: Epochs<[u8; 32]>,
}

/// The keys that a device shares with each replica.
#[derive(Clone)]
pub struct DeviceKeys {
    device: DeviceId,
    pairs: heapless::Vec<(ReplicaId, Epochs<KeyPair>), REPLICAS_MAX>,
}

/// Both keys of one replica and one device in one epoch.
#[derive(Clone)]
pub(crate) struct KeyPair {
    pub(crate) to_device: ChannelKey,
    pub(crate) to_replica: ChannelKey,
}

/// The key of one way between one replica and one device, from which those of their sessions come.
#[derive(Clone)]
pub(crate) struct ChannelKey([u8; 32]);

impl SiteSecret {
    /// The secret made of these 32 random bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl Keyring {
    /// A keyring with one secret.
    pub const fn new(epoch: KeyEpoch, secret: SiteSecret) -> Self {
        Self(Epochs::one(epoch, secret))
    }

    /// The same keyring, which believes another secret, too. An error if both are of one epoch.
    pub fn with_accepted(self, epoch: KeyEpoch, secret: SiteSecret) -> Result<Self, EpochsClash> {
        self.0.with_accepted(epoch, secret).map(Self)
    }

    /// What one replica needs of it.
    pub fn replica(&self, replica: ReplicaId) -> ReplicaKeys {
        let secrets = self.0.map(|epoch, secret| {
            let [a, b, c, d] = epoch.get().to_le_bytes();
            let [low, high] = replica.0.to_le_bytes();
            derive(&secret.0, &[b'r', a, b, c, d, low, high])
        });
        ReplicaKeys { replica, secrets }
    }

    /// What one device needs of it to speak with these replicas, at most [`REPLICAS_MAX`].
    pub fn device(&self, device: DeviceId, replicas: &[ReplicaId]) -> DeviceKeys {
        assert!(replicas.len() <= REPLICAS_MAX, "a device has at most {REPLICAS_MAX} replicas");
        let pairs = replicas.iter().map(|&replica| (replica, self.replica(replica).pair(device))).collect();
        DeviceKeys { device, pairs }
    }
}

impl ReplicaKeys {
    /// Whose they are.
    pub const fn replica(&self) -> ReplicaId {
        self.replica
    }

    pub(crate) fn pair(&self, device: DeviceId) -> Epochs<KeyPair> {
        let [a, b, c, d] = device.to_wire().to_le_bytes();
        let key = |secret: &[u8; 32], way: u8| ChannelKey(derive(secret, &[way, a, b, c, d]));
        self.secrets.map(|_, secret| KeyPair { to_device: key(secret, b'd'), to_replica: key(secret, b'c') })
    }
}

/// Every key on the way from a site's secret to the MACs of one pair of lives: what vectors show and nothing else may.
#[cfg(all(test, feature = "controller"))]
pub(crate) struct Shown {
    pub(crate) replica_secret: [u8; 32],
    pub(crate) to_device: [u8; 32],
    pub(crate) to_replica: [u8; 32],
    pub(crate) session_to_device: [u8; 32],
    pub(crate) session_to_replica: [u8; 32],
}

#[cfg(all(test, feature = "controller"))]
impl ReplicaKeys {
    /// The keys of the lives and the epoch that this header names.
    pub(crate) fn shown(&self, header: &crate::header::Header) -> Shown {
        let (_, replica_secret) = self.secrets.spoken();
        let pairs = self.pair(header.device);
        let (_, pair) = pairs.spoken();
        Shown {
            replica_secret: *replica_secret,
            to_device: pair.to_device.0,
            to_replica: pair.to_replica.0,
            session_to_device: pair.to_device.shown(header),
            session_to_replica: pair.to_replica.shown(header),
        }
    }
}

impl DeviceKeys {
    /// Whose they are.
    pub const fn device(&self) -> DeviceId {
        self.device
    }

    pub(crate) fn into_pairs(self) -> heapless::Vec<(ReplicaId, Epochs<KeyPair>), REPLICAS_MAX> {
        self.pairs
    }
}

fn derive(secret: &[u8; 32], subject: &[u8]) -> [u8; 32] {
    let mut key = [0; 32];
    let derived = Hkdf::<Sha256>::new(Some(SALT), secret).expand(subject, &mut key);
    assert!(derived.is_ok(), "HKDF-SHA256 gives 32 bytes for any subject");
    key
}
