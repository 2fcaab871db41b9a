//! The client of `async-snmp` asks a real agent on loopback: it finds the engine, reads, walks, and is refused.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use async_snmp::{
    Auth, AuthProtocol, Client, Error, ErrorStatus, Oid, PrivProtocol, Retry, UdpHandle, UdpTransport, UsmConfig,
    Value, VarBind,
};
use ridethrough_core::units::Watts;
use ridethrough_snmp::{Agent, Board, Desk, Engine, Fleet, Limits, Secrets, Server, Ups, UpsShown};
use tokio::runtime::{Builder, Runtime};

const COMMUNITY: &str = "not-public";
const NAME: [u32; 11] = [1, 3, 6, 1, 2, 1, 33, 1, 1, 5, 0];
/// How long an answer may take: only one that never comes meets it.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long no answer is waited for that must not come.
const SILENCE: Duration = Duration::from_millis(300);

/// An agent of one site with one rack, and whoever asks it.
struct Hall {
    at: SocketAddr,
    runtime: Runtime,
}

impl Hall {
    fn open() -> Self {
        let (home, now) = (tempfile::tempdir().expect("a folder"), Instant::now());
        let text = |word: &str| word.to_owned();
        let ups = |name: &str| Ups { name: text(name), model: text("m"), attached: text("a") };
        let users = [("ida", "sha-256"), ("ivo", "sha-512")].map(|(name, auth)| {
            format!("[[user]]\nname = \"{name}\"\nauth = \"{auth}\"\nauth_password = \"correct-horse\"\nprivacy_password = \"battery-staple\"\n")
        });
        let secrets = Secrets::parse("f", &format!("community = \"{COMMUNITY}\"\n{}", users.concat())).expect("good");
        let board = Board { at: Some(now + Duration::from_hours(1)), upses: vec![loaded(20_000), loaded(6_000)] };
        let agent =
            Agent { description: text("d"), contact: text("c"), name: text("n1"), location: text("l"), began: now };
        let fleet = Fleet::new(ups("demo"), vec![ups("A1")]).expect("good");
        let engine = Engine::begin(&home.path().join("snmp-engine"), now).expect("room");
        let board = Arc::new(ArcSwap::from_pointee(board));
        let desk = Desk::new(agent, fleet, board, (secrets, engine), Limits::default()).expect("random").with_v2c();
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let server = runtime.block_on(Server::bind((Ipv4Addr::LOCALHOST, 0).into())).expect("a free port");
        let at = server.address();
        runtime.block_on(async { server.serve(desk) });
        Self { at, runtime }
    }

    fn client(&self, auth: impl Into<Auth>) -> Client<UdpHandle> {
        self.client_within(PATIENCE, auth)
    }

    fn client_within(&self, patience: Duration, auth: impl Into<Auth>) -> Client<UdpHandle> {
        let built = async {
            let transport = UdpTransport::bind("127.0.0.1:0").await?;
            Client::builder(self.at.to_string(), auth)
                .request_timeout(patience)
                .retry(Retry::none())
                .build_with(&transport)
                .await
        };
        self.runtime.block_on(built).expect("a client")
    }

    fn name(&self, auth: impl Into<Auth>) -> Result<Value, Box<Error>> {
        let client = self.client(auth);
        let told = self.runtime.block_on(client.get(&Oid::from_slice(&NAME)))?;
        Ok(told.single().expect("one").value.clone())
    }
}

fn loaded(watts: i64) -> UpsShown {
    UpsShown { load: Some(Watts::new(watts)), limit: Watts::new(24_000), ..UpsShown::default() }
}

fn known(user: &'static str, auth: AuthProtocol) -> UsmConfig {
    UsmConfig::new(user).auth_priv(auth, "correct-horse", PrivProtocol::Aes128, "battery-staple").expect("long enough")
}

#[test]
fn who_is_known_reads_the_site_and_its_racks() {
    let hall = Hall::open();
    for (user, auth) in [("ida", AuthProtocol::Sha256), ("ivo", AuthProtocol::Sha512)] {
        assert_eq!(hall.name(known(user, auth)).expect("known"), Value::from("demo"), "{user}");
        assert_eq!(hall.name(known(user, auth).context_name("A1")).expect("known"), Value::from("A1"), "{user}");
    }
    assert_eq!(hall.name(Auth::v2c(COMMUNITY)).expect("known"), Value::from("demo"));
    assert_eq!(hall.name(Auth::v2c(format!("{COMMUNITY}@A1"))).expect("known"), Value::from("A1"));
}

#[test]
fn a_walk_by_next_sees_what_a_walk_by_bulk_sees() {
    let hall = Hall::open();
    let client = hall.client(known("ida", AuthProtocol::Sha256));
    let root = || Oid::from_slice(&[1, 3, 6, 1, 2, 1]);
    let next = hall.runtime.block_on(client.walk_getnext(root()).expect("good").collect()).expect("an end");
    let bulk = hall.runtime.block_on(client.bulk_walk(root(), 50).expect("good").collect()).expect("an end");
    let names = |all: &[VarBind]| all.iter().map(|bound| bound.oid.to_string()).collect::<Vec<_>>();
    assert_eq!(names(&next), names(&bulk));
    assert!(next.len() > 20 && next.iter().any(|bound| bound.oid == Oid::from_slice(&NAME)), "{next:?}");
}

#[test]
fn who_is_not_known_reads_nothing() {
    let hall = Hall::open();
    let sha = AuthProtocol::Sha256;
    let guess = UsmConfig::new("ida").auth_priv(sha, "wrong-horse", PrivProtocol::Aes128, "battery-staple");
    let alone = UsmConfig::new("ida").auth(sha, "correct-horse").expect("long enough");
    let strangers = [
        guess.expect("long enough"),
        known("eve", sha),
        known("ida", AuthProtocol::Sha512),
        alone,
        UsmConfig::new("ida"),
    ];
    for auth in strangers {
        let (user, level) = (auth.username().clone(), auth.security_level());
        let client = hall.client_within(SILENCE, auth);
        // This client believes no report of a wrong digest, and waits.
        let told = hall.runtime.block_on(client.get(&Oid::from_slice(&NAME)));
        assert!(told.is_err(), "{user:?} at {level:?}: {told:?}");
    }
}

#[test]
fn nothing_is_set() {
    let hall = Hall::open();
    let client = hall.client(known("ida", AuthProtocol::Sha256));
    let set = hall.runtime.block_on(client.set(&Oid::from_slice(&NAME), Value::from("mine")));
    let error = set.expect_err("refused");
    assert!(matches!(&*error, Error::Snmp { status: ErrorStatus::NotWritable, .. }), "{error:?}");
}

#[test]
fn an_unknown_community_and_garbage_get_silence() {
    let hall = Hall::open();
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    socket.set_read_timeout(Some(SILENCE)).expect("a socket");
    let asked = async_snmp::RequestPdu::get(async_snmp::Version::V2c, 7, &[Oid::from_slice(&NAME)]).expect("good");
    let message = async_snmp::message::CommunityMessage::v2c("public", asked).expect("good").encode().expect("good");
    for datagram in [&message[..], b"GET / HTTP/1.1\r\n\r\n", &[0x30; 1_473], &[]] {
        socket.send_to(datagram, hall.at).expect("loopback");
        assert!(socket.recv_from(&mut [0; 2_048]).is_err(), "{datagram:?}");
    }
    assert_eq!(hall.name(Auth::v2c(COMMUNITY)).expect("it lives"), Value::from("demo"));
}
