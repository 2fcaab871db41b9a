//! What a replica has heard and foreseen of late: least and most, over spans that cover what lies between two replicas' ticks.

use crate::forecast::RackForecast;
use crate::site::{KesmId, RackId, Site};
use crate::units::{Joules, Millis, Watts};
use crate::view::View;

/// Two replicas look at the plant at other moments of this span.
const LATELY: Millis = Millis::seconds(1);
/// What a rack drew within the last minute, a forecast by the rule may foresee again.
const MINUTE: Millis = Millis::seconds(60);

/// A rack that was not heard for longer than this is as good as new; a frame or two that were lost matter to nobody.
const GAP_MAX: Millis = Millis::seconds(10);

/// A meter that was doubted here is not argued about for so long: the longest quarantine that a leader gives.
const DOUBT: Millis = Millis::seconds(3_600);

/// Least and most of a value within the last one to two spans.
#[derive(Clone, Copy, Debug, Default)]
struct Window<T> {
    begun: Millis,
    present: Option<(T, T)>,
    before: Option<(T, T)>,
}

impl<T: Copy + Ord> Window<T> {
    fn note(&mut self, value: T, span: Millis, now: Millis) {
        let age = now.saturating_sub(self.begun);
        if age >= span {
            self.before = self.present.filter(|_| age < Millis::new(span.get() * 2));
            self.present = None;
            self.begun = now;
        }
        self.present = join(self.present, Some((value, value)));
    }

    fn range(&self) -> Option<(T, T)> {
        join(self.present, self.before)
    }
}

