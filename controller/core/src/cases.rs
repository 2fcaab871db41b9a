//! How many random cases a property is tried on.

use proptest::prelude::ProptestConfig;

/// Cases of a property when nothing else is asked for.
const CASES_DEFAULT: u32 = 256;

/// As many cases as `RIDETHROUGH_CASES` says: few in every run of the tests, millions at night.
#[expect(clippy::disallowed_methods, reason = "tests choose their own size; the core reads no environment")]
pub(crate) fn config() -> ProptestConfig {
    let cases = match std::env::var("RIDETHROUGH_CASES") {
        Ok(text) => text.parse().expect("RIDETHROUGH_CASES is a number of cases"),
        Err(_) => CASES_DEFAULT,
    };
    ProptestConfig::with_cases(cases)
}
