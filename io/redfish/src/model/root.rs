//! Where clients begin, and who manages all this.

use serde::Serialize;

use super::{Link, Status, link};
use crate::path::Resource;
use crate::shown::Shown;
use crate::tree::Tree;

/// The version of the specification (DSP0266) that is followed.
const REDFISH_VERSION: &str = "1.22.1";

/// Which versions of the interface there are.
#[derive(Serialize)]
pub struct Versions {
    v1: &'static str,
}

impl Default for Versions {
    fn default() -> Self {
        Self { v1: "/redfish/v1/" }
    }
}

/// The service's root.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Root {
    redfish_version: &'static str,
    product: &'static str,
    protocol_features_supported: Features,
    chassis: Link,
    managers: Link,
    power_equipment: Link,
    session_service: Link,
    links: RootLinks,
}

/// None of the features that may be left out.
#[derive(Default, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "the schema has them")]
#[serde(rename_all = "PascalCase")]
struct Features {
    excerpt_query: bool,
    filter_query: bool,
    only_member_query: bool,
    select_query: bool,
    top_skip_query: bool,
    expand_query: Expand,
    deep_operations: Deep,
    #[serde(rename = "MultipleHTTPRequests")]
    multiple_http_requests: bool,
}

#[derive(Default, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "the schema has them")]
#[serde(rename_all = "PascalCase")]
struct Expand {
    expand_all: bool,
    levels: bool,
    links: bool,
    no_links: bool,
}

#[derive(Default, Serialize)]
struct Deep {
    #[serde(rename = "DeepPATCH")]
    patch: bool,
    #[serde(rename = "DeepPOST")]
    post: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct RootLinks {
    sessions: Link,
    manager_providing_service: Link,
}

impl Root {
    pub fn new(tree: &Tree) -> Self {
        Self {
            redfish_version: REDFISH_VERSION,
            product: "Ridethrough",
            // Connections are answered side by side.
            protocol_features_supported: Features { multiple_http_requests: true, ..Features::default() },
            chassis: link(tree, &Resource::ChassisAll),
            managers: link(tree, &Resource::Managers),
            power_equipment: link(tree, &Resource::PowerEquipment),
            session_service: link(tree, &Resource::SessionService),
            links: RootLinks {
                sessions: link(tree, &Resource::Sessions),
                manager_providing_service: link(tree, &Resource::Manager),
            },
        }
    }
}

/// The controller: all replicas together, since one of them may be gone at any time and nothing else changes.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Manager {
    description: String,
    manager_type: &'static str,
    model: &'static str,
    firmware_version: &'static str,
    status: Status,
}

impl Manager {
    pub fn new(tree: &Tree, shown: &Shown) -> Self {
        Self {
            description: format!("The controller of site {}; its health is that of the most urgent alarm", tree.site),
            manager_type: "Service",
            model: "Ridethrough",
            firmware_version: tree.version,
            status: Status::enabled(shown.health),
        }
    }
}
