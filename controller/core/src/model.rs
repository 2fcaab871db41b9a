//! The models that the forecast may be made with, by name: which one decides, which one is tried beside it, and which one
//! to go back to. What a model computes is no concern of the core.

use std::fmt;

/// A model's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModelId {
    /// SHA-256 of its file.
    pub sha256: [u8; 32],
    /// The number that its signer gave it.
    pub version: u64,
}

/// Which models the log has chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Models {
    /// The one that decides; without one, every replica's configured model does.
    pub active: Option<ModelId>,
    /// The one that is tried beside it and decides nothing.
    pub shadow: Option<ModelId>,
    /// The one that decided before; none when that was the configured one.
    pub previous: Option<ModelId>,
    /// No version below may decide.
    pub minimum_version: u64,
}

/// What an operator can do with models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelAction {
    /// It is tried beside the one that decides, in place of what was tried before.
    Shadow(ModelId),
    /// What is in shadow decides from now on.
    Promote {
        /// What is in shadow, so that nobody promotes what somebody else has just put there.
        model: ModelId,
        /// No version below may decide from now on; as before when left out.
        minimum: Option<u64>,
    },
    /// What decided before decides again.
    Rollback {
        /// The minimum is lowered to this; as before when left out.
        minimum: Option<u64>,
    },
}

/// Why the models stay as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelRefusal {
    /// It has been overtaken.
    BelowMinimum {
        /// Which model.
        model: ModelId,
        /// The least version that may decide.
        minimum: u64,
    },
    /// It decides already.
    Active(ModelId),
    /// Something else is in shadow, or nothing.
    NotInShadow {
        /// What was to be promoted.
        model: ModelId,
        /// What is in shadow.
        shadow: Option<ModelId>,
    },
    /// No model of the log decides, so there is none to go back from.
    NothingToRollBack,
    /// The minimum that was asked for is not among those that may be.
    MinimumOutOfRange {
        /// What was asked for.
        asked: u64,
        /// The least that may be.
        least: u64,
        /// The most that may be.
        most: u64,
    },
}

/// Why a replica does not use a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ModelFault {
    /// Nobody vouches for it.
    Unsigned,
    /// Who vouches for it is not trusted.
    UnknownKey,
    /// It is not what was signed.
    BadSignature,
    /// Its file is not what the manifest says.
    Damaged,
    /// It is of another shape.
    Shape,
    /// Its version is below the least that may be used.
    TooOld,
    /// A file is not there or cannot be read.
    Missing,
    /// There is no runtime for it.
    Runtime,
    /// The runtime cannot run it, or it fails its self-test.
    Broken,
}

impl Models {
    /// The models after an operator's action, or why it is refused. A model has to be in shadow before it decides, and
    /// after a rollback again.
    pub fn after(self, action: ModelAction) -> Result<Self, ModelRefusal> {
        match action {
            ModelAction::Shadow(model) => self.with_shadow(model),
            ModelAction::Promote { model, minimum } => self.promoted(model, minimum),
            ModelAction::Rollback { minimum } => self.rolled_back(minimum),
        }
    }

    fn with_shadow(self, model: ModelId) -> Result<Self, ModelRefusal> {
        if self.active == Some(model) {
            return Err(ModelRefusal::Active(model));
        }
        not_below(model, self.minimum_version)?;
        Ok(Self { shadow: Some(model), ..self })
    }

    fn promoted(self, model: ModelId, minimum: Option<u64>) -> Result<Self, ModelRefusal> {
        if self.shadow != Some(model) {
            return Err(ModelRefusal::NotInShadow { model, shadow: self.shadow });
        }
        not_below(model, self.minimum_version)?;
        let minimum_version = within(minimum, self.minimum_version, self.minimum_version, model.version)?;
        Ok(Self { active: Some(model), shadow: None, previous: self.active, minimum_version })
    }

    fn rolled_back(self, minimum: Option<u64>) -> Result<Self, ModelRefusal> {
        if self.active.is_none() {
            return Err(ModelRefusal::NothingToRollBack);
        }
        let minimum_version = within(minimum, self.minimum_version, 0, self.minimum_version)?;
        self.previous.map_or(Ok(()), |model| not_below(model, minimum_version))?;
        // What decides is not tried beside itself.
        let shadow = self.shadow.filter(|shadow| self.previous != Some(*shadow));
        Ok(Self { active: self.previous, shadow, previous: None, minimum_version })
    }
}

