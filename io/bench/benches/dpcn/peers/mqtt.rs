//! MQTT 3.1.1 at QoS 0 through the mosquitto broker. The two clients are the least that the protocol needs, on blocking
//! sockets: no client library can be faster.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use ridethrough_dpcn_bench::cores::{Core, pin, unpin};
use ridethrough_dpcn_bench::latencies::Latencies;
use tempfile::TempDir;

use super::MQTT;
use crate::rounds::{Case, Rest, timed};
use crate::session::{ACK_BYTES, ORDER_BYTES};

const ORDERS: &str = "order";
const ACKS: &str = "ack";
const START_WITHIN: Duration = Duration::from_secs(5);

/// Both ends and the broker between them.
pub struct Mqtt {
    near: Client,
    far: Option<JoinHandle<()>>,
    /// Its end is the far end's, too.
    broker: Broker,
}

impl Mqtt {
    pub fn new(program: &Path) -> Result<Self> {
        let broker = Broker::start(program)?;
        let mut near = Client::connect(broker.at, "near")?;
        let mut far = Client::connect(broker.at, "far")?;
        near.subscribe(ACKS)?;
        far.subscribe(ORDERS)?;
        let far = thread::spawn(move || {
            pin(Core::Far);
            // Until the broker ends.
            while far.receive().is_ok() && far.publish(ACKS, &[1; ACK_BYTES]).is_ok() {}
        });
        Ok(Self { near, far: Some(far), broker })
    }
}

impl Case for Mqtt {
    fn name(&self) -> &'static str {
        MQTT
    }

    fn round(&mut self, samples: usize) -> Result<Latencies> {
        pin(Core::Near);
        timed(samples, Rest::Spinning, || {
            self.near.publish(ORDERS, &[1; ORDER_BYTES])?;
            let length = self.near.receive()?;
            ensure!(length == 2 + ACKS.len() + ACK_BYTES, "{length} bytes came back");
            Ok(())
        })
    }
}

impl Drop for Mqtt {
    fn drop(&mut self) {
        self.broker.stop();
        if let Some(far) = self.far.take() {
            // It has nothing to panic at.
            let _ = far.join();
        }
    }
}

/// A broker of our own on a free port.
pub struct Broker {
    child: Child,
    at: SocketAddr,
    _configuration: TempDir,
}

impl Broker {
    /// Where its program is, if it is installed.
    pub fn find() -> Option<PathBuf> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
        folders.map(|folder| folder.join("mosquitto")).find(|program| program.is_file())
    }

    fn start(program: &Path) -> Result<Self> {
        // The port is free now; nobody else asks for just this one in the meantime.
        let at = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("mosquitto.conf");
        let text = format!(
            "listener {} 127.0.0.1\nallow_anonymous true\npersistence false\nset_tcp_nodelay true\nlog_type none\n",
            at.port()
        );
        std::fs::write(&file, text)?;
        // The broker may run wherever there is room.
        unpin();
        let mut command = Command::new(program);
        command.arg("-c").arg(&file).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().with_context(|| program.display().to_string())?;
        Ok(Self { child, at, _configuration: folder })
    }

    fn stop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The least of a client.
struct Client {
    stream: TcpStream,
    packet: Vec<u8>,
}

/// First bytes of packets.
const CONNECT: u8 = 0x10;
const CONNECTED: u8 = 0x20;
const PUBLISH: u8 = 0x30;
const SUBSCRIBE: u8 = 0x82;
const SUBSCRIBED: u8 = 0x90;

impl Client {
    fn connect(at: SocketAddr, name: &str) -> Result<Self> {
        let began = Instant::now();
        let stream = loop {
            match TcpStream::connect(at) {
                Ok(stream) => break stream,
                Err(error) if began.elapsed() > START_WITHIN => bail!("the broker does not answer: {error}"),
                Err(_) => thread::sleep(Duration::from_millis(10)),
            }
        };
        stream.set_nodelay(true)?;
        let mut client = Self { stream, packet: Vec::new() };
        // Protocol name and level, clean session, no keep-alive.
        let mut body = vec![0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, 0];
        push_text(&mut body, name)?;
        client.send(CONNECT, &body)?;
        client.expect(CONNECTED)?;
        Ok(client)
    }

    fn subscribe(&mut self, topic: &str) -> Result<()> {
        let mut body = vec![0, 1];
        push_text(&mut body, topic)?;
        body.push(0);
        self.send(SUBSCRIBE, &body)?;
        self.expect(SUBSCRIBED)?;
        Ok(())
    }

    fn publish(&mut self, topic: &str, payload: &[u8]) -> Result<()> {
        let mut body = std::mem::take(&mut self.packet);
        body.clear();
        push_text(&mut body, topic)?;
        body.extend(payload);
        let sent = self.send(PUBLISH, &body);
        self.packet = body;
        sent
    }

    /// Waits for something published; says how long its topic and payload are.
    fn receive(&mut self) -> Result<usize> {
        self.expect(PUBLISH)
    }

    fn send(&mut self, first: u8, body: &[u8]) -> Result<()> {
        let mut packet = [0; 512];
        packet[0] = first;
        let length = u16::try_from(body.len())?;
        // Seven bits in a byte, the low ones first; the eighth says that more follow.
        let head = if length < 128 { 2 } else { 3 };
        packet[1] = u8::try_from(length & 127)? | if head == 3 { 128 } else { 0 };
        packet[2] = u8::try_from(length >> 7)?;
        packet[head..head + body.len()].copy_from_slice(body);
        self.stream.write_all(&packet[..head + body.len()])?;
        Ok(())
    }

    fn expect(&mut self, first: u8) -> Result<usize> {
        let mut packet = [0; 512];
        let mut count = self.stream.read(&mut packet)?;
        while count < 2 || (packet[1] >= 128 && count < 3) {
            count += self.more(&mut packet, count)?;
        }
        ensure!(packet[0] == first, "a packet of kind {:#x} in place of {first:#x}", packet[0]);
        let (head, high) = if packet[1] >= 128 { (3, usize::from(packet[2])) } else { (2, 0) };
        let length = usize::from(packet[1] & 127) + 128 * high;
        while count < head + length {
            count += self.more(&mut packet, count)?;
        }
        Ok(length)
    }

    fn more(&mut self, packet: &mut [u8], had: usize) -> Result<usize> {
        let more = self.stream.read(&mut packet[had..])?;
        ensure!(more > 0, "the broker is gone");
        Ok(more)
    }
}

fn push_text(body: &mut Vec<u8>, text: &str) -> Result<()> {
    body.extend(u16::try_from(text.len())?.to_be_bytes());
    body.extend(text.as_bytes());
    Ok(())
}
