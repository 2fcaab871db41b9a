//! `prometheus.WriteRequest` of remote-write 1.0: series with their labels written out.

use super::fields::Fields;
use super::series::{Sample, Series};
use super::{Budget, WireError};
use crate::limits::Limits;

pub fn read<'a>(bytes: &'a [u8], limits: &Limits, take: &mut dyn FnMut(&Series<'a>)) -> Result<(), WireError> {
    let mut budget = Budget::new(limits);
    let mut series = Series::default();
    let mut fields = Fields::new(bytes);
    while let Some((number, value)) = fields.next()? {
        // Field 3 is metadata, which is experimental in 1.0 and says nothing of interest here.
        if number == 1 {
            budget.series()?;
            read_series(value.bytes()?, &mut series, &mut budget)?;
            take(&series);
        }
    }
    Ok(())
}

fn read_series<'a>(message: &'a [u8], series: &mut Series<'a>, budget: &mut Budget<'_>) -> Result<(), WireError> {
    series.clear();
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => {
                let (name, value) = read_label(value.bytes()?)?;
                series.push_label(name, value, budget.limits);
            }
            2 => {
                budget.sample()?;
                series.samples.push(Sample::read(value.bytes()?)?);
            }
            3 => {
                budget.exemplar()?;
                series.exemplars += 1;
            }
            4 => {
                budget.histogram()?;
                series.histograms += 1;
            }
            _ => {}
        }
    }
    series.finish();
    Ok(())
}

fn read_label(message: &[u8]) -> Result<(&str, &str), WireError> {
    let (mut name, mut text) = ("", "");
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => name = value.text()?,
            2 => text = value.text()?,
            _ => {}
        }
    }
    Ok((name, text))
}
