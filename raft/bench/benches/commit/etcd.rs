//! Three etcd as processes, without TLS, each with its data on this disk, and a client at their leader: the nearest way to
//! a commit that etcd has.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use prost::Message;
use tokio::runtime::{Builder, Runtime};
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Channel, Endpoint};
use tonic_prost::ProstCodec;

use crate::processes::{Killed, REPLICAS, address};

const CLIENT_PORT: u16 = 2_379;
const PEER_PORT: u16 = 2_380;
/// With its key and what etcd adds, about what an idle plan of ours takes.
const VALUE_BYTES: usize = 160;
/// How long a put may take.
const DEADLINE: Duration = Duration::from_secs(5);
/// How long it may take until they have a leader.
const START_DEADLINE: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(50);

/// What is written.
#[derive(Clone, Message)]
struct PutRequest {
    #[prost(bytes = "vec", tag = "1")]
    key: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// Nothing of it is needed.
#[derive(Clone, Message)]
struct PutResponse {}

#[derive(Clone, Message)]
struct StatusRequest {}

#[derive(Clone, Message)]
struct StatusResponse {
    #[prost(message, tag = "1")]
    header: Option<Header>,
    #[prost(uint64, tag = "4")]
    leader: u64,
}

#[derive(Clone, Message)]
struct Header {
    #[prost(uint64, tag = "2")]
    member_id: u64,
}

/// Three of them, running.
pub struct Etcd {
    runtime: Runtime,
    leader: Client,
    written: u64,
    _members: Vec<Killed>,
}

/// A connection to one of them.
#[derive(Clone)]
struct Client(Grpc<Channel>);

impl Etcd {
    /// Starts them below `dir`; fails when the program is not there.
    pub fn start(dir: &Path) -> Result<Self> {
        let program = program()?;
        let members = (1..=REPLICAS).map(|id| member(&program, dir, id)).collect::<Result<_>>()?;
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let leader = runtime.block_on(leader())?;
        Ok(Self { runtime, leader, written: 0, _members: members })
    }

    /// Puts so many values one after another; how long each took.
    pub fn serial(&mut self, puts: usize) -> Result<Vec<Duration>> {
        let Self { runtime, leader, written, .. } = self;
        runtime.block_on(async {
            let mut times = Vec::with_capacity(puts);
            while times.len() < puts {
                *written += 1;
                let began = Instant::now();
                leader.put(*written).await?;
                times.push(began.elapsed());
            }
            Ok(times)
        })
    }

    /// Puts so many values, this many at a time; how long all took.
    pub fn parallel(&mut self, puts: usize, in_flight: usize) -> Result<Duration> {
        let (first, leader) = (self.written, &self.leader);
        self.written += puts as u64;
        self.runtime.block_on(async {
            let began = Instant::now();
            let clients: Vec<_> = (0..in_flight)
                .map(|nth| {
                    let (mut client, own) = (leader.clone(), (nth..puts).step_by(in_flight));
                    tokio::spawn(async move {
                        for put in own {
                            client.put(first + put as u64).await?;
                        }
                        Ok::<_, anyhow::Error>(())
                    })
                })
                .collect();
            for client in clients {
                client.await??;
            }
            Ok(began.elapsed())
        })
    }
}

impl Client {
    async fn connect(address: SocketAddr) -> Result<Self> {
        let endpoint = Endpoint::from_shared(format!("http://{address}"))?.tcp_nodelay(true).timeout(DEADLINE);
        Ok(Self(Grpc::new(endpoint.connect().await?)))
    }

    async fn put(&mut self, nth: u64) -> Result<()> {
        let request = PutRequest { key: nth.to_be_bytes().to_vec(), value: vec![7; VALUE_BYTES] };
        self.call::<_, PutResponse>(request, "/etcdserverpb.KV/Put").await?;
        Ok(())
    }

    async fn leads(&mut self) -> Result<bool> {
        let status: StatusResponse = self.call(StatusRequest {}, "/etcdserverpb.Maintenance/Status").await?;
        Ok(status.leader != 0 && status.header.is_some_and(|header| header.member_id == status.leader))
    }

    async fn call<Q, A>(&mut self, request: Q, method: &'static str) -> Result<A>
    where
        Q: Message + Send + Sync + 'static,
        A: Message + Default + Send + Sync + 'static,
    {
        self.0.ready().await?;
        let codec = ProstCodec::default();
        let answer = self.0.unary(tonic::Request::new(request), PathAndQuery::from_static(method), codec).await?;
        Ok(answer.into_inner())
    }
}

/// The one that leads, once one does.
async fn leader() -> Result<Client> {
    let until = Instant::now() + START_DEADLINE;
    while Instant::now() < until {
        for id in 1..=REPLICAS {
            // It may not listen yet.
            if let Ok(mut client) = Client::connect(address(id, CLIENT_PORT)).await
                && client.leads().await.unwrap_or(false)
            {
                return Ok(client);
            }
        }
        tokio::time::sleep(LOOK).await;
    }
    bail!("no etcd leads within {} s", START_DEADLINE.as_secs())
}

fn member(program: &Path, dir: &Path, id: u16) -> Result<Killed> {
    let url = |id, port| format!("http://{}", address(id, port));
    let all: Vec<_> = (1..=REPLICAS).map(|id| format!("e{id}={}", url(id, PEER_PORT))).collect();
    let log = File::create(dir.join(format!("etcd-{id}.log")))?;
    let mut command = Command::new(program);
    command.arg("--name").arg(format!("e{id}")).arg("--data-dir").arg(dir.join(format!("etcd-{id}")));
    command.args(["--listen-client-urls", &url(id, CLIENT_PORT), "--advertise-client-urls", &url(id, CLIENT_PORT)]);
    command.args(["--listen-peer-urls", &url(id, PEER_PORT), "--initial-advertise-peer-urls", &url(id, PEER_PORT)]);
    command.args(["--initial-cluster", &all.join(","), "--logger", "zap"]);
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
    Ok(Killed(child.with_context(|| format!("cannot start {}", program.display()))?))
}

/// Where it is: in a folder of `$PATH`, or where `cargo bench-commit` has unpacked Debian's package.
fn program() -> Result<PathBuf> {
    let unpacked = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.runtime/debian/etcd-server/usr/bin/etcd");
    let found = [PathBuf::from("etcd"), unpacked].into_iter().find(|program| {
        let mut asked = Command::new(program);
        asked.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
        asked.status().is_ok_and(|status| status.success())
    });
    found.context(
        "there is no program `etcd`: cargo bench-commit fetches it on Debian and Ubuntu, elsewhere $PATH must have it",
    )
}
