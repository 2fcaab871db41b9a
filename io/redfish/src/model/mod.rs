//! What is told of a resource, in the words of its schema. What nobody knows is left out or null, as the schema has it.

mod chassis;
mod equipment;
mod root;
mod session;

use ridethrough_core::units::{Joules, Watts};
use serde::ser::{Serialize, Serializer};

use crate::limits::Limits;
use crate::path::Resource;
use crate::schema::{Schema, ServiceDocument, metadata};
use crate::sessions::Told;
use crate::shown::{Device, Health, Shown};
use crate::tree::{Rack, Tree};

/// Members of a collection that one answer holds at the most; the next ones have an address of their own.
pub(crate) const PAGE_MEMBERS: usize = 1_000;

/// What a resource is made from.
pub(crate) struct Sources<'a> {
    pub tree: &'a Tree,
    /// How the site is; none where that is not known now.
    pub shown: Option<&'a Shown>,
    /// The sessions of whoever asks.
    pub sessions: &'a [Told],
    /// Members of a collection that are left out before the first.
    pub skip: usize,
    pub limits: &'a Limits,
}

/// Why a resource is not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Untold {
    /// Nobody knows how it is now.
    Unknown,
    /// It is not there.
    Missing,
}

/// A resource as bytes. What says how the site is needs somebody who knows it now.
pub(crate) fn write(sources: &Sources<'_>, resource: &Resource) -> Result<Vec<u8>, Untold> {
    let Sources { tree, .. } = *sources;
    let shown = || sources.shown.ok_or(Untold::Unknown);
    let head = |name: &str| Head::new(tree, resource, name);
    match resource {
        Resource::Versions => json(&root::Versions::default()),
        Resource::Root => json(&head("Ridethrough").with(root::Root::new(tree))),
        Resource::OData => json(&ServiceDocument::new(tree)),
        Resource::Metadata => Ok(metadata().into_bytes()),
        Resource::Managers => collection(sources, resource, "Managers", &[Resource::Manager]),
        Resource::Manager => json(&head("Ridethrough controller").with(root::Manager::new(tree, shown()?))),
        Resource::SessionService => json(&head("Sessions").with(session::Service::new(tree, sources.limits))),
        Resource::Sessions => {
            let members = sources.sessions.iter().map(|one| Resource::Session(one.id.clone()));
            collection(sources, resource, "Sessions", &members.collect::<Vec<_>>())
        }
        Resource::Session(id) => {
            let session = sources.sessions.iter().find(|one| one.id == *id).ok_or(Untold::Missing)?;
            json(&head("Session").with(session::Session::new(session)))
        }
        Resource::PowerEquipment => json(&head("Power equipment").with(equipment::Equipment::new(tree))),
        Resource::ChassisAll => collection(sources, resource, "Racks", &racks(tree, Resource::Chassis)),
        Resource::RackPdus => collection(sources, resource, "Rack PDUs", &racks(tree, Resource::Pdu)),
        Resource::Pdu(_)
        | Resource::PduMetrics(_)
        | Resource::Mains(_)
        | Resource::Main(_)
        | Resource::Outlets(_)
        | Resource::Outlet(..) => equipment::told(sources, resource),
        _ => chassis::told(sources, resource),
    }
}

fn racks(tree: &Tree, resource: impl Fn(Rack) -> Resource) -> Vec<Resource> {
    (0..tree.racks()).map(|nth| resource(Rack(nth))).collect()
}

fn json<T: Serialize>(told: &T) -> Result<Vec<u8>, Untold> {
    // Nothing of ours refuses to be written; if something did, nobody would know how it is.
    serde_json::to_vec(told).map_err(|_| Untold::Unknown)
}

/// What every resource says first.
#[derive(serde::Serialize)]
#[serde(rename_all = "PascalCase")]
struct Head {
    #[serde(rename = "@odata.id")]
    odata_id: String,
    #[serde(rename = "@odata.type")]
    odata_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    name: String,
}

