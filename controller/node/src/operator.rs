//! The operator's socket: a Unix socket in the data folder, for whoever owns this replica and for nobody else. One request
//! on a line, one answer on a line, then it is closed. Whoever asks is named by the system (`SO_PEERCRED`), not by himself.

pub mod cluster;
mod drill;
pub mod explain;
mod members;

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Thread;
use std::time::Duration;

use crossbeam::queue::ArrayQueue;
use ridethrough_core::command::{Action, Operation};
use ridethrough_core::device::ReplicaId;
use ridethrough_core::drill::DrillNote;
use ridethrough_core::members::MemberChange;
use ridethrough_core::model::{ModelAction, ModelId, Models};
use ridethrough_model::SignedModel;
use ridethrough_raft::{Changed, Prober};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, oneshot};

pub use self::cluster::Ahead;
pub use self::drill::Drilled;
use self::explain::Wonders;
use crate::serving::{Library, Shelved};

/// The socket's name in the data folder.
const SOCKET: &str = "operator.sock";
/// Most bytes of a request.
const REQUEST_BYTES_MAX: u64 = 4_096;
/// How long a caller may take to ask.
const ASK_DEADLINE: Duration = Duration::from_secs(2);
/// How long the control thread may take to answer: a tick, and a proposal's deadline.
const ANSWER_DEADLINE: Duration = Duration::from_secs(5);
/// How long nobody is let in after the system could not hand out a caller, as when it has no more file descriptors.
const REFUSED_REST: Duration = Duration::from_millis(100);
/// How often the folder with models is looked at for what was put there since.
const FOLDER_LOOK: Duration = Duration::from_secs(10);
/// So many callers are served at once; more wait.
const CALLERS_MAX: usize = 4;
/// Questions that may wait for the control thread.
pub const WAITING_MAX: usize = 8;

/// A question for the control thread, and where its answer goes.
#[derive(Debug)]
pub struct Ask {
    /// What.
    pub what: Question,
    /// Where to.
    pub answer: oneshot::Sender<Told>,
}

/// What is asked.
#[derive(Debug)]
pub enum Question {
    /// What the log has chosen.
    Models,
    /// Who is in the cluster, and who leads.
    Cluster,
    /// Whether this would be carried out.
    Check(Operation),
    /// That this be carried out.
    Do(Operation),
}

/// What the control thread answers.
#[derive(Debug)]
pub enum Told {
    /// What the log has chosen, and what this replica does.
    Models {
        /// The log's choice.
        models: Models,
        /// What decides here.
        deciding: String,
        /// The leader that this replica knows of.
        leader: Option<u16>,
    },
    /// Who is in the cluster, and who leads.
    Cluster(serde_json::Value),
    /// Somebody else leads, as was asked for.
    HandedOver {
        /// The entry that says so.
        index: u64,
        /// Who leads now.
        leader: u16,
        /// In which term.
        term: u64,
        /// From hearing of the wish until another led.
        took: Duration,
    },
    /// The members have changed, as was asked for.
    Members {
        /// The entry that says so.
        index: u64,
        /// What came of it.
        changed: Changed,
        /// From hearing of the wish until it was committed.
        took: Duration,
    },
    /// It would be carried out.
    Would,
    /// It is committed and was carried out.
    Done {
        /// The entry.
        index: u64,
    },
    /// It is refused, with the entry that says so when one was committed.
    Refused {
        /// Why.
        why: String,
        /// The entry.
        index: Option<u64>,
    },
    /// Only the leader can do it.
    NotLeader {
        /// Who leads, as far as is known.
        leader: Option<u16>,
    },
    /// Nothing is known to have come of it.
    Failed {
        /// Why.
        why: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, tag = "command", rename_all = "lowercase")]
enum Request {
    // With braces: of a variant without fields, serde would let unknown ones pass.
    List {},
    Cluster {},
    Handover { to: u16, reason: String, dry_run: bool },
    Forget { replica: u16, although_alive: bool, reason: String, dry_run: bool },
    Add { replica: u16, address: SocketAddr, reason: String, dry_run: bool },
    Drill { drill: String, seed: u64, stage: drill::Stage, cluster: Option<String>, reason: String },
    Explain { rack: String },
    Shadow { model: String, reason: String, dry_run: bool },
    Promote { model: String, minimum: Option<u64>, reason: String, dry_run: bool },
    Rollback { minimum: Option<u64>, reason: String, dry_run: bool },
}

impl Request {
    const fn is_about_models(&self) -> bool {
        match self {
            Self::Cluster {} | Self::Handover { .. } | Self::Forget { .. } | Self::Add { .. } | Self::Drill { .. } => {
                false
            }
            Self::List {}
            | Self::Explain { .. }
            | Self::Shadow { .. }
            | Self::Promote { .. }
            | Self::Rollback { .. } => true,
        }
    }
}

