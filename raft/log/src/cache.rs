//! The payloads of the newest entries, in memory.

use crate::index::{Index, Slot};
use std::collections::VecDeque;
use std::sync::Arc;

/// Payloads of the last entries of the index, without a gap.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    payloads: VecDeque<Arc<Vec<u8>>>,
    bytes: usize,
}

/// Most entries kept once they are written.
const CACHE_ENTRIES_MAX: usize = 4096;
/// Most payload bytes kept once they are written.
const CACHE_BYTES_MAX: usize = 8 << 20;

impl Cache {
    pub(crate) fn push(&mut self, payload: Arc<Vec<u8>>) {
        self.bytes += payload.len();
        self.payloads.push_back(payload);
    }

    /// Follows a truncation that dropped `dropped` entries.
    pub(crate) fn truncate(&mut self, dropped: usize) {
        for payload in self.payloads.drain(self.payloads.len().saturating_sub(dropped)..) {
            self.bytes -= payload.len();
        }
    }

    /// Lets go of what is purged, and of the oldest payloads over the limits that can be read from their segments.
    pub(crate) fn trim(&mut self, index: &Index) {
        while self.payloads.len() > index.len() {
            self.pop_oldest();
        }
        while self.payloads.len() > CACHE_ENTRIES_MAX || self.bytes > CACHE_BYTES_MAX {
            let oldest = index.nth(index.len() - self.payloads.len());
            if !oldest.is_some_and(Slot::is_written) {
                return;
            }
            self.pop_oldest();
        }
    }

    pub(crate) fn get(&self, at: u64, index: &Index) -> Option<&Arc<Vec<u8>>> {
        let from_end = usize::try_from(index.next().checked_sub(at)?).ok()?;
        self.payloads.get(self.payloads.len().checked_sub(from_end)?)
    }

    fn pop_oldest(&mut self) {
        if let Some(payload) = self.payloads.pop_front() {
            self.bytes -= payload.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_within_its_limits_but_keeps_what_is_not_written() {
        let (mut index, mut cache) = (Index::default(), Cache::default());
        for number in 0..6000 {
            let offset = if number < 5000 { 40 } else { 0 };
            index.push(Slot { sequence: number, segment: 1, offset, payload_bytes: 4096 });
            cache.push(Arc::new(vec![0; 4096]));
        }
        cache.trim(&index);
        assert_eq!(cache.payloads.len(), 8 * 256);
        assert!(
            cache.get(5999, &index).is_some() && cache.get(3000, &index).is_none() && cache.get(6000, &index).is_none()
        );
        index.purge_to(5990);
        cache.trim(&index);
        assert_eq!((cache.payloads.len(), cache.bytes), (9, 9 * 4096));
    }
}
