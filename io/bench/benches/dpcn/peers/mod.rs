//! Other protocols, with the same sizes and at the same pace as DPCN, at their best: no delays (`TCP_NODELAY`), no
//! delivery that is stored, both ends in this process on the two cores.

#[cfg(feature = "aeron")]
mod aeron;
#[cfg(feature = "peers")]
mod far;
#[cfg(feature = "peers")]
mod modbus;
#[cfg(feature = "peers")]
mod mqtt;
#[cfg(feature = "peers")]
mod quic;
#[cfg(feature = "peers")]
mod tokio_udp;
#[cfg(feature = "zeromq")]
mod zeromq;

use anyhow::Result;

use crate::options::Options;
use crate::rounds::Case;

pub const TOKIO_UDP: &str = "tokio_udp";
pub const MODBUS: &str = "modbus_tcp";
pub const QUIC: &str = "quic_datagrams";
pub const MQTT: &str = "mqtt_qos_0";
pub const ZEROMQ: &str = "zeromq_req_rep";
pub const AERON: &str = "aeron_invoker";

/// A peer that can be measured here, or how it could be.
type Found = std::result::Result<Box<dyn Case>, &'static str>;

/// Looks for one.
type Finder = fn() -> Result<Found>;

/// Every peer that this program was built with and that is installed. How to get the others goes to the standard error.
pub fn cases(options: &Options) -> Result<Vec<Box<dyn Case>>> {
    let finders: [(&str, Finder); 6] = [
        (TOKIO_UDP, find::tokio_udp),
        (MODBUS, find::modbus),
        (QUIC, find::quic),
        (MQTT, find::mqtt),
        (ZEROMQ, find::zeromq),
        (AERON, find::aeron),
    ];
    let mut cases = Vec::new();
    for (name, find) in finders.into_iter().filter(|(name, _)| options.wants(name)) {
        match find()? {
            Ok(case) => cases.push(case),
            Err(how) => eprintln!("{name} is left out: {how}"),
        }
    }
    Ok(cases)
}

#[cfg(feature = "peers")]
mod find {
    use super::{Found, Result, modbus, mqtt, quic, tokio_udp};

    pub fn tokio_udp() -> Result<Found> {
        Ok(Ok(Box::new(tokio_udp::TokioUdp::new()?)))
    }

    pub fn modbus() -> Result<Found> {
        Ok(Ok(Box::new(modbus::Modbus::new()?)))
    }

    pub fn quic() -> Result<Found> {
        Ok(Ok(Box::new(quic::Quic::new()?)))
    }

    pub fn mqtt() -> Result<Found> {
        match mqtt::Broker::find() {
            Some(program) => Ok(Ok(Box::new(mqtt::Mqtt::new(&program)?))),
            None => Ok(Err("it needs the broker: apt-get install mosquitto")),
        }
    }

    #[cfg(feature = "zeromq")]
    pub fn zeromq() -> Result<Found> {
        Ok(Ok(Box::new(super::zeromq::ZeroMq::new()?)))
    }

    #[cfg(not(feature = "zeromq"))]
    #[expect(clippy::unnecessary_wraps, reason = "as the others")]
    pub fn zeromq() -> Result<Found> {
        Ok(Err("build with `--features zeromq`; it needs a C++ compiler (apt-get install g++)"))
    }

    #[cfg(feature = "aeron")]
    pub fn aeron() -> Result<Found> {
        Ok(Ok(Box::new(super::aeron::AeronPair::new()?)))
    }

    #[cfg(not(feature = "aeron"))]
    #[expect(clippy::unnecessary_wraps, reason = "as the others")]
    pub fn aeron() -> Result<Found> {
        Ok(Err("build with `--features aeron`; it needs libclang and CMake 3.30 (apt-get install clang libclang-dev, \
                pip install cmake)"))
    }
}

#[cfg(not(feature = "peers"))]
#[expect(clippy::unnecessary_wraps, reason = "as with the feature")]
mod find {
    use super::{Found, Result};

    const HOW: &str = "build with `--features peers`, as `cargo bench-dpcn` does";

    pub fn tokio_udp() -> Result<Found> {
        Ok(Err(HOW))
    }

    pub fn modbus() -> Result<Found> {
        Ok(Err(HOW))
    }

    pub fn quic() -> Result<Found> {
        Ok(Err(HOW))
    }

    pub fn mqtt() -> Result<Found> {
        Ok(Err(HOW))
    }

    pub fn zeromq() -> Result<Found> {
        Ok(Err(HOW))
    }

    pub fn aeron() -> Result<Found> {
        Ok(Err(HOW))
    }
}
