//! What goes wrong in a run, and when: drawn from the seed. Each seed draws which kinds of faults there are at all, how often
//! they come and how hard they are, so that some runs know only one kind and others all of them.

use std::fmt;

use ridethrough_core::device::DeviceId;
use ridethrough_core::site::Site;
use ridethrough_core::units::Millis;
use ridethrough_fault_injection::plant::fault::DeviceFault;
use ridethrough_fault_injection::plant::fault::{Event, Happening, Utility};
use serde::Serialize;

use crate::dice::Dice;
use crate::net::Weather;

/// One kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A replica's process ends and comes back.
    Kill,
    /// The leader's process ends and comes back.
    KillLeader,
    /// All replicas end at once and come back.
    KillAll,
    /// A replica stands still.
    Pause,
    /// The leader stands still.
    PauseLeader,
    /// Replicas do not reach each other, one way or both.
    Partition,
    /// Replicas' words are lost, doubled, late and overtaken.
    PeerWeather,
    /// Frames are lost, doubled, late, overtaken and damaged.
    FieldWeather,
    /// A field network is dead.
    LanDead,
    /// The field networks do not reach a replica.
    ReplicaAway,
    /// A disk is slow.
    SlowDisk,
    /// A replica's monotonic clock runs fast or slow.
    Drift,
    /// A replica's wall clock jumps.
    WallStep,
    /// A replica's forecast tells anything.
    ForecastLies,
    /// A device is broken, stuck, locked, lying, frozen, mute, babbling or reboots.
    Device,
    /// A utility supply fails.
    Outage,
    /// A replica's disk is full: the replica ends at its next write, is started again, and ends again.
    FullDisk,
    /// A replica's disk is damaged: it halts until it gets an empty one.
    RottenDisk,
    /// A device's clock jumps ahead. None goes back within a life of its device: what tells time there is a counter.
    DeviceStep,
    /// A device's clock is fast or slow.
    DeviceDrift,
    /// The leader is cut off, and the disk of whoever voted for the next one is lost before the first one knows.
    LostVote,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 21] = [
        Self::Kill,
        Self::KillLeader,
        Self::KillAll,
        Self::Pause,
        Self::PauseLeader,
        Self::Partition,
        Self::PeerWeather,
        Self::FieldWeather,
        Self::LanDead,
        Self::ReplicaAway,
        Self::SlowDisk,
        Self::Drift,
        Self::WallStep,
        Self::ForecastLies,
        Self::Device,
        Self::Outage,
        Self::FullDisk,
        Self::RottenDisk,
        Self::DeviceStep,
        Self::DeviceDrift,
        Self::LostVote,
    ];

    /// Its name in reports and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::KillLeader => "kill_leader",
            Self::KillAll => "kill_all",
            Self::Pause => "pause",
            Self::PauseLeader => "pause_leader",
            Self::Partition => "partition",
            Self::PeerWeather => "peer_weather",
            Self::FieldWeather => "field_weather",
            Self::LanDead => "lan_dead",
            Self::ReplicaAway => "replica_away",
            Self::SlowDisk => "slow_disk",
            Self::Drift => "drift",
            Self::WallStep => "wall_step",
            Self::ForecastLies => "forecast_lies",
            Self::Device => "device",
            Self::Outage => "outage",
            Self::FullDisk => "full_disk",
            Self::RottenDisk => "rotten_disk",
            Self::DeviceStep => "device_step",
            Self::DeviceDrift => "device_drift",
            Self::LostVote => "lost_vote",
        }
    }
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum What {
    /// This replica's process ends; with none, the leader's.
    Kill(Option<usize>),
    /// All end.
    KillAll,
    /// This replica stands still; with none, the leader.
    Pause(Option<usize>),
    /// One replica's words do not reach another.
    Cut {
        /// Whose.
        from: usize,
        /// Whom.
        to: usize,
        /// Whether the other way is cut, too.
        both: bool,
    },
    /// Weather among replicas.
    Peers(Weather),
    /// Weather of the field networks.
    Field(Weather),
    /// A field network is dead.
    LanDead(usize),
    /// The field networks do not reach a replica.
    Away(usize),
    /// Syncs of a replica's disk take so much longer, in ms.
    SlowDisk(usize, u64),
    /// A replica's disk takes nothing more.
    FullDisk(usize),
    /// A replica's disk is damaged.
    RottenDisk(usize),
    /// The leader is cut off, then the next one's voter loses its disk.
    LostVote,
    /// A device's clock jumps ahead by so much.
    DeviceStep(DeviceId, Millis),
    /// A device's clock is fast by so many millionths.
    DeviceDrift(DeviceId, i64),
    /// A replica's clock is fast by so many millionths.
    Drift(usize, i64),
    /// A replica's wall clock is off by so many ms.
    WallOff(usize, i64),
    /// A replica's forecast tells anything.
    Lies(usize),
    /// Something happens to the plant.
    Plant(Happening),
}

