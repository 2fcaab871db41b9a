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
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use arc_swap::ArcSwap;
use ridethrough_core::site::Site;
use ridethrough_dashboard::{OnRequest, Server, Snapshot};
use ridethrough_intake::Signals;
use ridethrough_link::{Rank, Urgency, claim};
use ridethrough_raft::Replica;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use crate::baselines::Baselines;
use crate::checked::{self, Checked};
use crate::config::Config;
use crate::consensus;
use crate::control::{ControlThread, Operators, Parts};
use crate::data_folder;
use crate::doors::Published;
use crate::ending;
use crate::forecasting::Forecasting;
use crate::intake::IntakeDoor;
use crate::operator::explain::{self, Wonders};
use crate::operator::{self, Afar, Ask, Denials, Desk, Shown};
use crate::ports::Ports;
use crate::power::ServerPower;
use crate::recording::Recording;
use crate::runtimes;
use crate::server_views::server_views;
use crate::service::{self, Beat};
use crate::serving::{Library, RuntimeUse, Servers, ServersTold, configured};
use crate::shown_meters;
use crate::site_view::site_view;

/// Windows of elections that begin earlier want threads in real time.
const ORDINARY_ELECTION_MIN: Duration = Duration::from_millis(100);

/// What some threads publish and others read.
struct Shared {
    site: Arc<Site>,
    signals: Arc<Signals>,
    power: Arc<ServerPower>,
    forecast_of: ServersTold,
    shown: Arc<ArcSwap<Snapshot>>,
}

/// Runs a replica until SIGINT or SIGTERM, or until it must stop by itself.
pub fn run(file: &Path) -> Result<()> {
    let Checked { config, site_text, site, keys, tls, mapping, token, witness } = checked::load(file)?;
    data_folder::refuse_others(&config, &site_text)?;
    let raft = runtimes::consensus()?;
    let web = runtimes::ordinary("web")?;
    let bound = Ports::bind(&config, &site, keys, mapping, &tls, &web).with_context(|| file.display().to_string())?;
    let replica = Arc::new(consensus::start(file, &config, &site, tls, witness, &raft)?);
    data_folder::mark(&config, &site_text)?;
    let shared = Shared::of(site, &bound);
    let Ports { page, intake, doors, link, afar } = bound;
    web.block_on(async { shown_meters::start(&shared.site, Arc::clone(&shared.shown)) });
    // Held until the end: they serve while their runtimes live.
    let _intake = intake.map(|door| door.serve(token));
    let _doors = doors.serve(&shared.published(), &replica);
    let (forecasting, library) = start_forecasting(&config, &shared)?;
    let baselines = Baselines::start(Arc::clone(&shared.site), Arc::clone(&shared.power), config.data_dir.clone())
        .context("cannot start the baselines' thread")?;
    let recording = Recording::start(&config, &shared.site, Arc::clone(&shared.signals), Arc::clone(&shared.power))
        .context("cannot start the record thread")?;
    serve_page(page, &config, &shared, &forecasting, &web);
    let asked = open_desk(afar, &config, &shared, &replica, &forecasting, library, &web);
    let ending = ending::on_signal(&web)?;
    tracing::info!(replica = %config.replica, site = %shared.site.name, "running");
    let beat = Beat::default();
    service::start(beat.clone()).context("cannot start the service's thread")?;
    let parts = Parts {
        site: shared.site,
        id: config.replica,
        cluster: config.cluster,
        replica: Arc::clone(&replica),
        link,
        orders: config.dpcn_orders,
        forecasting,
        baselines,
        recording,
        signals: shared.signals,
        power: shared.power,
        beat,
        shown: shared.shown,
    };
    let control = ControlThread::new(parts, Operators::new(asked), raft.handle());
    begin_control(&config);
    // Pairs with the Release in `ending::on_signal`.
    control.run(|| ending.load(Ordering::Acquire) || replica.status().stopped.is_some());
    service::stopping();
    stop(replica, &raft, web)
}

