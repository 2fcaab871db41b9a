//! Which thread feeds which ring. The only place that joins the siblings.
//!
//! ```text
//! link thread ──ring: telemetry, acks──► control thread ──ring: orders, leadership──► link thread
//!                                         │   ▲    │  ▲
//!            forecast thread ◄──ring──────┘   │    │  └── newest ledger ◄── raft (tokio) applies what is committed
//!           baselines thread ◄──ring, once a second──┤  (reads signals, keeps a file)
//!            forecast thread ──newest answer──┘    └─channel: proposals──► raft (tokio)
//! web view (tokio, a runtime of its own) ◄──newest snapshot── control thread
//! intake (tokio, a runtime of its own) ──newest signals of servers──► power ──► control, record and forecast threads, web view
//! NUT, Modbus and Redfish servers, SNMP agent (tokio, a runtime each) ◄──newest snapshot── control thread
//! link thread ──newest word on every outlet──► power
//! control thread ──ring: power of racks, once a second──► record thread
//! ```

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, bail};
use arc_swap::ArcSwap;
use ridethrough_core::site::{ServerId, Site};
use ridethrough_dashboard::{OnRequest, Server, ServerView, Snapshot};
use ridethrough_intake::{Intake, Mapping, Server as IntakeServer, Signals, Token};
use ridethrough_link::{Link, LinkConfig, Rank, Urgency, claim};
use ridethrough_model::{LoadError, ServerForecast, SignedModel};
use ridethrough_protocol::{ReplicaKeys, SessionNonce};
use ridethrough_raft::{PeerTls, Replica, ReplicaConfig, StartError};
use ridethrough_witness::SigningKey;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};

use crate::baselines::Baselines;
use crate::config::{Config, ConfigError, ForecastFiles};
use crate::control::{ControlThread, Operators, Parts};
use crate::data_folder;
use crate::described;
use crate::doors::{self, Doors, Published};
use crate::forecasting::Forecasting;
use crate::operator::explain::Wonders;
use crate::operator::{self, Afar, Denials, Desk, Shown};
use crate::power::{ServerPower, ServerReading};
use crate::recording::Recording;
use crate::service::{self, Beat};
use crate::serving::{self, Library, RuntimeUse, Servers, ServersTold, Stage};
use crate::shown_meters;
use crate::site_view::site_view;

/// Windows of elections that begin earlier want threads in real time.
const ORDINARY_ELECTION_MIN: Duration = Duration::from_millis(100);
/// How long a stopping replica may take to put its log to rest.
const STOP_DEADLINE: Duration = Duration::from_secs(5);
/// How often it looks whether that is possible.
const STOP_POLL: Duration = Duration::from_millis(5);

/// Everything that can be known to be wrong before anything starts.
struct Checked {
    config: Config,
    site_text: String,
    site: Arc<Site>,
    keys: ReplicaKeys,
    tls: PeerTls,
    mapping: Option<Mapping>,
    token: Option<Token>,
    /// A key that cannot be read costs the checkpoints, never the replica.
    witness: Result<Option<SigningKey>, ConfigError>,
}

/// Checks a configuration with all it names; returns a line that says what it is.
pub fn check(file: &Path) -> Result<String> {
    let checked = load(file)?;
    let (config, site, witness) = (&checked.config, &checked.site, checked.witness?);
    if let Some(files) = &config.forecast {
        let model = load_model(files, &RuntimeUse::default()).with_context(|| files.describe())?;
        model.runtime.map_or(Ok(()), Err).with_context(|| files.describe())?;
    }
    let [(_, days_left), _] = checked.tls.days_left(SystemTime::now());
    let mapped =
        |mapping: &Mapping| format!("{} [[signal]]s, {} series at the least", mapping.signals(), mapping.inputs());
    Ok(format!(
        "{}: replica {} of {} in cluster {:032x}, {} days of its certificate left, site {} with {} racks, {} KESMs, {} ties; \
         forecast from {}; intake: {}; {}; checkpoints: {}; page: http://{}/, which watches {} replicas",
        file.display(),
        config.replica,
        config.peers.len(),
        u128::from_be_bytes(config.cluster),
        days_left,
        site.name,
        site.racks.len(),
        site.kesms.len(),
        site.ties.len(),
        config.forecast.as_ref().map_or("the rule".into(), told),
        checked.mapping.as_ref().map_or("off".into(), mapped),
        doors::check(config, site)?,
        witness.map_or("not signed".into(), |key| format!("signed by {}", key.public())),
        config.http.listen,
        config.http.peers.len().max(1),
    ))
}

