//! A drawing of lanes, series and axes as inline SVG. Colours, dashes and fonts are in the page's style sheet.

use super::markup::escaped;
use crate::plant::{real, whole};

/// A linear scale from values to places.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// The value at `from`.
    pub low: f64,
    /// The value at `to`; above `low`.
    pub high: f64,
    /// The place of `low`, in user units.
    pub from: f64,
    /// The place of `high`, in user units.
    pub to: f64,
}

impl Scale {
    /// The place of a value; what is outside stands at the edge.
    pub fn at(&self, value: f64) -> f64 {
        let share = ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0);
        self.from + share * (self.to - self.from)
    }
}

/// Ticks at round values that span a range.
#[derive(Clone, Debug, PartialEq)]
pub struct Ticks {
    /// The distance between two.
    pub step: f64,
    /// The values, rising, at least two.
    pub values: Vec<f64>,
}

impl Ticks {
    /// About `about` of them, the first not above `low` and the last not below `high`; 1, 2 or 5 times a power of ten.
    pub fn spanning(low: f64, high: f64, about: i32) -> Self {
        let span = (high - low).max(1e-9);
        let rough = span / f64::from(about);
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power).into_iter().find(|step| *step >= rough * 0.999);
        Self::stepping(low, high, step.unwrap_or(rough))
    }

    /// At multiples of `step`, the first not above `low` and the last not below `high`.
    pub fn stepping(low: f64, high: f64, step: f64) -> Self {
        let first = whole((low / step + 1e-9).floor());
        let last = whole((high / step - 1e-9).ceil()).max(first + 1);
        Self { step, values: (first..=last).map(|nth| real(nth) * step).collect() }
    }

    /// The lowest.
    pub fn low(&self) -> f64 {
        self.values.first().copied().unwrap_or(0.0)
    }

    /// The highest.
    pub fn high(&self) -> f64 {
        self.values.last().copied().unwrap_or(1.0)
    }

    /// How many decimals tell two of them apart.
    pub fn decimals(&self) -> usize {
        let mut scaled = self.step;
        let mut decimals = 0;
        while scaled < 0.999 && decimals < 6 {
            scaled *= 10.0;
            decimals += 1;
        }
        decimals
    }
}

/// A drawing that grows downwards.
#[derive(Debug, Default)]
pub struct Drawing {
    body: String,
}

impl Drawing {
    /// A straight line.
    pub fn line(&mut self, (x1, y1): (f64, f64), (x2, y2): (f64, f64), class: &str) {
        let (x1, y1, x2, y2) = (short(x1), short(y1), short(x2), short(y2));
        self.body += &format!("<line class=\"{class}\" x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\"/>\n");
    }

    /// A text whose baseline begins, or as its class says ends or has its middle, here.
    pub fn text(&mut self, (x, y): (f64, f64), class: &str, text: &str) {
        let text = escaped(text);
        self.body += &format!("<text class=\"{class}\" x=\"{}\" y=\"{}\">{text}</text>\n", short(x), short(y));
    }

    /// A numbered disc.
    pub fn disc(&mut self, (x, y): (f64, f64), number: usize, title: &str) {
        let (x, title) = (short(x), escaped(title));
        let (y, base) = (short(y), short(y + 3.5));
        self.body += &format!("<g class=\"disc\"><title>{title}</title><circle cx=\"{x}\" cy=\"{y}\" r=\"7\"/>");
        self.body += &format!("<text x=\"{x}\" y=\"{base}\">{number}</text></g>\n");
    }

    /// A cross.
    pub fn cross(&mut self, (x, y): (f64, f64), class: &str, title: &str) {
        let (left, top, title) = (short(x - 4.0), short(y - 4.0), escaped(title));
        self.body +=
            &format!("<path class=\"{class}\" d=\"M{left} {top}l8 8m0-8l-8 8\"><title>{title}</title></path>\n");
    }

