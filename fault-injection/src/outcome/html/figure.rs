//! A scenario over time: lanes of what happened, and a panel for each quantity with one line per policy.

use super::sample::{Keep, worst};
use crate::outcome::columns::decimal;
use crate::outcome::{Curve, Mark, MarkKind, Outcome, PolicyName, PolicyOutcome};
use crate::page::svg::{Drawing, Scale, Ticks};
use crate::plant::real;

/// What a reader has to know of the lines.
pub const NOTE: &str = "Curves were sampled every second. Where a run has more than 600 samples, each point is the worst \
     of its bucket, in its place: the highest draw, power and count, the lowest charge. Vertical axes begin where the \
     data do, except for the charge.";
/// So many events are drawn and told.
pub const EVENTS_MAX: usize = 30;

const WIDTH: f64 = 960.0;
const LEFT: f64 = 124.0;
const RIGHT: f64 = 936.0;
const LANE_HEIGHT: f64 = 22.0;
const TITLE_HEIGHT: f64 = 36.0;
/// Two discs in the lane of events are at least so far apart.
const DISC_GAP: f64 = 15.0;
/// About the width of a letter.
const LETTER_WIDTH: f64 = 6.6;

/// One quantity over time.
struct Panel {
    title: &'static str,
    height: f64,
    keep: Keep,
    values: fn(&Curve) -> Vec<f64>,
    /// What must be seen whatever the data are.
    shows: &'static [f64],
    /// A line with a name.
    limit: Option<(f64, &'static str)>,
    /// Whether it is drawn even if all its values are zero.
    always: bool,
}

const PANELS: [Panel; 4] = [
    Panel {
        title: "Worst rack: draw as a share of its limit",
        height: 220.0,
        keep: Keep::Highest,
        values: |curve| curve.worst_draw_shares.clone(),
        shows: &[0.9, 1.1],
        limit: Some((1.0, "limit")),
        always: true,
    },
    Panel {
        title: "Stored energy of all modules, % of capacity",
        height: 130.0,
        keep: Keep::Lowest,
        values: |curve| curve.stored_shares.iter().map(|share| share * 100.0).collect(),
        shows: &[0.0, 100.0],
        limit: None,
        always: true,
    },
    Panel {
        title: "Power from the utility, kW",
        height: 150.0,
        keep: Keep::Highest,
        values: |curve| curve.utility_watts.iter().map(|watts| watts / 1_000.0).collect(),
        shows: &[],
        limit: None,
        always: true,
    },
    Panel {
        title: "Servers under a cap",
        height: 80.0,
        keep: Keep::Highest,
        values: |curve| curve.capped_servers.iter().map(|&servers| real(i64::from(servers))).collect(),
        shows: &[0.0, 2.0],
        limit: None,
        always: false,
    },
];

/// Something that the scenario did.
#[derive(Debug, PartialEq)]
pub struct Event<'a> {
    /// When, in s of scenario time.
    pub at_seconds: f64,
    /// What.
    pub text: &'a str,
    /// The one policy under which it happened; none if there was more than one.
    pub only: Option<PolicyName>,
}

/// What the scenario did under any policy, once each, in the order of time.
pub fn events(outcome: &Outcome) -> Vec<Event<'_>> {
    let mut events: Vec<Event<'_>> = Vec::new();
    for each in &outcome.policies {
        for mark in each.curve.marks.iter().filter(|mark| mark.kind == MarkKind::Event) {
            let same = |event: &&mut Event<'_>| {
                event.text == mark.text && event.at_seconds.total_cmp(&mark.at_seconds).is_eq()
            };
            match events.iter_mut().find(same) {
                Some(event) => event.only = None,
                None => {
                    events.push(Event { at_seconds: mark.at_seconds, text: &mark.text, only: Some(each.policy) });
                }
            }
        }
    }
    if outcome.policies.len() == 1 {
        for event in &mut events {
            event.only = None;
        }
    }
    events.sort_by(|left, right| left.at_seconds.total_cmp(&right.at_seconds));
    events
}

/// The trips among the marks.
pub fn trips(curve: &Curve) -> impl Iterator<Item = &Mark> {
    curve.marks.iter().filter(|mark| mark.kind == MarkKind::Trip)
}

/// A piece of a policy's line, for a table.
pub fn swatch(policy: PolicyName) -> String {
    format!(
        "<svg class=\"swatch\" viewBox=\"0 0 30 8\" aria-hidden=\"true\"><line class=\"{policy}\" x1=\"0\" y1=\"4\" x2=\"30\" \
         y2=\"4\"/></svg>"
    )
}