fn join<T: Copy + Ord>(first: Option<(T, T)>, second: Option<(T, T)>) -> Option<(T, T)> {
    match (first, second) {
        (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
        (one, other) => one.or(other),
    }
}

/// One rack.
#[derive(Clone, Copy, Debug, Default)]
struct RackHeard {
    /// Since when it has been heard without a long gap, and when it was last heard; none before.
    heard: Option<(Millis, Millis)>,
    lately: Window<Watts>,
    minute: Window<Watts>,
    foreseen: Window<Watts>,
    heat: Window<u16>,
    /// When this replica last found that its meter may lie.
    doubted_at: Option<Millis>,
}

/// What was heard and foreseen of late. Its size is the site's.
#[derive(Clone, Debug)]
pub struct Heard {
    racks: Vec<RackHeard>,
    kesms: Vec<(bool, Window<Joules>)>,
    now: Millis,
}

impl Heard {
    /// Nothing was heard yet.
    pub fn new(site: &Site) -> Self {
        let (racks, kesms) =
            (vec![RackHeard::default(); site.racks.len()], vec![(false, Window::default()); site.kesms.len()]);
        Self { racks, kesms, now: Millis::ZERO }
    }

    /// Takes in all that is measured and foreseen now; call it every tick. Without a forecast for every rack, only what is
    /// measured.
    pub fn note(&mut self, view: &View, forecasts: &[RackForecast], now: Millis) {
        self.now = now;
        for nth in 0..self.racks.len() {
            self.note_rack(rack_id(nth), view, now);
        }
        for nth in 0..self.kesms.len() {
            self.note_kesm(kesm_id(nth), view, now);
        }
        for (heard, forecast) in self.racks.iter_mut().zip(forecasts) {
            heard.foreseen.note(forecast.peak_p99, LATELY, now);
        }
    }

    /// Takes in what is measured of one rack now.
    pub fn note_rack(&mut self, rack: RackId, view: &View, now: Millis) {
        self.now = now;
        let Some(heard) = self.racks.get_mut(rack.index()) else { return };
        let Some(load) = view.load(rack, now) else { return };
        let since =
            heard.heard.filter(|(_, last)| now.saturating_sub(*last) <= GAP_MAX).map_or(now, |(since, _)| since);
        heard.heard = Some((since, now));
        heard.lately.note(load, LATELY, now);
        heard.minute.note(load, MINUTE, now);
        if let Some(heat) = view.heat_permille(rack, now) {
            heard.heat.note(heat, LATELY, now);
        }
    }

    /// Takes in what is measured of one module now.
    pub fn note_kesm(&mut self, kesm: KesmId, view: &View, now: Millis) {
        let Some((heard, window)) = self.kesms.get_mut(kesm.index()) else { return };
        let stored = view.stored(kesm, now);
        *heard = stored.is_some();
        if let Some(stored) = stored {
            window.note(stored, LATELY, now);
        }
    }

    /// This replica finds that the rack's meter may lie.
    pub fn note_doubt(&mut self, rack: RackId, now: Millis) {
        if let Some(heard) = self.racks.get_mut(rack.index()) {
            heard.doubted_at = Some(now);
        }
    }

    /// Whether this replica has found within an hour that the rack's meter may lie.
    pub fn doubts(&self, rack: RackId) -> bool {
        let doubted_at = self.racks.get(rack.index()).and_then(|heard| heard.doubted_at);
        doubted_at.is_some_and(|at| self.now.saturating_sub(at) < DOUBT)
    }

    /// The most that a rack drew within a minute or is foreseen to come to draw (P99); none until it has been heard, and
    /// foreseen, for a minute without a gap of ten seconds, and while it is not heard.
    pub fn draw_most(&self, rack: RackId) -> Option<Watts> {
        let heard = self.racks.get(rack.index())?;
        self.since(heard).filter(|since| self.now.saturating_sub(*since) >= MINUTE)?;
        Some(heard.minute.range()?.1.max(heard.foreseen.range()?.1))
    }

    /// The least that a rack drew within the last seconds, and the least heat of its breaker; none while it is not heard.
    pub fn load_least(&self, rack: RackId) -> Option<(Watts, u16)> {
        let heard = self.racks.get(rack.index())?;
        self.since(heard)?;
        Some((heard.lately.range()?.0, heard.heat.range()?.0))
    }

    /// Since when a rack has been heard, if it was heard lately.
    fn since(&self, heard: &RackHeard) -> Option<Millis> {
        heard.heard.filter(|(_, last)| self.now.saturating_sub(*last) <= LATELY).map(|(since, _)| since)
    }

    /// The most that a module stored within the last seconds; none while it is not heard or cannot act.
    pub fn stored_most(&self, kesm: KesmId) -> Option<Joules> {
        let (heard, window) = self.kesms.get(kesm.index())?;
        window.range().filter(|_| *heard).map(|(_, most)| most)
    }
}

fn rack_id(nth: usize) -> RackId {
    RackId(u16::try_from(nth).unwrap_or(u16::MAX))
}

fn kesm_id(nth: usize) -> KesmId {
    KesmId(u16::try_from(nth).unwrap_or(u16::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A window that notes a value at a time, and tells its range then.
    fn noting() -> impl FnMut(i64, i64) -> (i64, i64) {
        let mut window = Window::default();
        move |value, now| {
            window.note(value, LATELY, Millis::new(now));
            window.range().expect("noted")
        }
    }

    #[test]
    fn a_window_keeps_one_to_two_spans() {
        let mut at = noting();
        assert_eq!(at(5, 0), (5, 5));
        assert_eq!(at(9, 400), (5, 9));
        assert_eq!(at(7, 1_000), (5, 9), "of the span before");
        assert_eq!(at(7, 1_999), (5, 9));
        assert_eq!(at(8, 2_000), (7, 8), "and no longer");
        assert_eq!(at(3, 9_000), (3, 3), "what is older is gone after a silence, too");
    }

    #[test]
    fn what_is_exactly_two_spans_old_is_gone() {
        let mut at = noting();
        assert_eq!(at(5, 0), (5, 5));
        assert_eq!(at(6, 1_999), (5, 6));
        assert_eq!(at(7, 3_999), (7, 7));
    }

    #[test]
    fn a_meter_is_doubted_for_an_hour() {
        let site = crate::example::site();
        let mut heard = Heard::new(&site);
        let begun = Millis::new(1_000);
        heard.note_doubt(RackId(1), begun);
        let mut doubts = |after: i64, rack| {
            heard.now = begun.saturating_add(Millis::new(after));
            heard.doubts(RackId(rack))
        };
        assert!(doubts(3_599_999, 1) && !doubts(3_600_000, 1) && !doubts(0, 2));
    }
}
