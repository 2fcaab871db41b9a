//! The words that controller and field devices share: units, names of site parts, orders and readings.
//!
//! Apart from the core so that a device's firmware can use them: there is no `std` here and nothing allocates.

#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

pub mod device;
pub mod part;
pub mod units;

mod text;
