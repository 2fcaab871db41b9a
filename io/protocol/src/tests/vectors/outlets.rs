//! What a PDU's outlets feed, as a replica takes it.

use ridethrough_vocabulary::units::{Millis, Watts};
use serde_json::Value;

use super::good::{LATE, lowest, one, readings, several, told};
use super::{PDU, header};
use crate::body::{Body, OutletsBody};
use crate::header::{Header, Version};
use crate::{Kind, Outlet, OutletPage, SessionNonce};

pub(super) fn all() -> Vec<Value> {
    let said = header(Kind::Outlets, PDU);
    let each = |outlets: &[Outlet]| Body::Outlets(body(0, outlets, 20));
    let full: Vec<_> = (0..32).map(|nth| metered(0x0001_0203 + nth)).collect();
    let highest = Header { sequence: u64::MAX, heard: u64::MAX, session: SessionNonce::new(u64::MAX), ..said };
    let mut last = body(224, &vec![metered((1 << 24) - 1); 32], u16::MAX);
    last.device_at = LATE;
    let mut first = body(0, &[metered(0)], 0);
    first.device_at = Millis::ZERO;
    let telemetry = Header { version: Version::V4, ..header(Kind::Telemetry, PDU) };
    let (_, _, reading, in_force) = readings()[0];
    vec![
        one("an outlet in each state", &said, &each(&[metered(350), Outlet::Open, Outlet::Unmetered])),
        one("as many outlets as fit", &said, &each(&full)),
        one("the second page", &said, &Body::Outlets(body(32, &full[..5], 20))),
        one("outlets with the lowest numbers", &lowest(Kind::Outlets), &Body::Outlets(first)),
        one("outlets with the highest numbers", &highest, &Body::Outlets(last)),
        several(
            "telemetry and two pages of outlets",
            &[
                (telemetry, Body::Telemetry(told(reading, in_force))),
                (said, each(&full)),
                (said, Body::Outlets(body(32, &full[..1], 20))),
            ],
        ),
    ]
}

pub(super) const fn metered(watts: i64) -> Outlet {
    Outlet::Metered(Watts::new(watts))
}

pub(super) fn body(first: u16, outlets: &[Outlet], age_ms: u16) -> OutletsBody {
    let page = OutletPage::new(first, outlets, age_ms).expect("a page");
    OutletsBody { device_at: Millis::new(0x0706_0504_0302_0100), page }
}
