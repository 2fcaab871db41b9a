//! Which engine makes the forecasts that decisions are made on: the model that the log has chosen, the configured one, or
//! the rule. What is in shadow is run beside it and scored, and touches nothing.

pub mod configured;
mod library;
mod runtime_use;
mod scoreboard;
mod servers;

pub use self::library::{Library, MODELS_MAX, Shelved, load};
pub use self::runtime_use::RuntimeUse;
pub use self::scoreboard::Score;
pub use self::servers::{Servers, ServersTold};

use ridethrough_core::forecast::{ForecastSource, RackForecast, RuleReason};
use ridethrough_core::model::{ModelFault, ModelId, Models};
use ridethrough_model::{Explanation, Forecast, Guarded, Keep, RunError, Sample, SignedModel};

use self::scoreboard::Scoreboard;

/// The engines of a replica.
#[derive(Debug)]
pub struct Stage {
    /// The configured model, or why there is none.
    default: Result<ModelId, Option<ModelFault>>,
    engines: Vec<(ModelId, Guarded)>,
    models: Models,
    scores: Scoreboard,
    servers: Option<Servers>,
}

/// What the stage tells of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Serving {
    /// The model that decides here.
    pub deciding: Option<ModelId>,
    /// Why the model that should decide does not.
    pub fault: Option<ModelFault>,
    /// How good what decides and what is in shadow have been, since there is a shadow.
    pub scores: Option<[Score; 2]>,
}

impl Stage {
    fn new(default: Result<ModelId, Option<ModelFault>>) -> Self {
        Self { default, engines: Vec::new(), models: Models::default(), scores: Scoreboard::default(), servers: None }
    }

    /// Nothing but the rule, as configured.
    pub fn without_model() -> Self {
        Self::new(Err(None))
    }

    /// Nothing but the rule, because the configured model was refused.
    pub fn refused(fault: ModelFault) -> Self {
        Self::new(Err(Some(fault)))
    }

    /// The configured model.
    pub fn with_default(model: SignedModel) -> Self {
        let mut stage = Self::new(Ok(model.id));
        stage.add(model);
        stage
    }

    /// The same, and servers are forecast as well.
    pub fn with_servers(self, servers: Servers) -> Self {
        Self { servers: Some(servers), ..self }
    }

    /// One more model that the log may choose.
    pub fn add(&mut self, model: SignedModel) {
        if !self.has(model.id) && self.engines.len() <= MODELS_MAX {
            self.engines.push((model.id, Guarded::new(Some(model.model))));
        }
    }

    fn has(&self, id: ModelId) -> bool {
        self.engines.iter().any(|(known, _)| *known == id)
    }

    /// The model that decides, or why none does: as the rule tells it, and what is wrong.
    fn deciding(&self) -> Result<ModelId, (RuleReason, Option<ModelFault>)> {
        match (self.models.active, self.default) {
            (Some(active), _) if self.has(active) => Ok(active),
            (Some(_), _) => Err((RuleReason::NotHere, Some(ModelFault::Missing))),
            (None, Ok(default)) if default.version < self.models.minimum_version => {
                Err((RuleReason::Refused, Some(ModelFault::TooOld)))
            }
            (None, Ok(default)) => Ok(default),
            (None, Err(Some(fault))) => Err((RuleReason::Refused, Some(fault))),
            (None, Err(None)) => Err((RuleReason::NoModel, None)),
        }
    }

    fn engine(&mut self, id: ModelId) -> Option<&mut Guarded> {
        self.engines.iter_mut().find(|(known, _)| *known == id).map(|(_, engine)| engine)
    }

    /// This call's forecasts, one for each sample, by what the log has chosen; `by_rule` is what the rule says, for where
    /// no model decides.
    pub fn decide(
        &mut self,
        models: &Models,
        samples: &[Sample],
        keep: Keep,
        by_rule: &[RackForecast],
    ) -> Vec<RackForecast> {
        self.models = *models;
        let mut forecasts = by_rule.to_vec();
        match self.deciding() {
            Ok(id) => {
                if let Some(engine) = self.engine(id) {
                    engine.step(samples, keep, &mut forecasts);
                }
            }
            Err((reason, _)) => {
                for forecast in &mut forecasts {
                    forecast.source = ForecastSource::Rule(reason);
                }
            }
        }
        forecasts
    }

