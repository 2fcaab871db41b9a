//! What a request is answered with (RFC 3416, 4.2).

use async_snmp::pdu::{Pdu, PduBody, PduType, StandardPduType};
use async_snmp::{Oid, Value, VarBind};
use ridethrough_door::counted;

use crate::tree::Tree;

/// What stands around the bindings of an answer at the most, without its message: type, request, error and their lengths.
const AROUND_BINDINGS: usize = 32;

counted! {
    /// What became of a request.
    pub enum Outcome {
        /// It was answered.
        Ok = "ok",
        /// It was answered while nothing is known of the UPS.
        Unknown = "unknown",
        /// It would have changed something.
        NotWritable = "not_writable",
        /// Its answer does not fit.
        TooBig = "too_big",
    }
}

impl Outcome {
    /// The number of the error in an answer.
    const fn status(self) -> i32 {
        match self {
            Self::Ok | Self::Unknown => 0,
            Self::TooBig => 1,
            Self::NotWritable => 17,
        }
    }
}

/// Answers a request from this tree, in at most so many bytes without its message; none to what is no request.
pub fn answer(tree: &Tree, request: &Pdu, room: usize) -> Option<(Outcome, Pdu)> {
    let asked = request.varbinds();
    match request.pdu_type() {
        PduType::GetRequest => {
            let bindings = asked.iter().map(|bound| tree.get(&bound.oid)).collect();
            Some(fitted(request, Outcome::Ok, bindings, room))
        }
        PduType::GetNextRequest => {
            let bindings = asked.iter().map(|bound| next(tree, &bound.oid)).collect();
            Some(fitted(request, Outcome::Ok, bindings, room))
        }
        PduType::GetBulkRequest => Some(respond(request, Outcome::Ok, bulk(tree, request, room))),
        // To set nothing is done.
        PduType::SetRequest if asked.is_empty() => Some(respond(request, Outcome::Ok, Vec::new())),
        // Nothing is set, so the first binding is the one that could not be.
        PduType::SetRequest => Some(fitted(request, Outcome::NotWritable, asked.to_vec(), room)),
        _ => None,
    }
}

/// All bindings, or that they are too many: then none (RFC 3416, 4.2.1).
fn fitted(request: &Pdu, outcome: Outcome, bindings: Vec<VarBind>, room: usize) -> (Outcome, Pdu) {
    if bindings.iter().map(VarBind::encoded_size).sum::<usize>() + AROUND_BINDINGS > room {
        return respond(request, Outcome::TooBig, Vec::new());
    }
    respond(request, outcome, bindings)
}

fn next(tree: &Tree, oid: &Oid) -> VarBind {
    tree.next(oid).cloned().unwrap_or_else(|| VarBind::new(oid.clone(), Value::EndOfMibView))
}

/// As many bindings as fit, which is what RFC 3416 (4.2.3) wants: an answer that is full is whole.
fn bulk(tree: &Tree, request: &Pdu, room: usize) -> Vec<VarBind> {
    let (single, repetitions) = request.get_bulk_fields().unwrap_or_default();
    let asked: Vec<&Oid> = request.varbinds().iter().map(|bound| &bound.oid).collect();
    let (once, repeated) = asked.split_at(usize::try_from(single).unwrap_or(usize::MAX).min(asked.len()));
    let mut answer = Bindings { taken: Vec::new(), left: room.saturating_sub(AROUND_BINDINGS) };
    if !once.iter().all(|oid| answer.take(next(tree, oid))) {
        return answer.taken;
    }
    let mut row: Vec<Oid> = repeated.iter().map(|oid| (*oid).clone()).collect();
    for _ in 0..repetitions {
        let bindings: Vec<VarBind> = row.iter().map(|oid| next(tree, oid)).collect();
        // Behind the end there is nothing more, however often it is asked for.
        let ended = bindings.iter().all(|bound| bound.value == Value::EndOfMibView);
        row = bindings.iter().map(|bound| bound.oid.clone()).collect();
        if !bindings.into_iter().all(|bound| answer.take(bound)) || ended {
            break;
        }
    }
    answer.taken
}

struct Bindings {
    taken: Vec<VarBind>,
    left: usize,
}

impl Bindings {
    /// Whether there was room for it.
    fn take(&mut self, bound: VarBind) -> bool {
        let size = bound.encoded_size();
        let fits = size <= self.left;
        if fits {
            self.left -= size;
            self.taken.push(bound);
        }
        fits
    }
}

fn respond(request: &Pdu, outcome: Outcome, bindings: Vec<VarBind>) -> (Outcome, Pdu) {
    let error_index = i32::from(outcome == Outcome::NotWritable);
    let body = PduBody::Standard { pdu_type: StandardPduType::Response, error_status: outcome.status(), error_index };
    (outcome, Pdu::from_raw_parts(request.request_id(), body, bindings))
}

#[cfg(test)]
mod tests;
