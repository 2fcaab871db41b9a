//! A request's answer. Takes bytes and `now`; no socket, no clock.

use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;

use crate::board::Board;
use crate::exception::Exception;
use crate::frame::{self, Read};
use crate::layout::Layout;
use crate::meters::Meters;

/// What all connections share.
pub struct Desk {
    layout: Layout,
    board: Arc<ArcSwap<Board>>,
    pub(crate) meters: Meters,
}

impl Desk {
    /// A desk that answers for this site by the newest board. Install the recorder of metrics before.
    pub fn new(layout: Layout, board: Arc<ArcSwap<Board>>) -> Self {
        Self { layout, board, meters: Meters::new() }
    }

    /// Answers a request, which comes without its header.
    pub fn answer(&self, request: &[u8], now: Instant) -> Vec<u8> {
        let outcome = self.read(request, now);
        self.meters.answered(outcome.as_ref().err().copied());
        frame::answer(request, &outcome)
    }

    /// One board answers the whole request, so its numbers are of one moment.
    fn read(&self, request: &[u8], now: Instant) -> Result<Vec<u16>, Exception> {
        let Read { start, count } = Read::parse(request)?;
        let (start, end) = (usize::from(start), usize::from(start) + usize::from(count));
        if end > self.layout.registers() {
            return Err(Exception::IllegalAddress);
        }
        let board = self.board.load();
        let identity = self.layout.identity(board.age_ms(now));
        let always = identity.len();
        let mut told = identity.get(start.min(always)..end.min(always)).unwrap_or_default().to_vec();
        if end > always {
            let fresh = board.fresh(now).ok_or(Exception::DeviceFailure)?;
            let asked = fresh.get(start.max(always) - always..end - always).ok_or(Exception::DeviceFailure)?;
            told.extend_from_slice(asked);
        }
        Ok(told)
    }
}

#[cfg(test)]
mod tests;
