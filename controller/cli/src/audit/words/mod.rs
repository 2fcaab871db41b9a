//! Entries in words.

pub mod names;
mod operation;
pub mod reasons;

use ridethrough_core::alarm::{AlarmKey, AlarmNote};
use ridethrough_core::audit::Record;
use ridethrough_core::command::{
    CapGrant, Command, GeneratorGrant, Grant, ModeChange, ModelRefused, Outcome, Plan, Release, Shortfall,
};
use ridethrough_core::device::{DeviceId, ReplicaId};
use ridethrough_core::fallback::ForecastNote;
use ridethrough_core::ledger::Effect;
use ridethrough_core::site::Site;
use ridethrough_core::units::{Millis, Watts};

use super::history::{Item, Said};
use crate::output::hex;

/// Milliseconds as seconds with one decimal.
pub fn seconds(span: Millis) -> String {
    format!("{}.{} s", span.get() / 1_000, (span.get() % 1_000) / 100)
}

/// Microseconds as milliseconds with two decimals.
pub fn millis(micros: u32) -> String {
    format!("{}.{:02} ms", micros / 1_000, (micros % 1_000) / 10)
}

/// What any entry says, a line for each thing; a plan that changes nothing has none.
pub fn of(item: &Item, site: &Site) -> Vec<String> {
    match &item.said {
        Said::Ledger(record) => lines(record, site),
        Said::Blank => vec![format!("leader    {} begins term {}", item.at.leader, item.at.term)],
        Said::Membership(members) => vec![format!("members   {members}")],
    }
}

/// What an entry of the ledger says, a line for each thing.
pub fn lines(record: &Record, site: &Site) -> Vec<String> {
    let mut lines = match &record.entry.command {
        Command::Found(founding) => {
            let (cluster, hash) = (hex(&founding.cluster), hex(&founding.site_hash[..8]));
            vec![format!("founded cluster {cluster} on site {} ({hash}…)", site.name)]
        }
        Command::Plan(plan) => plan_lines(record.position.index, plan, site),
        Command::Outcome(outcome) => vec![outcome_line(outcome, site)],
        Command::Operation(operation) => vec![operation::line(record.position.index, operation, site)],
        Command::ModelRefused(refused) => vec![refused_line(record.entry.by, refused)],
        Command::Forecasts(note) => forecast_lines(record.entry.by, note, site),
        Command::Alarms(note) => alarm_lines(note, site),
    };
    match &record.effect {
        Effect::Refused(refusal) => lines.push(format!("REFUSED, nothing changed: {}", refusal.describe(site))),
        Effect::Diverged { index } => lines.push(format!("DIVERGED: its proposer saw another state {index}")),
        Effect::Founded | Effect::Admitted { .. } | Effect::Noted => {}
    }
    lines
}

fn plan_lines(index: u64, plan: &Plan, site: &Site) -> Vec<String> {
    let mut lines: Vec<String> = plan.modes.iter().map(|change| mode_line(change, site)).collect();
    let grants = plan.grants.iter().enumerate();
    lines.extend(grants.map(|(nth, grant)| format!("transfer  {}", grant_words(index, nth, grant, site))));
    lines.extend(plan.releases.iter().map(|release| release_line(*release, site)));
    lines.extend(plan.charges.iter().map(|charge| {
        let name = site.device_name(DeviceId::Kesm(charge.kesm));
        format!("charge    {name} may take {} for {}", charge.charge_max.kilo(), seconds(charge.hold))
    }));
    lines.extend(plan.shortfalls.iter().map(|shortfall| shortfall_line(shortfall, site)));
    lines.extend(plan.caps.iter().map(|cap| cap_line(cap, site)));
    lines.extend(
        plan.lifts.iter().map(|rack| format!("lift      {}: its servers are free again", names::rack(site, *rack))),
    );
    lines.extend(plan.generators.iter().map(|generator| generator_line(generator, site)));
    lines
}