impl Shared {
    fn of(site: Arc<Site>, ports: &Ports) -> Self {
        let unheard = || Arc::new(Signals::none(Instant::now()));
        let signals = ports.intake.as_ref().map_or_else(unheard, IntakeDoor::signals);
        let power = Arc::new(ServerPower::new(&site, ports.link.outlets(), Arc::clone(&signals)));
        let shown = Arc::new(ArcSwap::from_pointee(Snapshot::default()));
        Self { site, signals, power, forecast_of: ServersTold::default(), shown }
    }

    /// What servers for the tools of others read.
    fn published(&self) -> Published {
        let (site, power, snapshot) = (Arc::clone(&self.site), Arc::clone(&self.power), Arc::clone(&self.shown));
        Published { site, power, snapshot }
    }

    /// Makes what the forecast's thread reads of servers, and tells of them; anew for every thread that takes over.
    fn servers(&self) -> impl Fn() -> Servers + Send + 'static + use<> {
        let (site, power, told) = (Arc::clone(&self.site), Arc::clone(&self.power), Arc::clone(&self.forecast_of));
        move || Servers::new(Arc::clone(&site), Arc::clone(&power), Arc::clone(&told))
    }
}

/// Starts the forecast's thread, with what it begins with and what another one would begin with, should it be given up.
fn start_forecasting(config: &Config, shared: &Shared) -> Result<(Forecasting, Library)> {
    let tick = Duration::from_millis(shared.site.policy.tick.get().unsigned_abs());
    let (runtime_use, servers) = (RuntimeUse::default(), shared.servers());
    let (first, library) = configured::stage(config.forecast.as_ref(), &runtime_use);
    let first = first.with_servers(servers());
    let (files, given_up) = (config.forecast.clone(), runtime_use.clone());
    let spare = move || configured::stage(files.as_ref(), &given_up).0.with_servers(servers());
    let started = Forecasting::start(first, spare, runtime_use, tick);
    Ok((started.context("cannot start the forecast thread")?, library))
}

/// Where those who wonder about a forecast wait for its thread.
fn wonders(shared: &Shared, forecasting: &Forecasting) -> Arc<Wonders> {
    Arc::new(Wonders { site: Arc::clone(&shared.site), queue: forecasting.wondering() })
}

fn serve_page(page: Server, config: &Config, shared: &Shared, forecasting: &Forecasting, web: &Runtime) {
    let place = site_view(&shared.site, config);
    let servers = server_views(&shared.site, &shared.power, &shared.forecast_of);
    let on_request = OnRequest { servers, explain: explain::at_the_page(wonders(shared, forecasting)) };
    web.block_on(async { page.serve(place, Arc::clone(&shared.shown), on_request) });
}

/// Opens the operators' socket, and the port for those who are elsewhere. What they ask comes to the thread that calls.
fn open_desk(
    afar: Option<Afar>,
    config: &Config,
    shared: &Shared,
    replica: &Replica,
    forecasting: &Forecasting,
    library: Library,
    web: &Runtime,
) -> mpsc::Receiver<Ask> {
    let (asks, asked) = mpsc::channel(operator::WAITING_MAX);
    let desk = Desk {
        prober: replica.prober(),
        library: Mutex::new(library),
        arrivals: forecasting.arrivals(),
        asks,
        control: std::thread::current(),
        wonders: wonders(shared, forecasting),
        folder: config.data_dir.clone(),
        drilled: config.drilled.clone(),
        site: Shown { site: Arc::clone(&shared.site), snapshot: Arc::clone(&shared.shown) },
        denials: Denials::default(),
    };
    web.block_on(async { operator::open(&config.data_dir, config.roles.clone(), afar, desk) });
    asked
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

/// Puts everything to rest once the control thread has ended; an error when this replica had to stop by itself.
fn stop(replica: Arc<Replica>, raft: &Runtime, web: Runtime) -> Result<()> {
    let stopped = replica.status().stopped;
    replica.prepare_to_stop();
    raft.block_on(ending::put_to_rest(replica));
    // Who looks for models there may hang in the runtime: nobody waits for him.
    web.shutdown_background();
    match stopped {
        Some(reason) => bail!("this replica stopped itself: {reason}"),
        None => Ok(()),
    }
}
