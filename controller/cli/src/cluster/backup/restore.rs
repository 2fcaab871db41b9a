//! A backup, put where a replica will look: once every sum is right and the log has been replayed.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use ridethrough_core::device::Fence;
use ridethrough_pki::cluster_id;
use ridethrough_raft::contents::{contents, fill_above};
use serde::Deserialize;
use serde_json::json;

use super::sums::Sums;
use super::{ABOUT, About, FORMAT, copy_file, folder_beside, put_in_place};
use crate::audit;
use crate::output::{Output, hex};

/// What of a replica's configuration is needed; the rest is for the replica.
#[derive(Debug, Deserialize)]
struct Named {
    cluster: String,
    data_dir: PathBuf,
}

/// Restores a backup for the replica of this configuration, into its empty `data_dir`. With a fence, its log goes on above
/// what devices have obeyed.
pub fn restore(from: &Path, config: &Path, above: Option<Fence>, output: Output) -> Result<bool> {
    let named = named(config)?;
    let data_dir = config.parent().unwrap_or(Path::new(".")).join(&named.data_dir);
    refuse_what_is_there(&data_dir)?;
    let sums = Sums::read(from)?;
    let about = about(from)?;
    let expected = hex(&cluster_id(&named.cluster));
    if about.cluster != expected {
        bail!("{}: is of cluster {}, {} names {expected}", from.display(), about.cluster, config.display());
    }
    sums.check(from)?;
    let made = folder_beside(&data_dir)?;
    copy(&sums, from, made.path())?;
    // Read back from the new disk: the sums say that what was copied is what was saved.
    sums.check(made.path())?;
    fs::remove_file(made.path().join(ABOUT))?;
    let replayed = verify(made.path(), &about)?;
    let filled = above.map(|fence| fill_above(made.path(), fence)).transpose()?;
    let now = contents(made.path())?;
    put_in_place(made, &data_dir)?;
    let told = json!({
        "restored": data_dir, "cluster": about.cluster, "committed_index": about.committed_index, "last_index": now.last_index,
        "term": now.term, "replayed": replayed, "filled": filled,
    });
    output.print(&told, || words(&data_dir, &about, replayed, filled))?;
    Ok(true)
}

fn named(config: &Path) -> Result<Named> {
    let text = fs::read_to_string(config).with_context(|| format!("{}: cannot be read", config.display()))?;
    toml::from_str(&text)
        .with_context(|| format!("{}: `ridethroughd check-config` says what is wrong", config.display()))
}

fn refuse_what_is_there(data_dir: &Path) -> Result<()> {
    match fs::read_dir(data_dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).with_context(|| data_dir.display().to_string()),
        Ok(mut listed) => match listed.next() {
            None => Ok(()),
            Some(_) => {
                bail!("{}: is not empty: put what is there aside, it may be all that is left", data_dir.display())
            }
        },
    }
}

fn about(from: &Path) -> Result<About> {
    let file = from.join(ABOUT);
    let text =
        fs::read_to_string(&file).with_context(|| format!("{}: cannot be read; is this a backup?", file.display()))?;
    let about: About = serde_json::from_str(&text).with_context(|| file.display().to_string())?;
    if about.format != FORMAT {
        bail!("{}: format {}, this release reads format {FORMAT}", file.display(), about.format);
    }
    Ok(about)
}

fn copy(sums: &Sums, from: &Path, to: &Path) -> Result<()> {
    for path in sums.paths() {
        let file = to.join(path);
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        }
        copy_file(&from.join(path), &file)?;
    }
    Ok(())
}

/// Replays the log as the audit does; whether it could be, since a replica that was once filled by a snapshot lacks the
/// entries before it.
fn verify(dir: &Path, about: &About) -> Result<bool> {
    let found = contents(dir)?;
    if hex(&found.cluster) != about.cluster || found.last_index != about.last_index {
        bail!("the log in the backup is not the one that {ABOUT} tells of");
    }
    if found.first_index.is_some_and(|first| first > 1) {
        return Ok(false);
    }
    let faults = audit::faults(dir)?;
    match faults.first() {
        Some(fault) => bail!("the log in the backup does not hold: {fault}"),
        None => Ok(true),
    }
}

fn words(data_dir: &Path, about: &About, replayed: bool, filled: Option<u64>) -> String {
    let committed = about.committed_index.map_or_else(|| "-".into(), |index| index.to_string());
    let judged = if replayed {
        "replayed and verified"
    } else {
        "every checksum is right; NOT replayed, since it begins with a snapshot"
    };
    let filled =
        filled.map(|entries| format!("filled    {entries} entries that carry nothing, in a term of their own\n"));
    format!(
        "done      {}, as of entry {committed} of term {}\nlog       {judged}\n{}",
        data_dir.display(),
        about.term,
        filled.unwrap_or_default()
    )
}
