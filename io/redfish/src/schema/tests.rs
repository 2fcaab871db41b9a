use std::path::Path;

use super::*;

/// The versions that DMTF's file of a schema has, the newest last.
fn versions(name: &str) -> Vec<[u32; 3]> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/redfish/dmtf/csdl");
    let text = std::fs::read_to_string(folder.join(format!("{name}_v1.xml"))).expect("the schema is there");
    let version = |part: &str| {
        let numbers: Vec<u32> = part.split('"').next()?.split('_').map(|one| one.parse().unwrap_or(0)).collect();
        numbers.try_into().ok()
    };
    let all = text.split("<Schema ").skip(1);
    let named = all.filter_map(|part| part.split_once(&format!("Namespace=\"{name}.v")).map(|(_, rest)| rest));
    let mut found: Vec<[u32; 3]> = named.filter_map(version).collect();
    found.sort_unstable();
    found
}

#[test]
fn every_schema_is_spoken_in_its_newest_version() {
    for Schema { name, version } in Schema::ALL {
        let newest = versions(name).pop().map(|[major, minor, errata]| format!("v{major}_{minor}_{errata}"));
        assert_eq!(newest.as_deref(), *version, "{name}");
    }
}

#[test]
fn metadata_names_every_schema_and_where_it_is() {
    let text = metadata();
    for Schema { name, version } in Schema::ALL {
        assert!(text.contains(&format!("<edmx:Reference Uri=\"{HOME}/{name}_v1.xml\">")), "{name}");
        let space = version.map_or_else(|| (*name).to_owned(), |version| format!("{name}.{version}"));
        assert!(text.contains(&format!("<edmx:Include Namespace=\"{space}\"/>")), "{name}");
    }
    assert!(text.contains("Extends=\"ServiceRoot.v1_16_0.ServiceContainer\""));
}