fn not_below(model: ModelId, minimum: u64) -> Result<(), ModelRefusal> {
    if model.version < minimum { Err(ModelRefusal::BelowMinimum { model, minimum }) } else { Ok(()) }
}

fn within(asked: Option<u64>, now: u64, least: u64, most: u64) -> Result<u64, ModelRefusal> {
    match asked {
        None => Ok(now),
        Some(asked) if (least..=most).contains(&asked) => Ok(asked),
        Some(asked) => Err(ModelRefusal::MinimumOutOfRange { asked, least, most }),
    }
}

impl fmt::Display for ModelRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BelowMinimum { model, minimum } => write!(f, "model {model} is older than the minimum of {minimum}"),
            Self::Active(model) => write!(f, "model {model} decides already"),
            Self::NotInShadow { model, shadow: Some(other) } => {
                write!(f, "model {model} is not in shadow, model {other} is")
            }
            Self::NotInShadow { model, shadow: None } => write!(f, "model {model} is not in shadow, nothing is"),
            Self::NothingToRollBack => write!(f, "no model of the log decides: there is none to go back from"),
            Self::MinimumOutOfRange { asked, least, most } => {
                write!(f, "a minimum version of {asked}, allowed are {least} to {most}")
            }
        }
    }
}

impl ModelId {
    /// The first bytes of its hash: its name in a forecast.
    pub fn hash8(&self) -> [u8; 8] {
        let mut first = [0; 8];
        first.copy_from_slice(&self.sha256[..8]);
        first
    }
}

/// As in a forecast's source, with the version: `8bae15f5 version 3`.
impl fmt::Display for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.sha256[..4].iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        write!(f, " version {}", self.version)
    }
}

impl ModelFault {
    /// Every fault there is.
    pub const ALL: [Self; 9] = [
        Self::Unsigned,
        Self::UnknownKey,
        Self::BadSignature,
        Self::Damaged,
        Self::Shape,
        Self::TooOld,
        Self::Missing,
        Self::Runtime,
        Self::Broken,
    ];

    /// The fault as metrics and people read it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unsigned => "unsigned",
            Self::UnknownKey => "unknown key",
            Self::BadSignature => "bad signature",
            Self::Damaged => "damaged",
            Self::Shape => "another shape",
            Self::TooOld => "older than the minimum",
            Self::Missing => "missing",
            Self::Runtime => "no runtime",
            Self::Broken => "broken",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(version: u64) -> ModelId {
        ModelId { sha256: [u8::try_from(version % 256).expect("below 256"); 32], version }
    }

    /// Active, shadow, previous, minimum.
    type Versions = (Option<u64>, Option<u64>, Option<u64>, u64);

    /// What the models are after these actions, or the first refusal, as people read it.
    #[track_caller]
    fn check(actions: &[ModelAction], expected: Result<Versions, &str>) {
        let after = actions.iter().try_fold(Models::default(), |models, action| models.after(*action));
        let versions = |models: Models| {
            let version = |id: Option<ModelId>| id.map(|id| id.version);
            (version(models.active), version(models.shadow), version(models.previous), models.minimum_version)
        };
        assert_eq!(after.map(versions).map_err(|refusal| refusal.to_string()), expected.map_err(str::to_owned));
    }

    const BACK: ModelAction = ModelAction::Rollback { minimum: None };

    fn shadow(version: u64) -> ModelAction {
        ModelAction::Shadow(id(version))
    }

    fn promote(version: u64, minimum: Option<u64>) -> ModelAction {
        ModelAction::Promote { model: id(version), minimum }
    }

