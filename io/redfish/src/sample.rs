//! A small site for tests.

use ridethrough_core::units::{Joules, Watts};

use crate::shown::{Device, KesmShown, OutletShown, RackShown, Shown};
use crate::tree::{Kesm, KesmPlace, Rack, RackPlace, Tree};

/// Two racks, one of which has a name that no address can hold as it is; a module at each.
pub fn tree() -> Tree {
    let rack = |name: &str, kesm, servers: &[usize]| RackPlace {
        name: name.into(),
        row: "A".into(),
        limit: Watts::new(24_000),
        nameplate: Watts::new(36_000),
        outlets: servers.iter().map(|nth| (*nth, format!("{name}-s{nth}"))).collect(),
        kesms: vec![Kesm(kesm)],
    };
    let kesm = |name: &str, rack| KesmPlace { name: name.into(), rack: Rack(rack), capacity: Joules::new(1_800_000) };
    let racks = vec![rack("A1", 0, &[0, 1]), rack("row B/7 ü", 1, &[2])];
    Tree::new("hall".into(), "0.1.0", racks, vec![kesm("K1", 0), kesm("K2", 1)])
}

/// The first rack and its module are heard, the others are not.
pub fn shown() -> Shown {
    let heard = RackShown {
        pdu: Device::Heard,
        load: Some(Watts::new(20_000)),
        draw: Some(Watts::new(18_000)),
        cap: Some(Watts::new(21_000)),
        ..RackShown::default()
    };
    let kesm =
        KesmShown { device: Device::Heard, stored: Some(Joules::new(900_000)), supply: Some(Watts::new(-2_000)) };
    Shown {
        racks: vec![heard, RackShown::default()],
        kesms: vec![kesm, KesmShown::default()],
        outlets: vec![Some(OutletShown::Feeds(Watts::new(3_100))), Some(OutletShown::Open), None],
        ..Shown::default()
    }
}
