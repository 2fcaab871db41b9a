//! Drills: what is said of them in the log before and after, and whether this cluster may be drilled at all.

use ridethrough_core::command::Action;
use ridethrough_core::drill::{DrillNote, DrillStage};
use serde::{Deserialize, Serialize};

use super::{Desk, Operator, Question, Told, ask};

/// What this cluster is to whoever wants to drill it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drilled {
    /// Its name, in full.
    pub cluster: String,
    /// Whether nothing depends on it, so that anybody who may ask may drill it.
    pub demo: bool,
}

impl Drilled {
    /// Whether somebody who calls the cluster so may drill it; if not, why.
    fn allows(&self, named: Option<&str>) -> Result<(), String> {
        match named {
            Some(name) if name != self.cluster => {
                Err(format!("this cluster is not called `{}`: look where you are", name.escape_debug()))
            }
            None if !self.demo => Err("this cluster is no demo: whoever drills it names it in full".into()),
            _ => Ok(()),
        }
    }
}

/// How far a drill is, as it is told on the socket. That one is refused is said by the replica alone.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Stage {
    Begun,
    Held,
    Failed,
    Aborted,
}

impl From<Stage> for DrillStage {
    fn from(stage: Stage) -> Self {
        match stage {
            Stage::Begun => Self::Begun,
            Stage::Held => Self::Held,
            Stage::Failed => Self::Failed,
            Stage::Aborted => Self::Aborted,
        }
    }
}

/// Writes a word on a drill into the log. Where a drill may not begin, that is what is written, and it is refused.
pub(super) async fn note(note: DrillNote, named: Option<&str>, operator: Operator, desk: &Desk) -> Told {
    let refused = desk.drilled.allows(named).err().filter(|_| note.stage == DrillStage::Begun);
    let stage = if refused.is_some() { DrillStage::Refused } else { note.stage };
    let action = Action::Drill(DrillNote { stage, ..note });
    let told = ask(Question::Do(operator.asks(action)), desk).await;
    match (told, refused) {
        (Told::Done { index, .. }, Some(why)) => Told::Refused { why, index: Some(index) },
        (told, _) => told,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_demo_may_be_drilled_without_its_name() {
        let drilled = |demo| Drilled { cluster: "hall-7".into(), demo };
        for (demo, named, allowed) in [
            (true, None, true),
            (true, Some("hall-7"), true),
            (true, Some("hall-8"), false),
            (false, None, false),
            (false, Some("hall-7"), true),
            (false, Some("hall"), false),
        ] {
            assert_eq!(drilled(demo).allows(named).is_ok(), allowed, "{demo} {named:?}");
        }
    }
}
