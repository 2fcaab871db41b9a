//! The codes that refusals have on the wire.

use std::fmt;

/// Why a request was refused, as RFC 9271 names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nobody with this name and password, or not what he may do.
    AccessDenied,
    /// There is no UPS of this name.
    UnknownUps,
    /// It has no such variable.
    VarNotSupported,
    /// It takes no such command.
    CmdNotSupported,
    /// Words are missing, too many, too long or no words.
    InvalidArgument,
    /// What is known is too old to be told.
    DataStale,
    /// It cannot be set.
    ReadOnly,
    /// No name was told before.
    UsernameRequired,
    /// No password was told before.
    PasswordRequired,
    /// A name was told already.
    AlreadySetUsername,
    /// A password was told already.
    AlreadySetPassword,
    /// This connection has logged in already.
    AlreadyLoggedIn,
    /// There is no TLS here.
    FeatureNotConfigured,
    /// No such request.
    UnknownCommand,
}

impl Fault {
    /// Each of them.
    pub const ALL: [Self; 14] = [
        Self::AccessDenied,
        Self::UnknownUps,
        Self::VarNotSupported,
        Self::CmdNotSupported,
        Self::InvalidArgument,
        Self::DataStale,
        Self::ReadOnly,
        Self::UsernameRequired,
        Self::PasswordRequired,
        Self::AlreadySetUsername,
        Self::AlreadySetPassword,
        Self::AlreadyLoggedIn,
        Self::FeatureNotConfigured,
        Self::UnknownCommand,
    ];

    /// Its code.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AccessDenied => "ACCESS-DENIED",
            Self::UnknownUps => "UNKNOWN-UPS",
            Self::VarNotSupported => "VAR-NOT-SUPPORTED",
            Self::CmdNotSupported => "CMD-NOT-SUPPORTED",
            Self::InvalidArgument => "INVALID-ARGUMENT",
            Self::DataStale => "DATA-STALE",
            Self::ReadOnly => "READONLY",
            Self::UsernameRequired => "USERNAME-REQUIRED",
            Self::PasswordRequired => "PASSWORD-REQUIRED",
            Self::AlreadySetUsername => "ALREADY-SET-USERNAME",
            Self::AlreadySetPassword => "ALREADY-SET-PASSWORD",
            Self::AlreadyLoggedIn => "ALREADY-LOGGED-IN",
            Self::FeatureNotConfigured => "FEATURE-NOT-CONFIGURED",
            Self::UnknownCommand => "UNKNOWN-COMMAND",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_in_the_order_of_their_numbers() {
        for (nth, fault) in Fault::ALL.into_iter().enumerate() {
            assert_eq!(fault as usize, nth, "{fault}");
        }
    }
}
