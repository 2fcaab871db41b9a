//! A model is used only while every bit of model, manifest and signature is as a trusted key vouched for it.

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use ridethrough_core::model::ModelFault;
use ridethrough_model::{LoadError, ModelFiles, PublicKey, SignedModel, Trust};
use ridethrough_model_signature::{SigningKey, verify};
use support::{own, runtime};
use tempfile::TempDir;

/// What the committed signature says.
const VERSION: u64 = 4;

/// The demo's key, whose public half lies beside the model.
fn trust() -> Trust {
    let text = fs::read_to_string(own("demo-signing.pub")).expect("the demo's public key");
    let key: PublicKey = text.trim().parse().expect("a key");
    Trust { keys: vec![key], minimum_version: 1 }
}

fn demo_key() -> SigningKey {
    SigningKey::parse(&fs::read_to_string(own("demo-signing.key")).expect("the demo's key")).expect("a key")
}

/// A copy of the committed model with its signature.
struct Copy {
    _dir: TempDir,
    model: PathBuf,
    manifest: PathBuf,
    signature: PathBuf,
}

impl Copy {
    fn new() -> Self {
        let dir = TempDir::new().expect("a temporary folder");
        let [model, manifest, signature] = ["forecast.onnx", "forecast.json", "forecast.json.sig"].map(|name| {
            let copied = dir.path().join(name);
            fs::copy(own(name), &copied).expect("the committed files");
            copied
        });
        Self { _dir: dir, model, manifest, signature }
    }

    fn load(&self, trust: &Trust) -> Result<SignedModel, LoadError> {
        let runtime = runtime();
        SignedModel::load(ModelFiles { model: &self.model, manifest: &self.manifest, runtime: &runtime }, trust)
    }

    #[track_caller]
    fn check(&self, trust: &Trust, fault: ModelFault, file: &Path, advice: &str) {
        let error = self.load(trust).expect_err("must be refused");
        let text = error.to_string();
        assert_eq!(error.fault(), fault, "{text}");
        assert!(text.contains(&file.display().to_string()) && text.contains(advice), "{text}");
    }
}

fn write(file: &Path, bytes: impl AsRef<[u8]>) {
    fs::write(file, bytes).expect("room");
}

/// A bit of each byte that no pattern of the file can follow: the golden ratio's multiples.
fn some_bit(at: usize) -> u8 {
    1 << ((at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 61)
}

#[test]
fn the_committed_model_is_signed_by_the_demos_key() {
    let loaded = Copy::new().load(&trust()).expect("signed");
    assert_eq!((loaded.id.sha256, loaded.id.version), (loaded.model.sha256(), VERSION));
    assert_eq!(demo_key().public(), trust().keys[0], "both halves of the demo's key are of one pair");
}

#[test]
fn who_does_not_vouch_is_told_with_what_to_do() {
    let copy = Copy::new();
    let stranger = Trust { keys: vec![SigningKey::new([9; 32]).public()], minimum_version: 0 };
    copy.check(&stranger, ModelFault::UnknownKey, &copy.signature, "forecast.trusted");
    let later = Trust { minimum_version: VERSION + 1, ..trust() };
    copy.check(&later, ModelFault::TooOld, &copy.signature, &format!("version {VERSION} is older than the minimum of"));
    fs::remove_file(&copy.signature).expect("removed");
    copy.check(&trust(), ModelFault::Unsigned, &copy.signature, "ridectl model sign");
}

#[test]
fn a_signature_is_of_its_manifest_and_of_no_other() {
    let copy = Copy::new();
    write(&copy.signature, SigningKey::new([9; 32]).sign(1, &fs::read(&copy.manifest).expect("there")).to_text());
    copy.check(&trust(), ModelFault::UnknownKey, &copy.signature, "not trusted here");
    write(&copy.signature, demo_key().sign(1, b"{}").to_text());
    copy.check(&trust(), ModelFault::BadSignature, &copy.signature, "was changed");
}

#[test]
fn a_vouched_for_model_of_another_shape_is_refused_all_the_same() {
    let copy = Copy::new();
    for (from, to) in [("testdata/wrong_shape.onnx", &copy.model), ("testdata/wrong_shape.json", &copy.manifest)] {
        fs::copy(own(from), to).expect("the committed files");
    }
    write(&copy.signature, demo_key().sign(1, &fs::read(&copy.manifest).expect("there")).to_text());
    copy.check(&trust(), ModelFault::Shape, &copy.model, "state_in");
}

/// The bits of a byte that are flipped: one in every run of the tests, all of them at night.
fn bits(at: usize) -> Vec<u8> {
    if at_night() { (0..8).map(|bit| 1 << bit).collect() } else { vec![some_bit(at)] }
}

/// Whether properties are tried on many cases, which takes minutes.
fn at_night() -> bool {
    std::env::var_os("RIDETHROUGH_CASES").is_some()
}

#[test]
fn one_changed_bit_in_any_byte_of_the_manifest_is_refused() {
    let manifest = fs::read(own("forecast.json")).expect("the committed manifest");
    let signature = fs::read(own("forecast.json.sig")).expect("the committed signature");
    let keys = trust().keys;
    assert_eq!(verify(&manifest, &signature, &keys), Ok(VERSION));
    let mut changed = manifest.clone();
    for (at, bit) in (0..manifest.len()).flat_map(|at| bits(at).into_iter().map(move |bit| (at, bit))) {
        changed[at] ^= bit;
        assert!(verify(&changed, &signature, &keys).is_err(), "bit {bit:#x} of byte {at}");
        changed[at] = manifest[at];
    }
}

#[test]
fn files_with_a_changed_bit_or_cut_short_are_refused() {
    let copy = Copy::new();
    let trust = trust();
    let refused = |what: &str, file: &Path, at: &mut dyn Iterator<Item = usize>| {
        let whole = fs::read(file).expect("there");
        let mut changed = whole.clone();
        for (at, bit) in at.flat_map(|at| bits(at).into_iter().map(move |bit| (at, bit))) {
            changed[at] ^= bit;
            write(file, &changed);
            assert!(copy.load(&trust).is_err(), "{what}: bit {bit:#x} of byte {at}");
            changed[at] = whole[at];
        }
        for length in (0..whole.len()).step_by((whole.len() / 50).max(1)).chain([whole.len() - 1]) {
            write(file, &whole[..length]);
            assert!(copy.load(&trust).is_err(), "{what}: {length} bytes");
        }
        write(file, [&whole[..], b"\n"].concat());
        assert!(copy.load(&trust).is_err(), "{what}: a byte more");
        write(file, &whole);
    };
    let length = |file: &Path| fs::read(file).expect("there").len();
    let apart = |bytes: usize| if at_night() { 1 } else { bytes };
    refused("model", &copy.model, &mut (0..length(&copy.model)).step_by(apart(29)));
    refused("manifest", &copy.manifest, &mut (0..length(&copy.manifest)).step_by(apart(101)));
    refused("signature", &copy.signature, &mut (0..length(&copy.signature)));
    copy.load(&trust).expect("whole again");
}
