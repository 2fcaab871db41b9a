//! Programs of Debian's that tests run, as `cargo xtask test` installs or unpacks them.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::root;

/// Where installed programs lie.
const INSTALLED: [&str; 4] = ["/usr/bin", "/usr/sbin", "/bin", "/sbin"];

/// A program, unpacked from its package or installed.
pub fn program(package: &str, name: &str) -> PathBuf {
    let installed = INSTALLED.iter().map(|folder| Path::new(folder).join(name)).find(|file| file.exists());
    let found = find(&unpacked(package), name).or(installed);
    found.unwrap_or_else(|| panic!("{name} is missing: `cargo xtask test` fetches the package {package} first"))
}

/// A program that finds what its package has for it in `/usr/share`: where that is unpacked and not installed, in a mount namespace
/// of its own, which needs no rights.
pub fn at_home(package: &str, name: &str) -> Command {
    let (program, share) = (program(package, name), unpacked(package).join("usr/share"));
    if !program.starts_with(unpacked(package)) {
        return Command::new(program);
    }
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", "mount --bind \"$0\" /usr/share && exec \"$@\""]);
    command.arg(share).arg(program);
    command
}

/// What `LD_LIBRARY_PATH` has to be for a program that is linked with what these packages hold.
pub fn libraries(packages: &[&str]) -> OsString {
    let folders = packages.iter().flat_map(|package| files(&unpacked(package)));
    let folders = folders.filter(|file| file.file_name().is_some_and(|name| name.to_string_lossy().contains(".so")));
    let mut folders: Vec<PathBuf> = folders.filter_map(|file| file.parent().map(Path::to_owned)).collect();
    folders.sort();
    folders.dedup();
    std::env::join_paths(folders).unwrap_or_default()
}

fn unpacked(package: &str) -> PathBuf {
    root().join(".runtime/debian").join(package)
}

/// A file that is no script: what Debian puts before some programs looks for them where they would be installed.
fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    let is_program = |file: &PathBuf| fs::read(file).is_ok_and(|bytes| bytes.starts_with(b"\x7fELF"));
    files(folder).into_iter().filter(|file| file.file_name().is_some_and(|found| found == name)).find(is_program)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder { found.extend(files(&entry.path())) } else { found.push(entry.path()) }
    }
    found.sort();
    found
}