    /// Lets the servers whose turn it is go on, once in a tick; with `keep` for a new second, tells what is forecast of all.
    pub fn go_on_with_servers(&mut self, decided: &[RackForecast], keep: Keep) {
        let deciding = self.deciding().ok();
        let Some(servers) = &mut self.servers else { return };
        servers.take(
            deciding.and_then(|id| self.engines.iter().find(|(known, _)| *known == id)).map(|(id, it)| (*id, it)),
        );
        if keep == Keep::Committed {
            servers.tell(decided);
        }
    }

    /// What drives the forecast of a rack (or of a row, after the racks); none where no model speaks for it.
    pub fn explain(&mut self, rack: usize) -> Option<Explanation> {
        let deciding = self.deciding().ok()?;
        self.engine(deciding)?.explain(rack)
    }

    /// Goes on with what does not decide, once in a second and after what decides has been handed out: what is in shadow
    /// is scored, and what may decide next keeps the minute that it needs for it.
    pub fn go_on_beside(&mut self, samples: &[Sample], decided: &[RackForecast]) {
        let deciding = self.deciding().ok();
        let shadow = self.models.shadow.filter(|id| self.has(*id));
        let mut tried = None;
        let wanted = [self.models.shadow, self.models.previous, self.default.ok()];
        for (id, engine) in &mut self.engines {
            if Some(*id) != deciding && wanted.contains(&Some(*id)) {
                let mut forecasts = Vec::with_capacity(samples.len());
                engine.step(samples, Keep::Committed, &mut forecasts);
                tried = if Some(*id) == shadow { Some(forecasts) } else { tried };
            }
        }
        self.scores.second([deciding, shadow], samples, [Some(decided), tried.as_deref()]);
    }

    /// What there is to tell.
    pub fn serving(&self) -> Serving {
        let deciding = self.deciding();
        let shadow = self.models.shadow.filter(|id| self.has(*id));
        Serving {
            deciding: deciding.ok(),
            fault: deciding.err().and_then(|(_, fault)| fault),
            scores: shadow.map(|_| self.scores.scores()),
        }
    }

    /// Why the model that decides could not be run at the last call, if so.
    pub fn last_failure(&self) -> Option<&RunError> {
        let deciding = self.deciding().ok()?;
        self.engines.iter().find(|(id, _)| *id == deciding)?.1.last_failure()
    }
}

#[cfg(test)]
mod tests {
    use ridethrough_core::units::Watts;
    use ridethrough_model::RuleForecast;

    use super::*;

    const SAMPLES: [Sample; 1] = [Sample { power: Some(Watts::new(400)), limit: Watts::new(1_000) }];

    #[track_caller]
    fn check(mut stage: Stage, models: &Models, reason: RuleReason, fault: Option<ModelFault>) {
        let mut by_rule = Vec::new();
        RuleForecast::new(RuleReason::Late).step(&SAMPLES, Keep::Committed, &mut by_rule);
        let forecasts = stage.decide(models, &SAMPLES, Keep::Committed, &by_rule);
        assert_eq!(forecasts[0], RackForecast { source: ForecastSource::Rule(reason), ..by_rule[0] });
        assert_eq!(stage.serving(), Serving { deciding: None, fault, scores: None });
        stage.go_on_beside(&SAMPLES, &forecasts);
    }

    #[test]
    fn where_no_model_decides_the_rule_says_why() {
        let none = Models::default();
        check(Stage::without_model(), &none, RuleReason::NoModel, None);
        let unsigned = Some(ModelFault::Unsigned);
        check(Stage::refused(ModelFault::Unsigned), &none, RuleReason::Refused, unsigned);
        let id = ModelId { sha256: [1; 32], version: 1 };
        let chosen = Models { active: Some(id), ..none };
        check(Stage::without_model(), &chosen, RuleReason::NotHere, Some(ModelFault::Missing));
        let overtaken = Models { minimum_version: 2, ..none };
        check(Stage::new(Ok(id)), &overtaken, RuleReason::Refused, Some(ModelFault::TooOld));
    }
}
