//! A leader is cut off, another is elected, and whoever voted for it loses its disk before the first one knows: then the first
//! one alone reaches the empty disk. Cuts and lost disks that are drawn each for itself hardly ever meet so.

use super::Run;
use super::strike::Struck;

impl Run<'_> {
    /// The leader's words reach nobody, and nobody's reach it.
    pub(super) fn cut_leader_off(&mut self) -> Option<Struck> {
        let old = self.leader().filter(|_| self.cut_off.is_none() && self.all_whole())?;
        self.isolate(old);
        self.cut_off = Some(old);
        Some(Struck::Replica(old))
    }

    /// Once another commands, the third one's disk is lost, and the first one reaches it.
    pub(super) fn lose_vote(&mut self) {
        let Some(old) = self.cut_off else { return };
        let Some(new) = (0..3).find(|seat| *seat != old && self.commands(*seat)) else { return };
        let voter = 3 - old - new;
        if self.seats[voter].replica.is_some() && self.all_whole() {
            self.reunite();
            self.isolate(new);
            self.kill(voter);
            self.replace_disk(voter);
        }
    }

    /// All reach each other again.
    pub(super) fn reunite(&mut self) {
        self.cut_off = None;
        self.wires.cut = Default::default();
    }

    fn isolate(&mut self, seat: usize) {
        for other in (0..3).filter(|other| *other != seat) {
            (self.wires.cut[seat][other], self.wires.cut[other][seat]) = (true, true);
        }
    }

    fn all_whole(&self) -> bool {
        (0..3).all(|seat| self.disk(seat).is_whole())
    }
}
