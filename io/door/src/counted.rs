//! Counters by what happened: an enumeration with a word for each of its kinds, and a handle for each of them.

use std::fmt;
use std::marker::PhantomData;

use metrics::{Counter, counter};

/// What is counted by its kind; [`counted!`](crate::counted) makes one.
pub trait Counted: Copy {
    /// The words of the metric's label, a kind after the other.
    const WORDS: &'static [&'static str];

    /// Which of them is this kind's.
    fn nth(self) -> usize;
}

/// A counter for each kind, looked up once.
pub struct Counters<K> {
    each: Box<[Counter]>,
    kinds: PhantomData<fn(K)>,
}

impl<K: Counted> Counters<K> {
    /// All begin at zero. Install the recorder before.
    pub fn new(metric: &'static str, label: &'static str) -> Self {
        let each = K::WORDS.iter().map(|word| counter!(metric, label => *word)).collect();
        Self { each, kinds: PhantomData }
    }

    /// One more of this kind.
    pub fn count(&self, kind: K) {
        self.each[kind.nth()].increment(1);
    }
}

impl<K> fmt::Debug for Counters<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counters").field("kinds", &self.each.len()).finish()
    }
}

/// Makes an enumeration whose kinds are counted by their words.
///
/// ```
/// ridethrough_door::counted! {
///     /// Why a caller was sent away.
///     pub enum Ended {
///         /// There were too many.
///         TooMany = "too_many",
///         /// It said nothing.
///         Idle = "idle",
///     }
/// }
/// use ridethrough_door::Counted;
/// assert_eq!(Ended::WORDS[Ended::Idle.nth()], "idle");
/// ```
#[macro_export]
macro_rules! counted {
    ($(#[$told:meta])* $seen:vis enum $name:ident { $($(#[$said:meta])* $kind:ident = $word:literal,)+ }) => {
        $(#[$told])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        $seen enum $name { $($(#[$said])* $kind,)+ }

        impl $crate::Counted for $name {
            const WORDS: &'static [&'static str] = &[$($word,)+];

            fn nth(self) -> usize {
                self as usize
            }
        }
    };
}
