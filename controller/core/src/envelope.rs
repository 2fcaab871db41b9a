//! The limits that every plan must satisfy: one pure function, used when a plan is proposed and again when it is
//! applied. A plan is admitted whole or refused whole, with every limit that it breaks.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::command::{ChargeGrant, Grant, HOPS_MAX, LEGS_MAX, Leg, PLAN_ITEMS_MAX, Plan};
use crate::device::Direction;
use crate::electrical;
use crate::ledger::Ledger;
use crate::site::{KesmId, RackId, Site, TieId};
use crate::units::{Joules, Millis, Watts};

/// No grant may hold longer than this, whatever the site's policy says.
pub const HOLD_MAX: Millis = Millis::seconds(600);

/// Proof that [`admit`] has passed this plan.
#[derive(Clone, Copy, Debug)]
pub struct Admitted<'a>(&'a Plan);

impl<'a> Admitted<'a> {
    /// The plan.
    pub const fn plan(self) -> &'a Plan {
        self.0
    }
}

/// Every limit that a plan breaks, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The broken limits.
    pub violations: Vec<Violation>,
}

/// One broken limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Violation {
    /// The log has not been bound to a cluster and a site.
    NotFounded,
    /// The log is bound already, or to another cluster or site.
    FoundedOtherwise,
    /// A list is longer than what is ever needed.
    TooMany {
        /// Which list.
        what: &'static str,
        /// How long it may be.
        max: usize,
    },
    /// Something is named that the site does not have.
    Unknown {
        /// Which kind of thing.
        what: &'static str,
        /// Its index.
        index: u16,
    },
    /// A rack or module is named twice.
    Twice {
        /// Which kind of thing.
        what: &'static str,
        /// Its index.
        index: u16,
    },
    /// A grant gives nothing.
    NothingGranted(RackId),
    /// The limit that the proposer judged by is not the site's.
    OtherLimit(RackId),
    /// A hold is not within what is allowed.
    HoldOutOfRange(Millis),
    /// The ties of a path do not lead from the source's rack to the receiver.
    PathBroken {
        /// The source.
        kesm: KesmId,
        /// The receiver.
        rack: RackId,
    },
    /// The supply does not cover the delivery and the losses on the way.
    LossesNotCovered {
        /// The source.
        kesm: KesmId,
        /// What it would have to give.
        needed: Watts,
    },
    /// A tie would carry too much.
    TieOverRating {
        /// Which.
        tie: TieId,
        /// What all transfers together would put on it.
        planned: Watts,
        /// What it carries.
        rated: Watts,
    },
    /// A tie would have to carry power both ways.
    TieBothWays(TieId),
    /// The voltage would drop too far on one tie.
    BranchDrop {
        /// Which.
        tie: TieId,
        /// Thousandths of the bus potential.
        permille: u32,
    },
    /// The voltage would drop too far over a path.
    PathDrop {
        /// The source of the path.
        kesm: KesmId,
        /// Thousandths of the bus potential.
        permille: u32,
    },
    /// A module would give too much.
    KesmOverRating {
        /// Which.
        kesm: KesmId,
        /// What all transfers together ask of it.
        planned: Watts,
        /// What it gives.
        rated: Watts,
    },
    /// Holding all its transfers would take a module below its reserve.
    BelowReserve {
        /// Which.
        kesm: KesmId,
        /// What it stores.
        stored: Joules,
        /// What the transfers and the reserve need together.
        needed: Joules,
    },
    /// The plan does not say what a module stores.
    StoredUnknown(KesmId),
    /// A module may not charge so fast.
    ChargeOverRating {
        /// Which.
        kesm: KesmId,
        /// How fast it may.
        rated: Watts,
    },
    /// A module would charge and supply at once.
    ChargeWhileSupplying(KesmId),
}

impl Refusal {
    /// A refusal for one reason.
    pub fn one(violation: Violation) -> Self {
        Self { violations: vec![violation] }
    }

