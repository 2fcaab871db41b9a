//! The keys of one life of both ends, and the MACs under them.

use hkdf::Hkdf;
use sha2::Sha256;

use super::mac::MacKey;
use super::{ChannelKey, Epochs};
use crate::datagram::Datagram;
use crate::header::{Header, MAC_BYTES};
use crate::keys::KeyEpoch;
use crate::nonce::{BootNonce, SessionNonce};
use crate::refusal::Refusal;

/// Which lives a key is for, and of which epoch it is.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Lives {
    epoch: KeyEpoch,
    session: SessionNonce,
    boot: BootNonce,
}

/// The key of one way in one pair of lives, expanded once so that a MAC costs no key schedule.
#[derive(Clone)]
struct SessionKey(MacKey);

/// A channel's keys with the session key that was used last.
#[derive(Clone)]
#[repr(C)]
struct Channel {
    kept: Option<(Lives, SessionKey)>,
    /// Needed at a new life only, so it lies behind.
    keys: Epochs<ChannelKey>,
}

/// Closes frames of one way.
#[derive(Clone)]
pub(crate) struct Seal(Channel);

/// Opens frames of one way.
#[derive(Clone)]
pub(crate) struct Lock(Channel);

impl Seal {
    pub(crate) const fn new(keys: Epochs<ChannelKey>) -> Self {
        Self(Channel { keys, kept: None })
    }

    /// The epoch that is spoken.
    pub(crate) const fn epoch(&self) -> KeyEpoch {
        self.0.keys.spoken().0
    }

    /// Appends the MAC of all that was written under this header.
    pub(crate) fn close(&mut self, header: &Header, out: &mut Datagram) {
        let lives = Lives::of(header);
        if self.0.kept(lives).is_none() {
            self.0.kept = self.0.derive(lives).map(|key| (lives, key));
        }
        // A header in an epoch that there is no key of closes nothing, and nobody would believe it.
        if let Some(key) = self.0.kept(lives) {
            key.append_mac(out);
        }
    }
}

impl Lock {
    pub(crate) const fn new(keys: Epochs<ChannelKey>) -> Self {
        Self(Channel { keys, kept: None })
    }

    /// Compares the MAC in constant time and gives the bytes that it covers.
    pub(crate) fn open<'a>(&mut self, header: &Header, frame: &'a [u8]) -> Result<&'a [u8], Refusal> {
        let lives = Lives::of(header);
        if let Some(key) = self.0.kept(lives) {
            return key.verify(frame);
        }
        let key = self.0.derive(lives).ok_or(Refusal::UnknownEpoch)?;
        let covered = key.verify(frame)?;
        // Only what was right is kept: a forger makes nobody forget a key.
        self.0.kept = Some((lives, key));
        Ok(covered)
    }
}

impl Channel {
    fn kept(&self, lives: Lives) -> Option<&SessionKey> {
        self.kept.as_ref().filter(|(of, _)| *of == lives).map(|(_, key)| key)
    }

    fn derive(&self, lives: Lives) -> Option<SessionKey> {
        self.keys.get(lives.epoch).map(|channel| channel.session(lives))
    }
}

impl Lives {
    const fn of(header: &Header) -> Self {
        Self { epoch: header.epoch, session: header.session, boot: header.boot }
    }
}

impl ChannelKey {
    fn session(&self, lives: Lives) -> SessionKey {
        SessionKey(MacKey::new(&self.derive(lives)))
    }

    fn derive(&self, lives: Lives) -> [u8; 32] {
        let mut subject = [b's'; 17];
        let (_, nonces) = subject.split_at_mut(1);
        let of_both = lives.session.to_wire().to_le_bytes().into_iter().chain(lives.boot.to_wire().to_le_bytes());
        nonces.iter_mut().zip(of_both).for_each(|(to, from)| *to = from);
        let mut key = [0; 32];
        let derived = Hkdf::<Sha256>::from_prk(&self.0).map(|channel| channel.expand(&subject, &mut key));
        assert!(matches!(derived, Ok(Ok(()))), "HKDF-SHA256 expands any key of 32 bytes to 32 more");
        key
    }

    #[cfg(all(test, feature = "controller"))]
    pub(super) fn shown(&self, header: &Header) -> [u8; 32] {
        self.derive(Lives::of(header))
    }
}

impl SessionKey {
    fn append_mac(&self, out: &mut Datagram) {
        let mac = self.0.of(out.as_bytes());
        out.push(&mac);
    }

    fn verify<'a>(&self, frame: &'a [u8]) -> Result<&'a [u8], Refusal> {
        let (covered, mac) = frame.split_last_chunk::<MAC_BYTES>().ok_or(Refusal::BadMac)?;
        if self.0.is_of(mac, covered) { Ok(covered) } else { Err(Refusal::BadMac) }
    }
}
