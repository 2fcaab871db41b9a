//! `ridectl check transfer`.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};
use ridethrough_core::command::{Action, Leg};
use ridethrough_core::device::DeviceId;
use ridethrough_core::envelope::HOLD_MAX;
use ridethrough_core::operate::{Denied, TransferRequest, propose_transfer};
use ridethrough_core::planner::Inputs;
use ridethrough_core::site::{KesmId, RackId, Site};
use ridethrough_core::trust::Fault;
use ridethrough_core::units::{Millis, Watts};
use serde::Serialize;

use super::evidence::Evidence;
use crate::audit::open::Opened;
use crate::output::Output;

/// More than any site file can name.
pub const WATTS_MAX: i64 = 1_000_000_000;
/// No transfer is granted for longer at once.
pub const SECONDS_MAX: i64 = HOLD_MAX.get() / 1_000;

/// What was typed.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    pub rack: &'a str,
    pub from: Option<&'a str>,
    pub watts: i64,
    pub seconds: Option<i64>,
}

/// Says whether the transfer would be admitted; false when it would not.
pub fn run(opened: &Opened, wish: &Wish<'_>, output: Output) -> Result<bool> {
    let answer = answer(opened, wish)?;
    output.print(&answer, || answer.words())?;
    Ok(answer.admitted)
}

fn answer(opened: &Opened, wish: &Wish<'_>) -> Result<Answer> {
    if let Some(divergence) = opened.replay.divergence {
        bail!(
            "entry {} was made on another ledger than this log gives; see `ridectl audit verify`",
            divergence.told_by
        );
    }
    let rack = opened.rack(wish.rack)?;
    if let Some(name) = wish.from {
        let mut kesms = opened.site.kesms.iter();
        kesms.find(|kesm| kesm.name == name).with_context(|| format!("--from: the site has no module `{name}`"))?;
    }
    let request = TransferRequest {
        rack: wish.rack.to_owned(),
        source: wish.from.map(str::to_owned),
        watts: Watts::new(wish.watts),
        hold: wish.seconds.map(Millis::seconds),
    };
    let evidence = Evidence::gather(&opened.site, &opened.replay.records);
    let judged = judge(opened, &evidence, &request);
    Ok(Answer::of(opened, &evidence, rack, &request, &judged))
}

/// Asks what a leader would ask, on what the log last tells. What devices said of themselves is not in the log: those that
/// no operator holds are taken for able to act.
fn judge(opened: &Opened, evidence: &Evidence, request: &TransferRequest) -> Result<Action, Denied> {
    let (ledger, able) = (&opened.replay.ledger, |_: DeviceId| -> Option<Fault> { None });
    let now = ledger.now();
    let inputs = Inputs {
        ledger,
        view: &evidence.view(ledger, now),
        forecasts: &evidence.forecasts(&opened.site),
        row_forecasts: &[],
        fault: &able,
        now,
        ledger_now: now,
    };
    propose_transfer(&inputs, request)
}

#[derive(Debug, Serialize)]
struct Answer {
    admitted: bool,
    rack: String,
    from: Option<String>,
    watts: i64,
    hold_ms: i64,
    /// The last entry that was taken into account, and ledger time there.
    after_entry: u64,
    ledger_ms: i64,
    /// How old the oldest evidence is that the answer rests on; none when there is none.
    evidence_age_ms: Option<i64>,
    /// Racks of the row that the log never told of: taken for all that their servers can take.
    racks_unknown: Vec<String>,
    /// Modules of the row that the log never told of: not planned with.
    modules_unknown: Vec<String>,
    help_above_watts: Option<i64>,
    legs: Vec<LegAnswer>,
    refused: Vec<String>,
    most_watts: Option<i64>,
}

