//! `ridectl check transfer`.

use anyhow::{Result, bail};
use ridethrough_core::command::{Grant, Leg};
use ridethrough_core::envelope::{HOLD_MAX, Refusal};
use ridethrough_core::ledger::Ledger;
use ridethrough_core::site::{RackId, Site};
use ridethrough_core::units::{Millis, Watts};
use serde::Serialize;

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
    pub watts: i64,
    pub seconds: Option<i64>,
}

/// What is asked, in the site's terms.
#[derive(Clone, Copy, Debug)]
struct Asked {
    rack: RackId,
    watts: Watts,
    hold: Millis,
}

/// What would become of it.
#[derive(Debug)]
#[cfg_attr(not(test), expect(dead_code, reason = "until `judge` can ask the core"))]
enum Judgement {
    /// It would be granted so.
    Admitted(Grant),
    /// It would be refused.
    Refused {
        /// Every limit that it would break.
        refusal: Refusal,
        /// The most that would be admitted, if anything would.
        most: Option<Watts>,
    },
}

/// Says whether the transfer would be admitted; false when it would not.
pub fn run(opened: &Opened, wish: &Wish<'_>, output: Output) -> Result<bool> {
    if let Some(divergence) = opened.replay.divergence {
        bail!(
            "entry {} was made on another ledger than this log gives; see `ridectl audit verify`",
            divergence.told_by
        );
    }
    let asked = asked(opened, wish)?;
    let judgement = judge(&opened.replay.ledger, &asked)?;
    let answer = Answer::of(opened, &asked, &judgement);
    output.print(&answer, || answer.words())?;
    Ok(answer.admitted)
}

fn asked(opened: &Opened, wish: &Wish<'_>) -> Result<Asked> {
    let hold = wish.seconds.map_or(opened.site.policy.transfer_hold, Millis::seconds);
    Ok(Asked { rack: opened.rack(wish.rack)?, watts: Watts::new(wish.watts), hold })
}

/// Asks the core. It cannot tell yet: a transfer of an operator's choice needs its planner, which the core does not offer
/// to anybody but the leader.
fn judge(ledger: &Ledger, asked: &Asked) -> Result<Judgement> {
    let site = ledger.site();
    let (rack, watts, hold) = (&site.rack(asked.rack).name, asked.watts.kilo(), asked.hold);
    bail!("{watts} to {rack} for {hold}: this release cannot judge transfers of an operator's choice")
}

#[derive(Serialize)]
struct Answer {
    admitted: bool,
    rack: String,
    watts: i64,
    hold_ms: i64,
    /// The last entry that was taken into account, and ledger time there.
    after_entry: u64,
    ledger_ms: i64,
    help_above_watts: Option<i64>,
    legs: Vec<LegAnswer>,
    refused: Vec<String>,
    most_watts: Option<i64>,
}

#[derive(Serialize)]
struct LegAnswer {
    source: String,
    supplied_watts: i64,
    delivered_watts: i64,
    loss_watts: i64,
}

impl Answer {
    fn of(opened: &Opened, asked: &Asked, judgement: &Judgement) -> Self {
        let (site, ledger) = (&opened.site, &opened.replay.ledger);
        let mut answer = Self {
            admitted: false,
            rack: site.rack(asked.rack).name.clone(),
            watts: asked.watts.get(),
            hold_ms: asked.hold.get(),
            after_entry: ledger.seen().index,
            ledger_ms: ledger.now().get(),
            help_above_watts: None,
            legs: Vec::new(),
            refused: Vec::new(),
            most_watts: None,
        };
        match judgement {
            Judgement::Admitted(grant) => {
                answer.admitted = true;
                answer.help_above_watts = Some(grant.help_above.get());
                answer.legs = grant.legs.iter().map(|leg| LegAnswer::of(site, leg)).collect();
            }
            Judgement::Refused { refusal, most } => {
                answer.refused = refusal.violations.iter().map(|violation| violation.describe(site)).collect();
                answer.most_watts = most.map(Watts::get);
            }
        }
        answer
    }

    fn words(&self) -> String {
        let (watts, hold) = (Watts::new(self.watts).kilo(), Millis::new(self.hold_ms));
        let mut lines = vec![
            format!("asked      {watts} to {} for {hold}", self.rack),
            format!("judged     after entry {}, ledger time {}", self.after_entry, Millis::new(self.ledger_ms)),
        ];
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
    use ridethrough_core::envelope::Violation;
    use ridethrough_core::site::TieId;

    use super::*;
    use crate::audit::example::{Growing, grant};

    const WISH: Wish<'_> = Wish { rack: "A1", watts: 4_000, seconds: None };

    fn check(judgement: &Judgement, expected: &str) {
        let opened = Growing::founded().opened();
        let answer = Answer::of(&opened, &asked(&opened, &WISH).expect("there"), judgement);
        assert_eq!(answer.words(), format!("asked      4.0 kW to A1 for 8000 ms\n{expected}\n"));
    }

    #[test]
    fn an_admitted_transfer_is_told_with_its_sources_ways_and_losses() {
        check(
            &Judgement::Admitted(grant(4_000)),
            "judged     after entry 1, ledger time 0 ms\n\
             path       K1 via A1-A2: 4.4 kW supplied, 4.0 kW delivered, 400 W lost\n\
             help       would begin when the rack draws more than 22.0 kW\n\
             verdict    WOULD BE ADMITTED",
        );
    }

    #[test]
    fn a_refused_transfer_is_told_with_all_that_binds_and_the_most_that_would_go() {
        let (planned, rated) = (Watts::new(31_400), Watts::new(25_000));
        let violations = vec![Violation::TieOverRating { tie: TieId(0), planned, rated }, Violation::Manual];
        let refused = |most| Judgement::Refused { refusal: Refusal { violations: violations.clone() }, most };
        let binding = "judged     after entry 1, ledger time 0 ms\n\
             binding    tie A1-A2 at 31.4 kW, rated 25.0 kW\n\
             binding    an operator has taken over the site: nothing but ends is carried out\n";
        let most = "verdict    WOULD BE REFUSED; up to 23.5 kW would be admitted";
        check(&refused(Some(Watts::new(23_500))), &format!("{binding}{most}"));
        check(&refused(None), &format!("{binding}verdict    WOULD BE REFUSED, however little"));
    }

    #[test]
    fn a_rack_that_is_not_there_is_named() {
        let opened = Growing::founded().opened();
        let error = asked(&opened, &Wish { rack: "A9", ..WISH }).expect_err("not there").to_string();
        assert_eq!(error, "--rack: the site has no rack `A9`");
        let given = asked(&opened, &Wish { seconds: Some(20), ..WISH }).expect("there");
        assert_eq!(given.hold, Millis::seconds(20));
    }
}
