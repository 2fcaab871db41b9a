//! Every bad file gives an error that names it and says what is wrong.

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use ridethrough_model::{LoadError, ModelFiles, OnnxForecast, PortFault, Side};
use support::{load, own, runtime};
use tempfile::TempDir;

/// A copy of the committed model and manifest, each through an edit.
struct Copy {
    _dir: TempDir,
    model: PathBuf,
    manifest: PathBuf,
}

fn copy(edit_model: impl FnOnce(&mut Vec<u8>), edit_manifest: impl FnOnce(&mut String)) -> Copy {
    let dir = TempDir::new().expect("a temporary folder");
    let mut model = fs::read(own("forecast.onnx")).expect("the committed model");
    let mut manifest = fs::read_to_string(own("forecast.json")).expect("the committed manifest");
    edit_model(&mut model);
    edit_manifest(&mut manifest);
    let (model_path, manifest_path) = (dir.path().join("m.onnx"), dir.path().join("m.json"));
    fs::write(&model_path, model).expect("writes");
    fs::write(&manifest_path, manifest).expect("writes");
    Copy { _dir: dir, model: model_path, manifest: manifest_path }
}

fn refused(copy: &Copy) -> LoadError {
    load(&copy.model, &copy.manifest).expect_err("must be refused")
}

#[track_caller]
fn check_damaged(edit: impl FnOnce(&mut Vec<u8>)) {
    let damaged = copy(edit, |_| ());
    match refused(&damaged) {
        LoadError::HashMismatch { path, expected, found } => {
            assert_eq!(path, damaged.model);
            assert!(expected != found && expected.len() == 64 && found.len() == 64);
        }
        other => panic!("{other}"),
    }
}

#[track_caller]
fn check_field(from: &str, to: &str, field: &str) {
    let edited = copy(|_| (), |text| *text = text.replacen(from, to, 1));
    match refused(&edited) {
        LoadError::ManifestField { path, field: named, .. } => assert_eq!((path, named), (edited.manifest, field)),
        other => panic!("{other}"),
    }
}

#[test]
fn the_committed_model_loads() {
    let model = support::committed();
    let manifest = fs::read_to_string(own("forecast.json")).expect("the committed manifest");
    let hash8 = u64::from_be_bytes(model.hash8());
    assert!(manifest.contains(&format!("\"sha256\": \"{hash8:016x}")));
}

#[test]
fn a_damaged_model_is_told_by_its_hash() {
    check_damaged(|bytes| bytes.truncate(bytes.len() / 2));
    check_damaged(Vec::clear);
    check_damaged(|bytes| bytes[20_000] ^= 0x10);
}

#[test]
fn a_missing_runtime_says_how_to_fetch_it() {
    let (model, manifest) = (own("forecast.onnx"), own("forecast.json"));
    let nowhere = Path::new("/nonexistent/libonnxruntime.so");
    let files = ModelFiles { model: &model, manifest: &manifest, runtime: nowhere };
    let error = OnnxForecast::load(files).expect_err("must be refused");
    assert!(matches!(&error, LoadError::RuntimeMissing { path } if path == nowhere));
    assert!(error.to_string().contains("cargo xtask setup"), "{error}");
}

#[test]
fn a_truncated_runtime_is_never_loaded() {
    let dir = TempDir::new().expect("a temporary folder");
    let path = dir.path().join("libonnxruntime.so");
    let mut bytes = fs::read(runtime()).expect("the runtime");
    bytes.truncate(1 << 20);
    fs::write(&path, bytes).expect("writes");
    let (model, manifest) = (own("forecast.onnx"), own("forecast.json"));
    let error = OnnxForecast::load(ModelFiles { model: &model, manifest: &manifest, runtime: &path });
    assert!(matches!(error, Err(LoadError::HashMismatch { path: named, .. }) if named == path));
}

#[test]
fn a_missing_or_huge_file_is_named() {
    let absent = own("absent.onnx");
    let error = load(&absent, &own("forecast.json")).expect_err("must be refused");
    assert!(matches!(&error, LoadError::Unreadable { path, .. } if *path == absent), "{error}");
    let huge = copy(|_| (), |text| text.push_str(&" ".repeat(1 << 20)));
    assert!(matches!(refused(&huge), LoadError::TooLarge { path, .. } if path == huge.manifest));
}

#[test]
fn a_model_of_another_shape_is_refused_by_port() {
    let error = load(&own("testdata/wrong_shape.onnx"), &own("testdata/wrong_shape.json")).expect_err("refused");
    let LoadError::Port { path, side: Side::Input, name, fault } = error else { panic!("{error}") };
    assert_eq!((path, name.as_str()), (own("testdata/wrong_shape.onnx"), "state_in"));
    assert_eq!(fault, PortFault::Shape { expected: vec![-1, 195], found: vec![-1, 8] });
}

#[test]
fn manifest_errors_name_the_field() {
    check_field("\"format\": 3", "\"format\": 2", "format");
    check_field("\"period_ms\": 1000", "\"period_ms\": 100", "period_ms");
    check_field("\"sha256\": \"", "\"sha256\": \"Z", "sha256");
    check_field("0.99", "0.95", "quantiles");
    check_field("\"name\": \"power\"", "\"name\": \"watts\"", "inputs");
    check_field("\"name\": \"maxima\"", "\"name\": \"peak\"", "outputs");
    let unknown = copy(|_| (), |text| *text = text.replacen("\"opset\"", "\"opsett\"", 1));
    let error = refused(&unknown);
    assert!(matches!(error, LoadError::ManifestSyntax { .. }) && error.to_string().contains("opsett"), "{error}");
}
