//! What an operator's request is known by, so that asking twice does nothing twice.

use std::fmt;
use std::str::FromStr;

use crate::canon::Canon;
use crate::last::Last;

/// So many of the last requests that were carried out are remembered.
pub const REQUESTS_KEPT: usize = 256;

/// A request's number: drawn at random by whoever asks, kept when he asks again. Written as 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u128);

/// A request that was carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CarriedOut {
    /// Which.
    pub request: RequestId,
    /// The entry that did it.
    pub index: u64,
}

/// The last requests that were carried out.
pub(crate) type Requests = Last<CarriedOut, REQUESTS_KEPT>;

impl Requests {
    /// The entry that carried this request out, if it is one of the last.
    pub(crate) fn find(&self, request: RequestId) -> Option<u64> {
        self.items().iter().find(|done| done.request == request).map(|done| done.index)
    }

    /// Nothing where there are none, as in logs from before they were numbered.
    pub(crate) fn sign(&self, canon: &mut Canon) {
        if self.items().is_empty() {
            return;
        }
        canon.words("requests");
        canon.count(self.items().len());
        for done in self.items() {
            canon.request(done.request);
            canon.unsigned(done.index);
        }
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl FromStr for RequestId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || format!("`{}`: expected a request's number, 32 hexadecimal digits", text.escape_debug());
        // A sign would be taken for a digit.
        let digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        digits.then(|| u128::from_str_radix(text, 16).ok()).flatten().map(Self).ok_or_else(expected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_requests_are_remembered_and_no_more() {
        let mut requests = Requests::default();
        for number in 0_u64..300 {
            requests.push(CarriedOut { request: RequestId(number.into()), index: 1_000 + number });
        }
        assert_eq!(requests.items().len(), REQUESTS_KEPT);
        assert_eq!((requests.find(RequestId(43)), requests.find(RequestId(44))), (None, Some(1_044)));
        assert_eq!(requests.find(RequestId(299)), Some(1_299));
    }

    #[test]
    fn a_number_is_written_as_it_is_read() {
        let request = RequestId(0x0123_4567_89ab_cdef);
        assert_eq!(request.to_string().parse(), Ok(request));
        for wrong in ["", "1", "+0000000000000000000000000000001", &"g".repeat(32), &"0".repeat(33)] {
            assert!(wrong.parse::<RequestId>().is_err(), "{wrong}");
        }
    }
}
