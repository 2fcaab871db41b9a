//! The form of a replica's name in its certificate, and of a person's.
//!
//! It is a DNS name because that is what every TLS library compares by itself, rustls on the calling side among them.
//! Nobody resolves it: addresses stand in the configuration, and a replica may move without a new certificate. The
//! cluster is a label of its own, so that an authority can be bound to it by a name constraint; its prefix keeps that label from
//! being all digits, which is no DNS name.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

/// One replica of one cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerName {
    /// The cluster's id.
    pub cluster: [u8; 16],
    /// The replica's number, from 1.
    pub replica: u16,
}

/// Somebody who may ask replicas of one cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonName {
    /// The cluster's id.
    pub cluster: [u8; 16],
    /// What the person is called: see [`is_person`].
    pub person: String,
}

/// Whether a person can be called so: 1 to 32 small letters, digits and inner hyphens, as a label of a DNS name has.
pub fn is_person(name: &str) -> bool {
    let fits = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    fits && (1..=32).contains(&name.len()) && !name.starts_with('-') && !name.ends_with('-')
}

/// A text that is no replica's name, nor a person's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAName;

/// The id of the cluster that is configured by this name.
pub fn cluster_id(name: &str) -> [u8; 16] {
    let digest: [u8; 32] = Sha256::digest(name.as_bytes()).into();
    let mut cluster = [0; 16];
    cluster.copy_from_slice(&digest[..16]);
    cluster
}

/// The domain that all replicas of a cluster, and of no other, have their names in.
pub fn domain(cluster: [u8; 16]) -> String {
    format!("cluster-{:032x}", u128::from_be_bytes(cluster))
}

/// The cluster of a domain.
pub(crate) fn cluster_of(domain: &str) -> Option<[u8; 16]> {
    let digits = domain.strip_prefix("cluster-")?;
    let cluster = u128::from_str_radix(digits, 16).ok()?.to_be_bytes();
    // One cluster has one spelling: no capitals, no sign, no missing zeros.
    (self::domain(cluster) == domain).then_some(cluster)
}

impl fmt::Display for PeerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "replica-{}.{}", self.replica, domain(self.cluster))
    }
}

impl FromStr for PeerName {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Self, NotAName> {
        let (replica, domain) = text.split_once('.').ok_or(NotAName)?;
        let replica = replica.strip_prefix("replica-").and_then(|digits| digits.parse().ok()).ok_or(NotAName)?;
        let name = Self { cluster: cluster_of(domain).ok_or(NotAName)?, replica };
        if replica > 0 && name.to_string() == text { Ok(name) } else { Err(NotAName) }
    }
}

impl fmt::Display for PersonName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "person-{}.{}", self.person, domain(self.cluster))
    }
}

impl FromStr for PersonName {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Self, NotAName> {
        let (person, domain) = text.split_once('.').ok_or(NotAName)?;
        let person = person.strip_prefix("person-").filter(|name| is_person(name)).ok_or(NotAName)?;
        Ok(Self { cluster: cluster_of(domain).ok_or(NotAName)?, person: person.into() })
    }
}

impl fmt::Display for NotAName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected replica-N.cluster-HEX or person-NAME.cluster-HEX")
    }
}

impl std::error::Error for NotAName {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_spelling() {
        let name = PeerName { cluster: [0; 16], replica: 7 };
        let text = "replica-7.cluster-00000000000000000000000000000000";
        assert_eq!(name.to_string(), text);
        assert_eq!(text.parse(), Ok(name));
        let hex = "00000000000000000000000000000000";
        for wrong in [
            "replica-7".into(),
            "*.cluster-00000000000000000000000000000000".into(),
            format!("replica-07.cluster-{hex}"),
            format!("replica-0.cluster-{hex}"),
            format!("replica-+7.cluster-{hex}"),
            format!("replica-65536.cluster-{hex}"),
            format!("replica-7.cluster-{hex}."),
            format!("replica-7.cluster-0{hex}"),
            format!("Replica-7.cluster-{hex}"),
            format!("replica-7.cluster-{}", &hex[1..]),
            "replica-7.cluster-A0000000000000000000000000000000".into(),
        ] {
            assert_eq!(wrong.parse::<PeerName>(), Err(NotAName), "{wrong}");
        }
    }

    #[test]
    fn a_person_has_one_spelling_and_is_no_replica() {
        let name = PersonName { cluster: [0; 16], person: "mira-2".into() };
        let text = "person-mira-2.cluster-00000000000000000000000000000000";
        assert_eq!(name.to_string(), text);
        assert_eq!(text.parse(), Ok(name));
        assert_eq!(text.parse::<PeerName>(), Err(NotAName));
        for wrong in ["", "Mira", "mi ra", "-mira", "mira-", "m.ra", "mira@hall", &"m".repeat(33)] {
            let text = format!("person-{wrong}.cluster-00000000000000000000000000000000");
            assert_eq!(text.parse::<PersonName>(), Err(NotAName), "{wrong}");
        }
        assert_eq!("replica-1.cluster-00000000000000000000000000000000".parse::<PersonName>(), Err(NotAName));
    }

    #[test]
    fn a_cluster_follows_from_its_name() {
        // The first half of SHA-256, as any tool computes it: printf demo | sha256sum
        assert_eq!(domain(cluster_id("demo")), "cluster-2a97516c354b68848cdbd8f54a226a0a");
    }
}
