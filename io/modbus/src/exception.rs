//! The codes that refusals have on the wire.

/// Why a request was refused, as Modbus numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exception {
    /// Only registers can be read, and nothing can be written.
    IllegalFunction,
    /// There is no such register.
    IllegalAddress,
    /// The request is no request to read 1 to 125 registers.
    IllegalValue,
    /// What is known is too old to be told.
    DeviceFailure,
}

impl Exception {
    /// Each of them.
    pub const ALL: [Self; 4] = [Self::IllegalFunction, Self::IllegalAddress, Self::IllegalValue, Self::DeviceFailure];

    /// Its code.
    pub const fn code(self) -> u8 {
        match self {
            Self::IllegalFunction => 1,
            Self::IllegalAddress => 2,
            Self::IllegalValue => 3,
            Self::DeviceFailure => 4,
        }
    }

    /// Its name in metrics.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::IllegalFunction => "illegal_function",
            Self::IllegalAddress => "illegal_address",
            Self::IllegalValue => "illegal_value",
            Self::DeviceFailure => "stale",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceptions_are_in_the_order_of_their_numbers_and_codes() {
        for (nth, exception) in (0_u8..).zip(Exception::ALL) {
            assert_eq!((exception as u8, exception.code()), (nth, nth + 1), "{exception:?}");
        }
    }
}
