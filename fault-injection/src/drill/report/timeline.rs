//! A run over time: faults, roles, devices that obey, transfers, draws and what is stored, one lane below the other.

use crate::drill::journal::Outcome;
use crate::drill::seen::Sample;
use crate::page::svg::{Drawing, Scale, Ticks};
use crate::plant::real;

const WIDTH: f64 = 1_180.0;
const LEFT: f64 = 190.0;
/// Where the names of lanes and plots begin.
const NAMES: f64 = 4.0;
const RIGHT: f64 = 1_155.0;
const LANE: f64 = 18.0;
const PLOT: f64 = 70.0;
const GAP: f64 = 14.0;

/// The drawing.
pub fn draw(outcome: &Outcome) -> String {
    let begin = outcome.samples.first().map_or(0.0, |sample| sample.t_s.min(0.0));
    let end = outcome.samples.last().map_or(1.0, |sample| sample.t_s.max(begin + 1.0));
    let ticks = Ticks::spanning(begin, end, 12);
    let time = Scale { low: ticks.low(), high: ticks.high(), from: LEFT, to: RIGHT };
    let mut sheet = Sheet { drawing: Drawing::default(), time, y: 24.0 };
    sheet.faults(outcome);
    sheet.roles(&outcome.samples);
    let count = |number: usize| real(i64::try_from(number).unwrap_or(i64::MAX));
    sheet.plot("devices that obey", &outcome.samples, |sample| count(sample.obeying), None);
    sheet.plot("transfers in force", &outcome.samples, |sample| count(sample.transfers), None);
    sheet.plot("highest draw / limit", &outcome.samples, |sample| sample.worst_draw_share, Some(1.0));
    sheet.plot("stored / capacity", &outcome.samples, |sample| sample.stored_share, None);
    sheet.axis(&ticks);
    let height = sheet.y;
    sheet.drawing.finish(WIDTH, height, "Faults, roles, orders and power over time; the table below tells the same")
}

struct Sheet {
    drawing: Drawing,
    time: Scale,
    y: f64,
}

impl Sheet {
    fn label(&mut self, text: &str) {
        self.drawing.text((LEFT - 8.0, self.y + 4.0), "end", text);
    }

    fn faults(&mut self, outcome: &Outcome) {
        self.drawing.text((NAMES, self.y + 4.0), "title", "faults");
        for (nth, fault) in outcome.faults.iter().enumerate() {
            self.label(&(nth + 1).to_string());
            let (from, until) =
                (self.time.at(fault.from_s), self.time.at(fault.until_s).max(self.time.at(fault.from_s) + 2.0));
            // Above its bar, where it has room whatever the bar's length is.
            self.drawing.text((from.min(RIGHT - 420.0), self.y + 4.0), "", &fault.text);
            self.y += 12.0;
            self.drawing.line((from, self.y), (until, self.y), "fault");
            self.y += LANE;
        }
        self.y += GAP;
    }

    /// One lane for each replica: thick while it acts, thin while it follows, dashed while it stands, nothing while it is silent.
    fn roles(&mut self, samples: &[Sample]) {
        self.drawing.text((NAMES, self.y + 4.0), "title", "roles");
        let replicas = samples.iter().map(|sample| sample.roles.len()).max().unwrap_or(0);
        for replica in 0..replicas {
            self.label(&format!("n{}", replica + 1));
            let role = |sample: &Sample| sample.roles.as_bytes().get(replica).copied().unwrap_or(b'x');
            for pair in samples.windows(2) {
                let [one, next] = pair else { continue };
                let class = match role(one) {
                    b'l' => "leader",
                    b'f' => "follower",
                    b'x' => continue,
                    _ => "candidate",
                };
                let (from, until) = (self.time.at(one.t_s), self.time.at(next.t_s));
                self.drawing.line((from, self.y), (until, self.y), class);
            }
            self.y += LANE;
        }
        self.y += GAP;
    }

    fn plot(&mut self, name: &str, samples: &[Sample], value: impl Fn(&Sample) -> f64, limit: Option<f64>) {
        let highest = samples.iter().map(&value).fold(limit.unwrap_or(1.0), f64::max);
        let ticks = Ticks::spanning(0.0, highest, 2);
        let scale = Scale { low: 0.0, high: ticks.high(), from: self.y + PLOT, to: self.y };
        self.drawing.text((NAMES, self.y + PLOT / 2.0 + 4.0), "title", name);
        for tick in &ticks.values {
            let y = scale.at(*tick);
            self.drawing.line((LEFT, y), (RIGHT, y), "grid");
            self.drawing.text((LEFT - 8.0, y + 4.0), "end small", &format!("{tick:.*}", ticks.decimals()));
        }
        if let Some(limit) = limit {
            self.drawing.line((LEFT, scale.at(limit)), (RIGHT, scale.at(limit)), "limit");
        }
        let points: Vec<_> = samples.iter().map(|sample| (self.time.at(sample.t_s), scale.at(value(sample)))).collect();
        self.drawing.series(&points, "value");
        self.y += PLOT + GAP + 4.0;
    }

    fn axis(&mut self, ticks: &Ticks) {
        for tick in &ticks.values {
            let x = self.time.at(*tick);
            self.drawing.line((x, self.y - GAP), (x, self.y - GAP + 4.0), "tick");
            self.drawing.text((x, self.y + 4.0), "middle small", &format!("{tick:.*} s", ticks.decimals()));
        }
        self.y += 12.0;
    }
}
