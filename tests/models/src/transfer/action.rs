//! What can happen next, and what it does.

use super::Transfer;
use super::device::{DEVICES, Level, SOURCE};
use super::log::{Act, Entry};
use super::replica::{Leaving, REPLICAS, Replica, Role};
use super::rules::{Lease, Restart, Seats, Votes};
use super::state::State;
use super::wire::Frame;

/// Whether the answer to a request comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// It does.
    Comes,
    /// It is lost: what was asked is done, and who asked does not know.
    Lost,
}

/// One thing that happens. Replicas and devices are named by their places; those of replicas change from state to state,
/// because they are kept sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// A replica that has heard no leader stands for the next term.
    Stand(usize),
    /// A candidate gets its second vote and is elected.
    Vote {
        /// Who votes.
        voter: usize,
        /// For whom.
        candidate: usize,
    },
    /// A leader appends an entry to its own log.
    Propose {
        /// Who.
        leader: usize,
        /// What.
        act: Act,
    },
    /// A leader's log reaches a follower.
    Replicate {
        /// From whom.
        leader: usize,
        /// To whom.
        follower: usize,
        /// Whether the leader learns of it.
        answer: Answer,
    },
    /// A leader's heartbeat, without entries, reaches a follower and is answered.
    Confirm {
        /// From whom.
        leader: usize,
        /// To whom.
        follower: usize,
    },
    /// A replica crashes and comes back, at once or much later.
    Restart(usize),
    /// A replica sees that the process of the leader that it follows has ended.
    See(usize),
    /// A leader that is to hand over falls silent towards all devices.
    FallSilent(usize),
    /// It leads on, since it has told nobody.
    Stay(usize),
    /// It tells somebody, or itself as a voter, that its promise no longer binds.
    Tell {
        /// Who hands over.
        leader: usize,
        /// Who is told.
        whom: usize,
    },
    /// An ack or telemetry of a device reaches a leader.
    Hear {
        /// Whom.
        leader: usize,
        /// From whom.
        device: usize,
    },
    /// A beat reaches a device.
    Beat {
        /// Whom.
        device: usize,
        /// Of the leader of this term.
        term: u8,
        /// Ticks until the lease ends that it gives.
        left: u8,
    },
    /// An order reaches its device.
    Order(Frame),
    /// A device loses power and comes back.
    Reboot(usize),
    /// Time passes everywhere.
    Tick,
}

impl Transfer {
    /// Everything that can happen next.
    pub(super) fn next_actions(&self, state: &State, actions: &mut Vec<Action>) {
        for place in 0..REPLICAS {
            self.replica_actions(state, place, actions);
        }
        for device in 0..DEVICES {
            actions.extend(state.wire.beats().map(|(term, left)| Action::Beat { device, term, left }));
            actions.extend(state.wire.orders_for(device).map(Action::Order));
            actions.push(Action::Reboot(device));
        }
        actions.push(Action::Tick);
    }

    fn replica_actions(&self, state: &State, place: usize, actions: &mut Vec<Action>) {
        let replica = &state.replicas[place];
        actions.push(Action::Restart(place));
        if replica.promise > 0 && !replica.leads() && self.may_see(state, replica) {
            actions.push(Action::See(place));
        }
        let others = (0..REPLICAS).filter(|&other| other != place);
        if replica.role == Role::Candidate {
            actions.extend(others.clone().map(|voter| Action::Vote { voter, candidate: place }));
        }
        if !replica.leads() {
            if replica.promise == 0 && replica.term < self.bounds.terms {
                actions.push(Action::Stand(place));
            }
            return;
        }
        for follower in others {
            let log = |answer| Action::Replicate { leader: place, follower, answer };
            actions.extend([log(Answer::Comes), log(Answer::Lost), Action::Confirm { leader: place, follower }]);
        }
        if self.bounds.handovers && replica.term < self.bounds.terms {
            hand_over(replica, place, actions);
        }
        if state.may_send(place, self.rules) {
            actions.extend((0..DEVICES).map(|device| Action::Hear { leader: place, device }));
            actions.extend(self.proposals(replica).map(|act| Action::Propose { leader: place, act }));
        }
    }

    /// Whether a replica takes the seat of its leader for vacant.
    fn may_see(&self, state: &State, replica: &Replica) -> bool {
        self.rules.seats == Seats::Claimed || state.vacant == replica.term
    }

    /// What an acting leader may propose: one thing at a time, and nothing that changes nothing.
    fn proposals(&self, leader: &Replica) -> impl Iterator<Item = Act> + use<> {
        let is_free = leader.commit == leader.log.last_index() && leader.log.acts() < self.bounds.acts;
        let stands = self.book.stands(&leader.log);
        let is_fresh = leader.log.entries().iter().any(|entry| entry.act == Act::Grant && entry.age == 0);
        let grant = (is_free && !(stands && is_fresh)).then_some(Act::Grant);
        let release = (is_free && stands).then_some(Act::Release);
        grant.into_iter().chain(release)
    }

