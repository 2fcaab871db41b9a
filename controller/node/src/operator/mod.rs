//! The operator's socket: a Unix socket in the data folder. One request on a line, one answer on a line, then it is closed. Whoever asks is
//! named by the system (`SO_PEERCRED`), not by himself, and asks for no more than his role allows.
//!
//! | module | subject |
//! |---|---|
//! | this one | the socket, its limits, the way of a request |
//! | `request` | what can be asked, and by whom |
//! | `afar` | people who ask from elsewhere, by certificate |
//! | `roles`, `people` | who has which role |
//! | `denial` | what becomes of what a role does not allow |
//! | `names` | what people call things |
//! | `told` | what is answered |
//! | `cluster`, `members`, `drill`, `evidence`, `explain`, `site` | one kind of request each |

pub mod afar;
pub mod cluster;
mod denial;
mod drill;
mod evidence;
pub mod explain;
mod members;
mod names;
mod people;
mod request;
pub mod roles;
mod site;
mod told;

use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Thread;
use std::time::Duration;

use crossbeam::queue::ArrayQueue;
use ridethrough_core::command::Operation;
use ridethrough_core::operate::TransferRequest;
use ridethrough_core::request::RequestId;
use ridethrough_model::SignedModel;
use ridethrough_raft::Prober;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, oneshot};

pub use self::afar::Afar;
pub use self::cluster::Ahead;
pub use self::denial::Denials;
pub use self::drill::Drilled;
use self::explain::Wonders;
pub use self::request::Operator;
use self::request::{Asked, Numbered, What, Wish};
use self::roles::{Caller, Given, Roles};
pub use self::site::Shown;
pub use self::told::Told;
use crate::serving::Library;

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
    /// Whether this request was carried out.
    Outcome(RequestId),
    /// Whether this would be carried out.
    Check(Operation),
    /// That this be carried out.
    Do(Operation),
    /// That a transfer be found, and carried out unless only that was asked.
    Transfer {
        /// Which.
        request: TransferRequest,
        /// Who asks.
        operator: Operator,
        /// Only whether it would be.
        dry_run: bool,
    },
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
    pub wonders: Arc<Wonders>,
    /// This replica's data folder.
    pub folder: PathBuf,
    /// Whether it may be drilled.
    pub drilled: Drilled,
    /// The site, and how it is.
    pub site: Shown,
    /// When the log was last told of somebody who asked for too much.
    pub denials: Denials,
}

/// Opens the socket on this runtime's context. A replica whose socket cannot be opened runs without it.
pub fn open(data_dir: &Path, given: Given, afar: Option<Afar>, desk: Desk) {
    let path = data_dir.join(SOCKET);
    let desk = Arc::new(desk);
    tokio::spawn(look_for_models(Arc::clone(&desk)));
    match bind(&path, given) {
        Ok((listener, roles)) => {
            let roles = Arc::new(roles);
            if let Some(afar) = afar {
                tokio::spawn(afar.listen(Arc::clone(&roles), Arc::clone(&desk)));
            }
            drop(tokio::spawn(listen(listener, roles, desk)));
        }
        Err(error) => tracing::error!(path = %path.display(), %error, "operators cannot reach this replica"),
    }
}

/// The log's lock says that no other replica has this folder: what lies there is left from before.
fn bind(path: &PathBuf, given: Given) -> std::io::Result<(UnixListener, Roles)> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    let roles = Roles::new(std::fs::metadata(path)?.uid(), given);
    // Where others have a role, everybody who reaches the folder may knock, and is asked who he is.
    let mode = if roles.are_given() { 0o666 } else { 0o600 };
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    Ok((listener, roles))
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

async fn listen(listener: UnixListener, roles: Arc<Roles>, desk: Arc<Desk>) {
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
        let (desk, roles) = (Arc::clone(&desk), Arc::clone(&roles));
        tokio::spawn(async move {
            serve_user(stream, &roles, &desk).await;
            drop(place);
        });
    }
}

