//! What is recorded: of which part, which signal, and who told it.

/// At most so many columns are in a segment: three signals of 20 000 parts and more.
pub const COLUMNS_MAX: usize = 65_536;

/// Of what a column is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// A rack as a whole.
    Rack,
    /// A server.
    Server,
}

/// What a column tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Signal {
    /// Power drawn, watts.
    Power,
    /// Network traffic, bytes per second.
    Network,
    /// Work in hand, in a unit of the operator's.
    Workload,
}

/// Who told it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// The field network; values are whole.
    Dpcn,
    /// Remote-write; values have 24 bits.
    RemoteWrite,
}

/// One column of a segment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Column {
    /// Of what it is.
    pub part: Part,
    /// What it tells.
    pub signal: Signal,
    /// Who told it.
    pub source: Source,
    /// The part's name in the site file; at most 255 bytes.
    pub name: String,
}

impl Part {
    const ALL: [Self; 2] = [Self::Rack, Self::Server];

    /// Its name in exports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rack => "rack",
            Self::Server => "server",
        }
    }
}

impl Signal {
    const ALL: [Self; 3] = [Self::Power, Self::Network, Self::Workload];

    /// Its name in exports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Power => "power",
            Self::Network => "network",
            Self::Workload => "workload",
        }
    }
}

impl Source {
    const ALL: [Self; 2] = [Self::Dpcn, Self::RemoteWrite];

    /// Its name in exports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dpcn => "dpcn",
            Self::RemoteWrite => "remote-write",
        }
    }

    /// A value as the whole number that is stored; none where it has no room.
    #[expect(clippy::cast_possible_truncation, reason = "what is whole stays so; the rest is kept with 24 bits")]
    pub fn stored(self, value: f64) -> Option<i64> {
        match self {
            Self::Dpcn => (value.fract() == 0.0 && value.abs() < 9.0e15).then_some(value as i64),
            Self::RemoteWrite => {
                let narrow = value as f32;
                narrow.is_finite().then_some(i64::from(narrow.to_bits()))
            }
        }
    }

    /// The value that a stored number stands for; none where no such number is stored.
    #[expect(clippy::cast_precision_loss, reason = "what is stored has at most 53 bits")]
    pub fn value(self, stored: i64) -> Option<f64> {
        match self {
            Self::Dpcn => (stored.unsigned_abs() < 9_000_000_000_000_000).then_some(stored as f64),
            Self::RemoteWrite => {
                let value = f32::from_bits(u32::try_from(stored).ok()?);
                value.is_finite().then_some(f64::from(value))
            }
        }
    }
}

/// Appends a column to a header. A longer name is cut: names of a site are far shorter.
pub fn put(bytes: &mut Vec<u8>, column: &Column) {
    let name = column.name.as_bytes();
    let length = u8::try_from(name.len()).unwrap_or(u8::MAX);
    bytes.extend([column.part as u8, column.signal as u8, column.source as u8, length]);
    bytes.extend(&name[..usize::from(length)]);
}

/// Takes a column off the front of a header.
pub fn take(bytes: &mut &[u8]) -> Option<Column> {
    let (head, rest) = bytes.split_first_chunk::<4>()?;
    let [part, signal, source, length] = head.map(usize::from);
    let (name, rest) = rest.split_at_checked(length)?;
    *bytes = rest;
    Some(Column {
        part: *Part::ALL.get(part)?,
        signal: *Signal::ALL.get(signal)?,
        source: *Source::ALL.get(source)?,
        name: std::str::from_utf8(name).ok()?.to_owned(),
    })
}
