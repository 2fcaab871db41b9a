//! Opens a session that takes one thread and no more, and checks what it takes and gives.

use std::path::Path;

use ort::environment::Environment;
use ort::session::Session;
use ort::session::builder::SessionBuilder;
use ort::value::{Outlet, TensorElementType, ValueType};

use super::QUANTILES;
use crate::load_error::{LoadError, PortFault, Side};
use crate::manifest::Manifest;

pub const POWER: &str = "power";
pub const STATE_IN: &str = "state_in";
pub const OUT_QUANTILES: &str = "quantiles";
pub const OUT_MAXIMA: &str = "maxima";
pub const STATE_OUT: &str = "state_out";

/// A session over `bytes`, the model that was hashed.
pub fn open(environment: &Environment, bytes: &[u8], path: &Path) -> Result<Session, LoadError> {
    let mut builder = builder(environment).map_err(|error| refused(path, &error))?;
    builder.commit_from_memory(bytes).map_err(|error| refused(path, &error))
}

fn builder(environment: &Environment) -> ort::Result<SessionBuilder> {
    // Spinning workers made a 1 ms control thread's wake-up twenty times worse, and a step is far too small to share.
    Ok(Session::builder(environment)?
        .with_intra_threads(1)?
        .with_inter_threads(1)?
        .with_parallel_execution(false)?
        .with_intra_op_spinning(false)?
        .with_inter_op_spinning(false)?)
}

fn refused(path: &Path, error: &ort::Error) -> LoadError {
    LoadError::ModelRefused { path: path.to_path_buf(), message: error.to_string() }
}

/// Compares names, types and shapes with the manifest; -1 stands for the number of racks.
pub fn check_ports(session: &Session, manifest: &Manifest, path: &Path) -> Result<(), LoadError> {
    let size = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let state = vec![-1, size(manifest.state)];
    let inputs = [(POWER, vec![-1, 1]), (STATE_IN, state.clone())];
    let outputs = [
        (OUT_QUANTILES, vec![-1, size(manifest.horizons.len()), size(QUANTILES)]),
        (OUT_MAXIMA, vec![-1, size(manifest.spans()), size(QUANTILES)]),
        (STATE_OUT, state),
    ];
    check_side(session.inputs(), &inputs, Side::Input, path)?;
    check_side(session.outputs(), &outputs, Side::Output, path)
}

fn check_side(found: &[Outlet], expected: &[(&str, Vec<i64>)], side: Side, path: &Path) -> Result<(), LoadError> {
    let wrong = |name: &str, fault| LoadError::Port { path: path.to_path_buf(), side, name: name.to_owned(), fault };
    for (name, shape) in expected {
        let port = found.iter().find(|port| port.name() == *name).ok_or_else(|| wrong(name, PortFault::Missing))?;
        check_port(port, shape).map_err(|fault| wrong(name, fault))?;
    }
    match found.iter().find(|port| expected.iter().all(|(name, _)| port.name() != *name)) {
        Some(extra) => Err(wrong(extra.name(), PortFault::Unexpected)),
        None => Ok(()),
    }
}

fn check_port(port: &Outlet, expected: &[i64]) -> Result<(), PortFault> {
    match port.dtype() {
        ValueType::Tensor { ty: TensorElementType::Float32, shape, .. } if shape.iter().eq(expected) => Ok(()),
        ValueType::Tensor { ty: TensorElementType::Float32, shape, .. } => {
            Err(PortFault::Shape { expected: expected.to_vec(), found: shape.to_vec() })
        }
        other => Err(PortFault::Type { found: format!("{other:?}") }),
    }
}
