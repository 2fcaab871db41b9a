//! Watts and spans as people write them: always with their unit.

use ridethrough_core::units::Watts;

/// The most that may be asked for: beyond any rack.
const WATTS_MAX: i64 = 1_000_000_000;

/// `800W`, `6kW`, `4.5kW` or `1.2MW`.
pub fn watts(text: &str) -> Result<Watts, String> {
    let expected = || format!("`{text}`: expected watts with their unit, such as `800W`, `6kW` or `4.5kW`");
    let at = text.find(|c: char| c.is_ascii_alphabetic()).ok_or_else(expected)?;
    let (number, unit) = text.split_at(at);
    let decimals: u32 = match unit.trim() {
        "W" => 0,
        "kW" => 3,
        "MW" => 6,
        _ => return Err(expected()),
    };
    let (whole, part) = number.trim().split_once('.').unwrap_or((number.trim(), ""));
    let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    let fits = !whole.is_empty() && digits(whole) && digits(part) && part.len() <= decimals as usize;
    let all = format!("{whole}{part}{}", "0".repeat((decimals as usize).saturating_sub(part.len())));
    let watts = all.parse::<i64>().ok().filter(|watts| fits && (1..=WATTS_MAX).contains(watts));
    watts.map(Watts::new).ok_or_else(expected)
}

/// `10m`, `90s` or `1h 30m`, in milliseconds.
pub fn span_ms(text: &str) -> Result<i64, String> {
    let span =
        humantime::parse_duration(text).map_err(|error| format!("{error}: expected a span such as `90s` or `10m`"))?;
    i64::try_from(span.as_millis())
        .ok()
        .filter(|ms| *ms > 0)
        .ok_or_else(|| format!("`{text}`: expected a span such as `90s`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn watts_have_a_unit_and_no_more_than_one_watt_of_detail() {
        for (text, expected) in
            [("800W", 800), ("6kW", 6_000), ("4.5kW", 4_500), ("0.001kW", 1), ("1.2MW", 1_200_000), ("6 kW", 6_000)]
        {
            assert_eq!(watts(text), Ok(Watts::new(expected)), "{text}");
        }
        for wrong in ["", "6", "kW", "-6kW", "6kw", "6kWh", "0W", "0.5W", "1.2345kW", "1e3W", "6..kW", "99999999999MW"]
        {
            assert!(watts(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn spans_have_a_unit() {
        assert_eq!(span_ms("10m"), Ok(600_000));
        assert_eq!(span_ms("1h 30m"), Ok(5_400_000));
        for wrong in ["", "10", "0s", "-5s", "ten minutes"] {
            assert!(span_ms(wrong).is_err(), "{wrong}");
        }
    }
}