    /// What it does, before whoever may send has sent. What is not possible changes nothing.
    pub(super) fn carry_out(&self, state: &mut State, action: Action) {
        match action {
            Action::Stand(place) => stand(state, place),
            Action::Vote { voter, candidate } => self.vote(state, voter, candidate),
            Action::Propose { leader, act } => {
                let replica = &mut state.replicas[leader];
                replica.log.push(Entry::new(replica.term, act));
            }
            Action::Replicate { leader, follower, answer } => self.replicate(state, leader, follower, answer),
            Action::Confirm { leader, follower } => self.confirm(state, leader, follower),
            Action::Restart(place) => self.restart(state, place),
            Action::See(place) => state.replicas[place].promise = 0,
            Action::FallSilent(place) => state.replicas[place].leaving = Leaving::Silent,
            Action::Stay(place) => state.replicas[place].leaving = Leaving::No,
            Action::Tell { leader, whom } => tell(state, leader, whom),
            Action::Hear { leader, device } => {
                let in_force = state.devices[device].in_force;
                let known = &mut state.replicas[leader].known;
                let index = in_force.map_or(0, |order| order.index);
                if device == SOURCE {
                    known.source = index;
                } else {
                    known.sink = index;
                    known.sink_gives = in_force.is_some_and(|order| order.level == Level::Gives);
                }
            }
            Action::Beat { device, term, left } => {
                state.devices[device].take_beat(term, left, self.bounds.lease, self.rules);
            }
            Action::Order(frame) => state.devices[usize::from(frame.device)].take_order(frame, self.rules),
            Action::Reboot(device) => state.devices[device].reboot(self.rules),
            Action::Tick => self.tick(state),
        }
    }

    fn vote(&self, state: &mut State, voter: usize, candidate: usize) {
        let asks = state.replicas[candidate];
        let gives = &mut state.replicas[voter];
        let behind = self.rules.votes == Votes::Ships && !asks.log.is_up_to_date(&gives.log);
        // With its promise over, the voter takes the candidate's term even where it does not vote.
        if gives.promise > 0 || asks.term < gives.term {
            return;
        }
        gives.learn(asks.term);
        if behind || gives.voted {
            return;
        }
        gives.voted = true;
        let elected = &mut state.replicas[candidate];
        elected.role = Role::Leader;
        elected.log.push(Entry::new(elected.term, Act::Blank));
    }

    /// What a follower makes of anything that a leader sends; false if it knows of a newer one and says so.
    fn reach(&self, state: &mut State, leader: usize, follower: usize) -> bool {
        let (leads, follows) = (state.replicas[leader], &mut state.replicas[follower]);
        if follows.term > leads.term {
            return false;
        }
        follows.learn(leads.term);
        follows.follow();
        follows.promise = self.bounds.promise;
        true
    }

    fn replicate(&self, state: &mut State, leader: usize, follower: usize, answer: Answer) {
        let accepted = self.reach(state, leader, follower);
        if accepted {
            state.replicas[follower].log = state.replicas[leader].log;
            state.replicas[follower].commit = state.replicas[leader].commit;
        }
        match (answer, accepted) {
            (Answer::Lost, _) => {}
            (Answer::Comes, false) => {
                let term = state.replicas[follower].term;
                state.replicas[leader].learn(term);
            }
            (Answer::Comes, true) => {
                self.confirmed(state, leader);
                state.commit(leader);
            }
        }
    }

    fn confirm(&self, state: &mut State, leader: usize, follower: usize) {
        if self.reach(state, leader, follower) {
            self.confirmed(state, leader);
        }
    }

    fn confirmed(&self, state: &mut State, leader: usize) {
        let replica = &mut state.replicas[leader];
        (replica.right, replica.promise) = (self.bounds.promise, self.bounds.promise);
    }

    fn restart(&self, state: &mut State, place: usize) {
        let replica = &mut state.replicas[place];
        if replica.leads() {
            state.vacant = state.vacant.max(replica.term);
        }
        replica.follow();
        replica.commit = 0;
        replica.promise = if self.rules.restart == Restart::ForgetsPromise { 0 } else { self.bounds.promise };
    }

    fn tick(&self, state: &mut State) {
        for replica in &mut state.replicas {
            replica.right = replica.right.saturating_sub(1);
            replica.promise = replica.promise.saturating_sub(1);
            replica.log.age(self.bounds.hold);
        }
        state.committed.age(self.bounds.hold);
        for device in &mut state.devices {
            device.age();
            device.witness.forget(&state.committed);
        }
        state.wire.age_orders();
        if self.rules.lease == Lease::Ships {
            state.wire.age_beats();
        }
        state.unled = self.bounds.lease.min(state.unled + 1);
    }
}

/// What a leader may do that hands over, or could.
fn hand_over(leader: &Replica, place: usize, actions: &mut Vec<Action>) {
    let tell = (0..REPLICAS).map(|whom| Action::Tell { leader: place, whom });
    match leader.leaving {
        Leaving::No => actions.push(Action::FallSilent(place)),
        Leaving::Silent => actions.extend(tell.chain([Action::Stay(place)])),
        Leaving::Told => actions.extend(tell),
    }
}

fn tell(state: &mut State, leader: usize, whom: usize) {
    let term = state.replicas[leader].term;
    state.replicas[leader].leaving = Leaving::Told;
    let told = &mut state.replicas[whom];
    if told.term == term {
        told.promise = 0;
    }
}

fn stand(state: &mut State, place: usize) {
    let replica = &mut state.replicas[place];
    replica.learn(replica.term + 1);
    replica.role = Role::Candidate;
    replica.voted = true;
}
