//! Integer quantities. Arithmetic that can overflow is checked and returns `None`; nothing wraps.

use core::fmt;

use crate::text;

macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident, $symbol:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(i64);

        impl $name {
            /// Nothing of it.
            pub const ZERO: Self = Self(0);

            /// The quantity of `value` base units.
            pub const fn new(value: i64) -> Self {
                Self(value)
            }

            /// The number of base units.
            pub const fn get(self) -> i64 {
                self.0
            }

            /// The sum, or `None` on overflow.
            pub const fn checked_add(self, other: Self) -> Option<Self> {
                match self.0.checked_add(other.0) {
                    Some(sum) => Some(Self(sum)),
                    None => None,
                }
            }

            /// The difference, or `None` on overflow.
            pub const fn checked_sub(self, other: Self) -> Option<Self> {
                match self.0.checked_sub(other.0) {
                    Some(difference) => Some(Self(difference)),
                    None => None,
                }
            }

            /// The sum, held at the ends of the range: for display and for comparisons, where saturation cannot
            /// make a decision riskier.
            pub const fn saturating_add(self, other: Self) -> Self {
                Self(self.0.saturating_add(other.0))
            }

            /// The difference, held at the ends of the range.
            pub const fn saturating_sub(self, other: Self) -> Self {
                Self(self.0.saturating_sub(other.0))
            }

            /// `self` or nothing, when it is negative.
            pub fn or_zero(self) -> Self {
                self.max(Self::ZERO)
            }

            /// The share `part / whole` of it, rounded down; `whole` counts as at least one.
            pub fn share(self, part: i64, whole: i64) -> Self {
                Self(narrow(i128::from(self.0) * i128::from(part) / i128::from(whole.max(1))))
            }

            /// `permille` thousandths of it, rounded towards more.
            pub fn permille(self, permille: u16) -> Self {
                let product = i128::from(self.0) * i128::from(permille);
                Self(narrow(product.div_euclid(1000) + i128::from(product.rem_euclid(1000) != 0)))
            }
        }

        impl core::iter::Sum for $name {
            fn sum<I: Iterator<Item = Self>>(items: I) -> Self {
                items.fold(Self::ZERO, Self::saturating_add)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                text::pad(f, format_args!("{} {}", self.0, $symbol))
            }
        }
    };
}

quantity!(
    /// Power in watts.
    Watts, "W"
);
quantity!(
    /// Energy in joules.
    Joules, "J"
);
quantity!(
    /// Electric potential in millivolts.
    Millivolts, "mV"
);
quantity!(
    /// Current in milliamperes.
    Milliamps, "mA"
);
quantity!(
    /// Resistance in microohms.
    Microohms, "µΩ"
);
quantity!(
    /// Length in millimetres.
    Millimetres, "mm"
);
quantity!(
    /// A span of time, or a reading of a monotonic clock, in milliseconds.
    Millis, "ms"
);

/// Holds a wide product at the ends of the narrow range.
const fn narrow(wide: i128) -> i64 {
    if wide > i64::MAX as i128 {
        i64::MAX
    } else if wide < i64::MIN as i128 {
        i64::MIN
    } else {
        #[allow(clippy::cast_possible_truncation, reason = "both ends were just compared")]
        {
            wide as i64
        }
    }
}

impl Watts {
    /// The energy that this power moves in `span`, rounded up.
    pub fn over(self, span: Millis) -> Joules {
        let millijoules = i128::from(self.0) * i128::from(span.get());
        Joules::new(narrow(millijoules.div_euclid(1000) + i128::from(millijoules.rem_euclid(1000) != 0)))
    }

    /// The current that this power is at `potential`, rounded up; nothing at no potential.
    pub fn at(self, potential: Millivolts) -> Milliamps {
        let volts_milli = i128::from(potential.get());
        if volts_milli <= 0 {
            return Milliamps::ZERO;
        }
        let scaled = i128::from(self.0) * 1_000_000;
        Milliamps::new(narrow(scaled.div_euclid(volts_milli) + i128::from(scaled.rem_euclid(volts_milli) != 0)))
    }

    /// Watts as kilowatts with one decimal, for people.
    pub const fn kilo(self) -> Kilowatts {
        Kilowatts(self)
    }
}

/// Watts, shown as kilowatts with one decimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kilowatts(Watts);

impl fmt::Display for Kilowatts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let watts = self.0.get();
        let tenths = watts.unsigned_abs().saturating_add(50) / 100;
        let sign = if watts < 0 && tenths > 0 { "-" } else { "" };
        text::pad(f, format_args!("{sign}{}.{} kW", tenths / 10, tenths % 10))
    }
}

impl Joules {
    /// The whole watts that this energy could feed for `span`, rounded down; nothing for no span.
    pub fn per(self, span: Millis) -> Watts {
        if span.get() <= 0 {
            return Watts::ZERO;
        }
        Watts::new(narrow((i128::from(self.0) * 1000).div_euclid(i128::from(span.get()))))
    }
}

impl Millis {
    /// A span of whole seconds.
    pub const fn seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_refuses_to_wrap() {
        assert_eq!(Watts::new(i64::MAX).checked_add(Watts::new(1)), None);
        assert_eq!(Watts::new(i64::MIN).checked_sub(Watts::new(1)), None);
        assert_eq!(Watts::new(2).checked_add(Watts::new(3)), Some(Watts::new(5)));
    }

    #[test]
    fn conversions_round_to_the_safe_side() {
        assert_eq!(Watts::new(1).over(Millis::new(1)), Joules::new(1), "a started joule counts whole");
        assert_eq!(Watts::new(120_000).at(Millivolts::new(800_000)), Milliamps::new(150_000));
        assert_eq!(Joules::new(1).per(Millis::new(3000)), Watts::ZERO, "power on offer is rounded down");
        assert_eq!(Watts::new(101).permille(50), Watts::new(6), "a margin is rounded up");
        assert_eq!(Watts::new(101).share(1, 3), Watts::new(33), "a share is rounded down");
        assert_eq!(Watts::new(i64::MAX).share(i64::MAX, 0), Watts::new(i64::MAX), "and held at the end of the range");
    }

    #[test]
    fn people_read_kilowatts() {
        assert_eq!(Watts::new(2449).kilo().to_string(), "2.4 kW");
        assert_eq!(Watts::new(-250).kilo().to_string(), "-0.3 kW");
        assert_eq!(
            format!("{:>9}|{:<8}|", Watts::new(-250).kilo(), Watts::new(i64::MIN)),
            "  -0.3 kW|-9223372036854775808 W|"
        );
        assert_eq!(Microohms::new(i64::MIN).to_string(), "-9223372036854775808 µΩ", "the longest of them");
    }
}
