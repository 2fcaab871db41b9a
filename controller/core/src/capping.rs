//! How a PDU shares a rack's cap out among its servers: what matters least gives first, and nobody goes below its floor.
//!
//! The same function runs in the planner, which asks how far a rack can be brought down, and in the PDU, which does it.
//! A PDU knows what every outlet takes at the moment; so it follows its servers in milliseconds within one order.

use crate::site::{RackId, Site};
use crate::units::Watts;

/// One server at its outlet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outlet {
    /// How much its work matters: 1 most.
    pub tier: u8,
    /// No cap goes below this.
    pub floor: Watts,
    /// What it takes now.
    pub taken: Watts,
}

/// What every server may take so that all together take no more than `cap`; none where it stays free. Within a tier the
/// largest come down to one level (the least that does it), so that as few as possible are capped. What the floors
/// leave too much stays too much.
pub fn share_out(outlets: &[Outlet], cap: Watts) -> Vec<Option<Watts>> {
    let mut caps = vec![None; outlets.len()];
    let taken: Watts = outlets.iter().map(|outlet| outlet.taken).sum();
    let mut excess = taken.saturating_sub(cap).or_zero();
    let mut tiers: Vec<u8> = outlets.iter().map(|outlet| outlet.tier).collect();
    tiers.sort_unstable_by_key(|tier| std::cmp::Reverse(*tier));
    tiers.dedup();
    for tier in tiers {
        if excess == Watts::ZERO {
            break;
        }
        excess = excess.saturating_sub(cut_tier(outlets, tier, excess, &mut caps));
    }
    caps
}

/// Takes up to `excess` from the servers of one tier; returns what it got.
fn cut_tier(outlets: &[Outlet], tier: u8, excess: Watts, caps: &mut [Option<Watts>]) -> Watts {
    let members = || outlets.iter().enumerate().filter(move |(_, outlet)| outlet.tier == tier);
    let cut_at = |level: Watts| -> Watts {
        members().map(|(_, outlet)| outlet.taken.saturating_sub(cap_at(outlet, level)).or_zero()).sum()
    };
    // The highest level that gets it all, or the floors.
    let (mut low, mut high) = (0, members().map(|(_, outlet)| outlet.taken.get()).max().unwrap_or(0).max(0));
    while low < high {
        let middle = low + (high - low + 1) / 2;
        if cut_at(Watts::new(middle)) >= excess {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    let level = Watts::new(low);
    for (nth, outlet) in members() {
        let cap = cap_at(outlet, level);
        if cap < outlet.taken {
            caps[nth] = Some(cap);
        }
    }
    cut_at(level)
}

fn cap_at(outlet: &Outlet, level: Watts) -> Watts {
    level.max(outlet.floor.min(outlet.taken))
}

/// The least that caps can bring the servers of a rack to while those up to this tier are kept on.
pub fn rack_floor(site: &Site, rack: RackId, keep_tiers: u8) -> Watts {
    site.servers_of(rack).filter(|server| server.tier <= keep_tiers).map(|server| server.floor).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Outlets as `tier floor taken`, caps as told, `-` for none.
    fn check(outlets: &str, cap: i64, expected: &str) {
        let numbers = |text: &str| text.split(' ').map(|word| word.parse().expect("a number")).collect::<Vec<i64>>();
        let outlets: Vec<Outlet> = outlets
            .split(", ")
            .map(numbers)
            .map(|of| Outlet {
                tier: u8::try_from(of[0]).expect("small"),
                floor: Watts::new(of[1]),
                taken: Watts::new(of[2]),
            })
            .collect();
        let caps = share_out(&outlets, Watts::new(cap));
        let told: Vec<String> = caps.iter().map(|cap| cap.map_or("-".into(), |cap| cap.get().to_string())).collect();
        assert_eq!(told.join(" "), expected, "{outlets:?} at {cap}");
    }

    #[test]
    fn what_matters_least_gives_first_and_the_largest_of_it() {
        check("1 300 600, 3 300 700, 3 300 500", 1_800, "- - -");
        check("1 300 600, 3 300 700, 3 300 500", 1_700, "- 600 -");
        check("1 300 600, 3 300 700, 3 300 500", 1_400, "- 400 400");
        check("1 300 600, 3 300 700, 3 300 500", 1_100, "500 300 300");
    }

    #[test]
    fn nobody_goes_below_its_floor_and_an_idle_server_is_left_alone() {
        check("2 300 600, 2 500 500", 100, "300 -");
        check("2 300 200, 2 300 900", 700, "- 500");
        check("2 0 0", 0, "-");
    }
}
