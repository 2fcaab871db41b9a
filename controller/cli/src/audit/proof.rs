//! `ridectl audit prove` and `ridectl audit check`: one entry, for whoever has no log.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;

use anyhow::{Context, Result, bail};
use ridethrough_raft::audit_read::describe_entry;
use ridethrough_raft::audit_tree::prove::prove as proof_of;
use ridethrough_witness::proof::PROOF_BYTES_MAX;
use ridethrough_witness::{Checkpoint, Proof, WitnessKey};
use serde::Serialize;

use super::tree::time;
use crate::output::Output;

#[derive(Serialize)]
struct Told {
    proved: bool,
    index: u64,
    entry: String,
    entry_bytes: usize,
    signed_entries: u64,
    origin: String,
    signed_by: Vec<String>,
}

/// Writes the proof of an entry into a new file.
pub fn prove(index: u64, dir: &Path, out: &Path, output: Output) -> Result<bool> {
    let proof = proof_of(dir, index).with_context(|| dir.display().to_string())?;
    let made = OpenOptions::new().write(true).create_new(true).open(out);
    let mut made = made.with_context(|| format!("{}: cannot be made", out.display()))?;
    let written = made.write_all(proof.to_text().as_bytes()).and_then(|()| made.sync_all());
    if let Err(error) = written {
        // Half a proof is none.
        let _ = fs::remove_file(out);
        return Err(error).with_context(|| format!("{}: cannot be written", out.display()));
    }
    let checkpoint = Checkpoint::parse(&proof.note.text)?;
    let signed_by = proof.note.signatures.iter().map(|line| format!("{} (not checked)", line.name)).collect();
    tell(&proof, checkpoint, signed_by, output)
}

/// Whether one of these witnesses vouches for the entry; a negative answer says why not.
pub fn check(file: &Path, witnesses: &[WitnessKey], output: Output) -> Result<bool> {
    let mut bytes = Vec::new();
    let opened = File::open(file).with_context(|| format!("{}: cannot be read", file.display()))?;
    let read = opened.take(PROOF_BYTES_MAX + 1).read_to_end(&mut bytes);
    read.with_context(|| format!("{}: cannot be read", file.display()))?;
    if bytes.len() as u64 > PROOF_BYTES_MAX {
        bail!("{}: is larger than {PROOF_BYTES_MAX} bytes", file.display());
    }
    let proof = match Proof::parse(&bytes) {
        Ok(proof) => proof,
        Err(error) => return refuse(&format!("{}: {error}", file.display()), output),
    };
    match proof.check(witnesses) {
        Ok((checkpoint, cosigned)) => {
            let signed_by = cosigned.iter().map(|one| format!("{} at {}", one.witness.name(), time(one.unix_s)));
            tell(&proof, checkpoint, signed_by.collect(), output)
        }
        Err(error) => refuse(&format!("{}: entry {}: {error}", file.display(), proof.index), output),
    }
}

fn tell(proof: &Proof, checkpoint: Checkpoint, signed_by: Vec<String>, output: Output) -> Result<bool> {
    let told = Told {
        proved: true,
        index: proof.index,
        entry: describe_entry(proof.index, &proof.entry).unwrap_or_else(|fault| format!("an entry that {fault}")),
        entry_bytes: proof.entry.len(),
        signed_entries: checkpoint.size,
        origin: checkpoint.origin,
        signed_by,
    };
    output.print(&told, || {
        let signed_by: String = told.signed_by.iter().map(|who| format!("signed by  {who}\n")).collect();
        let (index, size, origin) = (told.index, told.signed_entries, &told.origin);
        let what = format!("{} ({} bytes)", told.entry, told.entry_bytes);
        format!("entry      {index} of the first {size} of {origin}\nwhat       {what}\n{signed_by}")
    })?;
    Ok(true)
}

#[derive(Serialize)]
struct Refused<'a> {
    proved: bool,
    refused: &'a str,
}

fn refuse(why: &str, output: Output) -> Result<bool> {
    output.print(&Refused { proved: false, refused: why }, || format!("NOT PROVED {why}\n"))?;
    Ok(false)
}
