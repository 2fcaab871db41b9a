//! `[[fault]]`: what is done, when, to whom.

use ridethrough_core::device::DeviceId;
use ridethrough_core::site::Site;
use serde::Deserialize;

use super::SECONDS_MAX;
use super::names::{DeviceFaultName, LanName, Target, WayName};
use crate::realtime::{Impairment, Way};

/// A wall clock is off by at most so many seconds: a day.
const CLOCK_STEP_S_MAX: u32 = 86_400;

/// A fault with its time.
#[derive(Clone, Debug)]
pub struct FaultSpec {
    /// Where it stands in its file.
    pub line: usize,
    /// When it begins, in s after the steady state.
    pub at_s: f64,
    /// How long it lasts, in s; none where it is done at once.
    pub for_s: Option<f64>,
    /// What is done.
    pub kind: Kind,
}

/// What is done.
#[allow(missing_docs, reason = "what a fault is says what its fields are")]
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Kind {
    /// SIGKILL; started again at the end.
    Kill { target: Target },
    /// SIGSTOP; SIGCONT at the end.
    Pause { target: Target },
    /// SIGTERM, and started again at once: as an upgrade does.
    Restart { target: Target },
    /// It is stopped in good order and started again as the other of two builds of the program; as the one before at the end,
    /// where there is one.
    OtherProgram { target: Target },
    /// It is asked to hand over.
    HandOver { target: Target },
    /// It may take no more memory than it has, so that what it asks for next is refused; started again at the end.
    OutOfMemory { target: Target },
    /// What goes between it and its peers stalls, both ways or one.
    Partition { target: Target, way: Option<WayName> },
    /// What goes between it and its peers comes later.
    PeerDelay { target: Target, ms: u32 },
    /// One bit in so many thousandths of what goes between it and its peers is flipped.
    PeerDamage { target: Target, permille: u16 },
    /// The field network loses, doubles, damages, delays datagrams.
    FieldNetwork {
        lan: Option<LanName>,
        target: Option<Target>,
        way: Option<WayName>,
        #[serde(default)]
        lost_permille: u16,
        #[serde(default)]
        doubled_permille: u16,
        #[serde(default)]
        damaged_permille: u16,
        #[serde(default)]
        late_permille: u16,
        #[serde(default)]
        late_ms: u16,
    },
    /// Something is wrong with a device, by its name such as `kesm K1`.
    Device { device: String, fault: DeviceFaultName, share: Option<f64>, times: Option<u32> },
    /// The first utility of a feed gives this share of its potential.
    Utility { feed: String, share: f64 },
    /// Every start of a feed's generator fails.
    GeneratorRefuses { feed: String },
    /// It is killed, one bit of its log is flipped, and it is started; the bit is put back at the end.
    BitRot { target: Target },
    /// It is killed, its data folder is emptied, and it is started again.
    LostDisk { target: Target },
    /// Nothing more fits on its disk; room is made at the end. Needs root.
    DiskFull { target: Target },
    /// Every data sync of its log begins so many milliseconds late. Needs strace, and root where tracing is restricted.
    SlowSyncs { target: Target, ms: u32 },
    /// Every data sync of its log fails; if it has stopped, it is started again at the end. Needs what slow ones need.
    FailedSyncs { target: Target },
    /// Its wall clock is so many seconds ahead, or behind; set right at the end. Needs libfaketime.
    ClockStep { target: Target, by_s: i32 },
    /// Its model's file is swapped for something else, and it is started again.
    ModelSwapped { target: Target },
    /// Somebody without a key sends so many datagrams a second to its field port.
    Flood { target: Target, per_second: u32 },
    /// What was sent to devices before is sent to them again, and with a bit flipped, by somebody else.
    Replay {},
}

impl Kind {
    /// Whom it is done to, of the replicas.
    pub const fn target(&self) -> Option<Target> {
        match self {
            Self::Kill { target }
            | Self::Pause { target }
            | Self::Restart { target }
            | Self::OtherProgram { target }
            | Self::HandOver { target }
            | Self::OutOfMemory { target }
            | Self::Partition { target, .. }
            | Self::PeerDelay { target, .. }
            | Self::PeerDamage { target, .. }
            | Self::BitRot { target }
            | Self::LostDisk { target }
            | Self::DiskFull { target }
            | Self::SlowSyncs { target, .. }
            | Self::FailedSyncs { target }
            | Self::ClockStep { target, .. }
            | Self::ModelSwapped { target }
            | Self::Flood { target, .. } => Some(*target),
            Self::FieldNetwork { target, .. } => *target,
            Self::Device { .. } | Self::Utility { .. } | Self::GeneratorRefuses { .. } | Self::Replay {} => None,
        }
    }

    /// Whether it is done to a process and to nothing else.
    pub const fn is_of_a_process(&self) -> bool {
        matches!(self, Self::Kill { .. } | Self::Pause { .. } | Self::Restart { .. } | Self::HandOver { .. })
    }

    /// Whether it needs another build of the program.
    pub const fn is_of_two_programs(&self) -> bool {
        matches!(self, Self::OtherProgram { .. })
    }

    /// Whether it lies on the way between replicas.
    pub const fn is_between_replicas(&self) -> bool {
        matches!(self, Self::Partition { .. } | Self::PeerDelay { .. } | Self::PeerDamage { .. })
    }
}

