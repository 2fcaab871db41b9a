//! Which engine makes the forecasts that decisions are made on: a model that somebody vouches for, or the rule.

use ridethrough_core::forecast::{ForecastSource, RackForecast, RuleReason};
use ridethrough_core::model::ModelFault;
use ridethrough_model::{Forecast, Guarded, Keep, RuleForecast, RunError, Sample, SignedModel};

/// The engines of a replica.
#[derive(Debug)]
pub struct Stage {
    default: Option<Guarded>,
    /// Why there is no default model, when one is configured.
    refused: Option<ModelFault>,
    /// Speaks where no model does. Always shown what there is, so that it has its minute when it is needed.
    rule: RuleForecast,
}

impl Stage {
    /// Nothing but the rule, as configured.
    pub fn without_model() -> Self {
        Self { default: None, refused: None, rule: RuleForecast::new(RuleReason::NoModel) }
    }

    /// Nothing but the rule, because the configured model was refused.
    pub fn refused(fault: ModelFault) -> Self {
        Self { refused: Some(fault), ..Self::without_model() }
    }

    /// The configured model.
    pub fn with_default(model: SignedModel) -> Self {
        Self { default: Some(Guarded::new(Some(model.model))), ..Self::without_model() }
    }

    /// This call's forecasts, one for each sample.
    pub fn decide(&mut self, samples: &[Sample], keep: Keep) -> Vec<RackForecast> {
        let mut forecasts = Vec::with_capacity(samples.len());
        self.rule.step(samples, keep, &mut forecasts);
        if let Some(engine) = &mut self.default {
            engine.step(samples, keep, &mut forecasts);
        } else if self.refused.is_some() {
            for forecast in &mut forecasts {
                forecast.source = ForecastSource::Rule(RuleReason::Refused);
            }
        }
        forecasts
    }

    /// Why the model that decides could not be run at the last call, if so.
    pub fn last_failure(&self) -> Option<&RunError> {
        self.default.as_ref().and_then(Guarded::last_failure)
    }
}

#[cfg(test)]
mod tests {
    use ridethrough_core::units::Watts;

    use super::*;

    #[test]
    fn a_refused_model_leaves_the_rule_which_says_so() {
        let samples = [Sample { power: Some(Watts::new(400)), limit: Watts::new(1_000) }];
        let source = |mut stage: Stage| stage.decide(&samples, Keep::Committed)[0].source;
        assert_eq!(source(Stage::without_model()), ForecastSource::Rule(RuleReason::NoModel));
        assert_eq!(source(Stage::refused(ModelFault::Unsigned)), ForecastSource::Rule(RuleReason::Refused));
    }
}
