//! Keys and signatures, without a cluster.

use std::fs;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use ridethrough_model_signature::{
    PublicKey, SIGNATURE_BYTES_MAX, Signature, SigningKey, signature_path, verify as vouched,
};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::keys::write_private;
use crate::output::{Output, hex};

/// Most bytes of a model or a manifest that are read.
const BYTES_MAX: u64 = 16 << 20;

#[derive(Serialize)]
struct Made {
    public: String,
    key: String,
}

/// Draws a signing key.
pub fn keygen(out: &Path, output: Output) -> Result<bool> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|error| anyhow!("no randomness from the system: {error}"))?;
    let key = SigningKey::new(secret);
    write_private(out, &key.export())?;
    let made = Made { public: key.public().to_string(), key: key.public().id().to_string() };
    output.print(&made, || format!("public    {}\nkey       {}\n", made.public, made.key))?;
    Ok(true)
}

#[derive(Serialize)]
struct Vouched {
    manifest: String,
    sha256: String,
    version: u64,
    key: String,
}

impl Vouched {
    fn words(&self, verb: &str) -> String {
        format!(
            "{verb}  {}\nmodel     {}\nversion   {}\nkey       {}\n",
            self.manifest, self.sha256, self.version, self.key
        )
    }
}

/// Signs a manifest whose model is the one that it names.
pub fn sign(key: &Path, version: u64, manifest: &Path, output: Output) -> Result<bool> {
    let text = fs::read_to_string(key).with_context(|| format!("{}: cannot be read", key.display()))?;
    let key = SigningKey::parse(&text).with_context(|| key.display().to_string())?;
    let bytes = read(manifest, BYTES_MAX)?;
    let sha256 = fitting(manifest, &bytes)?;
    let signature = key.sign(version, &bytes);
    let file = signature_path(manifest);
    fs::write(&file, signature.to_text()).with_context(|| format!("{}: cannot be written", file.display()))?;
    let signed = Vouched { manifest: manifest.display().to_string(), sha256, version, key: signature.key.to_string() };
    output.print(&signed, || signed.words("signed  "))?;
    Ok(true)
}

/// Whether one of the keys vouches for model and manifest as they are; a negative answer says what is wrong.
pub fn verify(manifest: &Path, trusted: &[String], output: Output) -> Result<bool> {
    let parse = |text: &String| text.parse::<PublicKey>().with_context(|| format!("--trusted {text}"));
    let keys = trusted.iter().map(parse).collect::<Result<Vec<_>>>()?;
    let (bytes, file) = (read(manifest, BYTES_MAX)?, signature_path(manifest));
    let signature = read(&file, SIGNATURE_BYTES_MAX)?;
    let version = match vouched(&bytes, &signature, &keys) {
        Ok(version) => version,
        Err(refused) => return refuse(&format!("{}: {refused}", file.display()), output),
    };
    let sha256 = match fitting(manifest, &bytes) {
        Ok(sha256) => sha256,
        Err(error) => return refuse(&format!("{error:#}"), output),
    };
    let key = Signature::parse(&signature)?.key.to_string();
    let good = Vouched { manifest: manifest.display().to_string(), sha256, version, key };
    output.print(&good, || good.words("verified"))?;
    Ok(true)
}

#[derive(Serialize)]
struct Refused<'a> {
    refused: &'a str,
}

fn refuse(why: &str, output: Output) -> Result<bool> {
    output.print(&Refused { refused: why }, || format!("REFUSED   {why}\n"))?;
    Ok(false)
}