/// Where forecasts come from, for people.
fn told(files: &ForecastFiles) -> String {
    let more = files.models.as_ref().map(|folder| format!(", further models in {}", folder.display()));
    files.model.display().to_string() + &more.unwrap_or_default()
}

fn load(file: &Path) -> Result<Checked> {
    let config = Config::load(file)?;
    let site_text = std::fs::read_to_string(&config.site)
        .with_context(|| format!("{}: site: cannot be read", config.site.display()))?;
    let site = Site::parse(&config.site.display().to_string(), &site_text)?;
    let (keys, tls) = (config.read_keys()?, config.read_peer_tls()?);
    doors::check(&config, &site)?;
    let (mapping, token) = (config.read_mapping(&site)?, config.read_token()?);
    let witness = config.read_audit_key();
    Ok(Checked { config, site_text, site: Arc::new(site), keys, tls, mapping, token, witness })
}

fn load_model(files: &ForecastFiles, runtime: &RuntimeUse) -> Result<SignedModel, LoadError> {
    serving::load(files, [&files.model, &files.manifest], runtime)
}

/// What forecasts are made with. A model that is refused costs efficiency and never the replica: it runs on the rule, and
/// says so.
fn stage(forecast: Option<&ForecastFiles>, runtime: &RuntimeUse) -> (Stage, Library) {
    let Some(files) = forecast else { return (Stage::without_model(), Library::new(None, None, runtime.clone())) };
    let (mut stage, fault) = match load_model(files, runtime) {
        Ok(model) => {
            tracing::info!(model = %model.id, "forecasts come from a signed model");
            tell_runtime(model.runtime.as_ref(), runtime);
            (Stage::with_default(model), None)
        }
        Err(error) => {
            let reason = error.fault();
            tracing::error!(%error, reason = reason.as_str(), "MODEL REFUSED: forecasts come from the rule");
            (Stage::refused(reason), Some(reason))
        }
    };
    let mut library = Library::new(Some(files.clone()), fault, runtime.clone());
    library.scan().into_iter().for_each(|model| stage.add(model));
    (stage, library)
}

/// Says by what the model is run. Without its runtime it is run by our own step, as good and a little slower.
fn tell_runtime(fault: Option<&LoadError>, runtime: &RuntimeUse) {
    metrics::describe_gauge!("ridethrough_model_native", "1 while the model is run without its runtime");
    metrics::gauge!("ridethrough_model_native").set(f64::from(u8::from(fault.is_some())));
    // That it was given up was said when it was.
    if let Some(error) = fault.filter(|_| !runtime.is_given_up()) {
        tracing::error!(%error, "NO RUNTIME: the model is run by the replica's own step");
    }
}

