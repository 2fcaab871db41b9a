//! How much memory the process holds.

/// What Linux counts in; the bench runs on x86-64 and aarch64 with pages of this size.
const PAGE_BYTES: i64 = 4_096;

/// Resident bytes of this process, from `/proc/self/statm`.
pub fn resident_bytes() -> Option<i64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: i64 = text.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * PAGE_BYTES)
}