    /// The refusal with the site's names, for people.
    pub fn describe(&self, site: &Site) -> String {
        self.violations.iter().map(|violation| violation.describe(site)).collect::<Vec<_>>().join("; ")
    }
}

impl Violation {
    /// The violation with the site's names, for people.
    pub fn describe(&self, site: &Site) -> String {
        let rack =
            |id: &RackId| site.racks.get(id.index()).map_or_else(|| format!("#{}", id.0), |rack| rack.name.clone());
        let kesm =
            |id: &KesmId| site.kesms.get(id.index()).map_or_else(|| format!("#{}", id.0), |kesm| kesm.name.clone());
        let tie = |id: &TieId| site.ties.get(id.index()).map_or_else(|| format!("#{}", id.0), |tie| tie.name.clone());
        match self {
            Self::NotFounded => "the log is not bound to a cluster and a site yet".into(),
            Self::FoundedOtherwise => "the log is bound to a cluster and a site already".into(),
            Self::TooMany { what, max } => format!("more than {max} {what}"),
            Self::Unknown { what, index } => format!("the site has no {what} #{index}"),
            Self::Twice { what, index } => format!("{what} #{index} is named twice"),
            Self::NothingGranted(id) => format!("rack {} would be granted nothing", rack(id)),
            Self::OtherLimit(id) => format!("rack {} was judged by a limit that is not the site's", rack(id)),
            Self::HoldOutOfRange(hold) => format!("a hold of {hold}, allowed are 1 ms to {HOLD_MAX}"),
            Self::PathBroken { kesm: from, rack: to } => {
                format!("no path as named from {} to {}", kesm(from), rack(to))
            }
            Self::LossesNotCovered { kesm: id, needed } => {
                format!("{} would have to supply {}", kesm(id), needed.kilo())
            }
            Self::TieOverRating { tie: id, planned, rated } => {
                format!("tie {} at {}, rated {}", tie(id), planned.kilo(), rated.kilo())
            }
            Self::TieBothWays(id) => format!("tie {} would carry power both ways", tie(id)),
            Self::BranchDrop { tie: id, permille } => format!("voltage drop of {permille} ‰ on tie {}", tie(id)),
            Self::PathDrop { kesm: id, permille } => {
                format!("voltage drop of {permille} ‰ on the path from {}", kesm(id))
            }
            Self::KesmOverRating { kesm: id, planned, rated } => {
                format!("{} at {}, rated {}", kesm(id), planned.kilo(), rated.kilo())
            }
            Self::BelowReserve { kesm: id, stored, needed } => {
                format!("{} stores {stored}, its transfers and reserve need {needed}", kesm(id))
            }
            Self::StoredUnknown(id) => format!("the stored energy of {} is not known", kesm(id)),
            Self::ChargeOverRating { kesm: id, rated } => format!("{} charges at most at {}", kesm(id), rated.kilo()),
            Self::ChargeWhileSupplying(id) => format!("{} cannot charge while it supplies", kesm(id)),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.violations)
    }
}

impl std::error::Error for Refusal {}

/// Whether the ledger, with this plan carried out, stays within every limit.
pub fn admit<'a>(ledger: &Ledger, plan: &'a Plan) -> Result<Admitted<'a>, Refusal> {
    let mut check = Check { site: ledger.site(), violations: Vec::new() };
    check.shape(plan);
    if check.violations.is_empty() {
        let usage = Usage::after(ledger, plan);
        plan.grants.iter().for_each(|grant| check.grant(grant));
        check.usage(&usage, plan);
        plan.charges.iter().for_each(|charge| check.charge(charge, &usage));
    }
    if check.violations.is_empty() { Ok(Admitted(plan)) } else { Err(Refusal { violations: check.violations }) }
}

/// What ties and modules carry, summed over transfers.
#[derive(Clone, Debug, Default)]
pub struct Usage {
    /// Flow at the source end of each tie, and the ways in which transfers use it.
    pub ties: BTreeMap<TieId, (Watts, BTreeSet<Direction>)>,
    /// Supply of each module.
    pub kesms: BTreeMap<KesmId, Watts>,
    /// Energy that each module must give to hold what it has been asked for.
    pub energy: BTreeMap<KesmId, Joules>,
}

