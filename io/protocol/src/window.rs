//! The last 64 sequences heard, so that no frame is believed twice while reordered ones still are.

/// How far behind the highest sequence a frame may come.
const WIDTH: u64 = 64;

/// Which of the last sequences were heard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Window {
    highest: u64,
    /// Bit `n` stands for the sequence `highest - n`.
    heard: u64,
}

impl Window {
    /// A window that begins with this sequence: everything before it counts as heard.
    pub(crate) const fn beginning_at(sequence: u64) -> Self {
        Self { highest: sequence, heard: u64::MAX }
    }

    /// The highest sequence heard.
    pub(crate) const fn highest(&self) -> u64 {
        self.highest
    }

    /// Whether this sequence is new.
    pub(crate) const fn is_new(&self, sequence: u64) -> bool {
        match self.highest.checked_sub(sequence) {
            None => true,
            Some(behind) => behind < WIDTH && self.heard & (1 << behind) == 0,
        }
    }

    /// Notes a sequence that is new.
    pub(crate) fn note(&mut self, sequence: u64) {
        match sequence.checked_sub(self.highest) {
            Some(ahead) => {
                self.heard = if ahead < WIDTH { self.heard << ahead } else { 0 } | 1;
                self.highest = sequence;
            }
            None => self.heard |= 1 << (self.highest - sequence).min(WIDTH - 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn agrees_with_a_set(sequences in prop::collection::vec(0_u64..300, 0..400)) {
            let mut window = Window::beginning_at(100);
            let mut heard: BTreeSet<u64> = (0..=100).collect();
            for sequence in sequences {
                let highest = *heard.last().unwrap_or(&0);
                let new = !heard.contains(&sequence) && sequence + WIDTH > highest;
                prop_assert_eq!(window.is_new(sequence), new);
                if new {
                    window.note(sequence);
                    heard.insert(sequence);
                }
            }
        }
    }
}
