//! The package that was built, and the same once more as the next version.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use ridethrough_tests::{edit, programs, read, run_command};

/// The package of this name, as `cargo xtask test` makes it.
pub fn package(name: &str) -> PathBuf {
    let folder = programs().join("package");
    let entries = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}: `cargo xtask test` makes it", folder.display()));
    let start = format!("{name}_");
    let is_it = |file: &PathBuf| file.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&start));
    entries.flatten().map(|entry| entry.path()).find(is_it).unwrap_or_else(|| panic!("no package {name}"))
}

/// The same with another version.
pub fn with_version(package: &Path, home: &Path, version: &str) -> PathBuf {
    let (tree, next) = (home.join("next"), home.join(format!("ridethrough_{version}.deb")));
    ask(Command::new("dpkg-deb").arg("--raw-extract").arg(package).arg(&tree));
    let control = tree.join("DEBIAN/control");
    let text = read(&control);
    let line = text.lines().find(|line| line.starts_with("Version: ")).expect("a package has a version");
    edit(&control, line, &format!("Version: {version}"));
    ask(Command::new("dpkg-deb").args(["--root-owner-group", "-Znone", "--build"]).arg(&tree).arg(&next));
    next
}

fn ask(command: &mut Command) {
    let ended = run_command(Duration::from_mins(1), command);
    assert_eq!(ended.code(), 0, "{ended:?}");
}
