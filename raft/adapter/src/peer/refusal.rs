//! Why an end of a connection is not believed: counted always, told once for an address and minute.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use metrics::{Counter, counter, describe_counter};
use rustls::CertificateError;

use crate::codec::wire::HelloRefusal;

/// An address is told of once in this time.
const TOLD_EVERY: Duration = Duration::from_mins(1);
/// Most addresses that are remembered. Beyond them refusals are counted and not told, until some are forgotten.
const ADDRESSES_MAX: usize = 64;

/// Why the other end is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It shows no certificate.
    NoCertificate,
    /// Its certificate was not signed by the cluster's authority.
    UnknownAuthority,
    /// Its certificate has expired.
    Expired,
    /// Its certificate is valid later on, by this replica's clock.
    NotYetValid,
    /// Its certificate is on the list of revoked ones.
    Revoked,
    /// The list of revoked certificates says nothing of its authority.
    Unlisted,
    /// Its certificate is of another cluster.
    OtherCluster,
    /// Its certificate names another replica than the one that it should be.
    OtherReplica,
    /// Its certificate is none that a replica of ours can have.
    BadCertificate,
    /// It does not speak TLS 1.3 as replicas do.
    NotTls,
    /// It did not greet in time.
    Deadline,
    /// It is who it says, and wants something else than this replica.
    Hello(HelloRefusal),
}

/// Who was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// The replica that called.
    Caller,
    /// The replica that was called.
    Called,
}

/// A refusal as an error of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refused(Refusal);

impl Refusal {
    /// Each of them.
    const ALL: [Self; 17] = [
        Self::NoCertificate,
        Self::UnknownAuthority,
        Self::Expired,
        Self::NotYetValid,
        Self::Revoked,
        Self::Unlisted,
        Self::OtherCluster,
        Self::OtherReplica,
        Self::BadCertificate,
        Self::NotTls,
        Self::Deadline,
        Self::Hello(HelloRefusal::NotAPeer),
        Self::Hello(HelloRefusal::Version),
        Self::Hello(HelloRefusal::OtherCluster),
        Self::Hello(HelloRefusal::OtherReplica),
        Self::Hello(HelloRefusal::UnknownCaller),
        Self::Hello(HelloRefusal::Certificate),
    ];

    /// What an error of a connection says about the other end; none when it just broke.
    pub(crate) fn of(error: &io::Error) -> Option<Self> {
        let inner = error.get_ref()?;
        match inner.downcast_ref::<Refused>() {
            Some(refused) => Some(refused.0),
            None => inner.downcast_ref::<rustls::Error>().filter(|error| !is_alert(error)).map(Self::of_tls),
        }
    }

    /// What rustls found wrong.
    pub(crate) fn of_tls(error: &rustls::Error) -> Self {
        match error {
            rustls::Error::NoCertificatesPresented => Self::NoCertificate,
            rustls::Error::InvalidCertificate(error) => Self::of_certificate(error),
            _ => Self::NotTls,
        }
    }

    fn of_certificate(error: &CertificateError) -> Self {
        match error {
            CertificateError::UnknownIssuer | CertificateError::BadSignature => Self::UnknownAuthority,
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Self::NotYetValid,
            CertificateError::Revoked => Self::Revoked,
            CertificateError::UnknownRevocationStatus => Self::Unlisted,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => Self::OtherReplica,
            _ => Self::BadCertificate,
        }
    }

    /// Its name as a label of a metric.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::NoCertificate => "no_certificate",
            Self::UnknownAuthority => "unknown_authority",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::Revoked => "revoked",
            Self::Unlisted => "unlisted",
            Self::OtherCluster => "other_cluster",
            Self::OtherReplica => "other_replica",
            Self::BadCertificate => "bad_certificate",
            Self::NotTls => "not_tls",
            Self::Deadline => "deadline",
            Self::Hello(HelloRefusal::NotAPeer) => "not_a_peer",
            Self::Hello(HelloRefusal::Version) => "version",
            Self::Hello(HelloRefusal::OtherCluster) => "wants_other_cluster",
            Self::Hello(HelloRefusal::OtherReplica) => "wants_other_replica",
            Self::Hello(HelloRefusal::UnknownCaller) => "unknown_caller",
            Self::Hello(HelloRefusal::Certificate) => "claims_other_replica",
        }
    }
}

