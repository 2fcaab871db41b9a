//! The bill of materials of each package (CycloneDX 1.6): what its programs tell themselves that they are made of, with the licence
//! and the checksum of each crate, and what else the package brings. It has neither date nor serial number, so that the same
//! programs have the same bill.

mod known;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use self::known::Known;
use crate::shell::root;
use crate::{auditable, runtime};

/// What goes into a package.
struct Product {
    package: &'static str,
    about: &'static str,
    programs: &'static [&'static str],
    /// What it brings besides programs.
    brings: fn() -> Result<Vec<Value>>,
}

const PRODUCTS: [Product; 2] = [
    Product {
        package: "ridethrough",
        about: "One replica of the controller, and what operators and auditors type",
        programs: &["ridethroughd", "ridectl"],
        brings: runtime_asked_for,
    },
    Product {
        package: "ridethrough-drill",
        about: "An emulated plant, a demo and fault injection",
        programs: &["drill"],
        brings: model_and_recordings,
    },
];

/// Writes the bill of each package, for programs that lie in a folder.
pub fn write(programs: &Path, folder: &Path) -> Result<()> {
    let known = Known::gather()?;
    for product in &PRODUCTS {
        let bill = product.bill(programs, &known).with_context(|| format!("the bill of {}", product.package))?;
        let file = folder.join(format!("{}.cdx.json", product.package));
        fs::write(file, serde_json::to_string_pretty(&bill)? + "\n")?;
    }
    Ok(())
}

/// Components by their references, and who needs whom.
#[derive(Default)]
struct Bill {
    components: BTreeMap<String, Value>,
    needs: BTreeMap<String, BTreeSet<String>>,
}

impl Product {
    fn bill(&self, programs: &Path, known: &Known) -> Result<Value> {
        let mut bill = Bill::default();
        for program in self.programs {
            let reference = bill.add_program(&programs.join(program), known)?;
            bill.needs.entry(self.package.to_owned()).or_default().insert(reference);
        }
        for part in (self.brings)()? {
            let reference = text(&part, "bom-ref")?.to_owned();
            bill.needs.entry(self.package.to_owned()).or_default().insert(reference.clone());
            bill.needs.entry(reference.clone()).or_default();
            bill.components.insert(reference, part);
        }
        let edges = bill.needs.iter().map(|(one, needed)| json!({ "ref": one, "dependsOn": needed }));
        let version = &known.own_version;
        Ok(json!({
            "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
            "bomFormat": "CycloneDX",
            "specVersion": "1.6",
            "version": 1,
            "metadata": {
                "lifecycles": [{ "phase": "build" }],
                "tools": { "components": [
                    { "type": "application", "name": "cargo-auditable", "version": auditable::TOOL.version },
                    { "type": "application", "name": "rustc", "version": known.rust_version },
                ] },
                "component": {
                    "type": "application",
                    "bom-ref": self.package,
                    "name": self.package,
                    "version": version,
                    "description": self.about,
                    "licenses": [{ "expression": "Apache-2.0" }],
                    "purl": format!("pkg:deb/ridethrough/{}@{version}", self.package),
                },
            },
            "components": bill.components.values().collect::<Vec<_>>(),
            "dependencies": edges.collect::<Vec<_>>(),
        }))
    }
}

impl Bill {
    /// A program with all that it tells that it is made of; its reference.
    fn add_program(&mut self, program: &Path, known: &Known) -> Result<String> {
        let name = program.file_name().and_then(|name| name.to_str()).context("a program has a name")?;
        let own = format!("file:usr/bin/{name}");
        let told = auditable::read(program)?;
        let packages = told["packages"].as_array().context("a list of packages")?;
        let reference = |package: &Value| -> Result<String> {
            if package["root"] == true {
                return Ok(own.clone());
            }
            Ok(format!("{}@{}", text(package, "name")?, text(package, "version")?))
        };
        for package in packages {
            let one = reference(package)?;
            let is_root = one == own;
            let component =
                if is_root { application(program, name, &own, package)? } else { known.library(package, &one)? };
            self.add(&one, component);
            let needs = self.needs.entry(one).or_default();
            for needed in package["dependencies"].as_array().into_iter().flatten() {
                let at = needed.as_u64().and_then(|at| usize::try_from(at).ok()).context("a number")?;
                needs.insert(reference(packages.get(at).context("one of the packages")?)?);
            }
            if is_root {
                needs.insert(known.standard_library.0.clone());
            }
        }
        let (standard, component) = known.standard_library.clone();
        self.needs.entry(standard.clone()).or_default();
        self.components.insert(standard, component);
        Ok(own)
    }

    /// What one program is only built with may be part of another.
    fn add(&mut self, reference: &str, component: Value) {
        let is_part = self.components.get(reference).is_some_and(|there| there["scope"] == "required");
        if !is_part {
            self.components.insert(reference.to_owned(), component);
        }
    }
}

fn application(file: &Path, name: &str, reference: &str, package: &Value) -> Result<Value> {
    Ok(json!({
        "type": "application",
        "bom-ref": reference,
        "name": name,
        "version": text(package, "version")?,
        "scope": "required",
        "hashes": [{ "alg": "SHA-256", "content": runtime::sha256(file)? }],
        "licenses": [{ "expression": "Apache-2.0" }],
    }))
}

/// It comes with no package, but what a replica loads is pinned in it.
fn runtime_asked_for() -> Result<Vec<Value>> {
    let (version, sha256) = runtime::pinned()?;
    Ok(vec![json!({
        "type": "library",
        "bom-ref": format!("onnxruntime@{version}"),
        "name": "onnxruntime",
        "version": version,
        "description": "Not in the package: loaded from where the configuration names it, and only with this hash",
        "scope": "optional",
        "hashes": [{ "alg": "SHA-256", "content": sha256 }],
        "licenses": [{ "expression": "MIT" }],
        "purl": format!("pkg:pypi/onnxruntime@{version}"),
    })])
}

fn model_and_recordings() -> Result<Vec<Value>> {
    let mut parts = runtime_asked_for()?;
    let kinds = [
        ("machine-learning-model", "model/forecast.onnx", "Apache-2.0"),
        ("data", "data/MANIFEST.csv", "Apache-2.0"),
        ("data", "data/power/azure-llm-inference-2023/AzureLLMInferenceTrace_code.csv.gz", "CC-BY-4.0"),
        ("data", "data/power/azure-llm-inference-2023/AzureLLMInferenceTrace_conv.csv.gz", "CC-BY-4.0"),
    ];
    for (kind, file, license) in kinds {
        let mut part = json!({
            "type": kind,
            "bom-ref": format!("file:usr/share/ridethrough/{file}"),
            "name": file,
            "scope": "required",
            "hashes": [{ "alg": "SHA-256", "content": runtime::sha256(&root().join(file))? }],
            "licenses": [{ "expression": license }],
        });
        if file.ends_with("MANIFEST.csv") {
            part["description"] =
                "Recorded server power, by MLCommons: each recording with its source, licence and SHA-256".into();
        }
        parts.push(part);
    }
    Ok(parts)
}

fn text<'a>(value: &'a Value, key: &str) -> Result<&'a str> {
    value[key].as_str().with_context(|| format!("no {key} in {value}"))
}