/// The figure.
pub fn draw(outcome: &Outcome) -> String {
    let time = Scale { low: 0.0, high: outcome.seconds.max(1.0), from: LEFT, to: RIGHT };
    let (mut drawing, events) = (Drawing::default(), events(outcome));
    let mut y = legend(&mut drawing, outcome);
    y = event_lane(&mut drawing, &events, &time, y);
    for each in &outcome.policies {
        y = trip_lane(&mut drawing, each, &time, y);
    }
    for panel in PANELS.iter().filter(|panel| panel.is_drawn(outcome)) {
        y += TITLE_HEIGHT;
        panel.draw(&mut drawing, outcome, &events, &time, y);
        y += panel.height;
    }
    y = time_axis(&mut drawing, &time, y);
    drawing.finish(WIDTH, y, &format!("{} over time, by policy", outcome.scenario))
}

fn legend(drawing: &mut Drawing, outcome: &Outcome) -> f64 {
    let mut x = LEFT;
    for each in &outcome.policies {
        let name = each.policy.name();
        drawing.line((x, 12.0), (x + 30.0, 12.0), name);
        drawing.text((x + 36.0, 16.0), "strong", name);
        x += 36.0 + letters(name) * LETTER_WIDTH + 20.0;
    }
    30.0
}

fn event_lane(drawing: &mut Drawing, events: &[Event<'_>], time: &Scale, y: f64) -> f64 {
    if events.is_empty() {
        return y;
    }
    lane(drawing, "events", y);
    let mut free_from = f64::NEG_INFINITY;
    for (nth, event) in events.iter().take(EVENTS_MAX).enumerate() {
        let x = time.at(event.at_seconds).max(free_from);
        drawing.disc((x, y + LANE_HEIGHT / 2.0), nth + 1, &format!("{} s: {}", event.at_seconds, event.text));
        free_from = x + DISC_GAP;
    }
    y + LANE_HEIGHT
}

fn trip_lane(drawing: &mut Drawing, outcome: &PolicyOutcome, time: &Scale, y: f64) -> f64 {
    let mut trips = trips(&outcome.curve).peekable();
    if trips.peek().is_none() {
        return y;
    }
    lane(drawing, &format!("trips, {}", short_name(outcome.policy)), y);
    for mark in trips {
        let title = format!("{} s: {} trips under {}", mark.at_seconds, mark.text, outcome.policy);
        let class = format!("cross {}", outcome.policy);
        drawing.cross((time.at(mark.at_seconds), y + LANE_HEIGHT / 2.0), &class, &title);
    }
    y + LANE_HEIGHT
}

/// As the margin has room for.
fn short_name(policy: PolicyName) -> &'static str {
    policy.name().trim_start_matches("reactive_")
}

fn lane(drawing: &mut Drawing, label: &str, y: f64) {
    let middle = y + LANE_HEIGHT / 2.0;
    drawing.line((LEFT, middle), (RIGHT, middle), "grid");
    drawing.text((LEFT - 8.0, middle + 4.0), "end", label);
}

impl Panel {
    fn is_drawn(&self, outcome: &Outcome) -> bool {
        self.always || outcome.policies.iter().any(|each| (self.values)(&each.curve).iter().any(|&value| value > 0.0))
    }