    #[test]
    fn a_model_goes_through_shadow_and_back() {
        check(&[shadow(1)], Ok((None, Some(1), None, 0)));
        check(&[shadow(1), shadow(2)], Ok((None, Some(2), None, 0)));
        check(&[shadow(1), promote(1, None)], Ok((Some(1), None, None, 0)));
        let two = [shadow(1), promote(1, None), shadow(2), promote(2, None)];
        check(&two, Ok((Some(2), None, Some(1), 0)));
        check(&[&two[..], &[BACK]].concat(), Ok((Some(1), None, None, 0)));
        check(&[&two[..], &[BACK, BACK]].concat(), Ok((None, None, None, 0)));
        check(&[&two[..], &[shadow(3), BACK]].concat(), Ok((Some(1), Some(3), None, 0)));
        check(&[&two[..], &[shadow(1), BACK]].concat(), Ok((Some(1), None, None, 0)));
    }

    #[test]
    fn what_may_not_be_is_refused_in_words() {
        check(&[promote(1, None)], Err("model 01010101 version 1 is not in shadow, nothing is"));
        let other = "model 02020202 version 2 is not in shadow, model 01010101 version 1 is";
        check(&[shadow(1), promote(2, None)], Err(other));
        check(&[shadow(1), promote(1, None), shadow(1)], Err("model 01010101 version 1 decides already"));
        check(&[BACK], Err("no model of the log decides: there is none to go back from"));
        check(
            &[shadow(1), promote(1, None), BACK, BACK],
            Err("no model of the log decides: there is none to go back from"),
        );
        check(
            &[shadow(1), promote(1, None), BACK, promote(1, None)],
            Err("model 01010101 version 1 is not in shadow, nothing is"),
        );
    }

    #[test]
    fn the_minimum_rises_by_promotions_and_falls_only_when_that_is_said() {
        let two = [shadow(1), promote(1, None), shadow(5), promote(5, Some(4))];
        check(&two, Ok((Some(5), None, Some(1), 4)));
        check(&[&two[..], &[shadow(3)]].concat(), Err("model 03030303 version 3 is older than the minimum of 4"));
        check(&[&two[..], &[BACK]].concat(), Err("model 01010101 version 1 is older than the minimum of 4"));
        let lower = |minimum| ModelAction::Rollback { minimum: Some(minimum) };
        check(&[&two[..], &[lower(2)]].concat(), Err("model 01010101 version 1 is older than the minimum of 2"));
        check(&[&two[..], &[lower(1)]].concat(), Ok((Some(1), None, None, 1)));
        check(&[&two[..], &[lower(5)]].concat(), Err("a minimum version of 5, allowed are 0 to 4"));
        check(&[shadow(5), promote(5, Some(6))], Err("a minimum version of 6, allowed are 0 to 5"));
        check(
            &[&two[..], &[shadow(6), promote(6, Some(3))]].concat(),
            Err("a minimum version of 3, allowed are 4 to 6"),
        );
    }

    fn action() -> impl Strategy<Value = ModelAction> {
        let minimum = || prop::option::of(0..6u64);
        prop_oneof![
            (0..6u64).prop_map(shadow),
            (0..6u64, minimum()).prop_map(|(version, minimum)| promote(version, minimum)),
            minimum().prop_map(|minimum| ModelAction::Rollback { minimum }),
        ]
    }

    proptest! {
        #![proptest_config(crate::cases::config())]

        /// Whatever is asked for: what decides is never below the minimum, came from shadow or is what decided before,
        /// and the minimum falls only by a rollback that says so.
        #[test]
        fn nothing_overtaken_ever_decides(actions in prop::collection::vec(action(), 1..40)) {
            let mut models = Models::default();
            for action in actions {
                let Ok(after) = models.after(action) else { continue };
                prop_assert!(after.active.is_none_or(|id| id.version >= after.minimum_version));
                let came = [models.active, models.shadow, models.previous, None];
                prop_assert!(came.contains(&after.active));
                prop_assert!(after.active.is_none() || after.active != after.shadow);
                let stated = matches!(action, ModelAction::Rollback { minimum: Some(_) });
                prop_assert!(after.minimum_version >= models.minimum_version || stated);
                models = after;
            }
        }
    }

    #[test]
    fn a_model_is_named_by_the_first_eight_bytes_of_its_hash() {
        let mut sha256 = [0; 32];
        sha256.iter_mut().zip(1..).for_each(|(byte, nth)| *byte = nth);
        assert_eq!(ModelId { sha256, version: 3 }.hash8(), [1, 2, 3, 4, 5, 6, 7, 8]);
    }
}
