//! From what was typed to folders with scenarios.

use std::path::{Path, PathBuf};

use super::OutcomeError;
use crate::scenario::SCENARIO_FILE;

/// Where scenarios live that can be named without a path.
pub const SCENARIOS: &str = "fault-injection/scenarios";
/// The scenario of the demo is made for a viewer, not for a comparison.
const LEFT_OUT: &str = "demo";

/// The folders of these scenarios, each once and in this order; of all in `root` but the demo's, by name, if none is named.
///
/// A name stands for a folder in `root`; anything else is the path of a folder.
pub fn folders(names: &[String], root: &Path) -> Result<Vec<PathBuf>, OutcomeError> {
    if names.is_empty() {
        let mut known = known(root)?;
        known.retain(|name| name != LEFT_OUT);
        if known.is_empty() {
            return Err(OutcomeError::NoScenarios(root.to_owned()));
        }
        return Ok(known.into_iter().map(|name| root.join(name)).collect());
    }
    let mut folders = Vec::new();
    for name in names {
        let folder = folder(name, root)?;
        if !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    Ok(folders)
}

fn folder(name: &str, root: &Path) -> Result<PathBuf, OutcomeError> {
    let is_scenario = |folder: &Path| folder.join(SCENARIO_FILE).is_file();
    let is_name = !name.contains(std::path::MAIN_SEPARATOR) && name != "." && name != "..";
    let named = root.join(name);
    if is_name && is_scenario(&named) {
        return Ok(named);
    }
    let path = PathBuf::from(name);
    if is_scenario(&path) {
        return Ok(path);
    }
    // A root that cannot be read knows no scenarios; the name is at fault all the same.
    let known = known(root).unwrap_or_default();
    Err(OutcomeError::UnknownScenario { name: name.to_owned(), known })
}

fn known(root: &Path) -> Result<Vec<String>, OutcomeError> {
    let failed = |error| OutcomeError::Read { path: root.to_owned(), error };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(root).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.path().join(SCENARIO_FILE).is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(names: &[&str], expected: Result<&[&str], &str>) {
        let root = tempfile::tempdir().expect("a temporary folder");
        for name in ["surge", "calm", "demo"] {
            std::fs::create_dir(root.path().join(name)).expect("a new folder");
            std::fs::write(root.path().join(name).join(SCENARIO_FILE), "").expect("a new file");
        }
        std::fs::create_dir(root.path().join("notes")).expect("a new folder");
        let names =
            names.iter().map(|name| name.replace("ROOT", &root.path().display().to_string())).collect::<Vec<_>>();
        let found = folders(&names, root.path()).map_err(|error| error.to_string());
        let expected = expected.map(|names| names.iter().map(|name| root.path().join(name)).collect::<Vec<_>>());
        assert_eq!(found, expected.map_err(str::to_owned), "{names:?}");
    }

    #[test]
    fn names_and_paths_are_found() {
        check(&[], Ok(&["calm", "surge"]));
        check(&["surge", "calm", "surge"], Ok(&["surge", "calm"]));
        check(&["demo"], Ok(&["demo"]));
        check(&["ROOT/surge"], Ok(&["surge"]));
        check(&["notes"], Err("no scenario `notes`; there are calm, demo, surge, or give its folder"));
        check(&["../demo"], Err("no scenario `../demo`; there are calm, demo, surge, or give its folder"));
    }

    #[test]
    fn a_root_without_scenarios_is_told() {
        let root = tempfile::tempdir().expect("a temporary folder");
        assert!(matches!(folders(&[], root.path()), Err(OutcomeError::NoScenarios(_))));
        assert!(matches!(folders(&[], &root.path().join("none")), Err(OutcomeError::Read { .. })));
        let error = folders(&["x".to_owned()], &root.path().join("none")).expect_err("nothing there");
        assert_eq!(error.to_string(), "no scenario `x`; give its folder");
    }
}
