//! What is borne.

/// The longest datagram that is taken or sent, bytes: what an Ethernet frame carries. Whoever asks for more gets less of it.
pub(crate) const DATAGRAM_MAX: usize = 1_472;

/// How often may be asked. The defaults suit managers that poll, and walks of the whole tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Datagrams in a second, and as many at once, of everybody together.
    pub per_second: u32,
    /// The same from one address.
    pub per_second_each: u32,
    /// Reports in a second, and as many at once, of everybody together.
    pub reports_per_second: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { per_second: 1_000, per_second_each: 200, reports_per_second: 100 }
    }
}