    /// A series of points; a point that is no number leaves a gap.
    pub fn series(&mut self, points: &[(f64, f64)], class: &str) {
        let mut path = String::new();
        let mut last: Option<(i64, i64)> = None;
        for &(x, y) in points {
            if !x.is_finite() || !y.is_finite() {
                last = None;
                continue;
            }
            // Differences of rounded places, so that no error adds up.
            let place = (whole(x * 10.0), whole(y * 10.0));
            path += &match last {
                None => format!("M{}l", pair(place.0, place.1)),
                Some(before) => format!("{} ", pair(place.0 - before.0, place.1 - before.1)),
            };
            last = Some(place);
        }
        if !path.is_empty() {
            self.body += &format!("<path class=\"{class}\" d=\"{}\"/>\n", path.trim_end().replace(" M", "M"));
        }
    }

    /// The whole, `width` by `height` user units; `label` is for those who do not see it.
    pub fn finish(self, width: f64, height: f64, label: &str) -> String {
        let (width, height, label) = (short(width), short(height), escaped(label));
        format!("<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{label}\">\n{}</svg>\n", self.body)
    }
}

/// A place with one decimal at most: a tenth of a unit is not seen.
fn short(place: f64) -> String {
    tenths(whole(place * 10.0))
}

fn pair(x_tenths: i64, y_tenths: i64) -> String {
    let separator = if y_tenths < 0 { "" } else { " " };
    format!("{}{separator}{}", tenths(x_tenths), tenths(y_tenths))
}

fn tenths(number: i64) -> String {
    let (sign, number) = (if number < 0 { "-" } else { "" }, number.abs());
    match (number / 10, number % 10) {
        (0, 0) => "0".to_owned(),
        (units, 0) => format!("{sign}{units}"),
        (0, tenths) => format!("{sign}.{tenths}"),
        (units, tenths) => format!("{sign}{units}.{tenths}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_span_the_range() {
        for (low, high, expected, decimals) in [
            (0.0, 1.0, vec![0.0, 0.2, 0.4, 0.6, 0.8, 1.0], 1),
            (0.63, 1.38, vec![0.6, 0.8, 1.0, 1.2, 1.4], 1),
            (187.0, 269.0, vec![180.0, 200.0, 220.0, 240.0, 260.0, 280.0], 0),
            (0.0, 0.2, vec![0.0, 0.05, 0.1, 0.15, 0.2], 2),
            (-3.0, 4.0, vec![-4.0, -2.0, 0.0, 2.0, 4.0], 0),
        ] {
            let ticks = Ticks::spanning(low, high, 5);
            assert_eq!(ticks.values.len(), expected.len(), "{low}..{high}: {ticks:?}");
            for (found, expected) in ticks.values.iter().zip(expected) {
                assert!((found - expected).abs() < 1e-9, "{low}..{high}: {ticks:?}");
            }
            assert_eq!(ticks.decimals(), decimals, "{low}..{high}");
        }
        let flat = Ticks::spanning(7.0, 7.0, 5);
        assert!(flat.high() > flat.low() && flat.values.len() < 10, "{flat:?}");
    }

    #[test]
    fn a_series_is_short_and_shows_its_gaps() {
        let mut drawing = Drawing::default();
        drawing.series(&[(10.0, 20.0), (11.44, 19.72), (12.9, f64::NAN), (14.0, 5.0), (15.5, 5.04)], "ours");
        assert_eq!(drawing.body, "<path class=\"ours\" d=\"M10 20l1.4-.3M14 5l1.5 0\"/>\n");
        let mut empty = Drawing::default();
        empty.series(&[(1.0, f64::NAN)], "ours");
        assert_eq!(empty.body, "");
    }

    #[test]
    fn what_is_outside_stands_at_the_edge() {
        let scale = Scale { low: 0.0, high: 2.0, from: 100.0, to: 0.0 };
        for (value, place) in [(0.0, 100.0), (0.5, 75.0), (3.0, 0.0), (-1.0, 100.0)] {
            assert!((scale.at(value) - place).abs() < 1e-9, "{value}");
        }
        assert!(scale.at(f64::NAN).is_nan());
    }
}