impl Usage {
    /// What stays in use once the plan's releases and replacements have gone, without its grants.
    pub fn kept(ledger: &Ledger, plan: &Plan) -> Self {
        let gone: BTreeSet<RackId> = plan
            .grants
            .iter()
            .map(|grant| grant.rack)
            .chain(plan.releases.iter().map(|release| release.rack))
            .collect();
        let mut usage = Self::default();
        for transfer in ledger.transfers().filter(|transfer| !gone.contains(&transfer.grant.rack)) {
            let left = transfer.until.saturating_sub(ledger.now()).or_zero();
            usage.add(ledger.site(), &transfer.grant.legs, left);
        }
        usage
    }

    fn after(ledger: &Ledger, plan: &Plan) -> Self {
        let mut usage = Self::kept(ledger, plan);
        plan.grants.iter().for_each(|grant| usage.add(ledger.site(), &grant.legs, grant.hold));
        usage
    }

    /// Adds the legs of one transfer that holds for `span`.
    pub fn add(&mut self, site: &Site, legs: &[Leg], span: Millis) {
        for leg in legs {
            let supply = self.kesms.entry(leg.kesm).or_default();
            *supply = supply.saturating_add(leg.supplied);
            let energy = self.energy.entry(leg.kesm).or_default();
            *energy = energy.saturating_add(electrical::stored_for(site.kesm(leg.kesm), leg.supplied, span));
            for (hop, flow) in leg.path.iter().zip(electrical::path_flows(site, &leg.path, leg.delivered)) {
                let (sum, ways) = self.ties.entry(hop.tie).or_default();
                *sum = sum.saturating_add(flow);
                ways.insert(hop.direction);
            }
        }
    }
}

struct Check<'a> {
    site: &'a Site,
    violations: Vec<Violation>,
}