impl FaultSpec {
    /// Reads one from its table.
    pub(super) fn read(table: &toml::Table, line: usize) -> Result<Self, String> {
        let mut table = table.clone();
        let mut seconds = |name: &str| match table.remove(name) {
            None => Ok(None),
            Some(value) => {
                #[allow(clippy::cast_precision_loss, reason = "seconds of a drill are few")]
                let number = value.as_float().or_else(|| value.as_integer().map(|whole| whole as f64));
                number
                    .filter(|number| (0.0..=SECONDS_MAX).contains(number))
                    .map(Some)
                    .ok_or_else(|| format!("{name}: {value}, expected 0 to {SECONDS_MAX} s"))
            }
        };
        let at_s = seconds("at_s")?.ok_or("at_s is missing")?;
        let for_s = seconds("for_s")?;
        let kind: Kind = table.try_into().map_err(|error: toml::de::Error| error.message().to_owned())?;
        let spec = Self { line, at_s, for_s, kind };
        spec.check()?;
        Ok(spec)
    }

    fn check(&self) -> Result<(), String> {
        let at_once =
            matches!(self.kind, Kind::Restart { .. } | Kind::HandOver { .. } | Kind::LostDisk { .. } | Kind::Replay {});
        // An upgrade may be taken back or not.
        let either = matches!(self.kind, Kind::OtherProgram { .. });
        match (at_once, self.for_s) {
            _ if either => {}
            (true, Some(_)) => return Err("for_s: this is done at once".into()),
            (false, None) => return Err("for_s is missing: this lasts until it is ended".into()),
            _ => {}
        }
        if let (Some(Target::All), false) =
            (self.kind.target(), matches!(self.kind, Kind::Kill { .. } | Kind::Pause { .. }))
        {
            return Err("target: `all` can be killed and paused only".into());
        }
        match &self.kind {
            Kind::Device { fault, share, times, .. } => fault.with(*share, *times).map(drop),
            Kind::Utility { share, .. } if !(0.0..=1.5).contains(share) => {
                Err(format!("share: {share}, expected 0 to 1.5"))
            }
            Kind::Flood { per_second, .. } if !(1..=200_000).contains(per_second) => {
                Err(format!("per_second: {per_second}, expected 1 to 200000"))
            }
            Kind::PeerDelay { ms, .. } | Kind::SlowSyncs { ms, .. } if *ms > 10_000 => {
                Err(format!("ms: {ms}, expected at most 10000"))
            }
            Kind::ClockStep { by_s, .. } if *by_s == 0 || by_s.unsigned_abs() > CLOCK_STEP_S_MAX => {
                Err(format!("by_s: {by_s}, expected at most {CLOCK_STEP_S_MAX} s, ahead (+) or behind (-)"))
            }
            Kind::PeerDamage { permille, .. } if *permille > 1_000 => {
                Err(format!("permille: {permille}, expected at most 1000"))
            }
            Kind::FieldNetwork { lost_permille, doubled_permille, damaged_permille, late_permille, .. } => {
                let shares = [lost_permille, doubled_permille, damaged_permille, late_permille];
                let is_nothing = shares.iter().all(|share| **share == 0);
                let is_too_much = shares.iter().any(|share| **share > 1_000);
                if is_nothing || is_too_much {
                    Err("shares: expected 1 to 1000 ‰ of something".into())
                } else {
                    Ok(())
                }
            }
            _ => Ok(()),
        }
    }

    /// What it names that the site does not have.
    pub(super) fn unknown_to(&self, site: &Site) -> Option<String> {
        let has_feed = |name: &String| site.feeds.iter().any(|feed| feed.name == *name);
        match &self.kind {
            Kind::Device { device, .. } if device != MODULE_IN_USE && device_called(site, device).is_none() => {
                Some(format!("[[fault]]: the site has no device `{device}`; they are called such as `kesm K1`"))
            }
            Kind::Utility { feed, .. } | Kind::GeneratorRefuses { feed } if !has_feed(feed) => {
                Some(format!("[[fault]]: the site has no feed `{feed}`"))
            }
            _ => None,
        }
    }

    /// What is wrong with the field network, apart from whom it concerns.
    pub fn impairment(&self) -> Option<Impairment> {
        let Kind::FieldNetwork {
            lan,
            way,
            lost_permille,
            doubled_permille,
            damaged_permille,
            late_permille,
            late_ms,
            ..
        } = &self.kind
        else {
            return None;
        };
        let way = way.map(|way| match way {
            WayName::In => Way::ToReplica,
            WayName::Out => Way::ToDevice,
        });
        Some(Impairment {
            lan: lan.map(LanName::lan),
            replica: None,
            way,
            lost_permille: *lost_permille,
            doubled_permille: *doubled_permille,
            damaged_permille: *damaged_permille,
            late_permille: *late_permille,
            late_ms: *late_ms,
        })
    }
}

/// In place of a device's name: some module that a transfer draws on when the fault begins.
pub const MODULE_IN_USE: &str = "a module in use";

/// The device that people call so.
pub fn device_called(site: &Site, name: &str) -> Option<DeviceId> {
    site.devices().find(|device| site.device_name(*device) == name)
}
