//! `ridectl audit keygen`.

use std::path::Path;

use anyhow::{Result, anyhow};
use ridethrough_witness::SigningKey;
use serde::Serialize;

use crate::keys::write_private;
use crate::output::Output;

#[derive(Serialize)]
struct Made {
    public: String,
}

/// Draws a witness's key. A file that is there is never written to.
pub fn run(name: &str, file: &Path, output: Output) -> Result<bool> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|error| anyhow!("no randomness from the system: {error}"))?;
    let key = SigningKey::new(name, secret).map_err(|error| anyhow!("--name: {error}"))?;
    write_private(file, &key.export())?;
    let made = Made { public: key.public().to_string() };
    output.print(&made, || format!("{}\n", made.public))?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_for_its_owner() {
        let folder = tempfile::tempdir().expect("a folder for a test");
        let file = folder.path().join("audit.key");
        run("ridethrough/demo/n1", &file, Output::Json).expect("made");
        let text = std::fs::read_to_string(&file).expect("there");
        assert_eq!(SigningKey::parse(&text).expect("a key").public().name(), "ridethrough/demo/n1");
        assert_eq!(std::fs::metadata(&file).expect("there").permissions().mode() & 0o777, 0o600);
        assert!(format!("{:#}", run("n", &file, Output::Json).expect_err("it is there")).contains("cannot be made"));
        assert_eq!(std::fs::read_to_string(&file).expect("there"), text);
        let error = run("n 1", &folder.path().join("other"), Output::Json).expect_err("a space");
        assert!(error.to_string().contains("--name: no key: expected a name"), "{error}");
    }
}
