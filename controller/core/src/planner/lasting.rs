//! Something that must have held for a while before it counts.

use crate::units::Millis;

/// Since when it has held without a break, if it does.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lasting(Option<Millis>);

impl Lasting {
    /// Told whether it holds now: whether it has held for `span`.
    pub(super) fn holds_for(&mut self, span: Millis, holds: bool, now: Millis) -> bool {
        if !holds {
            self.0 = None;
            return false;
        }
        now.saturating_sub(*self.0.get_or_insert(now)) >= span
    }

    /// For how long it has held; nothing while it does not.
    pub(super) fn span(self, now: Millis) -> Millis {
        self.0.map_or(Millis::ZERO, |since| now.saturating_sub(since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_break_begins_it_anew() {
        let mut lasting = Lasting::default();
        let mut told = |holds, at| lasting.holds_for(Millis::new(300), holds, Millis::new(at));
        assert!(!told(true, 0) && !told(true, 299) && told(true, 300));
        assert!(!told(false, 400) && !told(true, 500) && told(true, 800));
        assert_eq!(lasting.span(Millis::new(900)), Millis::new(400));
    }
}
