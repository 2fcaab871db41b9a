//! The keys and passwords of a demo: drawn anew, and left in files that only their owner can read.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::Result;
use ridethrough_protocol::{KeyEpoch, Keyring, SiteSecret};
use ridethrough_witness::{SigningKey, WitnessKey};

/// The public half of the key that the committed model is signed with. Its secret half is committed, too: it protects
/// nothing, and nobody but the demo and tests may trust it.
pub const DEMO_MODEL_KEY: &str = include_str!("../../../../model/demo-signing.pub");

/// The file with the NUT server's users in the demo's folder, and who is in it.
pub(super) const NUT_USERS: &str = "nut.users";
/// The user that hosts log in as.
pub const NUT_USER: &str = "hosts";

/// Draws the password of the hosts, of which the demo has one user, and leaves it in the file of users.
pub(super) fn draw_nut_users(home: &Path) -> Result<()> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no randomness from the system: {error}"))?;
    let password: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let text = format!("[[user]]\nname = \"{NUT_USER}\"\npassword = \"{password}\"\nrole = \"secondary\"\n");
    write_private(&home.join(NUT_USERS), &text)
}

/// Draws the site's secret and leaves it in a file.
pub(super) fn draw_keyring(file: &Path) -> Result<Keyring> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|error| anyhow::anyhow!("no randomness from the system: {error}"))?;
    let keyring = Keyring::new(KeyEpoch::FIRST, SiteSecret::new(secret));
    write_private(file, &keyring.export())?;
    Ok(keyring)
}

/// Draws the key that a replica signs checkpoints with, and leaves it in a file.
pub(super) fn draw_witness(id: u16, file: &Path) -> Result<WitnessKey> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|error| anyhow::anyhow!("no randomness from the system: {error}"))?;
    let key = SigningKey::new(&format!("ridethrough/demo/n{id}"), secret)?;
    write_private(file, &key.export())?;
    Ok(key.public())
}

/// A new file that only its owner can read.
pub(in crate::demo) fn write_private(file: &Path, text: &str) -> Result<()> {
    let mut file: File = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    Ok(file.write_all(text.as_bytes())?)
}