/// Runs a replica until SIGINT or SIGTERM, or until it must stop by itself.
pub fn run(file: &Path) -> Result<()> {
    let Checked { config, site_text, site, keys, tls, mapping, token, witness } = load(file)?;
    data_folder::refuse_others(&config, &site_text)?;
    let consensus = consensus_runtime()?;
    let web = runtime("web", 1)?;
    // Every port is bound before the log is opened, so that a port in use leaves nothing half-started.
    let server = web.block_on(Server::bind(config.http.listen)).with_context(|| file.display().to_string())?;
    described::describe();
    let intake = Door::open(&config, mapping, &site).with_context(|| file.display().to_string())?;
    let doors = Doors::open(&config, |name| runtime(name, 1), &site).with_context(|| file.display().to_string())?;
    // After the recorder of metrics is there, and before Raft is: loading takes a while in which no replica could lead.
    let runtime_use = RuntimeUse::default();
    let link = open_link(&config, keys, &site).with_context(|| format!("{}: dpcn.listen", file.display()))?;
    tracing::info!(scheduling = ?link.scheduling(), "the field network is open");
    let control_thread = std::thread::current();
    let notify = Box::new(move || control_thread.unpark());
    let afar = listen_afar(&config, &web, &tls).with_context(|| file.display().to_string())?;
    let raft = ReplicaConfig { witness: signing(witness), ..replica_config(&config, &site, tls) };
    let replica = consensus.block_on(Replica::start(raft, notify)).map_err(|error| {
        let own_port = matches!(error, StartError::Bind { .. });
        let named = format!("{}: peer.address of replica {}", file.display(), config.replica);
        if own_port { anyhow::Error::from(error).context(named) } else { error.into() }
    })?;
    data_folder::mark(&config, &site_text)?;
    let replica = Arc::new(replica);
    let shown = Arc::new(ArcSwap::from_pointee(Snapshot::default()));
    let signals = intake.as_ref().map_or_else(|| Arc::new(Signals::none(Instant::now())), Door::signals);
    let power = Arc::new(ServerPower::new(&site, link.outlets(), Arc::clone(&signals)));
    let forecast_of = ServersTold::default();
    let servers = server_views(&site, &power, &forecast_of);
    let place = site_view(&site, &config);
    web.block_on(async { shown_meters::start(&site, Arc::clone(&shown)) });
    // Held until the end: they serve while their runtimes live.
    let _serving = intake.map(|door| door.serve(token));
    let published = Published { site: Arc::clone(&site), power: Arc::clone(&power), snapshot: Arc::clone(&shown) };
    let _open = doors.serve(&published, &replica);
    let tick = Duration::from_millis(site.policy.tick.get().unsigned_abs());
    let all_servers = {
        let (site, power, told) = (Arc::clone(&site), Arc::clone(&power), Arc::clone(&forecast_of));
        move || Servers::new(Arc::clone(&site), Arc::clone(&power), Arc::clone(&told))
    };
    let (first, library) = stage(config.forecast.as_ref(), &runtime_use);
    let first = first.with_servers(all_servers());
    let (files, given_up) = (config.forecast.clone(), runtime_use.clone());
    let spare = move || stage(files.as_ref(), &given_up).0.with_servers(all_servers());
    let forecasting =
        Forecasting::start(first, spare, runtime_use, tick).context("cannot start the forecast thread")?;
    let baselines = Baselines::start(Arc::clone(&site), Arc::clone(&power), config.data_dir.clone())
        .context("cannot start the baselines' thread")?;
    let recording = Recording::start(&config, &site, Arc::clone(&signals), Arc::clone(&power))
        .context("cannot start the record thread")?;
    let (asks, asked) = tokio::sync::mpsc::channel(operator::WAITING_MAX);
    let wonders = Arc::new(Wonders { site: Arc::clone(&site), queue: forecasting.wondering() });
    let on_request = OnRequest { servers, explain: explained(&wonders) };
    web.block_on(async { server.serve(place, Arc::clone(&shown), on_request) });
    let desk = Desk {
        prober: replica.prober(),
        library: Mutex::new(library),
        arrivals: forecasting.arrivals(),
        asks,
        control: std::thread::current(),
        wonders,
        folder: config.data_dir.clone(),
        drilled: config.drilled.clone(),
        site: Shown { site: Arc::clone(&site), snapshot: Arc::clone(&shown) },
        denials: Denials::default(),
    };
    web.block_on(async { operator::open(&config.data_dir, config.roles.clone(), afar, desk) });
    let ending = end_on_signal(&web)?;
    tracing::info!(replica = %config.replica, site = %site.name, "running");
    let beat = Beat::default();
    service::start(beat.clone()).context("cannot start the service's thread")?;
    let parts = Parts {
        site,
        id: config.replica,
        cluster: config.cluster,
        replica: Arc::clone(&replica),
        link,
        orders: config.dpcn_orders,
        forecasting,
        baselines,
        recording,
        signals,
        power,
        beat,
        shown,
    };
    let watched = Arc::clone(&replica);
    // Pairs with the Release in `end_on_signal`.
    let over = || ending.load(Ordering::Acquire) || watched.status().stopped.is_some();
    let control = ControlThread::new(parts, Operators::new(asked), consensus.handle());
    begin_control(&config);
    control.run(over);
    service::stopping();
    let stopped = watched.status().stopped;
    drop(watched);
    replica.prepare_to_stop();
    consensus.block_on(put_to_rest(replica));
    // Who looks for models there may hang in the runtime: nobody waits for him.
    web.shutdown_background();
    match stopped {
        Some(reason) => bail!("this replica stopped itself: {reason}"),
        None => Ok(()),
    }
}

