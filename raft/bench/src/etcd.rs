//! Three etcd as processes, without TLS, each with its data on this disk, and clients of them.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use prost::Message;
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

/// How soon a silent leader is taken for lost, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Between two heartbeats.
    pub heartbeat_ms: u32,
    /// Without one. etcd wants at least five heartbeats, and waits up to twice as long.
    pub election_ms: u32,
}

/// Three of them.
#[derive(Debug)]
pub struct Members {
    program: PathBuf,
    dir: PathBuf,
    pace: Option<Pace>,
    running: [Option<Killed>; REPLICAS as usize],
}

/// A connection to one of them.
#[derive(Clone, Debug)]
pub struct Client(Grpc<Channel>);

impl Members {
    /// Starts them below `dir`, at etcd's own pace if no other is given; fails when the program is not there.
    pub fn start(dir: &Path, pace: Option<Pace>) -> Result<Self> {
        let mut members = Self { program: program()?, dir: dir.to_owned(), pace, running: [const { None }; 3] };
        (1..=REPLICAS).try_for_each(|id| members.start_one(id))?;
        Ok(members)
    }

    /// Starts one that does not run, with the data that it has.
    pub fn start_one(&mut self, id: u16) -> Result<()> {
        let url = |id, port| format!("http://{}", address(id, port));
        let all: Vec<_> = (1..=REPLICAS).map(|id| format!("e{id}={}", url(id, PEER_PORT))).collect();
        let log = File::options().create(true).append(true).open(self.dir.join(format!("etcd-{id}.log")))?;
        let mut command = Command::new(&self.program);
        command.arg("--name").arg(format!("e{id}")).arg("--data-dir").arg(self.dir.join(format!("etcd-{id}")));
        command.args(["--listen-client-urls", &url(id, CLIENT_PORT), "--advertise-client-urls", &url(id, CLIENT_PORT)]);
        command.args(["--listen-peer-urls", &url(id, PEER_PORT), "--initial-advertise-peer-urls", &url(id, PEER_PORT)]);
        command.args(["--initial-cluster", &all.join(","), "--logger", "zap"]);
        if let Some(Pace { heartbeat_ms, election_ms }) = self.pace {
            command.arg(format!("--heartbeat-interval={heartbeat_ms}"));
            command.arg(format!("--election-timeout={election_ms}"));
        }
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
        let child = child.with_context(|| format!("cannot start {}", self.program.display()))?;
        *self.slot(id)? = Some(Killed(child));
        Ok(())
    }

    /// Kills one (SIGKILL) and waits until it is gone.
    pub fn kill(&mut self, id: u16) -> Result<()> {
        *self.slot(id)? = None;
        Ok(())
    }

    /// The process that runs as this member.
    pub fn process(&mut self, id: u16) -> Result<u32> {
        Ok(self.slot(id)?.as_ref().context("this member does not run")?.0.id())
    }

    fn slot(&mut self, id: u16) -> Result<&mut Option<Killed>> {
        self.running.get_mut(usize::from(id).wrapping_sub(1)).context("no such member")
    }
}

impl Client {
    /// Connects to member `id`.
    pub async fn connect(id: u16) -> Result<Self> {
        let address: SocketAddr = address(id, CLIENT_PORT);
        let endpoint = Endpoint::from_shared(format!("http://{address}"))?.tcp_nodelay(true).timeout(DEADLINE);
        Ok(Self(Grpc::new(endpoint.connect().await?)))
    }

    /// Writes the value of one key.
    pub async fn put(&mut self, nth: u64) -> Result<()> {
        let request = PutRequest { key: nth.to_be_bytes().to_vec(), value: vec![7; VALUE_BYTES] };
        self.call::<_, PutResponse>(request, "/etcdserverpb.KV/Put").await?;
        Ok(())
    }

    /// Whether this member leads, by its own word.
    pub async fn leads(&mut self) -> Result<bool> {
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
pub async fn leader() -> Result<(u16, Client)> {
    let until = Instant::now() + START_DEADLINE;
    while Instant::now() < until {
        for id in 1..=REPLICAS {
            // It may not listen yet.
            if let Ok(mut client) = Client::connect(id).await
                && client.leads().await.unwrap_or(false)
            {
                return Ok((id, client));
            }
        }
        tokio::time::sleep(LOOK).await;
    }
    bail!("no etcd leads within {} s", START_DEADLINE.as_secs())
}

/// Where it is: in a folder of `$PATH`, or where the benches' commands have unpacked Debian's package.
fn program() -> Result<PathBuf> {
    let unpacked = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.runtime/debian/etcd-server/usr/bin/etcd");
    let found = [PathBuf::from("etcd"), unpacked].into_iter().find(|program| {
        let mut asked = Command::new(program);
        asked.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
        asked.status().is_ok_and(|status| status.success())
    });
    found.context(
        "there is no program `etcd`: cargo bench-commit and bench-failover fetch it on Debian and Ubuntu, elsewhere $PATH must have it",
    )
}