fn grant_words(index: u64, nth: usize, grant: &Grant, site: &Site) -> String {
    let from: Vec<String> = grant.legs.iter().map(|leg| names::leg(site, leg)).collect();
    let delivered: Watts = grant.legs.iter().map(|leg| leg.delivered).sum();
    let rack = names::rack(site, grant.rack);
    let (peak, limit) = (grant.risk.forecast.peak_p99.kilo(), grant.risk.limit.kilo());
    let (up_to, above, hold) = (delivered.kilo(), grant.help_above.kilo(), seconds(grant.hold));
    format!(
        "{index}.{nth} to {rack} from {}: up to {up_to} above {above} for {hold} (P99 {peak}, limit {limit})",
        from.join(" + ")
    )
}

fn release_line(release: Release, site: &Site) -> String {
    format!("release   {}: {}", names::rack(site, release.rack), release.reason.as_str())
}

fn shortfall_line(shortfall: &Shortfall, site: &Site) -> String {
    format!("SHORTFALL {}: {} not covered", names::rack(site, shortfall.rack), shortfall.uncovered.kilo())
}

fn cap_line(cap: &CapGrant, site: &Site) -> String {
    format!(
        "cap       {}: at most {} for {}, {}: {}",
        names::rack(site, cap.rack),
        cap.cap.kilo(),
        seconds(cap.hold),
        reasons::tiers(cap.keep_tiers),
        cap.reason.as_str()
    )
}

fn generator_line(generator: &GeneratorGrant, site: &Site) -> String {
    let (name, duty) = (names::feed(site, generator.feed), reasons::duty(generator.duty));
    format!("generator {name}: {duty}, for {}", seconds(generator.hold))
}

fn mode_line(change: &ModeChange, site: &Site) -> String {
    let left = change.time_left.map(|left| format!("; what is stored lasts {}", seconds(left)));
    let (name, left) = (names::feed(site, change.feed), left.unwrap_or_default());
    format!("mode      {name} to {}: {}{left}", change.to, change.reason)
}

fn refused_line(by: ReplicaId, refused: &ModelRefused) -> String {
    let which = refused.model.map_or_else(|| "its configured model".into(), |model| format!("model {model}"));
    format!("model     {by} forecasts by the rule: {which} is refused there ({})", refused.fault.as_str())
}

fn forecast_lines(by: ReplicaId, note: &ForecastNote, site: &Site) -> Vec<String> {
    note.lines(site).into_iter().map(|line| format!("forecast  {by}: {line}")).collect()
}

fn alarm_lines(note: &AlarmNote, site: &Site) -> Vec<String> {
    let line = |word: &str, key: &AlarmKey| {
        let (priority, what) = (key.kind.priority().number(), key.kind.what());
        format!("alarm     {word} {} (priority {priority}): {what}", key.name(site))
    };
    let raised = note.raised.iter().map(|key| line("raised", key));
    raised.chain(note.cleared.iter().map(|key| line("cleared", key))).collect()
}

fn outcome_line(outcome: &Outcome, site: &Site) -> String {
    let said: Vec<String> = outcome
        .acks
        .iter()
        .map(|timed| {
            let name = site.device_name(timed.ack.device);
            format!("{name} {} after {}", reasons::verdict(timed.ack.verdict), millis(timed.after_us))
        })
        .collect();
    format!("outcome   {}: {}", outcome.transfer, said.join(", "))
}

#[cfg(test)]
mod tests {
    use ridethrough_core::alarm::{AlarmKind, Subject};
    use ridethrough_core::command::{Action, ReleaseReason, Shed};
    use ridethrough_core::device::ReplicaId;
    use ridethrough_core::drill::{DrillNote, DrillStage};
    use ridethrough_core::fallback::Part;
    use ridethrough_core::fallback::{Change, Tally};
    use ridethrough_core::forecast::{Engine, RuleReason};
    use ridethrough_core::members::MemberChange;
    use ridethrough_core::model::{ModelAction, ModelFault, ModelId};
    use ridethrough_core::site::{KesmId, RackId, RowId, TieId};

