//! What devices have obeyed, as they tell it: a log that was restored from a backup may stand below.

use ridethrough_core::device::Fence;

use crate::operator::Ahead;

/// The highest term and the highest index that any device was heard to have obeyed, each by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct FencesHeard {
    term: u64,
    index: u64,
}

impl FencesHeard {
    /// Takes in a device's fence.
    pub(super) fn hear(&mut self, fence: Fence) {
        self.term = self.term.max(fence.term);
        self.index = self.index.max(fence.index);
    }

    /// What devices have obeyed, where a log that goes so far would be refused.
    pub(super) fn ahead_of(&self, term: u64, last_index: Option<u64>) -> Option<Ahead> {
        let ahead = self.term > term || self.index > last_index.unwrap_or(0);
        ahead.then_some(Ahead { term: self.term, index: self.index })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_ahead_by_their_term_or_by_their_index() {
        let mut heard = FencesHeard::default();
        assert_eq!(heard.ahead_of(0, None), None, "nothing was heard");
        heard.hear(Fence { term: 4, index: 90 });
        heard.hear(Fence { term: 5, index: 70 });
        let ahead = Some(Ahead { term: 5, index: 90 });
        assert_eq!(heard.ahead_of(5, Some(90)), None);
        assert_eq!(heard.ahead_of(5, Some(89)), ahead);
        assert_eq!(heard.ahead_of(4, Some(90)), ahead);
    }
}
