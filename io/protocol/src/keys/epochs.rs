//! Two overlapping epochs, so that a site's secret can be changed while it works.

use core::fmt;
use core::num::NonZeroU32;

/// Which of a site's secrets a key comes from; rises with every change of the secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyEpoch(NonZeroU32);

/// Something that there is of each epoch in use.
#[derive(Clone)]
pub(crate) struct Epochs<T> {
    spoken: (KeyEpoch, T),
    accepted: Option<(KeyEpoch, T)>,
}

/// Two secrets of the same epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochsClash(
    /// The epoch.
    pub KeyEpoch,
);

impl fmt::Display for EpochsClash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "two secrets of key epoch {}", self.0.get())
    }
}

impl core::error::Error for EpochsClash {}

impl KeyEpoch {
    /// A site's first.
    pub const FIRST: Self = Self(NonZeroU32::MIN);

    /// The epoch of this number; none for zero.
    pub const fn new(number: u32) -> Option<Self> {
        match NonZeroU32::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// Its number.
    pub const fn get(self) -> u32 {
        self.0.get()
    }
}

impl<T> Epochs<T> {
    pub(crate) const fn one(epoch: KeyEpoch, of_it: T) -> Self {
        Self { spoken: (epoch, of_it), accepted: None }
    }

    pub(crate) fn with_accepted(self, epoch: KeyEpoch, of_it: T) -> Result<Self, EpochsClash> {
        if epoch == self.spoken.0 {
            return Err(EpochsClash(epoch));
        }
        Ok(Self { spoken: self.spoken, accepted: Some((epoch, of_it)) })
    }

    pub(crate) fn map<U>(&self, of: impl Fn(KeyEpoch, &T) -> U) -> Epochs<U> {
        let each = |(epoch, of_it): &(KeyEpoch, T)| (*epoch, of(*epoch, of_it));
        Epochs { spoken: each(&self.spoken), accepted: self.accepted.as_ref().map(each) }
    }

    /// What there is, that of the spoken epoch first.
    #[cfg(feature = "controller")]
    pub(crate) fn iter(&self) -> impl Iterator<Item = &(KeyEpoch, T)> {
        core::iter::once(&self.spoken).chain(&self.accepted)
    }

    /// That of the epoch that is spoken.
    pub(crate) const fn spoken(&self) -> (KeyEpoch, &T) {
        (self.spoken.0, &self.spoken.1)
    }

    /// That of one epoch, if it is in use.
    pub(crate) fn get(&self, epoch: KeyEpoch) -> Option<&T> {
        let of_epoch = |(of, of_it): &'_ &(KeyEpoch, T)| (*of == epoch).then_some(of_it).is_some();
        Some(&self.spoken).filter(of_epoch).or_else(|| self.accepted.as_ref().filter(of_epoch)).map(|(_, of_it)| of_it)
    }
}