    use super::super::example::{Growing, evidence, grant, granting, outage, release};
    use super::*;

    /// The last entry's lines.
    fn check(log: Growing, expected: &[&str]) {
        let opened = log.opened();
        let record = opened.replay.records.last().expect("not empty");
        assert_eq!(lines(record, &opened.site), expected);
    }

    fn planned(command: Command) -> Growing {
        let mut log = Growing::founded();
        log.commit(1_000, command);
        log
    }

    fn operated(action: Action) -> Growing {
        let mut log = Growing::founded();
        log.operate(1_000, action);
        log
    }

    #[test]
    fn a_plan_has_a_line_for_each_thing() {
        check(
            planned(Command::Plan(outage())),
            &[
                "mode      utility to ride-through: 2 of 3 independent witnesses see the utility gone; what is stored \
                 lasts 95.5 s",
                "cap       A1: at most 12.0 kW for 8.0 s, tiers 1 to 3 kept on, the rest shut down: the utility is \
                 lost, and what is stored does not last until it is replaced or servers have shut down",
                "generator utility: run, and try again when it has given up, for 60.0 s",
            ],
        );
        check(
            planned(granting(4_000)),
            &[
                "transfer  2.0 to A1 from K1 via A1-A2: up to 4.0 kW above 22.0 kW for 8.0 s (P99 26.0 kW, limit 24.0 kW)",
            ],
        );
        let lifts = Plan { lifts: vec![RackId(0)], ..Plan::default() };
        check(planned(Command::Plan(lifts)), &["lift      A1: its servers are free again"]);
        check(
            planned(release(ReleaseReason::NoLongerFeasible)),
            &["release   A1: its way or source could not go on or was needed more elsewhere, and no other was found"],
        );
    }

    #[test]
    fn an_operation_has_one_line_with_actor_and_reason() {
        let why = "\"breaker A1 is \\u{1b}[31mserviced\"";
        let (stored, loads) = evidence();
        let told = |what: &str| format!("operation by \"mira\": {what}; {why}");
        let transfer = "transfer 2.0 to A1 from K1 via A1-A2: up to 4.0 kW above 22.0 kW for 8.0 s (P99 26.0 kW, limit \
                        24.0 kW)";
        check(operated(Action::Transfer(grant(4_000), stored, loads)), &[&told(transfer)]);
        check(operated(Action::Hold(DeviceId::Kesm(KesmId(0)))), &[&told("leave kesm K1 alone")]);
        check(operated(Action::ManualOn), &[&told("leave the whole site alone")]);
        check(operated(Action::ManualOff), &[&told("plan the whole site again")]);
        check(operated(Action::HandOver(ReplicaId(3))), &[&told("let n3 lead")]);
        let replica = ReplicaId(3);
        let forget = |although_alive| Action::Members(MemberChange::Forget { replica, although_alive });
        check(operated(forget(false)), &[&told("forget n3")]);
        check(operated(forget(true)), &[&told("forget n3, although it may be alive")]);
        let address = "10.0.0.3:7301".parse().expect("an address");
        let add = Action::Members(MemberChange::Add { replica, address });
        check(operated(add), &[&told("add n3 at 10.0.0.3:7301")]);
        let drill = |stage| Action::Drill(DrillNote { drill: "kill-leader".into(), seed: 42, stage });
        check(operated(drill(DrillStage::Begun)), &[&told("drill \"kill-leader\" begins, with seed 42")]);
        check(
            operated(drill(DrillStage::Failed)),
            &[&told("drill \"kill-leader\" is over, and something did not hold")],
        );
        check(
            operated(Action::End(RackId(0))),
            &[&told("end the transfer to A1"), "REFUSED, nothing changed: rack A1 has no transfer"],
        );
        check(
            operated(Action::Resume(DeviceId::Tie(TieId(0)))),
            &[&told("plan with tie A1-A2 again"), "REFUSED, nothing changed: tie A1-A2 is not held by an operator"],
        );
    }

