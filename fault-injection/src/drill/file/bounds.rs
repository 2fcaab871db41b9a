//! What must be before and after a drill, and when it is broken off.

use serde::Deserialize;

/// The steady state.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Steady {
    /// How long it may take to come about, in s.
    #[serde(default = "Steady::within_s")]
    pub within_s: f64,
    /// So many transfers are in force.
    #[serde(default)]
    pub transfers: usize,
}

impl Steady {
    const fn within_s() -> f64 {
        90.0
    }
}

impl Default for Steady {
    fn default() -> Self {
        Self { within_s: Self::within_s(), transfers: 0 }
    }
}

/// When a drill is broken off.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Abort {
    /// Once so many racks are dark.
    #[serde(default = "Abort::trips")]
    pub trips: usize,
    /// Once nobody has led for so long, in s.
    #[serde(default = "Abort::leaderless_s")]
    pub leaderless_s: f64,
}

impl Abort {
    const fn trips() -> usize {
        1
    }

    const fn leaderless_s() -> f64 {
        20.0
    }
}

impl Default for Abort {
    fn default() -> Self {
        Self { trips: Self::trips(), leaderless_s: Self::leaderless_s() }
    }
}