impl Head {
    fn new(tree: &Tree, resource: &Resource, name: &str) -> Self {
        let odata_id = resource.uri(tree);
        let id = match resource {
            Resource::Root => "RootService".into(),
            _ => odata_id.rsplit('/').next().unwrap_or_default().to_owned(),
        };
        let odata_type = Schema::of(resource).map(Schema::odata_type).unwrap_or_default();
        Self { odata_id, odata_type, id: Some(id), name: name.into() }
    }

    fn with<T>(self, rest: T) -> Whole<T> {
        Whole { head: self, rest }
    }
}

#[derive(serde::Serialize)]
struct Whole<T> {
    #[serde(flatten)]
    head: Head,
    #[serde(flatten)]
    rest: T,
}

#[derive(serde::Serialize)]
#[serde(rename_all = "PascalCase")]
struct Collection {
    #[serde(rename = "Members@odata.count")]
    count: usize,
    members: Vec<Link>,
    #[serde(rename = "Members@odata.nextLink", skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// One page of a collection, which has no id.
fn collection(sources: &Sources<'_>, resource: &Resource, name: &str, members: &[Resource]) -> Result<Vec<u8>, Untold> {
    let Sources { tree, skip, .. } = *sources;
    let head = Head { id: None, ..Head::new(tree, resource, name) };
    let end = skip.saturating_add(PAGE_MEMBERS);
    let next = (end < members.len()).then(|| format!("{}?$skiptoken={end}", head.odata_id));
    let page = members.iter().skip(skip).take(PAGE_MEMBERS).map(|member| link(tree, member));
    json(&head.with(Collection { count: members.len(), members: page.collect(), next }))
}

/// Where another resource is.
#[derive(serde::Serialize)]
struct Link {
    #[serde(rename = "@odata.id")]
    odata_id: String,
}

fn link(tree: &Tree, resource: &Resource) -> Link {
    Link { odata_id: resource.uri(tree) }
}

#[derive(Clone, Copy, serde::Serialize)]
enum State {
    Enabled,
    /// An operator holds it.
    Quiesced,
    /// It is not heard.
    UnavailableOffline,
}

#[derive(Clone, Copy, serde::Serialize)]
#[serde(rename_all = "PascalCase")]
struct Status {
    state: State,
    #[serde(skip_serializing_if = "Option::is_none")]
    health: Option<&'static str>,
}

impl Status {
    const fn enabled(health: Health) -> Self {
        let health = match health {
            Health::Ok => "OK",
            Health::Warning => "Warning",
            Health::Critical => "Critical",
        };
        Self { state: State::Enabled, health: Some(health) }
    }

    /// Of what cannot be known now.
    const fn offline() -> Self {
        Self { state: State::UnavailableOffline, health: None }
    }

    const fn of(device: Device, health: Health) -> Self {
        match device {
            Device::Silent => Self::offline(),
            Device::Heard => Self::enabled(health),
            Device::Held => Self { state: State::Quiesced, ..Self::enabled(health) },
            Device::Quarantined => Self::enabled(match health {
                Health::Ok => Health::Warning,
                worse => worse,
            }),
        }
    }
}

/// A number with two decimals at the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Decimal {
    hundredths: i64,
}

impl Decimal {
    const fn watts(watts: Watts) -> Self {
        Self { hundredths: watts.get().saturating_mul(100) }
    }

    /// Rounded down.
    const fn watt_hours(joules: Joules) -> Self {
        Self { hundredths: joules.get() / 36 }
    }

    /// Part of a whole, rounded down; none of nothing.
    const fn percent(part: i64, whole: i64) -> Option<Self> {
        if whole <= 0 {
            return None;
        }
        Some(Self { hundredths: part.saturating_mul(10_000) / whole })
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.hundredths % 100 == 0 {
            return serializer.serialize_i64(self.hundredths / 100);
        }
        #[expect(clippy::cast_precision_loss, reason = "exact up to 90 terawatts")]
        serializer.serialize_f64(self.hundredths as f64 / 100.0)
    }
}

#[cfg(test)]
mod tests;