/// The field network's thread, which wakes the thread that calls.
fn open_link(config: &Config, keys: ReplicaKeys, site: &Site) -> Result<Link> {
    let mut link = LinkConfig::new(config.dpcn_listen, keys, site.devices().collect());
    link.session = SessionNonce::new(draw()?);
    link.lan_b = config.dpcn_listen_b;
    link.outlets = site.racks.iter().map(|rack| rack.servers.len()).collect();
    link.core = config.dpcn_core;
    link.orders = config.dpcn_orders;
    link.consumer = Some(std::thread::current());
    Ok(Link::start(link)?)
}

/// Schedules this thread. Last of all: threads that are started later would take it over.
fn begin_control(config: &Config) {
    let scheduling = claim(Rank::Control, Urgency::Fifo, None);
    tracing::info!(?scheduling, "the control thread begins");
    if scheduling.urgency != Urgency::Fifo && config.election.start < ORDINARY_ELECTION_MIN {
        tracing::warn!(
            election_ms = config.election.start.as_millis(),
            "threads do not run in real time here: elections this soon will be false ones on a busy machine"
        );
    }
}

/// Where people ask from elsewhere, if anywhere.
fn listen_afar(config: &Config, web: &Runtime, tls: &PeerTls) -> Result<Option<Afar>> {
    let Some(address) = config.operators_listen else { return Ok(None) };
    let bound = web.block_on(Afar::bind(address, tls.clone()));
    bound.map(Some).with_context(|| format!("operators.listen: cannot bind {address}"))
}

/// What the web view shows of servers, made anew for whoever asks.
fn server_views(site: &Arc<Site>, power: &Arc<ServerPower>, told: &ServersTold) -> ridethrough_dashboard::Servers {
    let (site, power, told) = (Arc::clone(site), Arc::clone(power), Arc::clone(told));
    Arc::new(move || {
        let (now, told) = (Instant::now(), told.load());
        let view = |(server, id): (&ridethrough_core::site::Server, ServerId)| {
            server_view(&server.name, power.read(id, now), told.get(id.index()).copied().flatten())
        };
        site.servers.iter().zip(power.servers()).map(view).collect()
    })
}

fn explained(wonders: &Arc<Wonders>) -> ridethrough_dashboard::Explain {
    let wonders = Arc::clone(wonders);
    Arc::new(move |rack| {
        let wonders = Arc::clone(&wonders);
        Box::pin(async move { operator::explain::explain(&rack, &wonders).await })
    })
}

fn server_view(name: &str, reading: Option<ServerReading>, forecast: Option<ServerForecast>) -> ServerView {
    ServerView {
        name: name.to_owned(),
        power_watts: reading.map(|reading| reading.power.get()),
        age_ms: reading.map(|reading| u64::try_from(reading.age.as_millis()).unwrap_or(u64::MAX)),
        source: reading.map(|reading| reading.source.as_str().to_owned()),
        forecast_p50_watts: forecast.map(|forecast| forecast.p50.get()),
        forecast_peak_p99_watts: forecast.map(|forecast| forecast.peak_p99.get()),
    }
}

