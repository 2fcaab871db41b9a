//! Modbus TCP: one request writes as many registers as an order has bytes, its answer brings as many back.

use std::future::{Ready, ready};

use anyhow::{Result, ensure};
use ridethrough_dpcn_bench::cores::{Core, pin};
use ridethrough_dpcn_bench::latencies::Latencies;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_modbus::client::{Context, Reader, tcp};
use tokio_modbus::server::Service;
use tokio_modbus::server::tcp::{Server, accept_tcp_connection};
use tokio_modbus::{ExceptionCode, Request, Response};

use super::MODBUS;
use super::far::{FarEnd, runtime};
use crate::rounds::{Case, timed_async};
use crate::session::{ACK_BYTES, ORDER_BYTES};

const ORDER_REGISTERS: usize = ORDER_BYTES / 2;
const ACK_REGISTERS: usize = ACK_BYTES / 2;

/// Both ends.
pub struct Modbus {
    runtime: Runtime,
    client: Context,
    _far: FarEnd,
}

impl Modbus {
    pub fn new() -> Result<Self> {
        let (far, far_at) = FarEnd::start(|| async {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            Ok((listener.local_addr()?, serve(listener)))
        })?;
        let runtime = runtime()?;
        let client = runtime.block_on(async {
            let stream = TcpStream::connect(far_at).await?;
            stream.set_nodelay(true)?;
            anyhow::Ok(tcp::attach(stream))
        })?;
        Ok(Self { runtime, client, _far: far })
    }
}

impl Case for Modbus {
    fn name(&self) -> &'static str {
        MODBUS
    }

    fn round(&mut self, samples: usize) -> Result<Latencies> {
        pin(Core::Near);
        let Self { runtime, client, .. } = self;
        let read = u16::try_from(ACK_REGISTERS)?;
        runtime.block_on(timed_async(samples, async || {
            let answer = client.read_write_multiple_registers(0, read, 0, &[1; ORDER_REGISTERS]).await??;
            ensure!(answer.len() == ACK_REGISTERS, "{} registers came back", answer.len());
            Ok(())
        }))
    }
}

async fn serve(listener: TcpListener) -> Result<()> {
    let connected = |stream: TcpStream, from| async move {
        stream.set_nodelay(true)?;
        accept_tcp_connection(stream, from, |_| Ok(Some(Registers)))
    };
    Server::new(listener).serve(&connected, |error| eprintln!("bench-dpcn: modbus: {error}")).await?;
    Ok(())
}

/// Takes whatever is written.
struct Registers;

impl Service for Registers {
    type Request = Request<'static>;
    type Response = Response;
    type Exception = ExceptionCode;
    type Future = Ready<std::result::Result<Response, ExceptionCode>>;

    fn call(&self, request: Self::Request) -> Self::Future {
        ready(match request {
            Request::ReadWriteMultipleRegisters(..) => Ok(Response::ReadWriteMultipleRegisters(vec![1; ACK_REGISTERS])),
            _ => Err(ExceptionCode::IllegalFunction),
        })
    }
}
