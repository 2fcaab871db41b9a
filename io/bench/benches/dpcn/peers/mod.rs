//! Other protocols, with the same sizes and at the same pace as DPCN.

use anyhow::Result;

use crate::options::Options;
use crate::rounds::Case;

/// Every peer that this program was built with and that is installed. How to get the others goes to the standard error.
pub fn cases(options: &Options) -> Result<Vec<Box<dyn Case>>> {
    let _ = options;
    Ok(Vec::new())
}
