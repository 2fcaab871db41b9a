//! What is done, in words for people.

use super::fault::Kind;
use super::names::{LanName, WayName};

impl Kind {
    /// What is done, for people.
    pub fn describe(&self) -> String {
        match self {
            Self::Kill { target } => format!("SIGKILL to {target}"),
            Self::Pause { target } => format!("SIGSTOP to {target}"),
            Self::Restart { target } => format!("SIGTERM to {target}, which is started again at once"),
            Self::OtherProgram { target } => format!("{target} is stopped and started again as the other program"),
            Self::HandOver { target } => format!("{target} is asked to hand over"),
            Self::OutOfMemory { target } => format!("{target} gets no more memory"),
            Self::Partition { target, way: None } => format!("{target} and its peers do not hear each other"),
            Self::Partition { target, way: Some(WayName::In) } => format!("{target} does not hear its peers"),
            Self::Partition { target, way: Some(WayName::Out) } => format!("the peers of {target} do not hear it"),
            Self::PeerDelay { target, ms } => format!("{target} and its peers hear each other {ms} ms later"),
            Self::PeerDamage { target, permille } => {
                format!("{permille} ‰ of what goes between {target} and its peers is damaged")
            }
            Self::FieldNetwork { .. } => self.describe_field(),
            Self::Device { device, fault, .. } => format!("{device} is {fault}"),
            Self::Utility { feed, share } => format!("the utility of {feed} gives {:.0} %", share * 100.0),
            Self::GeneratorRefuses { feed } => format!("the generator of {feed} does not start"),
            Self::BitRot { target } => format!("one bit in the log of {target} flips while it is down"),
            Self::LostDisk { target } => format!("{target} comes back with an empty disk"),
            Self::DiskFull { target } => format!("nothing more fits on the disk of {target}"),
            Self::SlowSyncs { target, ms } => format!("every sync of the log of {target} begins {ms} ms late"),
            Self::FailedSyncs { target } => format!("every sync of the log of {target} fails"),
            Self::ClockStep { target, by_s } => format!("the wall clock of {target} is off by {by_s:+} s"),
            Self::ModelSwapped { target } => format!("the model of {target} is another file after a restart"),
            Self::Flood { target, per_second } => {
                format!("somebody without a key sends {per_second} datagrams a second to {target}")
            }
            Self::Replay {} => "somebody sends devices what they were sent before, and the same damaged".into(),
        }
    }

    fn describe_field(&self) -> String {
        let Self::FieldNetwork {
            lan,
            target,
            lost_permille,
            doubled_permille,
            damaged_permille,
            late_permille,
            late_ms,
            ..
        } = self
        else {
            return String::new();
        };
        let lan = match lan {
            Some(LanName::A) => "network A",
            Some(LanName::B) => "network B",
            None => "both networks",
        };
        let with = target.map_or_else(String::new, |target| format!(" with {target}"));
        format!(
            "{lan}{with}: {lost_permille} ‰ lost, {doubled_permille} ‰ doubled, {damaged_permille} ‰ damaged, {late_permille} ‰ \
             {late_ms} ms late"
        )
    }
}
