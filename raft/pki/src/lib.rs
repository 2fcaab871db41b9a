//! Who is who between replicas: names in certificates, reading them, and (feature `issue`) making them.
//!
//! ```text
//!  authority (one for each cluster) ──signs──► certificate of replica N ──names──► replica-N.cluster-HEX
//!      └──────────────signs──► list of revoked certificates
//! ```
//!
//! | module | subject |
//! |---|---|
//! | [`name`] | the form of a replica's name |
//! | [`certificate`] | what a certificate says, and until when |
//! | [`revoked`] | what a list of revoked certificates says |
//! | `authority` | makes all three (feature `issue`) |
//!
//! Signatures of a connection's certificates are checked by rustls, not here. No file is read or written.

#[cfg(feature = "issue")]
pub mod authority;
pub mod certificate;
mod error;
pub mod name;
mod pem;
pub mod revoked;

#[cfg(feature = "issue")]
pub use authority::{Authority, IssueError, Issued, Validity};
pub use certificate::{Certificate, Holder};
pub use error::ReadError;
pub use name::{PeerName, PersonName, cluster_id};
pub use revoked::Revoked;
