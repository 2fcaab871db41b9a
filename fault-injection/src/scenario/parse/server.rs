//! `[[server]]`: what each server replays, written out by hand, or else drawn from the mix of its rack.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ridethrough_core::site::Site;
use serde::Deserialize;
use toml::Spanned;

use super::recording::{Piece, RawWorkload};
use super::{Checker, RawScenario, listed};
use crate::plant::real;
use crate::plant::server::{Playback, Sample};
use crate::scenario::workload::WorkloadPlayback;

/// A piece of a recording may be played so often in a row.
const REPEAT_MAX: i64 = 1_000;
/// No cycle of a server is longer than a day.
pub(super) const CYCLE_MS_MAX: u64 = 24 * 3_600 * 1_000;

/// What one server is given to do.
#[derive(Clone)]
pub(super) struct Load {
    pub playback: Playback,
    pub workload: Option<Arc<WorkloadPlayback>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawServer {
    id: Spanned<String>,
    delay_s: Option<Spanned<f64>>,
    play: Spanned<Vec<RawPiece>>,
    workload: Option<RawWorkload>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPiece {
    trace: Spanned<String>,
    series: Option<Spanned<String>>,
    from_s: Spanned<f64>,
    to_s: Spanned<f64>,
    repeat: Option<Spanned<i64>>,
}

impl Checker<'_> {
    /// What each server of the site does, in the order of the site's servers.
    pub(super) fn loads(&mut self, raw: &RawScenario, site: &Site, seed: u64) -> Vec<Load> {
        let by_name = self.servers_by_name(raw, site);
        let composed = self.compose(raw, site, seed, &|name| by_name.contains_key(name));
        let mut loads = Vec::with_capacity(site.servers.len());
        for (server, composed) in site.servers.iter().zip(composed) {
            if let Some(own) = by_name.get(server.name.as_str()) {
                loads.extend(self.own_load(own, real(server.rated.get())));
            } else if let Some(drawn) = composed {
                loads.extend(drawn.load);
            } else {
                let reason =
                    format!("server `{}` of the site has no [[server]] here, and its rack no [[compose]]", server.name);
                self.fault(&raw.site.span(), "server.id", reason);
            }
        }
        loads
    }

    fn servers_by_name<'r>(&mut self, raw: &'r RawScenario, site: &Site) -> BTreeMap<&'r str, &'r RawServer> {
        let known: BTreeSet<&str> = site.servers.iter().map(|server| server.name.as_str()).collect();
        let mut by_name = BTreeMap::new();
        for server in &raw.server {
            let name = server.id.get_ref().as_str();
            if !known.contains(name) {
                let reason = format!("the site has no server `{name}`; there is {}", listed(known.iter().copied()));
                self.fault(&server.id.span(), "server.id", reason);
            }
            if by_name.insert(name, server).is_some() {
                self.fault(&server.id.span(), "server.id", format!("`{name}` is there twice"));
            }
        }
        by_name
    }

    fn own_load(&mut self, raw: &RawServer, rated_watts: f64) -> Option<Load> {
        let workload = raw.workload.as_ref().map(|workload| self.workload(workload, "server"));
        let playback = self.playback(raw)?;
        let peak_watts = playback.peak_watts();
        if peak_watts > rated_watts {
            let name = raw.id.get_ref();
            let reason =
                format!("`{name}` reaches {peak_watts:.0} W, more than its rated_watts ({rated_watts:.0}) in the site");
            self.fault(&raw.play.span(), "server.play", reason);
        }
        Some(Load { playback, workload: workload.flatten() })
    }

    fn playback(&mut self, raw: &RawServer) -> Option<Playback> {
        let delay_ms = self.moment(raw.delay_s.as_ref(), "server.delay_s");
        let faults_before = self.faults.len();
        let mut samples: Vec<Sample> = Vec::new();
        let mut cycle_ms = 0;
        for piece in raw.play.get_ref() {
            let Some((cut, span_ms, repeat)) = self.piece(piece) else { continue };
            for _ in 0..repeat {
                samples.extend(cut.iter().map(|sample| Sample { at_ms: cycle_ms + sample.at_ms, ..*sample }));
                cycle_ms += span_ms;
            }
        }
        if self.faults.len() > faults_before {
            return None;
        }
        if cycle_ms > CYCLE_MS_MAX {
            self.fault(&raw.play.span(), "server.play", format!("{cycle_ms} ms long, expected at most a day"));
            return None;
        }
        let playback = Playback::new(delay_ms, cycle_ms, samples);
        if playback.is_none() {
            self.fault(&raw.play.span(), "server.play", "expected at least one piece of a recording".into());
        }
        playback
    }

    /// One piece of a recording: its samples, its length in ms and how often it is played.
    fn piece(&mut self, raw: &RawPiece) -> Option<(Vec<Sample>, u64, u64)> {
        let faults_before = self.faults.len();
        let repeat = self.whole(raw.repeat.as_ref(), "server.play.repeat", 1, 1..=REPEAT_MAX);
        let piece = Piece {
            table: "server.play",
            trace: &raw.trace,
            series: raw.series.as_ref(),
            from_s: Some(&raw.from_s),
            to_s: Some(&raw.to_s),
        };
        if self.faults.len() > faults_before {
            return None;
        }
        let (samples, span_ms) = self.cut(&piece)?;
        Some((samples, span_ms, repeat))
    }
}