async fn serve_user(stream: UnixStream, roles: &Roles, desk: &Desk) {
    let Ok(caller) = stream.peer_cred().map(|cred| Caller::User(cred.uid())) else { return };
    // The file's mode says the same; it is asked again because a folder can be opened to others by mistake.
    if !roles.are_given() && roles.of(&caller).is_none() {
        return say(stream, &failed("only the replica's owner is answered")).await;
    }
    serve(stream, &caller, roles, desk).await;
}

/// Hears one request and answers it.
async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, caller: &Caller, roles: &Roles, desk: &Desk) {
    let mut stream = BufReader::new(stream);
    let mut line = Vec::new();
    let mut limited = (&mut stream).take(REQUEST_BYTES_MAX);
    let asked = tokio::time::timeout(ASK_DEADLINE, limited.read_until(b'\n', &mut line)).await;
    let answer = match asked {
        Ok(Ok(_)) if line.ends_with(b"\n") => answer(&line, caller, roles, desk).await,
        Ok(_) => failed(&format!("expected one line of at most {REQUEST_BYTES_MAX} bytes")),
        Err(_) => failed("no request came"),
    };
    say(stream.get_mut(), &answer).await;
}

async fn say(mut to: impl AsyncWrite + Unpin, answer: &serde_json::Value) {
    let text = answer.to_string() + "\n";
    // A caller that has gone away is answered by nobody; what was committed stands.
    drop(tokio::time::timeout(ASK_DEADLINE, to.write_all(text.as_bytes())).await);
}

async fn answer(line: &[u8], caller: &Caller, roles: &Roles, desk: &Desk) -> serde_json::Value {
    let Numbered { request, number } = match Numbered::read(line) {
        Ok(read) => read,
        Err(error) => return failed(&format!("no request: {error}")),
    };
    if let Err(why) = roles.admit(caller, request.need()) {
        return told::json(denial::note(&request, why, caller, desk).await, desk);
    }
    if request.is_about_models() {
        // Whoever asks may have put files there a moment ago. Loading takes a while: this runtime is for readers.
        tokio::task::block_in_place(|| rescan(desk));
    }
    match request.understood(desk, caller) {
        Ok(Asked::Site) => desk.site.shown(),
        // Reading takes a while: this runtime is for readers.
        Ok(Asked::Evidence(None)) => tokio::task::block_in_place(|| evidence::list(&desk.folder)),
        Ok(Asked::Evidence(Some((name, offset)))) => {
            tokio::task::block_in_place(|| evidence::piece(&desk.folder, &name, offset))
        }
        Ok(Asked::Explain(rack)) => explain::explain(&rack, &desk.wonders).await,
        Ok(Asked::Question(question)) => told::json(ask(question, desk).await, desk),
        Ok(Asked::Drill { note, cluster, reason }) => {
            let operator = Operator { request: number, actor: caller.to_string(), reason };
            told::json(drill::note(note, cluster.as_deref(), operator, desk).await, desk)
        }
        Ok(Asked::Wish(wish)) => told::json(carry_out(wish, number, caller, desk).await, desk),
        Err(why) => told::json(Told::Refused { why, index: None }, desk),
    }
}

async fn carry_out(wish: Wish, request: RequestId, caller: &Caller, desk: &Desk) -> Told {
    let Wish { what, reason, dry_run } = wish;
    let operator = Operator { request, actor: caller.to_string(), reason };
    let operation = match what {
        What::Transfer(request) => return ask(Question::Transfer { request, operator, dry_run }, desk).await,
        What::Action(action) => operator.asks(action),
    };
    if let Err(refused) = members::greet(&operation, desk).await {
        return refused;
    }
    ask(if dry_run { Question::Check(operation) } else { Question::Do(operation) }, desk).await
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
        _ => Told::Unknown { why: "no answer in time: look at the log before trying again".into() },
    }
}

fn rescan(desk: &Desk) {
    let new = desk.library.lock().unwrap_or_else(PoisonError::into_inner).scan();
    for model in new {
        tracing::info!(model = %model.id, "one more signed model");
        drop(desk.arrivals.push(model));
    }
}

fn failed(why: &str) -> serde_json::Value {
    serde_json::json!({ "error": why })
}

#[cfg(test)]
mod tests;
