//! The Debian packages that `cargo xtask test` makes of the programs that were built.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::{edit, programs, read, run_command};

/// How long `dpkg-deb` may take.
const DEADLINE: Duration = Duration::from_mins(1);

/// The package of this name.
pub fn package(name: &str) -> PathBuf {
    let folder = programs().join("package");
    let entries = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}: `cargo xtask test` makes it", folder.display()));
    let start = format!("{name}_");
    let is_it = |file: &PathBuf| file.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&start));
    entries.flatten().map(|entry| entry.path()).find(is_it).unwrap_or_else(|| panic!("no package {name}"))
}

/// The same, unpacked below a folder.
pub fn unpacked(name: &str, below: &Path) -> PathBuf {
    let to = below.join(name);
    dpkg_deb(Command::new("dpkg-deb").arg("--extract").arg(package(name)).arg(&to));
    to
}

/// The version of a package.
pub fn version(package: &Path) -> String {
    dpkg_deb(Command::new("dpkg-deb").arg("--field").arg(package).arg("Version")).trim().to_owned()
}

/// The same package once more as another version.
pub fn with_version(package: &Path, home: &Path, to: &str) -> PathBuf {
    let (tree, next) = (home.join("next"), home.join(format!("next_{to}.deb")));
    dpkg_deb(Command::new("dpkg-deb").arg("--raw-extract").arg(package).arg(&tree));
    edit(&tree.join("DEBIAN/control"), &format!("\nVersion: {}\n", version(package)), &format!("\nVersion: {to}\n"));
    assert!(read(&tree.join("DEBIAN/control")).contains(to));
    dpkg_deb(Command::new("dpkg-deb").args(["--root-owner-group", "-Znone", "--build"]).arg(&tree).arg(&next));
    next
}

fn dpkg_deb(command: &mut Command) -> String {
    let ended = run_command(DEADLINE, command);
    assert_eq!(ended.code(), 0, "{ended:?}");
    ended.stdout
}