impl Check<'_> {
    fn require(&mut self, holds: bool, violation: Violation) {
        if !holds {
            self.violations.push(violation);
        }
    }

    /// Lists within their limits and nothing named that is not there, so that the checks after it may index freely.
    fn shape(&mut self, plan: &Plan) {
        let lists =
            [plan.grants.len(), plan.releases.len(), plan.charges.len(), plan.shortfalls.len(), plan.stored.len()];
        self.require(
            lists.iter().all(|&length| length <= PLAN_ITEMS_MAX),
            Violation::TooMany { what: "items in a plan", max: PLAN_ITEMS_MAX },
        );
        let (racks, kesms, ties) = (self.site.racks.len(), self.site.kesms.len(), self.site.ties.len());
        let changed =
            plan.grants.iter().map(|grant| grant.rack).chain(plan.releases.iter().map(|release| release.rack));
        self.distinct("rack", changed.map(|rack| rack.0), racks);
        self.distinct("kesm", plan.charges.iter().map(|charge| charge.kesm.0), kesms);
        self.distinct("kesm", plan.stored.iter().map(|stored| stored.kesm.0), kesms);
        self.distinct("rack", plan.shortfalls.iter().map(|shortfall| shortfall.rack.0), racks);
        for grant in &plan.grants {
            self.require(grant.legs.len() <= LEGS_MAX, Violation::TooMany { what: "legs", max: LEGS_MAX });
            self.distinct("kesm", grant.legs.iter().map(|leg| leg.kesm.0), kesms);
            for leg in &grant.legs {
                self.require(leg.path.len() <= HOPS_MAX, Violation::TooMany { what: "hops", max: HOPS_MAX });
                self.distinct("tie", leg.path.iter().map(|hop| hop.tie.0), ties);
            }
        }
    }

    fn distinct(&mut self, what: &'static str, indexes: impl Iterator<Item = u16>, count: usize) {
        let mut seen = BTreeSet::new();
        for index in indexes {
            self.require(usize::from(index) < count, Violation::Unknown { what, index });
            self.require(seen.insert(index), Violation::Twice { what, index });
        }
    }

    fn hold(&mut self, hold: Millis) {
        self.require(hold > Millis::ZERO && hold <= HOLD_MAX, Violation::HoldOutOfRange(hold));
    }

    fn grant(&mut self, grant: &Grant) {
        self.hold(grant.hold);
        self.require(grant.risk.limit == self.site.rack(grant.rack).limit, Violation::OtherLimit(grant.rack));
        let gives = !grant.legs.is_empty() && grant.legs.iter().all(|leg| leg.delivered > Watts::ZERO);
        self.require(gives, Violation::NothingGranted(grant.rack));
        grant.legs.iter().for_each(|leg| self.leg(leg, grant.rack));
    }

    fn leg(&mut self, leg: &Leg, rack: RackId) {
        let start = self.site.kesm(leg.kesm).rack;
        let end = leg.path.iter().try_fold(start, |at, hop| {
            let tie = self.site.tie(hop.tie);
            (tie.source(hop.direction) == at).then(|| tie.sink(hop.direction))
        });
        self.require(end == Some(rack), Violation::PathBroken { kesm: leg.kesm, rack });
        let flows = electrical::path_flows(self.site, &leg.path, leg.delivered);
        let needed = flows.first().copied().unwrap_or(leg.delivered);
        self.require(leg.supplied >= needed, Violation::LossesNotCovered { kesm: leg.kesm, needed });
        let drop = leg.path.iter().zip(&flows).map(|(hop, flow)| {
            let tie = self.site.tie(hop.tie);
            electrical::drop_permille(tie, self.site.bus(tie.source(hop.direction)), *flow)
        });
        let permille = drop.fold(0, u32::saturating_add);
        let allowed = permille <= u32::from(self.site.policy.path_drop_permille);
        self.require(allowed, Violation::PathDrop { kesm: leg.kesm, permille });
    }

    fn usage(&mut self, usage: &Usage, plan: &Plan) {
        for (&id, (planned, ways)) in &usage.ties {
            let tie = self.site.tie(id);
            let (planned, rated) = (*planned, tie.rated);
            self.require(planned <= rated, Violation::TieOverRating { tie: id, planned, rated });
            self.require(ways.len() == 1, Violation::TieBothWays(id));
            let permille = electrical::drop_permille(tie, self.site.bus(tie.between.0), planned);
            let allowed = permille <= u32::from(self.site.policy.branch_drop_permille);
            self.require(allowed, Violation::BranchDrop { tie: id, permille });
        }
        for (&id, &planned) in &usage.kesms {
            let rated = self.site.kesm(id).rated;
            self.require(planned <= rated, Violation::KesmOverRating { kesm: id, planned, rated });
        }
        let granted: BTreeSet<KesmId> = plan.grants.iter().flat_map(|grant| &grant.legs).map(|leg| leg.kesm).collect();
        for id in granted {
            self.reserve(id, usage, plan);
        }
    }

    fn reserve(&mut self, id: KesmId, usage: &Usage, plan: &Plan) {
        let Some(stored) = plan.stored.iter().find(|stored| stored.kesm == id).map(|stored| stored.stored) else {
            self.violations.push(Violation::StoredUnknown(id));
            return;
        };
        let energy = usage.energy.get(&id).copied().unwrap_or_default();
        let needed = energy.saturating_add(self.site.kesm(id).reserve);
        self.require(stored >= needed, Violation::BelowReserve { kesm: id, stored, needed });
    }

    fn charge(&mut self, charge: &ChargeGrant, usage: &Usage) {
        self.hold(charge.hold);
        let rated = self.site.kesm(charge.kesm).charge_rated;
        let within = charge.charge_max > Watts::ZERO && charge.charge_max <= rated;
        self.require(within, Violation::ChargeOverRating { kesm: charge.kesm, rated });
        self.require(!usage.kesms.contains_key(&charge.kesm), Violation::ChargeWhileSupplying(charge.kesm));
    }
}
