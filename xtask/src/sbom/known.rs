//! What cargo knows of crates, and a program does not tell.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::text;
use crate::shell::{cargo, root};

/// Name and version.
type Named = (String, String);

/// Licences and checksums.
pub struct Known {
    /// The version of the packages, as `cargo deb` numbers it.
    pub own_version: String,
    /// The compiler's.
    pub rust_version: String,
    /// What every program is linked with and none tells.
    pub standard_library: (String, Value),
    licenses: BTreeMap<Named, String>,
    checksums: BTreeMap<Named, String>,
}

impl Known {
    /// Asks cargo and its lock file.
    pub fn gather() -> Result<Self> {
        let output = cargo(&["metadata", "--format-version", "1", "--locked"]).output()?;
        if !output.status.success() {
            bail!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
        }
        let told: Value = serde_json::from_slice(&output.stdout)?;
        let mut licenses = BTreeMap::new();
        for package in told["packages"].as_array().into_iter().flatten() {
            if let Some(license) = package["license"].as_str() {
                // As crates wrote it before there was SPDX.
                licenses.insert(named(package)?, license.replace('/', " OR "));
            }
        }
        let of_daemon = licenses.keys().find(|(name, _)| name == "ridethrough-node").context("the daemon's crate")?;
        let own_version = format!("{}-1", of_daemon.1);
        let rust_version = rust_version()?;
        let standard_library = standard_library(&rust_version);
        Ok(Self { own_version, rust_version, standard_library, licenses, checksums: checksums()? })
    }

    /// A crate that a program tells of.
    pub fn library(&self, package: &Value, reference: &str) -> Result<Value> {
        let key = named(package)?;
        let license = self.licenses.get(&key).with_context(|| format!("{reference} has no licence"))?;
        let scope = if package["kind"] == "build" { "excluded" } else { "required" };
        let mut component = json!({
            "type": "library",
            "bom-ref": reference,
            "name": key.0,
            "version": key.1,
            "scope": scope,
            "licenses": [{ "expression": license }],
        });
        // Ours come from no registry.
        if package["source"] == "crates.io" {
            let checksum = self.checksums.get(&key).with_context(|| format!("{reference} is not in Cargo.lock"))?;
            component["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
            component["purl"] = format!("pkg:cargo/{}@{}", key.0, key.1).into();
        }
        Ok(component)
    }
}

fn named(package: &Value) -> Result<Named> {
    Ok((text(package, "name")?.to_owned(), text(package, "version")?.to_owned()))
}

fn checksums() -> Result<BTreeMap<Named, String>> {
    let lock: toml::Table = fs::read_to_string(root().join("Cargo.lock"))?.parse().context("Cargo.lock")?;
    let packages = lock.get("package").and_then(toml::Value::as_array).context("packages in Cargo.lock")?;
    let word = |package: &toml::Value, key: &str| package.get(key).and_then(toml::Value::as_str).map(str::to_owned);
    let one = |package| Some(((word(package, "name")?, word(package, "version")?), word(package, "checksum")?));
    Ok(packages.iter().filter_map(one).collect())
}

fn rust_version() -> Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = std::process::Command::new(rustc).arg("--version").current_dir(root()).output()?;
    let told = String::from_utf8(output.stdout)?;
    Ok(told.split_whitespace().nth(1).with_context(|| format!("rustc has no version: {told}"))?.to_owned())
}

fn standard_library(version: &str) -> (String, Value) {
    let reference = format!("rust-std@{version}");
    let component = json!({
        "type": "library",
        "bom-ref": reference,
        "name": "rust-std",
        "version": version,
        "description": "The standard library of Rust",
        "scope": "required",
        "licenses": [{ "expression": "MIT OR Apache-2.0" }],
        "purl": format!("pkg:generic/rust-std@{version}"),
    });
    (reference, component)
}