/// What the socket works with.
pub struct Desk {
    /// The models of this replica's folder.
    pub library: Mutex<Library>,
    /// Where models go that were found since.
    pub arrivals: Arc<ArrayQueue<SignedModel>>,
    /// The control thread's ear.
    pub asks: mpsc::Sender<Ask>,
    /// The control thread, which is woken for every question.
    pub control: Thread,
    /// Who calls replicas that are to be members.
    pub prober: Prober,
    /// Where explanations of forecasts come from.
    pub wonders: Wonders,
    /// Whether it may be drilled.
    pub drilled: Drilled,
}

/// Opens the socket on this runtime's context. A replica whose socket cannot be opened runs without it.
pub fn open(data_dir: &Path, desk: Desk) {
    let path = data_dir.join(SOCKET);
    let desk = Arc::new(desk);
    tokio::spawn(look_for_models(Arc::clone(&desk)));
    match bind(&path) {
        Ok((listener, owner)) => drop(tokio::spawn(listen(listener, owner, desk))),
        Err(error) => tracing::error!(path = %path.display(), %error, "operators cannot reach this replica"),
    }
}

/// The log's lock says that no other replica has this folder: what lies there is left from before.
fn bind(path: &PathBuf) -> std::io::Result<(UnixListener, u32)> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok((listener, std::fs::metadata(path)?.uid()))
}

/// Finds what was put into the folder with models, so that a replica has what another one's operator promotes.
async fn look_for_models(desk: Arc<Desk>) {
    let mut looks = tokio::time::interval(FOLDER_LOOK);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        let desk = Arc::clone(&desk);
        let look = tokio::task::spawn_blocking(move || {
            if desk.library.lock().unwrap_or_else(PoisonError::into_inner).has_changed() {
                rescan(&desk);
            }
        });
        // One that is cancelled ends with the runtime.
        drop(look.await);
    }
}

async fn listen(listener: UnixListener, owner: u32, desk: Arc<Desk>) {
    let places = Arc::new(Semaphore::new(CALLERS_MAX));
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "an operator could not be let in");
                tokio::time::sleep(REFUSED_REST).await;
                continue;
            }
        };
        let desk = Arc::clone(&desk);
        tokio::spawn(async move {
            serve(stream, owner, &desk).await;
            drop(place);
        });
    }
}

async fn serve(stream: UnixStream, owner: u32, desk: &Desk) {
    let Ok(caller) = stream.peer_cred().map(|cred| cred.uid()) else { return };
    // The file's mode says the same; it is asked again because a folder can be opened to others by mistake.
    if caller != owner && caller != 0 {
        return;
    }
    let mut stream = BufReader::new(stream);
    let mut line = Vec::new();
    let mut limited = (&mut stream).take(REQUEST_BYTES_MAX);
    let asked = tokio::time::timeout(ASK_DEADLINE, limited.read_until(b'\n', &mut line)).await;
    let answer = match asked {
        Ok(Ok(_)) if line.ends_with(b"\n") => answer(&line, caller, desk).await,
        Ok(_) => failed(&format!("expected one line of at most {REQUEST_BYTES_MAX} bytes")),
        Err(_) => failed("no request came"),
    };
    let text = answer.to_string() + "\n";
    // A caller that has gone away is answered by nobody; what was committed stands.
    drop(tokio::time::timeout(ASK_DEADLINE, stream.get_mut().write_all(text.as_bytes())).await);
}

