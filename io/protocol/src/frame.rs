//! A whole frame: header, body, MAC.
//!
//! Sealing stays inside this crate. If anyone could seal an order, "only committed orders are sent" (I1) would no
//! longer be a property of the types.

use crate::body::Body;
use crate::datagram::Datagram;
use crate::header::{HEADER_BYTES, Header};
use crate::keys::{Lock, Seal};
use crate::refusal::Refusal;

/// Writes a frame into `out`, over whatever was there.
pub(crate) fn seal(header: &Header, body: &Body, seal: &mut Seal, out: &mut Datagram) {
    assert!(header.kind == body.kind(), "a {:?} header over a {:?} body", header.kind, body.kind());
    out.clear();
    header.write(out);
    body.write(out);
    seal.close(header, out);
}

/// Checks the MAC of a frame whose header was parsed, and only then reads its body.
pub(crate) fn open(header: &Header, frame: &[u8], lock: &mut Lock) -> Result<Body, Refusal> {
    let covered = lock.open(header, frame)?;
    let body = covered.get(HEADER_BYTES..).unwrap_or_default();
    Ok(Body::read(header.kind, body)?)
}

/// The frame written again from what was read of it, without its MAC; an error if it cannot be read. For fuzzing: it
/// believes anything.
#[cfg(fuzzing)]
pub fn rewritten(frame: &[u8]) -> Result<Datagram, crate::refusal::Malformed> {
    let header = Header::parse(frame)?;
    let body = frame.get(HEADER_BYTES..frame.len() - crate::header::MAC_BYTES).unwrap_or_default();
    let body = Body::read(header.kind, body)?;
    let mut out = Datagram::new();
    header.write(&mut out);
    body.write(&mut out);
    Ok(out)
}