/// A fault with its time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fault {
    /// Its place in the schedule, by which a part of a schedule is named.
    pub nth: usize,
    /// Its kind.
    pub kind: Kind,
    /// From when, in ms.
    pub at_ms: u64,
    /// Until when, in ms.
    pub until_ms: u64,
    /// What it is.
    pub what: What,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{} {} from {} to {} ms: {:?}", self.nth, self.kind.name(), self.at_ms, self.until_ms, self.what)
    }
}

/// The faults of a run of so many ms, in order of time. All of them are over by `calm_from_ms`.
pub fn schedule(seed: u64, site: &Site, calm_from_ms: u64) -> Vec<Fault> {
    let mut dice = Dice::new(seed, u64::from(b'f'));
    let devices: Vec<DeviceId> = site.devices().collect();
    // How many kinds there are at all is drawn first: of few kinds much is seen, and of many how they meet.
    let share = dice.between(50, 900);
    let mut faults = Vec::new();
    for kind in Kind::ALL {
        if !dice.chance(share) {
            continue;
        }
        for _ in 0..dice.between(1, often(kind)) {
            let at_ms = dice.between(500, calm_from_ms.saturating_sub(1_000));
            let longest = longest_ms(kind).min(calm_from_ms - at_ms);
            let until_ms = at_ms + dice.between(1, longest);
            faults.push(Fault { nth: 0, kind, at_ms, until_ms, what: what(kind, &devices, site, &mut dice) });
        }
    }
    faults.sort_by_key(|fault| fault.at_ms);
    for (nth, fault) in faults.iter_mut().enumerate() {
        fault.nth = nth;
    }
    faults
}

/// The plant's part of a schedule, as a scenario has it.
pub fn events(faults: &[Fault]) -> Vec<Event> {
    let of_plant = |fault: &Fault| match fault.what {
        What::Plant(what) => Some(Event { at_ms: fault.at_ms, until_ms: Some(fault.until_ms), what }),
        _ => None,
    };
    faults.iter().filter_map(of_plant).collect()
}

const fn often(kind: Kind) -> u64 {
    match kind {
        Kind::KillAll | Kind::Outage | Kind::RottenDisk | Kind::LostVote => 2,
        Kind::Device | Kind::DeviceStep | Kind::DeviceDrift => 12,
        Kind::Kill | Kind::KillLeader | Kind::Pause | Kind::PauseLeader | Kind::Partition => 8,
        _ => 4,
    }
}

const fn longest_ms(kind: Kind) -> u64 {
    match kind {
        Kind::Kill | Kind::KillLeader | Kind::KillAll => 4_000,
        Kind::Pause | Kind::PauseLeader | Kind::RottenDisk | Kind::LostVote => 3_000,
        Kind::Partition | Kind::LanDead | Kind::ReplicaAway => 6_000,
        Kind::Outage => 8_000,
        _ => 15_000,
    }
}

