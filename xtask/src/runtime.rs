//! ONNX Runtime, the one thing that cargo cannot bring: taken out of its Python wheel, whose checksum is pinned, and
//! checked again as a file. 1.28.0 because official Linux builds from 1.29 on phone home (ARCHITECTURE.md).

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::shell::{root, step};

const VERSION: &str = "1.28.0";

struct Pin {
    platform: &'static str,
    wheel_sha256: &'static str,
    library_sha256: &'static str,
}

#[cfg(target_arch = "x86_64")]
const PIN: Option<Pin> = Some(Pin {
    platform: "manylinux_2_28_x86_64",
    wheel_sha256: "a166b78ee04f3a37fa1ef82034b6a3ce96d9684e582d4d30b296de83e9998bb5",
    library_sha256: "aa4079d18f4ea7a5f3a94d80cd4bbe0f2740436626622d64d793803a20381083",
});
#[cfg(target_arch = "aarch64")]
const PIN: Option<Pin> = Some(Pin {
    platform: "manylinux_2_28_aarch64",
    wheel_sha256: "8d66f9ceb29909c70839e4e4fb3435c7b490050d8f162bd5f3aba4ca01ee517f",
    library_sha256: "23a37c2994bc273e1d59a4f49af6cba5bf1cfbc29f04907ec27df375aba50a7d",
});
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const PIN: Option<Pin> = None;

/// The version that replicas load, and the hash of its library for this processor.
pub fn pinned() -> Result<(&'static str, &'static str)> {
    let pin = PIN.context("no ONNX Runtime is pinned for this processor")?;
    Ok((VERSION, pin.library_sha256))
}

/// The verified library, fetched when it is not there yet. An error says what a person can do; the controller itself
/// also runs without, on its rule-based forecast.
pub fn ensure() -> Result<PathBuf> {
    let pin = PIN.context("no ONNX Runtime is pinned for this processor: the controller runs on its rule")?;
    let home = root().join(".runtime/onnxruntime");
    let library = home.join(format!("libonnxruntime.so.{VERSION}"));
    if library.exists() {
        if sha256(&library)? == pin.library_sha256 {
            return Ok(library);
        }
        eprintln!("==> {} is not what it should be: fetching it again", library.display());
        fs::remove_file(&library)?;
    }
    fs::create_dir_all(&home)?;
    let download = home.join("download");
    if download.exists() {
        fs::remove_dir_all(&download)?;
    }
    fs::create_dir_all(&download)?;
    fetch(&pin, &download)?;
    unpack(&download, &library)?;
    fs::remove_dir_all(&download)?;
    let found = sha256(&library)?;
    if found != pin.library_sha256 {
        fs::remove_file(&library)?;
        bail!("the library in the wheel has sha256 {found}, expected {}: it was removed", pin.library_sha256);
    }
    Ok(library)
}

fn fetch(pin: &Pin, download: &Path) -> Result<()> {
    let requirements = download.join("requirements.txt");
    let line = format!("onnxruntime=={VERSION} --hash=sha256:{}\n", pin.wheel_sha256);
    fs::File::create(&requirements)?.write_all(line.as_bytes())?;
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "download", "--quiet", "--no-deps", "--no-cache-dir", "--require-hashes"])
        .args(["--only-binary", ":all:", "--python-version", "3.11", "--implementation", "cp", "--abi", "cp311"])
        .args(["--platform", pin.platform, "--dest"])
        .arg(download)
        .arg("--requirement")
        .arg(&requirements);
    step("fetching ONNX Runtime (about 20 MB, once)", &mut pip)
        .context("python3 with pip is needed to fetch ONNX Runtime from its package registry")
}

fn unpack(download: &Path, library: &Path) -> Result<()> {
    let wheel = fs::read_dir(download)?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .context("pip left no wheel behind")?;
    let mut unzip = Command::new("python3");
    unzip.args(["-m", "zipfile", "-e"]).arg(&wheel).arg(download);
    step("unpacking ONNX Runtime", &mut unzip)?;
    let inside = download.join("onnxruntime/capi").join(format!("libonnxruntime.so.{VERSION}"));
    fs::rename(&inside, library).with_context(|| format!("the wheel holds no {}", inside.display()))
}

/// A file's hash.
pub fn sha256(file: &Path) -> Result<String> {
    let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect())
}
