//! `ridectl explain`: what drives the forecast of a rack or a row.

use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};

use crate::ask::{Of, ask};
use crate::output::Output;

/// Which forecast, of which replica.
#[derive(Debug, Args)]
pub struct Asked {
    /// The rack's or row's name in the site file.
    name: String,
    #[command(flatten)]
    of: Of,
}

/// Prints the parts of the forecast, which add up to it; a negative answer where no model speaks.
pub fn run(asked: &Asked, output: Output) -> Result<bool> {
    let told = ask(&asked.of, &json!({ "command": "explain", "rack": asked.name }))?;
    output.print(&told, || words(&told))?;
    Ok(!told["explained"].is_null())
}

fn words(told: &Value) -> String {
    let (name, parts) = (told["name"].as_str().unwrap_or_default(), &told["explained"]);
    if parts.is_null() {
        return format!(
            "{name}: no model speaks of it; `forecast_source` in the page and `ridectl audit log` say why\n"
        );
    }
    let mut words = format!("{name} draws {:.2} kW; its highest in the next 30 s, in kW:\n", kilo(&parts["now_watts"]));
    words += &line("", "more likely than not", "P99");
    words += &both("if it had always drawn this", &parts["flat"]);
    for part in parts["drivers"].as_array().into_iter().flatten() {
        words += &both(part["driver"].as_str().unwrap_or_default(), part);
    }
    words += &both("its own record of misses", &parts["calibration"]);
    words + &both("together", &parts["issued"])
}

fn both(what: &str, it: &Value) -> String {
    line(what, &format!("{:+.2}", kilo(&it["peak_p50_watts"])), &format!("{:+.2}", kilo(&it["peak_p99_watts"])))
}

fn line(what: &str, likely: &str, covered: &str) -> String {
    format!("  {what:<30} {likely:>20} {covered:>8}\n")
}

#[allow(clippy::cast_precision_loss, reason = "for people")]
fn kilo(watts: &Value) -> f64 {
    watts.as_i64().unwrap_or_default() as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_told_with_their_sign() {
        let it = |p50: i64, p99: i64| json!({ "peak_p50_watts": p50, "peak_p99_watts": p99 });
        let mut driver = it(-250, 1_000);
        driver["driver"] = "last ten seconds".into();
        let told = json!({ "name": "A1", "explained": {
            "now_watts": 4_000, "flat": it(4_100, 4_500), "drivers": [driver], "calibration": it(0, 70), "issued": it(3_850, 5_570),
        }});
        let words = words(&told);
        assert!(words.starts_with("A1 draws 4.00 kW"), "{words}");
        assert!(words.contains("last ten seconds                              -0.25    +1.00"), "{words}");
        assert!(words.ends_with("together                                      +3.85    +5.57\n"), "{words}");
    }

    #[test]
    fn silence_of_the_model_is_said() {
        let told = json!({ "name": "A1", "explained": null });
        assert!(words(&told).contains("no model speaks"));
    }
}
