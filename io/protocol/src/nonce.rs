//! Numbers drawn once per start, so that frames of an earlier life are dead. Whoever starts the process draws them;
//! they must be unpredictable and must not repeat, they need not be secret.

/// Drawn by a controller replica when it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionNonce(u64);

/// Drawn by a device when it boots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BootNonce(u64);

impl SessionNonce {
    /// What a device says while it has no session with a replica.
    pub const NONE: Self = Self(0);

    /// The nonce made of these 64 random bits. Zero means "none" on the wire and becomes one.
    pub const fn new(bits: u64) -> Self {
        Self(if bits == 0 { 1 } else { bits })
    }

    pub(crate) const fn from_wire(bits: u64) -> Self {
        Self(bits)
    }

    pub(crate) const fn to_wire(self) -> u64 {
        self.0
    }
}

impl BootNonce {
    /// The nonce made of these 64 random bits.
    pub const fn new(bits: u64) -> Self {
        Self(bits)
    }

    pub(crate) const fn to_wire(self) -> u64 {
        self.0
    }
}
