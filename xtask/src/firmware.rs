//! The device's half of DPCN, built as firmware.

use std::process::Command;

use anyhow::Result;

use crate::shell::{cargo, step};

/// A Cortex-M4 with a floating-point unit, as many power converters have.
const TARGET: &str = "thumbv7em-none-eabihf";

/// Builds the firmware's loop for bare metal, where there is no std and linking fails if anything wants an allocator.
/// Without that target (a toolchain that cannot be added to) the device's half is linted without std on this machine.
pub fn build() -> Result<()> {
    let half = ["clippy", "--package", "ridethrough-protocol", "--no-default-features", "--locked", "--quiet"];
    step("the device's half without std", cargo(&half).args(["--", "-D", "warnings"]))?;
    if !ensure_target() {
        eprintln!("the target {TARGET} is not installed and rustup cannot add it: no firmware is built");
        return Ok(());
    }
    let firmware = ["build", "--package", "ridethrough-firmware", "--release", "--target", TARGET, "--locked"];
    step("firmware for bare metal", cargo(&firmware).arg("--quiet"))
}

fn ensure_target() -> bool {
    let installed = Command::new("rustup").args(["target", "list", "--installed"]).output();
    let has_it = installed.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains(TARGET));
    has_it || step("adding a bare-metal target (once)", Command::new("rustup").args(["target", "add", TARGET])).is_ok()
}