impl Answer {
    fn of(
        opened: &Opened,
        evidence: &Evidence,
        rack: RackId,
        request: &TransferRequest,
        judged: &Result<Action, Denied>,
    ) -> Self {
        let (site, ledger) = (&opened.site, &opened.replay.ledger);
        let row = site.rack(rack).row;
        let (racks, kesms) = rested_on(site, rack, judged);
        let age = evidence.oldest(&racks, &kesms).map(|at| ledger.now().saturating_sub(at).get());
        let mut answer = Self {
            admitted: false,
            rack: request.rack.clone(),
            from: request.source.clone(),
            watts: request.watts.get(),
            hold_ms: request.hold.unwrap_or(site.policy.transfer_hold).get(),
            after_entry: ledger.seen().index,
            ledger_ms: ledger.now().get(),
            evidence_age_ms: age,
            racks_unknown: evidence.unknown_racks(site, row),
            modules_unknown: evidence.unknown_kesms(site, row),
            help_above_watts: None,
            legs: Vec::new(),
            refused: Vec::new(),
            most_watts: None,
        };
        match judged {
            Ok(Action::Transfer(grant, ..)) => {
                answer.admitted = true;
                answer.help_above_watts = Some(grant.help_above.get());
                answer.legs = grant.legs.iter().map(|leg| LegAnswer::of(site, leg)).collect();
            }
            Ok(_) => {}
            Err(Denied { refusal, largest }) => {
                answer.refused = refusal.violations.iter().map(|violation| violation.describe(site)).collect();
                answer.most_watts = Some(largest.get()).filter(|most| *most > 0);
            }
        }
        answer
    }

    fn words(&self) -> String {
        let (watts, hold) = (Watts::new(self.watts).kilo(), Millis::new(self.hold_ms));
        let from = self.from.as_ref().map(|from| format!(" from {from}")).unwrap_or_default();
        let age = self.evidence_age_ms.map(Millis::new).map_or_else(
            || "none: the log tells nothing of what this rests on".into(),
            |age| format!("what plans were judged by; the oldest is {age} old"),
        );
        let mut lines = vec![
            format!("asked      {watts} to {}{from} for {hold}", self.rack),
            format!("judged     after entry {}, ledger time {}", self.after_entry, Millis::new(self.ledger_ms)),
            format!("evidence   {age}"),
        ];
        let unknown = [
            (&self.racks_unknown, "taken for all that their servers can take"),
            (&self.modules_unknown, "not planned with"),
        ];
        let unknown = unknown.iter().filter(|(names, _)| !names.is_empty());
        lines.extend(unknown.map(|(names, taken)| format!("unknown    {}: {taken}", names.join(", "))));
        lines.extend(self.legs.iter().map(LegAnswer::words));
        lines.extend(
            self.help_above_watts.map(|above| {
                format!("help       would begin when the rack draws more than {}", Watts::new(above).kilo())
            }),
        );
        lines.extend(self.refused.iter().map(|why| format!("binding    {why}")));
        lines.push(format!("verdict    {}\n", self.verdict()));
        lines.join("\n")
    }

    fn verdict(&self) -> String {
        match (self.admitted, self.most_watts) {
            (true, _) => "WOULD BE ADMITTED".into(),
            (false, Some(most)) => format!("WOULD BE REFUSED; up to {} would be admitted", Watts::new(most).kilo()),
            (false, None) => "WOULD BE REFUSED, however little".into(),
        }
    }
}

/// What the answer rests on: what the transfer touches, or, when there is none, the whole row.
fn rested_on(site: &Site, rack: RackId, judged: &Result<Action, Denied>) -> (BTreeSet<RackId>, BTreeSet<KesmId>) {
    if let Ok(Action::Transfer(grant, ..)) = judged {
        return (grant.racks(site).collect(), grant.legs.iter().map(|leg| leg.kesm).collect());
    }
    let row = site.rack(rack).row;
    let racks = site.rack_ids().filter(|id| site.rack(*id).row == row).collect();
    (racks, site.kesm_ids().filter(|id| site.rack(site.kesm(*id).rack).row == row).collect())
}

#[derive(Debug, Serialize)]
struct LegAnswer {
    source: String,
    supplied_watts: i64,
    delivered_watts: i64,
    loss_watts: i64,
}

