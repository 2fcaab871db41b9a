//! Raw UDP through tokio.

use std::net::SocketAddr;

use anyhow::{Result, ensure};
use ridethrough_dpcn_bench::cores::{Core, pin};
use ridethrough_dpcn_bench::latencies::Latencies;
use tokio::net::UdpSocket;
use tokio::runtime::Runtime;

use super::TOKIO_UDP;
use super::far::{FarEnd, runtime};
use crate::rounds::{Case, timed_async};
use crate::session::{ACK_BYTES, ORDER_BYTES};

/// Both ends.
pub struct TokioUdp {
    runtime: Runtime,
    socket: UdpSocket,
    far_at: SocketAddr,
    _far: FarEnd,
}

impl TokioUdp {
    pub fn new() -> Result<Self> {
        let (far, far_at) = FarEnd::start(|| async {
            let socket = UdpSocket::bind("127.0.0.1:0").await?;
            Ok((socket.local_addr()?, echo(socket)))
        })?;
        let runtime = runtime()?;
        let socket = runtime.block_on(UdpSocket::bind("127.0.0.1:0"))?;
        Ok(Self { runtime, socket, far_at, _far: far })
    }
}

impl Case for TokioUdp {
    fn name(&self) -> &'static str {
        TOKIO_UDP
    }

    fn round(&mut self, samples: usize) -> Result<Latencies> {
        pin(Core::Near);
        let Self { runtime, socket, far_at, .. } = self;
        let mut buffer = [0; 512];
        runtime.block_on(timed_async(samples, async || {
            socket.send_to(&[1; ORDER_BYTES], *far_at).await?;
            let (length, _) = socket.recv_from(&mut buffer).await?;
            ensure!(length == ACK_BYTES, "{length} bytes came back");
            Ok(())
        }))
    }
}

async fn echo(socket: UdpSocket) -> Result<()> {
    let mut buffer = [0; 512];
    loop {
        let (_, from) = socket.recv_from(&mut buffer).await?;
        socket.send_to(&[1; ACK_BYTES], from).await?;
    }
}