/// The peer refuses this replica, which says nothing about the peer.
pub(crate) fn is_alert(error: &rustls::Error) -> bool {
    matches!(error, rustls::Error::AlertReceived(_))
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoCertificate => "shows no certificate",
            Self::UnknownAuthority => "was not signed by the authority in `ca`",
            Self::Expired => "has expired: issue another",
            Self::NotYetValid => "is not valid yet: is the clock right?",
            Self::Revoked => "is revoked: issue another",
            Self::Unlisted => "is of an authority without a list in `revoked`",
            Self::OtherCluster => "is of another cluster",
            Self::OtherReplica => "names another replica",
            Self::BadCertificate => "is none that a replica of this cluster can have",
            Self::NotTls => "does not speak TLS 1.3",
            Self::Deadline => "did not greet in time",
            Self::Hello(_) => "wants something else",
        })
    }
}

impl Refused {
    /// The error that ends the connection.
    pub(crate) fn error(refusal: Refusal) -> io::Error {
        io::Error::new(io::ErrorKind::PermissionDenied, Self(refusal))
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Refused {}

/// Counts a refusal.
pub(crate) fn count(side: Side, refusal: Refusal) {
    counter(side, refusal).increment(1);
}

fn counter(side: Side, refusal: Refusal) -> Counter {
    let side = match side {
        Side::Caller => "caller",
        Side::Called => "called",
    };
    counter!("ridethrough_peer_refused_total", "side" => side, "reason" => refusal.as_str())
}

/// Which addresses have been told of lately.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    told: Mutex<BTreeMap<IpAddr, Told>>,
}

#[derive(Debug)]
struct Told {
    at: Instant,
    /// Refused since, and not told.
    kept_back: u64,
}

impl Refusals {
    pub(crate) fn new() -> Self {
        describe_counter!("ridethrough_peer_refused_total", "Ends of peer connections that were not believed");
        // Begun at zero, so that the first refusal shows as a rise.
        for refusal in Refusal::ALL {
            counter(Side::Caller, refusal).increment(0);
            counter(Side::Called, refusal).increment(0);
        }
        Self::default()
    }

    /// Counts a caller that was refused, and tells of it unless its address was told of within the last minute.
    pub(crate) fn note(&self, address: IpAddr, refusal: Refusal) {
        count(Side::Caller, refusal);
        if let Some(kept_back) = self.turn(address, Instant::now()) {
            let reason = refusal.as_str();
            tracing::warn!(%address, reason, kept_back, "refused a caller at the peer port: {refusal}");
        }
    }

    /// How many refusals of this address were kept back, if it is to be told of now.
    fn turn(&self, address: IpAddr, now: Instant) -> Option<u64> {
        // Whoever panicked in here has left a map that is whole.
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let due = |one: &Told| now.duration_since(one.at) >= TOLD_EVERY;
        let kept_back = match told.get_mut(&address) {
            Some(one) if !due(one) => {
                one.kept_back += 1;
                return None;
            }
            Some(one) => one.kept_back,
            None => 0,
        };
        if told.len() >= ADDRESSES_MAX {
            told.retain(|_, one| !due(one));
        }
        if told.len() >= ADDRESSES_MAX {
            return None;
        }
        told.insert(address, Told { at: now, kept_back: 0 });
        Some(kept_back)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_told_of_once_in_a_minute_and_memory_ends() {
        let (refusals, begun) = (Refusals::default(), Instant::now());
        let address = |nth: u8| IpAddr::from([10, 0, 0, nth]);
        let after = |seconds| begun + Duration::from_secs(seconds);
        assert_eq!(refusals.turn(address(0), after(0)), Some(0));
        assert_eq!(refusals.turn(address(0), after(59)), None);
        assert_eq!(refusals.turn(address(1), after(59)), Some(0), "another address has its own minute");
        assert_eq!(refusals.turn(address(0), after(60)), Some(1), "with what was kept back");
        for nth in 2..64 {
            assert_eq!(refusals.turn(address(nth), after(61)), Some(0));
        }
        assert_eq!(refusals.turn(address(64), after(62)), None, "counted, not told: there is no room");
        assert_eq!(refusals.turn(address(64), after(121)), Some(0), "room is made by what was long ago");
        assert!(refusals.told.lock().expect("whole").len() <= ADDRESSES_MAX);
    }
}
