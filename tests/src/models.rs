//! Signed models for a test: the committed one under other names.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::{edit, model_files, read, root, run, write};

/// A model as the log names it, such as `8bae15f5 version 3`, and as a forecast does, such as `model 8bae15f5`.
#[derive(Clone, Debug)]
pub struct Named {
    /// As the log does.
    pub id: String,
    /// As a forecast does.
    pub source: String,
}

/// A copy of the committed model under another name, with a field of words added: another file, which computes the same.
pub fn variant(models: &Path, name: &str, version: u64) -> Named {
    let [model, manifest, _] = model_files();
    let bytes = fs::read(&model).expect("the committed model");
    // Field 6 of an ONNX model is text for people; protobuf takes the last one that it reads.
    let words = [&[0x32, u8::try_from(name.len()).expect("short")][..], name.as_bytes()].concat();
    let file = models.join(format!("{name}.onnx"));
    write(&file, [bytes, words].concat());
    let told: Value = serde_json::from_str(&read(&manifest)).expect("the manifest is JSON");
    let old = told["sha256"].as_str().expect("a hash").to_owned();
    let new = sha256(&file);
    let copied = models.join(format!("{name}.json"));
    write(&copied, read(&manifest));
    edit(&copied, &old, &new);
    sign(&copied, version);
    Named { id: format!("{} version {version}", &new[..8]), source: format!("model {}", &new[..8]) }
}

fn sha256(file: &Path) -> String {
    let told = Command::new("sha256sum").arg(file).output().expect("sha256sum runs");
    String::from_utf8_lossy(&told.stdout).split(' ').next().expect("a hash").to_owned()
}

fn sign(manifest: &Path, version: u64) {
    let key = root().join("model/demo-signing.key").display().to_string();
    let (version, manifest) = (version.to_string(), manifest.display().to_string());
    let ended = run("ridectl", &["model", "sign", "--key", &key, "--version", &version, &manifest]);
    assert_eq!(ended.code(), 0, "{ended:?}");
}

/// The committed model, and the version that it is signed with.
pub fn committed() -> (Named, u64) {
    let hash = sha256(&model_files()[0]);
    let signed = read(&root().join("model/forecast.json.sig"))
        .lines()
        .find_map(|line| line.strip_prefix("version ")?.parse().ok())
        .expect("a version");
    (Named { id: format!("{} version {signed}", &hash[..8]), source: format!("model {}", &hash[..8]) }, signed)
}
