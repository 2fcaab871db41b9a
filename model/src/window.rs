//! The last minute of one rack, in a ring of fixed size.

use ridethrough_core::units::Watts;

/// Seconds that the window holds.
pub const WINDOW_S: usize = 60;

/// Readings of the last [`WINDOW_S`] committed seconds.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    watts: [Watts; WINDOW_S],
    length: usize,
    next: usize,
    /// What was found since the last second was added: it is asked for in every tick.
    found: Option<(Watts, Watts)>,
}

impl Default for Window {
    fn default() -> Self {
        Self { watts: [Watts::ZERO; WINDOW_S], length: 0, next: 0, found: None }
    }
}

impl Window {
    /// Adds a second; the oldest makes room.
    pub fn push(&mut self, watts: Watts) {
        self.watts[self.next] = watts;
        self.next = (self.next + 1) % WINDOW_S;
        self.length = (self.length + 1).min(WINDOW_S);
        self.found = None;
    }

    /// The 90th percentile and the maximum, or zero when empty.
    pub fn p90_and_max(&mut self) -> (Watts, Watts) {
        if let Some(found) = self.found {
            return found;
        }
        let mut sorted = self.watts;
        let found = find(&mut sorted[..self.length]);
        self.found = Some(found);
        found
    }
}

fn find(filled: &mut [Watts]) -> (Watts, Watts) {
    let Some(last) = filled.len().checked_sub(1) else { return (Watts::ZERO, Watts::ZERO) };
    // The nearest rank from above: of ten readings, the ninth of index 0..=9.
    let (_, p90, above) = filled.select_nth_unstable(last * 9 / 10);
    let p90 = *p90;
    (p90, above.iter().copied().max().unwrap_or(p90))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgets_what_is_older_than_a_minute() {
        let mut window = Window::default();
        assert_eq!(window.p90_and_max(), (Watts::ZERO, Watts::ZERO));
        window.push(Watts::new(9_000));
        for _ in 0..WINDOW_S - 1 {
            window.push(Watts::new(100));
        }
        assert_eq!(window.p90_and_max(), (Watts::new(100), Watts::new(9_000)));
        window.push(Watts::new(100));
        assert_eq!(window.p90_and_max(), (Watts::new(100), Watts::new(100)));
    }
}
