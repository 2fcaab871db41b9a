//! The plant on the real clock: devices find a replica over UDP, and scenario time follows the clock from `start`.

mod support;

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use ridethrough_core::device::{DeviceId, ReplicaId};
use ridethrough_core::units::Millis;
use ridethrough_fault_injection::realtime::{Plant, RealtimeError, Setup};
use ridethrough_protocol::{
    ControllerEndpoint, Event, KeyEpoch, Keyring, Lan, Leadership, Orders, Outgoing, SessionNonce, SiteSecret,
};
use support::chain_scenario;

const LOADS: [(i64, i64); 3] = [(12_000, 12_000); 3];

/// A replica that leads and does nothing else.
struct Replica {
    socket: UdpSocket,
    endpoint: ControllerEndpoint,
    addresses: BTreeMap<DeviceId, SocketAddr>,
    telemetry: u32,
}

impl Replica {
    fn new(keyring: &Keyring, devices: &[DeviceId]) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket on loopback");
        socket.set_nonblocking(true).expect("a socket on loopback");
        let endpoint =
            ControllerEndpoint::new(&keyring.replica(ReplicaId(1)), SessionNonce::new(1), devices, Orders::One);
        Self { socket, endpoint, addresses: BTreeMap::new(), telemetry: 0 }
    }

    fn turn(&mut self, now: Millis) {
        let leave = Leadership { term: 1, lease: Millis::new(1_500), valid_for: Millis::new(500) };
        self.endpoint.lead(leave, now).expect("it may lead");
        let mut buffer = [0; 512];
        while let Ok((length, from)) = self.socket.recv_from(&mut buffer) {
            match self.endpoint.observe(&buffer[..length], Lan::A, now) {
                Some(Event::Greeting { device }) => drop(self.addresses.insert(device, from)),
                Some(Event::Telemetry(telemetry)) => {
                    self.addresses.insert(telemetry.device, from);
                    self.telemetry += 1;
                }
                Some(Event::Outlets { .. }) => {}
                other => panic!("{other:?}"),
            }
        }
        let (socket, addresses) = (&self.socket, &self.addresses);
        self.endpoint.poll(now, &mut |frame: Outgoing<'_>| {
            if let Some(address) = addresses.get(&frame.device) {
                socket.send_to(frame.bytes, address).expect("loopback takes it");
            }
        });
    }
}

#[test]
fn devices_find_their_replica_and_time_runs_from_the_start() {
    let (scenario, keyring) = (chain_scenario(LOADS, 7), Keyring::new(KeyEpoch::FIRST, SiteSecret::new([7; 32])));
    let devices: Vec<DeviceId> = scenario.site.devices().collect();
    let mut replica = Replica::new(&keyring, &devices);
    let folder = tempfile::tempdir().expect("a folder for a test");
    let (records, nvm) = (folder.path().join("records"), folder.path().join("nvm"));
    let replicas = [replica.socket.local_addr().expect("bound")];
    let setup = Setup {
        scenario: &scenario,
        replicas: &replicas,
        replicas_b: &[],
        keyring: &keyring,
        orders: Orders::One,
        records: &records,
        nvm: Some(&nvm),
    };
    let mut plant = Plant::bind(&setup).expect("sockets on loopback");

    let began = Instant::now();
    let mut run = |plant: &mut Plant, until: Duration| {
        while began.elapsed() < until {
            plant.turn().expect("the plant goes on");
            replica.turn(Millis::new(i64::try_from(began.elapsed().as_millis()).expect("a short run")));
        }
        (replica.endpoint.live_devices(), replica.telemetry)
    };
    let (live, _) = run(&mut plant, Duration::from_millis(400));
    assert_eq!(live, devices.len());
    assert_eq!(plant.world().now_ms(), 0, "scenario time stands until the start");
    plant.start();
    let (_, telemetry) = run(&mut plant, Duration::from_millis(1_400));
    let (ran_ms, lag) = (plant.world().now_ms(), plant.ending().lag);
    assert!(ran_ms + lag.now_ms >= 990 && ran_ms <= 1_050, "{ran_ms} ms of scenario time, {lag:?}");
    assert!(telemetry as usize >= devices.len() * 9, "every device every 100 ms: {telemetry} frames");
    assert_eq!(std::fs::read_dir(&records).expect("made").count(), devices.len());
    assert_eq!(plant.ending().orders.send_failed, 0);
}

#[test]
fn what_cannot_run_is_refused() {
    let (scenario, keyring) = (chain_scenario(LOADS, 7), Keyring::new(KeyEpoch::FIRST, SiteSecret::new([7; 32])));
    let folder = tempfile::tempdir().expect("a folder for a test");
    let file = folder.path().join("file");
    std::fs::write(&file, "in the way").expect("the folder can be written");
    let address = [SocketAddr::from(([127, 0, 0, 1], 7201))];
    let setup = |replicas, records| Setup {
        scenario: &scenario,
        replicas,
        replicas_b: &[],
        keyring: &keyring,
        orders: Orders::One,
        records,
        nvm: None,
    };
    assert!(matches!(Plant::bind(&setup(&[], folder.path())), Err(RealtimeError::Replicas(0))));
    let eight = [address[0]; 8];
    assert!(matches!(Plant::bind(&setup(&eight, folder.path())), Err(RealtimeError::Replicas(8))));
    let lopsided = Setup { replicas_b: &eight[..2], ..setup(&address, folder.path()) };
    let refused = Plant::bind(&lopsided);
    assert!(matches!(refused, Err(RealtimeError::SecondNetwork { first: 1, second: 2 })));
    let refused = Plant::bind(&setup(&address, &file));
    assert!(matches!(&refused, Err(RealtimeError::Record { folder, .. }) if *folder == file));
}