    #[test]
    fn what_was_done_with_models_is_told_with_actor_and_reason() {
        let why = "\"breaker A1 is \\u{1b}[31mserviced\"";
        let told = |what: &str| format!("operation by \"mira\": {what}; {why}");
        let model = ModelId { sha256: [0x5a; 32], version: 3 };
        let shadow = Action::Model(ModelAction::Shadow(model));
        check(operated(shadow), &[&told("try model 5a5a5a5a version 3 in shadow")]);
        check(
            operated(Action::Model(ModelAction::Promote { model, minimum: Some(3) })),
            &[
                &told("let model 5a5a5a5a version 3 decide, and none older than version 3 from now on"),
                "REFUSED, nothing changed: model 5a5a5a5a version 3 is not in shadow, nothing is",
            ],
        );
        check(
            operated(Action::Model(ModelAction::Rollback { minimum: None })),
            &[
                &told("let the model decide that did before"),
                "REFUSED, nothing changed: no model of the log decides: there is none to go back from",
            ],
        );
        let refused = ModelRefused { model: None, fault: ModelFault::BadSignature };
        check(
            planned(Command::ModelRefused(refused)),
            &["model     n3 forecasts by the rule: its configured model is refused there (bad signature)"],
        );
    }

    #[test]
    fn alarms_and_what_operators_ask_of_a_site_are_told() {
        let over = AlarmKey { kind: AlarmKind::RackOverLimit, subject: Subject::Rack(RackId(0)) };
        let note = AlarmNote { raised: vec![over], cleared: vec![over] };
        check(
            planned(Command::Alarms(note)),
            &[
                "alarm     raised rack-over-limit:rack-A1 (priority 1): it draws more than its breaker carries for ever",
                "alarm     cleared rack-over-limit:rack-A1 (priority 1): it draws more than its breaker carries for ever",
            ],
        );
        let why = "\"breaker A1 is \\u{1b}[31mserviced\"";
        let told = |what: &str| format!("operation by \"mira\": {what}; {why}");
        let shed = Shed { rack: RackId(0), cap: Watts::new(14_000), hold: Millis::seconds(600) };
        check(operated(Action::Shed(shed)), &[&told("at most 14.0 kW for the servers of A1 for 600.0 s")]);
        check(
            operated(Action::Acknowledge(over)),
            &[
                &told("alarm rack-over-limit:rack-A1 has been seen"),
                "REFUSED, nothing changed: there is no alarm rack-over-limit:rack-A1",
            ],
        );
        check(operated(Action::Denied("hold kesm K1".into())), &[&told("was DENIED \"hold kesm K1\"")]);
    }

    #[test]
    fn a_fallback_of_the_forecast_has_a_line_for_each_reason() {
        let change = |rack, rule| Change { part: Part::Rack(RackId(rack)), rule };
        let note = ForecastNote {
            engine: Some(Engine::RuntimeHung),
            changes: vec![
                change(0, Some(RuleReason::FrozenMeter)),
                change(1, None),
                Change { part: Part::Row(RowId(0)), rule: Some(RuleReason::FrozenMeter) },
                change(9_999, None),
            ],
            more: vec![Tally { rule: Some(RuleReason::ColdStart), parts: 70 }],
        };
        let log = || planned(Command::Forecasts(note.clone()));
        check(
            log(),
            &[
                "forecast  n3: the runtime hung and was given up: the model is run by the replica's own step",
                "forecast  n3: A1, row A forecast by the rule (meter frozen)",
                "forecast  n3: A2, rack #9999 forecast by the model again",
                "forecast  n3: 70 more forecast by the rule (cold start)",
            ],
        );
    }
}
