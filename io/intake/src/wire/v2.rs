//! `io.prometheus.write.v2.Request` of remote-write 2.0: series whose labels refer to a table of symbols.

use super::fields::Fields;
use super::series::{Sample, Series, each_number};
use super::{Budget, WireError};
use crate::limits::Limits;

pub fn read<'a>(bytes: &'a [u8], limits: &Limits, take: &mut dyn FnMut(&Series<'a>)) -> Result<(), WireError> {
    let symbols = read_symbols(bytes, limits)?;
    let mut budget = Budget::new(limits);
    let (mut series, mut references) = (Series::default(), Vec::new());
    let mut fields = Fields::new(bytes);
    while let Some((number, value)) = fields.next()? {
        if number == 5 {
            budget.series()?;
            references.clear();
            series.clear();
            read_series(value.bytes()?, &mut series, &mut references, &mut budget)?;
            resolve(&references, &symbols, &mut series, limits)?;
            take(&series);
        }
    }
    Ok(())
}

/// Fields may come in any order, so the table is gathered before the first series is looked at. It should begin with the
/// empty text; a sender in use (promwrite 0.2.6) leaves that out, and nothing here depends on it.
fn read_symbols<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Vec<&'a str>, WireError> {
    let mut symbols = Vec::new();
    let mut fields = Fields::new(bytes);
    while let Some((number, value)) = fields.next()? {
        if number == 4 {
            if symbols.len() == limits.symbols_max {
                return Err(WireError::TooMany { what: "symbols", max: limits.symbols_max });
            }
            symbols.push(value.text()?);
        }
    }
    Ok(symbols)
}

fn read_series<'a>(
    message: &'a [u8],
    series: &mut Series<'a>,
    references: &mut Vec<u64>,
    budget: &mut Budget<'_>,
) -> Result<(), WireError> {
    let references_max = 2 * budget.limits.labels_max;
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => each_number(value, &mut |reference| {
                if references.len() == references_max {
                    series.fail();
                } else {
                    references.push(reference);
                }
            })?,
            2 => {
                budget.sample()?;
                series.samples.push(Sample::read(value.bytes()?)?);
            }
            3 => {
                budget.histogram()?;
                series.histograms += 1;
            }
            4 => {
                budget.exemplar()?;
                series.exemplars += 1;
            }
            _ => {}
        }
    }
    Ok(())
}

fn resolve<'a>(
    references: &[u64],
    symbols: &[&'a str],
    series: &mut Series<'a>,
    limits: &Limits,
) -> Result<(), WireError> {
    let symbol = |reference: u64| {
        let at = usize::try_from(reference).ok();
        at.and_then(|at| symbols.get(at)).copied().ok_or(WireError::Reference)
    };
    let (pairs, half) = references.as_chunks::<2>();
    if !half.is_empty() {
        return Err(WireError::Reference);
    }
    for &[name, value] in pairs {
        series.push_label(symbol(name)?, symbol(value)?, limits);
    }
    series.finish();
    Ok(())
}
