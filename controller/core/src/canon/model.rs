//! Which models the log has chosen, and what is done about them.

use super::Canon;
use crate::command::ModelRefused;
use crate::model::{ModelAction, ModelFault, ModelId, Models};

impl Canon {
    /// What the log has chosen of models. Nothing while it has chosen nothing, so that a log that knows no models has the
    /// states that it always had; it comes last, so that no other state can have the same bytes.
    pub(crate) fn models(&mut self, models: &Models) {
        if *models == Models::default() {
            return;
        }
        self.bytes(b"models");
        for model in [models.active, models.shadow, models.previous] {
            self.maybe_model(model);
        }
        self.unsigned(models.minimum_version);
    }

    pub(super) fn model_action(&mut self, action: ModelAction) {
        match action {
            ModelAction::Shadow(model) => {
                self.unsigned(1);
                self.model(model);
            }
            ModelAction::Promote { model, minimum } => {
                self.unsigned(2);
                self.model(model);
                self.maybe(minimum);
            }
            ModelAction::Rollback { minimum } => {
                self.unsigned(3);
                self.maybe(minimum);
            }
        }
    }

    pub(super) fn model_refused(&mut self, refused: ModelRefused) {
        self.maybe_model(refused.model);
        self.unsigned(fault_number(refused.fault));
    }

    fn maybe_model(&mut self, model: Option<ModelId>) {
        self.count(usize::from(model.is_some()));
        if let Some(model) = model {
            self.model(model);
        }
    }

    fn model(&mut self, model: ModelId) {
        self.bytes(&model.sha256);
        self.unsigned(model.version);
    }
}

const fn fault_number(fault: ModelFault) -> u64 {
    match fault {
        ModelFault::Unsigned => 1,
        ModelFault::UnknownKey => 2,
        ModelFault::BadSignature => 3,
        ModelFault::Damaged => 4,
        ModelFault::Shape => 5,
        ModelFault::TooOld => 6,
        ModelFault::Missing => 7,
        ModelFault::Runtime => 8,
        ModelFault::Broken => 9,
    }
}