/// Prints what people ask of a manifest.
pub fn show(manifest: &Path, output: Output) -> Result<bool> {
    let bytes = read(manifest, BYTES_MAX)?;
    let mut told = parse(manifest, &bytes)?;
    let claim =
        read(&signature_path(manifest), SIGNATURE_BYTES_MAX).ok().and_then(|bytes| Signature::parse(&bytes).ok());
    let claimed = claim.map_or_else(|| "nobody".into(), |one| format!("key {} as version {}", one.key, one.version));
    if let Some(fields) = told.as_object_mut() {
        fields.insert("signed_by".into(), claimed.clone().into());
    }
    output.print(&told, || {
        let field = |name: &str| told.get(name).map_or_else(|| "-".into(), Value::to_string);
        let recordings = told["data"].as_array().map_or(0, Vec::len);
        format!(
            "model     {}\nsigned by {claimed} (not checked: `ridectl model verify`)\nhorizons  {} s\nrange     {}\n\
             trained   seed {}, {} updates, {recordings} recordings\n",
            field("sha256"),
            field("horizons_s"),
            field("power_range"),
            field("seed"),
            field("updates")
        )
    })?;
    Ok(true)
}

/// The hash that the manifest names, if the model beside it has it.
fn fitting(manifest: &Path, bytes: &[u8]) -> Result<String> {
    let named = parse(manifest, bytes)?;
    let named = named["sha256"].as_str().with_context(|| format!("{}: there is no `sha256`", manifest.display()))?;
    let model = manifest.with_extension("onnx");
    let found = hex(&Sha256::digest(read(&model, BYTES_MAX)?));
    if found != named {
        bail!("{}: SHA-256 is {found}, the manifest says {named}", model.display());
    }
    Ok(found)
}

fn parse(manifest: &Path, bytes: &[u8]) -> Result<Value> {
    serde_json::from_slice(bytes).with_context(|| format!("{}: is no manifest", manifest.display()))
}

fn read(file: &Path, bytes_max: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let opened = fs::File::open(file).with_context(|| format!("{}: cannot be read", file.display()))?;
    opened
        .take(bytes_max + 1)
        .read_to_end(&mut bytes)
        .with_context(|| format!("{}: cannot be read", file.display()))?;
    if bytes.len() as u64 > bytes_max {
        bail!("{}: is larger than {bytes_max} bytes", file.display());
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A model and its manifest in a folder of their own, and a key.
    fn desk() -> (tempfile::TempDir, std::path::PathBuf, String) {
        let folder = tempfile::tempdir().expect("a folder for a test");
        let manifest = folder.path().join("m.json");
        fs::write(folder.path().join("m.onnx"), b"a model").expect("room");
        fs::write(&manifest, format!("{{\"sha256\": \"{}\"}}\n", hex(&Sha256::digest(b"a model")))).expect("room");
        let key = folder.path().join("signing.key");
        keygen(&key, Output::Json).expect("made");
        let text = fs::read_to_string(&key).expect("there");
        let public = SigningKey::parse(&text).expect("a key").public().to_string();
        (folder, manifest, public)
    }

    #[test]
    fn what_is_signed_is_verified_until_anything_changes() {
        let (folder, manifest, public) = desk();
        let key = folder.path().join("signing.key");
        assert!(verify(&manifest, std::slice::from_ref(&public), Output::Json).is_err(), "there is no signature yet");
        sign(&key, 3, &manifest, Output::Json).expect("signed");
        let holds = || verify(&manifest, std::slice::from_ref(&public), Output::Json).expect("read");
        assert!(holds());
        assert!(show(&manifest, Output::Table).expect("read"));
        let other = SigningKey::new([1; 32]).public().to_string();
        assert!(!verify(&manifest, &[other], Output::Json).expect("read"), "another key");
        fs::write(folder.path().join("m.onnx"), b"b model").expect("room");
        assert!(!holds(), "the model was changed");
        assert!(sign(&key, 4, &manifest, Output::Json).is_err(), "what does not fit is not signed");
        fs::write(folder.path().join("m.onnx"), b"a model").expect("room");
        fs::write(&manifest, fs::read_to_string(&manifest).expect("there") + " ").expect("room");
        assert!(!holds(), "the manifest was changed");
    }

    #[test]
    fn a_key_is_never_overwritten() {
        let (folder, ..) = desk();
        let error = keygen(&folder.path().join("signing.key"), Output::Json).expect_err("it is there");
        assert!(format!("{error:#}").contains("cannot be made"), "{error:#}");
    }
}
