//! `[[mix]]` and `[[compose]]`: servers of whole racks get recordings by the seed, so that a large scenario needs no
//! list of servers.
//!
//! Recordings stay as they were measured, in power and in time: only which server plays which one, and where in it a
//! server begins, is drawn. Such racks are real components in a composed aggregate.

use std::collections::BTreeMap;
use std::sync::Arc;

use ridethrough_core::site::{Server, Site};
use serde::Deserialize;
use toml::Spanned;

use super::recording::{Piece, RawWorkload};
use super::server::{CYCLE_MS_MAX, Load};
use super::{Checker, RawScenario, listed};
use crate::plant::random;
use crate::plant::real;
use crate::plant::server::Playback;
use crate::scenario::workload::WorkloadPlayback;

/// Draws for servers and for racks differ even where their names are the same.
const SERVER_SALT: u64 = 0x7365_7276_6572;
const RACK_SALT: u64 = 0x7261_636b;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMix {
    id: Spanned<String>,
    #[serde(default)]
    synchronous: bool,
    traces: Spanned<Vec<RawRecording>>,
    workload: Option<RawWorkload>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRecording {
    trace: Spanned<String>,
    series: Option<Spanned<String>>,
    from_s: Option<Spanned<f64>>,
    to_s: Option<Spanned<f64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCompose {
    racks: Spanned<Vec<Spanned<String>>>,
    mix: Spanned<String>,
}

/// What a server of a composed rack gets; nothing where its mix is at fault, which was said already.
#[derive(Clone)]
pub(super) struct Drawn {
    pub load: Option<Load>,
}

struct Mix {
    synchronous: bool,
    recordings: Vec<Recording>,
    workload: Option<Arc<WorkloadPlayback>>,
    is_whole: bool,
}

struct Recording {
    playback: Playback,
    peak_watts: f64,
}

/// The entry that composes a rack, and how closely its pattern names it.
#[derive(Clone, Copy)]
struct Claim<'r> {
    closeness: usize,
    entry: &'r RawCompose,
}

impl Checker<'_> {
    /// What the servers of composed racks do, in the order of the site's servers; nothing for those of other racks
    /// and for those that `has_own` says have an entry of their own.
    pub(super) fn compose(
        &mut self,
        raw: &RawScenario,
        site: &Site,
        seed: u64,
        has_own: &dyn Fn(&str) -> bool,
    ) -> Vec<Option<Drawn>> {
        let mixes = self.mixes(&raw.mix);
        self.mixes_exist(&raw.compose, &mixes);
        let claims = self.claims(&raw.compose, site);
        let mut members: Vec<Vec<usize>> = vec![Vec::new(); site.racks.len()];
        for (nth, server) in site.servers.iter().enumerate().filter(|(_, server)| !has_own(&server.name)) {
            members[server.rack.index()].push(nth);
        }
        let mut drawn = vec![None; site.servers.len()];
        for ((rack, claim), members) in site.racks.iter().zip(claims).zip(members) {
            let Some(Claim { entry, .. }) = claim else { continue };
            let servers: Vec<&Server> = members.iter().map(|&nth| &site.servers[nth]).collect();
            let loads = match mixes.get(entry.mix.get_ref().as_str()).filter(|mix| mix.is_whole) {
                Some(mix) => self.draw_rack(mix, entry, key(seed ^ RACK_SALT, &rack.name), seed, &servers),
                None => vec![None; servers.len()],
            };
            for (nth, load) in members.into_iter().zip(loads) {
                drawn[nth] = Some(Drawn { load });
            }
        }
        drawn
    }

    fn mixes<'r>(&mut self, raw: &'r [RawMix]) -> BTreeMap<&'r str, Mix> {
        let mut mixes = BTreeMap::new();
        for mix in raw {
            let checked = self.mix(mix);
            if mixes.insert(mix.id.get_ref().as_str(), checked).is_some() {
                self.fault(&mix.id.span(), "mix.id", format!("`{}` is there twice", mix.id.get_ref()));
            }
        }
        mixes
    }

    fn mix(&mut self, raw: &RawMix) -> Mix {
        let faults_before = self.faults.len();
        let workload = raw.workload.as_ref().and_then(|workload| self.workload(workload, "mix"));
        let recordings = raw.traces.get_ref().iter().filter_map(|recording| self.recording(recording)).collect();
        if raw.traces.get_ref().is_empty() {
            self.fault(&raw.traces.span(), "mix.traces", "expected at least one recording".into());
        }
        let is_whole = self.faults.len() == faults_before;
        Mix { synchronous: raw.synchronous, recordings, workload, is_whole }
    }

    fn recording(&mut self, raw: &RawRecording) -> Option<Recording> {
        let piece = Piece {
            table: "mix.traces",
            trace: &raw.trace,
            series: raw.series.as_ref(),
            from_s: raw.from_s.as_ref(),
            to_s: raw.to_s.as_ref(),
        };
        let (samples, cycle_ms) = self.cut(&piece)?;
        let playback = Playback::new(0, cycle_ms, samples).filter(|_| cycle_ms <= CYCLE_MS_MAX);
        if playback.is_none() {
            let reason = format!("{cycle_ms} ms long, expected at most a day");
            self.fault(&raw.trace.span(), "mix.traces.to_s", reason);
        }
        playback.map(|playback| Recording { peak_watts: playback.peak_watts(), playback })
    }

    /// For every rack, the entry that names it most closely: its id before a prefix, a long prefix before a short
    /// one, and `*` last.
    fn claims<'r>(&mut self, raw: &'r [RawCompose], site: &Site) -> Vec<Option<Claim<'r>>> {
        let mut claims: Vec<Option<Claim>> = vec![None; site.racks.len()];
        for entry in raw {
            if entry.racks.get_ref().is_empty() {
                self.fault(&entry.racks.span(), "compose.racks", "expected at least one".into());
            }
            for pattern in entry.racks.get_ref() {
                let Some((closeness, racks)) = self.matching(pattern, site) else { continue };
                for nth in racks {
                    match claims[nth] {
                        Some(earlier) if earlier.closeness > closeness => {}
                        Some(earlier) if earlier.closeness == closeness => {
                            let reason = format!("rack `{}` is composed twice", site.racks[nth].name);
                            self.fault(&pattern.span(), "compose.racks", reason);
                        }
                        _ => claims[nth] = Some(Claim { closeness, entry }),
                    }
                }
            }
        }
        claims
    }

    /// The racks that a pattern names, and how closely it does.
    fn matching(&mut self, pattern: &Spanned<String>, site: &Site) -> Option<(usize, Vec<usize>)> {
        let text = pattern.get_ref().as_str();
        let (prefix, is_prefix) = text.strip_suffix('*').map_or((text, false), |prefix| (prefix, true));
        if prefix.contains('*') {
            let reason = format!("`{text}`, expected the id of a rack, a prefix and `*`, or `*`");
            self.fault(&pattern.span(), "compose.racks", reason);
            return None;
        }
        let names = |name: &str| if is_prefix { name.starts_with(prefix) } else { name == prefix };
        let racks: Vec<usize> = (0..site.racks.len()).filter(|&nth| names(&site.racks[nth].name)).collect();
        if racks.is_empty() {
            let there = listed(site.racks.iter().map(|rack| rack.name.as_str()));
            self.fault(&pattern.span(), "compose.racks", format!("no rack of the site is `{text}`; there is {there}"));
            return None;
        }
        Some((if is_prefix { prefix.len() } else { usize::MAX }, racks))
    }

    fn mixes_exist(&mut self, raw: &[RawCompose], mixes: &BTreeMap<&str, Mix>) {
        for entry in raw.iter().filter(|entry| !mixes.contains_key(entry.mix.get_ref().as_str())) {
            let there = listed(mixes.keys().copied());
            let reason = format!("there is no mix `{}`; there is {there}", entry.mix.get_ref());
            self.fault(&entry.mix.span(), "compose.mix", reason);
        }
    }

    /// Gives each of these servers of one rack a recording: no recording twice before each was given once.
    fn draw_rack(
        &mut self,
        mix: &Mix,
        entry: &RawCompose,
        rack_key: u64,
        seed: u64,
        servers: &[&Server],
    ) -> Vec<Option<Load>> {
        let mut uses = vec![0_usize; mix.recordings.len()];
        let mut chosen: Vec<Option<(&Playback, u64)>> = Vec::with_capacity(servers.len());
        for server in servers {
            let server_key = key(seed ^ SERVER_SALT, &server.name);
            let nth = draw(mix, &uses, server_key, real(server.rated.get()));
            if let Some(nth) = nth {
                uses[nth] += 1;
            } else {
                let reason = format!(
                    "every recording of `{}` is above the rated_watts ({}) of server `{}`",
                    entry.mix.get_ref(),
                    server.rated.get(),
                    server.name
                );
                self.fault(&entry.mix.span(), "compose.mix", reason);
            }
            chosen.push(nth.map(|nth| (&mix.recordings[nth].playback, server_key)));
        }
        // One moment that all recordings of the rack have.
        let shortest_ms = chosen.iter().flatten().map(|(playback, _)| playback.cycle_ms()).min().unwrap_or(1);
        let load = |(playback, server_key): (&Playback, u64)| {
            let offset_ms = if mix.synchronous {
                rack_key % shortest_ms
            } else {
                random::mix(server_key ^ 1) % playback.cycle_ms()
            };
            Load { playback: playback.clone().with_offset(offset_ms), workload: mix.workload.clone() }
        };
        chosen.into_iter().map(|chosen| chosen.map(load)).collect()
    }
}

/// One of the recordings that fit through the server's supply and were given least often.
fn draw(mix: &Mix, uses: &[usize], server_key: u64, rated_watts: f64) -> Option<usize> {
    let fitting: Vec<usize> = (0..uses.len()).filter(|&nth| mix.recordings[nth].peak_watts <= rated_watts).collect();
    let least = fitting.iter().map(|&nth| uses[nth]).min()?;
    let fresh: Vec<usize> = fitting.into_iter().filter(|&nth| uses[nth] == least).collect();
    let nth = usize::try_from(server_key % fresh.len() as u64).ok()?;
    Some(fresh[nth])
}

/// The key of a draw for something with this name.
fn key(seed: u64, name: &str) -> u64 {
    name.bytes().fold(random::mix(seed), |key, byte| random::mix(key ^ u64::from(byte)))
}
