//! What the log says of a drill.

use std::time::Instant;

use anyhow::{Result, bail};
use ridethrough_core::drill::DrillStage;
use serde_json::{Value, json};

use super::{LOOK, Play, WORD_DEADLINE};
use crate::demo::ask::ask;
use crate::drill::checks;
use crate::drill::journal::Verdict;

impl Play<'_> {
    /// A word on the drill, through whoever leads.
    pub(super) fn say_in_the_log(&mut self, stage: DrillStage) -> Result<Value> {
        let request = json!({
            "command": "drill", "drill": self.drill().name, "seed": self.options.seed, "stage": stage.as_str(),
            "cluster": self.options.cluster, "reason": "drill run",
        });
        let deadline = Instant::now() + WORD_DEADLINE;
        loop {
            let leader = self.stage.leader().map(|leader| leader.replica);
            let data = leader.and_then(|id| self.stage.cluster.node(id).ok()).map(|node| node.data.clone());
            let told = data.map(|data| ask(&data, &request));
            match told {
                Some(Ok(told)) if told["index"].is_u64() => return Ok(told),
                Some(Ok(told)) if Instant::now() > deadline => return Ok(told),
                _ if Instant::now() > deadline => {
                    bail!("nobody writes into the log that the drill is {}", stage.as_str())
                }
                _ => std::thread::sleep(LOOK),
            }
        }
    }

    /// What the log says of the end: judged by all that can be judged while the cluster runs; the audit comes after it.
    pub(super) fn last_word(&mut self, verdict: Verdict) -> Result<()> {
        let held = checks::live(&self.options.drill, &self.measured).iter().all(|check| check.ok);
        let stage = match verdict {
            Verdict::Refused => return Ok(()),
            Verdict::Aborted => DrillStage::Aborted,
            Verdict::Passed if held => DrillStage::Held,
            Verdict::Passed | Verdict::Failed => DrillStage::Failed,
        };
        // A cluster that is not steady may have nobody to write it; the drill has failed then anyway.
        let said = self.say_in_the_log(stage).map(drop);
        if held { said } else { Ok(()) }
    }
}
