//! HMAC-SHA256 (RFC 2104) cut to 16 bytes, from two midstates of 32 bytes.
//!
//! A replica speaks with thousands of devices one after the other, and a MAC is then as costly as the cache lines that its
//! key lies in. The `hmac` crate keeps 200 bytes for each key and copies them for each MAC; this keeps 64. The
//! compression function, which is the cryptography, is the library's; what is here is padding, and every
//! length of frame is tested against the `hmac` crate.

use sha2::block_api::compress256;
use subtle::ConstantTimeEq;

use crate::header::MAC_BYTES;

const BLOCK_BYTES: usize = 64;
const DIGEST_BYTES: usize = 32;
/// A block's last bytes tell the length of the message in bits.
const LENGTH_BYTES: usize = 8;

/// SHA-256's state before the first block (FIPS 180-4, 5.3.3).
const INITIAL: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// A key, hashed as far as it does not depend on the message.
#[derive(Clone)]
pub(super) struct MacKey {
    inner: [u32; 8],
    outer: [u32; 8],
}

impl MacKey {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        let padded = |with: u8| {
            let mut block = [with; BLOCK_BYTES];
            block.iter_mut().zip(key).for_each(|(pad, byte)| *pad ^= byte);
            let mut state = INITIAL;
            compress256(&mut state, &[block]);
            state
        };
        Self { inner: padded(0x36), outer: padded(0x5c) }
    }

    /// The MAC of a message.
    pub(super) fn of(&self, message: &[u8]) -> [u8; MAC_BYTES] {
        let mut state = self.inner;
        let (blocks, rest) = message.as_chunks::<BLOCK_BYTES>();
        compress256(&mut state, blocks);
        finish(&mut state, rest, message.len());
        let digest: [u8; DIGEST_BYTES] = bytes_of(&state);
        let mut state = self.outer;
        finish(&mut state, &digest, DIGEST_BYTES);
        bytes_of(&state)
    }

    /// Whether this is the MAC of the message, in a time that does not tell where it is not.
    pub(super) fn is_of(&self, mac: &[u8; MAC_BYTES], message: &[u8]) -> bool {
        self.of(message).ct_eq(mac).into()
    }
}

/// Hashes the end of a message, less than a block, with the padding that tells the length of all of it; the key's block
/// came before.
fn finish(state: &mut [u32; 8], rest: &[u8], message_bytes: usize) {
    let bits = 8 * (BLOCK_BYTES + message_bytes) as u64;
    let mut block = [0; BLOCK_BYTES];
    if let Some((head, [mark, ..])) = block.split_at_mut_checked(rest.len()) {
        head.copy_from_slice(rest);
        *mark = 0x80;
    }
    if rest.len() + LENGTH_BYTES >= BLOCK_BYTES {
        compress256(state, &[block]);
        block = [0; BLOCK_BYTES];
    }
    if let Some(length) = block.last_chunk_mut::<LENGTH_BYTES>() {
        *length = bits.to_be_bytes();
    }
    compress256(state, &[block]);
}

/// The first bytes of a state.
fn bytes_of<const N: usize>(state: &[u32; 8]) -> [u8; N] {
    let mut bytes = [0; N];
    for (four, word) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(state) {
        *four = word.to_be_bytes();
    }
    bytes
}

#[cfg(test)]
mod tests {
    use hmac::{Hmac, KeyInit, Mac};
    use sha2::Sha256;

    use super::*;

    #[test]
    fn it_is_hmac_for_messages_of_every_length() {
        let message: Vec<u8> = (0..=255_u8).cycle().take(400).collect();
        for seed in 0..8_u8 {
            let key: [u8; 32] =
                std::array::from_fn(|at| seed.wrapping_mul(31).wrapping_add(u8::try_from(at).expect("small")));
            let own = MacKey::new(&key);
            for length in 0..message.len() {
                let message = &message[..length];
                let theirs = Hmac::<Sha256>::new_from_slice(&key).expect("any length").chain_update(message).finalize();
                let mac = own.of(message);
                assert_eq!(mac[..], theirs.into_bytes()[..MAC_BYTES], "{length} bytes");
                assert!(own.is_of(&mac, message));
                let mut wrong = mac;
                wrong[length % MAC_BYTES] ^= 1;
                assert!(!own.is_of(&wrong, message));
            }
        }
    }
}
