//! A keyring as it lies in a file.

use core::fmt;
use core::num::ParseIntError;

use ridethrough_vocabulary::device::ReplicaId;

use super::{Epochs, EpochsClash, KeyEpoch, Keyring, ReplicaKeys, SiteSecret};

/// Why a text is no keyring. No message holds a digit of a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyringError {
    /// There is no secret.
    Empty,
    /// There are more than two.
    TooMany,
    /// A line is neither a secret nor an epoch with one.
    Line {
        /// Which, counted from 1.
        line: usize,
    },
    /// An epoch is no number from 1.
    Epoch {
        /// In which line, counted from 1.
        line: usize,
    },
    /// A secret is not 64 hexadecimal digits.
    Secret {
        /// In which line, counted from 1.
        line: usize,
    },
    /// Both are of the same epoch.
    Clash(EpochsClash),
}

impl fmt::Display for KeyringError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("expected 64 hexadecimal digits, found nothing"),
            Self::TooMany => f.write_str("expected one secret, or two while they are changed, found more"),
            Self::Line { line } => write!(f, "line {line}: expected a key epoch and 64 hexadecimal digits"),
            Self::Epoch { line } => write!(f, "line {line}: expected a key epoch from 1 to {}", u32::MAX),
            Self::Secret { line } => write!(f, "line {line}: expected 64 hexadecimal digits"),
            Self::Clash(clash) => clash.fmt(f),
        }
    }
}

impl core::error::Error for KeyringError {}

impl Keyring {
    /// Reads one or two lines, each a key epoch and 64 hexadecimal digits; the first is spoken, the other is believed,
    /// too. Digits alone are of the first epoch; `#` begins a remark.
    ///
    /// ```
    /// use ridethrough_protocol::Keyring;
    ///
    /// let secret = "0f".repeat(32);
    /// assert!(Keyring::parse(&secret).is_ok());
    /// assert!(Keyring::parse(&format!("# changed in May\n2 {secret}\n1 {secret}\n")).is_ok());
    /// assert!(Keyring::parse("beef").is_err());
    /// ```
    pub fn parse(text: &str) -> Result<Self, KeyringError> {
        Ok(Self(parse_lines(text)?.map(|_, secret| SiteSecret::new(*secret))))
    }

    /// The lines that [`Self::parse`] reads: for the machine that commissions devices and nowhere else.
    #[cfg(feature = "controller")]
    pub fn export(&self) -> String {
        lines_of(&self.0.map(|_, secret| secret.0))
    }
}

impl ReplicaKeys {
    /// Reads the secrets of one replica alone, in lines like those of [`Keyring::parse`].
    pub fn parse(replica: ReplicaId, text: &str) -> Result<Self, KeyringError> {
        Ok(Self { replica, secrets: parse_lines(text)? })
    }

    /// The lines that [`Self::parse`] reads: for the file of this replica and nowhere else.
    #[cfg(feature = "controller")]
    pub fn export(&self) -> String {
        lines_of(&self.secrets)
    }
}

#[cfg(feature = "controller")]
fn lines_of(secrets: &Epochs<[u8; 32]>) -> String {
    let line = |epoch: KeyEpoch, secret: &[u8; 32]| {
        let digits: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{} {digits}\n", epoch.get())
    };
    secrets.iter().map(|(epoch, secret)| line(*epoch, secret)).collect()
}

fn parse_lines(text: &str) -> Result<Epochs<[u8; 32]>, KeyringError> {
    let lines = (1..).zip(text.lines()).map(|(line, text)| (line, text.split('#').next().unwrap_or("").trim()));
    let mut secrets = lines.filter(|(_, text)| !text.is_empty()).map(|(line, text)| parse_line(line, text));
    let (epoch, secret) = secrets.next().ok_or(KeyringError::Empty)??;
    let spoken = Epochs::one(epoch, secret);
    let Some(accepted) = secrets.next() else { return Ok(spoken) };
    let (epoch, secret) = accepted?;
    match secrets.next() {
        Some(_) => Err(KeyringError::TooMany),
        None => spoken.with_accepted(epoch, secret).map_err(KeyringError::Clash),
    }
}

fn parse_line(line: usize, text: &str) -> Result<(KeyEpoch, [u8; 32]), KeyringError> {
    let mut words = text.split_whitespace();
    let (first, second, rest) = (words.next().unwrap_or(""), words.next(), words.next());
    if rest.is_some() {
        return Err(KeyringError::Line { line });
    }
    let (epoch, digits) = match second {
        None => (KeyEpoch::FIRST, first),
        Some(digits) => {
            let number = first.parse().map_err(|_: ParseIntError| KeyringError::Epoch { line })?;
            (KeyEpoch::new(number).ok_or(KeyringError::Epoch { line })?, digits)
        }
    };
    Ok((epoch, parse_secret(digits).ok_or(KeyringError::Secret { line })?))
}

fn parse_secret(digits: &str) -> Option<[u8; 32]> {
    // `from_str_radix` would take a sign for a digit.
    if digits.len() != 64 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut secret = [0; 32];
    for (byte, pair) in secret.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
        *byte = core::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok())?;
    }
    Some(secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: KeyringError) {
        assert_eq!(Keyring::parse(text).err(), Some(expected), "{text:?}");
    }

    #[test]
    fn what_is_no_keyring_is_refused_by_line() {
        let secret = "a5".repeat(32);
        check("", KeyringError::Empty);
        check("# nothing\n\n", KeyringError::Empty);
        check("beef", KeyringError::Secret { line: 1 });
        check(&secret[..63], KeyringError::Secret { line: 1 });
        check(&format!("+{}", &secret[..63]), KeyringError::Secret { line: 1 });
        check(&format!("{secret}{secret}"), KeyringError::Secret { line: 1 });
        check(&format!("\n0 {secret}"), KeyringError::Epoch { line: 2 });
        check(&format!("x {secret}"), KeyringError::Epoch { line: 1 });
        check(&format!("1 {secret} 2"), KeyringError::Line { line: 1 });
        check(&format!("1 {secret}\n2 {secret}\n3 {secret}"), KeyringError::TooMany);
        let clash = EpochsClash(KeyEpoch::FIRST);
        check(&format!("1 {secret}\n{secret}"), KeyringError::Clash(clash));
    }

    #[cfg(feature = "controller")]
    #[test]
    fn a_keyring_is_written_as_it_is_read() {
        let text = format!("2 {}\n1 {}\n", "a5".repeat(32), "5a".repeat(32));
        assert_eq!(Keyring::parse(&text).expect("a keyring").export(), text);
    }

    #[cfg(feature = "controller")]
    #[test]
    fn a_replicas_own_file_holds_its_own_keys() {
        let site = Keyring::parse(&format!("2 {}\n1 {}", "a5".repeat(32), "5a".repeat(32))).expect("a keyring");
        let text = site.replica(ReplicaId(2)).export();
        assert_eq!(text.lines().count(), 2);
        assert!(text.starts_with("2 ") && !text.contains("a5a5a5") && text != site.replica(ReplicaId(1)).export());
        let read = ReplicaKeys::parse(ReplicaId(2), &text).expect("what was written");
        assert_eq!(read.export(), text);
    }
}