    fn draw(&self, drawing: &mut Drawing, outcome: &Outcome, events: &[Event<'_>], time: &Scale, top: f64) {
        let bottom = top + self.height;
        let series = outcome.policies.iter().map(|each| (each.policy, worst(&(self.values)(&each.curve), self.keep)));
        let mut series = series.collect::<Vec<_>>();
        let ticks = self.ticks(series.iter().flat_map(|(_, points)| points.iter().map(|point| point.1)));
        let scale = Scale { low: ticks.low(), high: ticks.high(), from: bottom, to: top };
        drawing.text((LEFT, top - 8.0), "title", self.title);
        for &value in &ticks.values {
            let y = scale.at(value);
            drawing.line((LEFT, y), (RIGHT, y), "grid");
            drawing.text((LEFT - 8.0, y + 4.0), "end", &decimal(value, ticks.decimals()));
        }
        for event in events.iter().take(EVENTS_MAX) {
            let x = time.at(event.at_seconds);
            drawing.line((x, top), (x, bottom), "event");
        }
        if let Some((value, name)) = self.limit {
            drawing.line((LEFT, scale.at(value)), (RIGHT, scale.at(value)), "limit");
            drawing.text((RIGHT, scale.at(value) - 4.0), "end strong", name);
        }
        // Where all lines are one, ours is seen, with the dots of the oracle on it.
        series.sort_by_key(|(policy, _)| *policy);
        for (policy, points) in series {
            let places = points.iter().map(|&(second, value)| (time.at(at_seconds(second)), scale.at(value)));
            drawing.series(&places.collect::<Vec<_>>(), policy.name());
        }
    }

    fn ticks(&self, values: impl Iterator<Item = f64>) -> Ticks {
        let seen = values.chain(self.shows.iter().copied()).filter(|value| value.is_finite());
        let (low, high) =
            seen.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        if low > high {
            return Ticks::spanning(0.0, 1.0, 2);
        }
        // As many as do not stand too close.
        let about = if self.height < 100.0 { 3 } else { 5 };
        Ticks::spanning(low, high, about)
    }
}

/// Steps between ticks that people tell time in, in s.
const TIME_STEPS: [f64; 14] =
    [1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_200.0, 1_800.0, 3_600.0, 7_200.0];
const TIME_TICKS_MAX: f64 = 12.0;

fn time_axis(drawing: &mut Drawing, time: &Scale, y: f64) -> f64 {
    let step = TIME_STEPS.into_iter().find(|step| time.high / step <= TIME_TICKS_MAX).unwrap_or(14_400.0);
    for at_seconds in Ticks::stepping(0.0, time.high, step).values {
        if at_seconds > time.high {
            continue;
        }
        let x = time.at(at_seconds);
        drawing.line((x, y), (x, y + 4.0), "tick");
        drawing.text((x, y + 17.0), "middle", &clock(at_seconds));
    }
    drawing.text((LEFT - 22.0, y + 17.0), "end", "min:s");
    y + 26.0
}

fn clock(at_seconds: f64) -> String {
    let whole_seconds = crate::plant::whole(at_seconds);
    format!("{}:{:02}", whole_seconds / 60, whole_seconds % 60)
}

fn at_seconds(sample: usize) -> f64 {
    real(i64::try_from(sample).unwrap_or(i64::MAX))
}

fn letters(text: &str) -> f64 {
    at_seconds(text.chars().count())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::example;

    #[test]
    fn every_policy_has_a_line_in_every_panel() {
        let outcomes = example::outcomes();
        for (outcome, panels) in [(&outcomes[0], 4), (&outcomes[1], 3)] {
            let drawn = draw(outcome);
            for each in &outcome.policies {
                let lines = drawn.matches(&format!("<path class=\"{}\"", each.policy)).count();
                assert_eq!(lines, panels, "{}: {}", outcome.scenario, each.policy);
                let crosses = drawn.matches(&format!("<path class=\"cross {}\"", each.policy)).count();
                assert_eq!(crosses, trips(&each.curve).count(), "{}: {}", outcome.scenario, each.policy);
            }
            assert_eq!(drawn.matches("class=\"limit\"").count(), 1, "{}", outcome.scenario);
        }
    }

    #[test]
    fn an_event_of_all_policies_is_told_once() {
        let mut outcomes = example::outcomes();
        let mark = Mark { at_seconds: 200.0, kind: MarkKind::Event, text: "a server fails".to_owned() };
        outcomes[0].policies[1].curve.marks.push(mark);
        let found = events(&outcomes[0]).iter().map(|event| (event.at_seconds, event.only)).collect::<Vec<_>>();
        let alone = Some(PolicyName::ReactiveCapping);
        assert_eq!(found, vec![(120.0, None), (200.0, alone), (280.0, None), (300.0, None)]);
    }

    #[test]
    fn time_is_told_in_round_steps() {
        for (seconds, labels) in [(8.0, 9), (60.0, 13), (600.0, 11), (1_800.0, 7), (3_600.0, 13), (86_400.0, 13)] {
            let mut drawing = Drawing::default();
            time_axis(&mut drawing, &Scale { low: 0.0, high: seconds, from: LEFT, to: RIGHT }, 0.0);
            let drawn = drawing.finish(1.0, 1.0, "");
            assert_eq!(drawn.matches("class=\"middle\"").count(), labels, "{seconds} s: {drawn}");
        }
    }
}