async fn answer(line: &[u8], caller: u32, desk: &Desk) -> serde_json::Value {
    let request: Request = match serde_json::from_slice(line) {
        Ok(request) => request,
        Err(error) => return failed(&format!("no request: {error}")),
    };
    if request.is_about_models() {
        // Whoever asks may have put files there a moment ago. Loading takes a while: this runtime is for readers.
        tokio::task::block_in_place(|| rescan(desk));
    }
    let (action, reason, dry_run) = match request {
        Request::Cluster {} => return told(ask(Question::Cluster, desk).await, desk),
        Request::Handover { to, reason, dry_run } => (Ok(Action::HandOver(ReplicaId(to))), reason, dry_run),
        Request::Forget { replica, although_alive, reason, dry_run } => {
            let replica = ReplicaId(replica);
            (Ok(Action::Members(MemberChange::Forget { replica, although_alive })), reason, dry_run)
        }
        Request::Add { replica, address, reason, dry_run } => {
            let replica = ReplicaId(replica);
            (Ok(Action::Members(MemberChange::Add { replica, address })), reason, dry_run)
        }
        Request::Drill { drill, seed, stage, cluster, reason } => {
            let note = DrillNote { drill, seed, stage: stage.into() };
            return told(drill::note(note, cluster.as_deref(), reason, caller, desk).await, desk);
        }
        Request::List {} => return told(ask(Question::Models, desk).await, desk),
        Request::Explain { rack } => return explain::explain(&rack, &desk.wonders).await,
        Request::Shadow { model, reason, dry_run } => {
            (named(desk, &model).map(|model| Action::Model(ModelAction::Shadow(model))), reason, dry_run)
        }
        Request::Promote { model, minimum, reason, dry_run } => {
            let promote = |model| Action::Model(ModelAction::Promote { model, minimum });
            (named(desk, &model).map(promote), reason, dry_run)
        }
        Request::Rollback { minimum, reason, dry_run } => {
            (Ok(Action::Model(ModelAction::Rollback { minimum })), reason, dry_run)
        }
    };
    let action = match action {
        Ok(action) => action,
        Err(why) => return told(Told::Refused { why, index: None }, desk),
    };
    let operation = Operation { actor: actor(caller), reason, action };
    if let Err(refused) = members::greet(&operation, desk).await {
        return told(refused, desk);
    }
    let question = if dry_run { Question::Check(operation) } else { Question::Do(operation) };
    told(ask(question, desk).await, desk)
}

async fn ask(what: Question, desk: &Desk) -> Told {
    let (answer, told) = oneshot::channel();
    let deadline = members::deadline(&what).unwrap_or(ANSWER_DEADLINE);
    if desk.asks.try_send(Ask { what, answer }).is_err() {
        return Told::Failed { why: "too many operators ask at once: try again".into() };
    }
    desk.control.unpark();
    match tokio::time::timeout(deadline, told).await {
        Ok(Ok(told)) => told,
        _ => Told::Failed { why: "no answer in time: look at the log before trying again".into() },
    }
}

fn rescan(desk: &Desk) {
    let new = desk.library.lock().unwrap_or_else(PoisonError::into_inner).scan();
    for model in new {
        tracing::info!(model = %model.id, "one more signed model");
        drop(desk.arrivals.push(model));
    }
}

fn named(desk: &Desk, name: &str) -> Result<ModelId, String> {
    let library = desk.library.lock().unwrap_or_else(PoisonError::into_inner);
    match library.find(name).map(|shelved| &shelved.what) {
        Some(Ok(id)) => Ok(*id),
        Some(Err((_, why))) => Err(why.clone()),
        None => Err(format!("there is no model `{}` in forecast.models", name.escape_debug())),
    }
}

fn told(told: Told, desk: &Desk) -> serde_json::Value {
    use serde_json::json;
    match told {
        Told::Models { models, deciding, leader } => {
            let library = desk.library.lock().unwrap_or_else(PoisonError::into_inner);
            let name = |id: Option<ModelId>| id.map(|id| id.to_string());
            json!({
                "deciding": deciding,
                "active": name(models.active),
                "shadow": name(models.shadow),
                "previous": name(models.previous),
                "minimum_version": models.minimum_version,
                "leader": leader,
                "models": library.shelf.iter().map(shelved).collect::<Vec<_>>(),
            })
        }
        Told::Cluster(status) => status,
        Told::HandedOver { index, leader, term, took } => {
            json!({ "index": index, "leader": leader, "term": term, "took_ms": cluster::millis(took) })
        }
        Told::Members { index, changed, took } => members::told(index, &changed, took),
        Told::Would => json!({ "would": true }),
        Told::Done { index } => json!({ "index": index }),
        Told::Refused { why, index } => json!({ "refused": why, "index": index }),
        Told::NotLeader { leader } => {
            let who = leader.map_or_else(|| "nobody leads at present".into(), |id| format!("n{id} leads: ask it"));
            json!({ "refused": format!("this replica does not lead; {who}"), "leader": leader })
        }
        Told::Failed { why } => failed(&why),
    }
}

fn shelved(shelved: &Shelved) -> serde_json::Value {
    match &shelved.what {
        Ok(id) => serde_json::json!({ "name": shelved.name, "model": id.to_string() }),
        Err((fault, why)) => {
            serde_json::json!({ "name": shelved.name, "refused": fault.as_str(), "why": why })
        }
    }
}

fn failed(why: &str) -> serde_json::Value {
    serde_json::json!({ "error": why })
}

/// The caller as the log names him: by the system's number, and by his name where the system has one.
fn actor(uid: u32) -> String {
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.chars().take(64).collect::<String>())
    });
    name.map_or_else(|| format!("uid {uid}"), |name| format!("{name} (uid {uid})"))
}

#[cfg(test)]
mod tests;
