//! ZeroMQ, request and reply over TCP, with the real libzmq.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use anyhow::{Result, anyhow, ensure};
use ridethrough_dpcn_bench::cores::{Core, pin};
use ridethrough_dpcn_bench::latencies::Latencies;
use zmq::{Context, REP, REQ, Socket};

use super::ZEROMQ;
use crate::rounds::{Case, Rest, timed};
use crate::session::{ACK_BYTES, ORDER_BYTES};

/// How often the far end looks whether it should end.
const LOOK_EVERY_MS: i32 = 100;
const PATIENCE_MS: i32 = 2_000;

/// Both ends, each with a context of its own as in two processes.
pub struct ZeroMq {
    near: Socket,
    ending: Arc<AtomicBool>,
    far: Option<JoinHandle<()>>,
}

impl ZeroMq {
    pub fn new() -> Result<Self> {
        let (tell, told) = mpsc::channel();
        let ending = Arc::new(AtomicBool::new(false));
        let end = Arc::clone(&ending);
        let far = thread::spawn(move || {
            pin(Core::Far);
            if let Ok(socket) = bind(&tell) {
                serve(&socket, &end);
            }
        });
        let at = told.recv().map_err(|_| anyhow!("the far end did not start"))?;
        let near = Context::new().socket(REQ)?;
        near.set_rcvtimeo(PATIENCE_MS)?;
        near.set_linger(0)?;
        near.connect(&at)?;
        Ok(Self { near, ending, far: Some(far) })
    }
}

impl Case for ZeroMq {
    fn name(&self) -> &'static str {
        ZEROMQ
    }

    fn round(&mut self, samples: usize) -> Result<Latencies> {
        pin(Core::Near);
        let mut buffer = [0; 512];
        timed(samples, Rest::Spinning, || {
            self.near.send(&[1; ORDER_BYTES][..], 0)?;
            let length = self.near.recv_into(&mut buffer, 0)?;
            ensure!(length == ACK_BYTES, "{length} bytes came back");
            Ok(())
        })
    }
}

impl Drop for ZeroMq {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::Relaxed);
        if let Some(far) = self.far.take() {
            // It has nothing to panic at.
            let _ = far.join();
        }
    }
}

fn bind(tell: &mpsc::Sender<String>) -> Result<Socket> {
    let socket = Context::new().socket(REP)?;
    socket.set_rcvtimeo(LOOK_EVERY_MS)?;
    socket.set_linger(0)?;
    socket.bind("tcp://127.0.0.1:*")?;
    let at = socket.get_last_endpoint()?.map_err(|_| anyhow!("an address that is no text"))?;
    tell.send(at)?;
    Ok(socket)
}

fn serve(socket: &Socket, ending: &AtomicBool) {
    let mut buffer = [0; 512];
    while !ending.load(Ordering::Relaxed) {
        if socket.recv_into(&mut buffer, 0).is_ok() {
            // What is not sent is missed at the near end.
            let _ = socket.send(&[1; ACK_BYTES][..], 0);
        }
    }
}