fn what(kind: Kind, devices: &[DeviceId], site: &Site, dice: &mut Dice) -> What {
    let replica = usize::try_from(dice.below(3)).unwrap_or(0);
    match kind {
        Kind::Kill => What::Kill(Some(replica)),
        Kind::KillLeader => What::Kill(None),
        Kind::KillAll => What::KillAll,
        Kind::Pause => What::Pause(Some(replica)),
        Kind::PauseLeader => What::Pause(None),
        Kind::Partition => {
            let to = (replica + 1 + usize::try_from(dice.below(2)).unwrap_or(0)) % 3;
            What::Cut { from: replica, to, both: dice.chance(500) }
        }
        Kind::PeerWeather => What::Peers(Weather { corrupt_permille: 0, ..weather(dice) }),
        Kind::FieldWeather => What::Field(weather(dice)),
        Kind::LanDead => What::LanDead(usize::try_from(dice.below(2)).unwrap_or(0)),
        Kind::ReplicaAway => What::Away(replica),
        Kind::SlowDisk => What::SlowDisk(replica, dice.between(5, 400)),
        Kind::FullDisk => What::FullDisk(replica),
        Kind::RottenDisk => What::RottenDisk(replica),
        Kind::LostVote => What::LostVote,
        Kind::DeviceStep => What::DeviceStep(one_of(devices, dice), Millis::new(jump(dice))),
        Kind::DeviceDrift => What::DeviceDrift(one_of(devices, dice), drift(dice)),
        Kind::Drift => What::Drift(replica, drift(dice)),
        Kind::WallStep => What::WallOff(replica, i64::try_from(dice.below(7_200_001)).unwrap_or(0) - 3_600_000),
        Kind::ForecastLies => What::Lies(replica),
        Kind::Device => What::Plant(device(devices, dice)),
        Kind::Outage => {
            let feeds: Vec<_> = site.feed_ids().collect();
            let feed = dice.pick(&feeds).unwrap_or(ridethrough_core::site::FeedId(0));
            What::Plant(Happening::UtilityVolts { feed, utility: Utility::A, share: 0.0 })
        }
    }
}

fn weather(dice: &mut Dice) -> Weather {
    Weather {
        loss_permille: dice.below(301),
        twice_permille: dice.below(301),
        corrupt_permille: dice.below(51),
        delay_max_ms: dice.below(60),
    }
}

fn one_of(devices: &[DeviceId], dice: &mut Dice) -> DeviceId {
    dice.pick(devices).unwrap_or(DeviceId::Kesm(ridethrough_core::site::KesmId(0)))
}

/// Millionths, as bad as a quartz may be.
fn drift(dice: &mut Dice) -> i64 {
    i64::try_from(dice.below(401)).unwrap_or(0) - 200
}

/// From a moment to an hour, in ms.
fn jump(dice: &mut Dice) -> i64 {
    let most = if dice.chance(500) { 3_000 } else { 3_600_000 };
    i64::try_from(dice.between(1, most)).unwrap_or(1)
}

fn device(devices: &[DeviceId], dice: &mut Dice) -> Happening {
    let device = one_of(devices, dice);
    let fault = match dice.below(9) {
        0 => DeviceFault::Broken,
        1 => DeviceFault::Stuck,
        2 => DeviceFault::LockedOut,
        3 => DeviceFault::Lying { share: dice.pick(&[0.0, 0.25, 0.5, 0.9, 1.1, 1.5, 2.0]).unwrap_or(0.0) },
        4 => DeviceFault::Frozen,
        5 => DeviceFault::Mute,
        6 => DeviceFault::Babbling { times: 10 },
        7 => DeviceFault::Reboot { keeps_memory: false },
        _ => DeviceFault::Reboot { keeps_memory: true },
    };
    Happening::Device { device, fault }
}