/// The intake, bound but not yet serving, with a runtime of its own: whoever pushes much slows down nobody else.
struct Door {
    runtime: Runtime,
    server: IntakeServer,
    intake: Arc<Intake>,
}

impl Door {
    fn open(config: &Config, mapping: Option<Mapping>, site: &Site) -> Result<Option<Self>> {
        let (Some(mapping), Some(settings)) = (mapping, &config.intake) else { return Ok(None) };
        let runtime = runtime("intake", 1)?;
        let server = runtime.block_on(IntakeServer::bind(settings.listen))?;
        let intake = Arc::new(Intake::new(site, mapping, settings.limits, Instant::now()));
        Ok(Some(Self { runtime, server, intake }))
    }

    fn signals(&self) -> Arc<Signals> {
        self.intake.signals()
    }

    fn serve(self, token: Option<Token>) -> Runtime {
        let Self { runtime, server, intake } = self;
        tracing::info!(address = %server.address(), token = token.is_some(), "the intake is open");
        runtime.block_on(async { server.serve(intake, token) });
        runtime
    }
}

/// Stops Raft once the last proposal has let go of it, so that the log is left in order.
async fn put_to_rest(mut replica: Arc<Replica>) {
    let deadline = Instant::now() + STOP_DEADLINE;
    while Instant::now() < deadline {
        match Arc::try_unwrap(replica) {
            Ok(last) => return last.stop().await,
            Err(shared) => replica = shared,
        }
        tokio::time::sleep(STOP_POLL).await;
    }
    tracing::warn!("proposals were still on their way when this replica stopped");
}

fn replica_config(config: &Config, site: &Arc<Site>, tls: PeerTls) -> ReplicaConfig {
    let listen = config.peers[&config.replica];
    ReplicaConfig {
        id: config.replica,
        cluster: config.cluster,
        dir: config.data_dir.clone(),
        listen,
        peers: config.peers.clone(),
        moved: config.moved.clone(),
        dialled: config.dialled.clone(),
        tls,
        heartbeat: config.heartbeat,
        election: config.election.clone(),
        site: Arc::clone(site),
        log: config.log,
        witness: None,
    }
}

fn runtime(name: &str, threads: usize) -> Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_name(name)
        .enable_all()
        .build()
        .with_context(|| format!("cannot start the {name} runtime"))
}

/// Raft's own runtime: its thread runs before ordinary ones where that is allowed, and so does the thread of the log, which it
/// starts. One thread, since a commit is a chain of tasks of which each wakes the next: with two, half of them wait until the
/// other thread, and often the other core, has woken up.
fn consensus_runtime() -> Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("raft")
        .on_thread_start(|| {
            claim(Rank::Consensus, Urgency::Fifo, None);
        })
        .enable_all()
        .build()
        .context("cannot start the raft runtime")
}

/// What checkpoints are signed with, if anything.
fn signing(read: Result<Option<SigningKey>, ConfigError>) -> Option<Arc<SigningKey>> {
    let key = read.unwrap_or_else(|error| {
        tracing::error!(%error, "NO CHECKPOINT of the log will be signed");
        None
    });
    key.map(Arc::new)
}

fn draw() -> Result<u64> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no randomness from the system: {error}"))?;
    Ok(u64::from_le_bytes(bytes))
}

/// A flag that SIGINT or SIGTERM raises, waking the control thread.
fn end_on_signal(runtime: &Runtime) -> Result<Arc<AtomicBool>> {
    let ending = Arc::new(AtomicBool::new(false));
    let (raised, control) = (Arc::clone(&ending), std::thread::current());
    let (mut interrupt, mut terminate) = runtime
        .block_on(async { signal(SignalKind::interrupt()).and_then(|one| Ok((one, signal(SignalKind::terminate())?))) })
        .context("cannot listen for signals")?;
    runtime.spawn(async move {
        tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
        // Pairs with the Acquire in the control loop's condition.
        raised.store(true, Ordering::Release);
        control.unpark();
    });
    Ok(ending)
}
