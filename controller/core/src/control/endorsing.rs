//! What a replica that does not lead says to devices that demand the word of two.

use std::collections::BTreeMap;

use super::leadership::Standing;
use crate::device::{DeviceId, Order};

/// Which orders this replica has endorsed in its present term. It endorses each once; the link repeats it.
#[derive(Clone, Debug, Default)]
pub struct Endorsing {
    /// The term in which it follows; none while it leads or knows no term.
    term: Option<u64>,
    /// Index of the newest order endorsed, by device.
    endorsed: BTreeMap<DeviceId, u64>,
}

impl Endorsing {
    /// Takes in what consensus says now; returns the term that this replica has newly begun to follow in, which the link
    /// must be told. What stands is then endorsed once more, in that term.
    pub fn follow(&mut self, standing: Standing) -> Option<u64> {
        let term = (!standing.leads && standing.term > 0).then_some(standing.term);
        if term == self.term {
            return None;
        }
        self.term = term;
        self.endorsed.clear();
        term
    }

    /// Whether it is to endorse this order now.
    pub fn is_new(&self, order: &Order) -> bool {
        let known = self.endorsed.get(&order.device);
        self.term.is_some() && known.is_none_or(|index| *index < order.index)
    }

    /// It has endorsed this order.
    pub fn endorsed(&mut self, order: &Order) {
        self.endorsed.insert(order.device, order.index);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::Setpoint;
    use crate::site::KesmId;
    use crate::units::{Millis, Watts};

    fn standing(term: u64, leads: bool) -> Standing {
        Standing { term, leads, last_index: None, applied_index: None, confirmed_for: Millis::ZERO }
    }

    fn order(index: u64) -> Order {
        let setpoint = Setpoint::Kesm { supply_max: Watts::ZERO, charge_max: Watts::ZERO, hold: Watts::ZERO };
        Order { device: DeviceId::Kesm(KesmId(0)), index, term: 1, setpoint, until: Millis::ZERO }
    }

    #[test]
    fn each_order_is_endorsed_once_in_each_term_that_is_followed() {
        let mut endorsing = Endorsing::default();
        assert!(!endorsing.is_new(&order(5)), "it knows no term yet");
        assert_eq!(endorsing.follow(standing(0, false)), None);
        assert_eq!(endorsing.follow(standing(2, false)), Some(2));
        assert_eq!(endorsing.follow(standing(2, false)), None, "told before");
        assert!(endorsing.is_new(&order(5)));
        endorsing.endorsed(&order(5));
        assert!(!endorsing.is_new(&order(5)) && !endorsing.is_new(&order(4)) && endorsing.is_new(&order(6)));
        assert_eq!(endorsing.follow(standing(3, false)), Some(3));
        assert!(endorsing.is_new(&order(5)), "in the words of the new term");
        endorsing.endorsed(&order(5));
        assert_eq!(endorsing.follow(standing(4, true)), None, "a leader orders and endorses nothing");
        assert!(!endorsing.is_new(&order(6)));
        assert_eq!(endorsing.follow(standing(4, false)), Some(4));
        assert!(endorsing.is_new(&order(5)));
    }
}