impl LegAnswer {
    fn of(site: &Site, leg: &Leg) -> Self {
        Self {
            source: site.leg_name(leg),
            supplied_watts: leg.supplied.get(),
            delivered_watts: leg.delivered.get(),
            loss_watts: leg.supplied.saturating_sub(leg.delivered).get(),
        }
    }

    fn words(&self) -> String {
        let (supplied, delivered) = (Watts::new(self.supplied_watts).kilo(), Watts::new(self.delivered_watts).kilo());
        format!("path       {}: {supplied} supplied, {delivered} delivered, {} W lost", self.source, self.loss_watts)
    }
}

#[cfg(test)]
mod tests {
    use ridethrough_core::command::ReleaseReason;

    use super::*;
    use crate::audit::example::{Growing, granting, release};

    const WISH: Wish<'_> = Wish { rack: "A1", from: None, watts: 4_000, seconds: None };

    /// A log that told of both racks and of the module, two seconds before it ended.
    fn told() -> Growing {
        let mut log = Growing::founded();
        log.commit(1_000, granting(4_000));
        log.commit(3_000, release(ReleaseReason::ForecastFell));
        log
    }

    fn check(log: Growing, wish: &Wish<'_>, admitted: bool, expected: &str) {
        let answer = answer(&log.opened(), wish).expect("all is there");
        assert_eq!(answer.words(), expected);
        assert_eq!(answer.admitted, admitted);
    }

    #[test]
    fn an_admitted_transfer_is_told_with_its_sources_ways_and_losses() {
        check(
            told(),
            &WISH,
            true,
            "asked      4.0 kW to A1 for 8000 ms\n\
             judged     after entry 3, ledger time 3000 ms\n\
             evidence   what plans were judged by; the oldest is 2000 ms old\n\
             path       K1 via A1-A2: 4.1 kW supplied, 4.0 kW delivered, 139 W lost\n\
             help       would begin when the rack draws more than 22.8 kW\n\
             verdict    WOULD BE ADMITTED\n",
        );
    }

    #[test]
    fn too_much_is_refused_with_what_binds_and_the_most_that_would_go() {
        check(
            told(),
            &Wish { watts: 30_000, seconds: Some(20), ..WISH },
            false,
            "asked      30.0 kW to A1 for 20000 ms\n\
             judged     after entry 3, ledger time 3000 ms\n\
             evidence   what plans were judged by; the oldest is 2000 ms old\n\
             binding    tie A1-A2 at 31.4 kW, rated 25.0 kW\n\
             verdict    WOULD BE REFUSED; up to 24.1 kW would be admitted\n",
        );
    }

    #[test]
    fn a_held_module_is_not_planned_with() {
        let mut log = told();
        log.operate(4_000, Action::Hold(DeviceId::Kesm(KesmId(0))));
        check(
            log,
            &Wish { from: Some("K1"), ..WISH },
            false,
            "asked      4.0 kW to A1 from K1 for 8000 ms\n\
             judged     after entry 4, ledger time 4000 ms\n\
             evidence   what plans were judged by; the oldest is 3000 ms old\n\
             binding    kesm K1 is held by an operator\n\
             verdict    WOULD BE REFUSED, however little\n",
        );
    }

    #[test]
    fn what_the_log_never_told_of_is_named() {
        let answer = answer(&Growing::founded().opened(), &WISH).expect("all is there");
        let unknown = "evidence   none: the log tells nothing of what this rests on\n\
                       unknown    A1, A2: taken for all that their servers can take\n\
                       unknown    K1: not planned with\n";
        assert!(!answer.admitted && answer.words().contains(unknown), "{}", answer.words());
        assert!(!answer.refused.is_empty() && answer.most_watts.is_none(), "{answer:?}");
    }

    #[test]
    fn what_is_not_there_is_named() {
        let opened = Growing::founded().opened();
        let refused = |wish: &Wish<'_>| answer(&opened, wish).expect_err("not there").to_string();
        assert_eq!(refused(&Wish { rack: "A9", ..WISH }), "--rack: the site has no rack `A9`; near it: `A1`, `A2`");
        assert_eq!(refused(&Wish { from: Some("K9"), ..WISH }), "--from: the site has no module `K9`");
    }
}
