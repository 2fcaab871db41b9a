// What all replicas together say: whose word counts, who leads, who is silent.

/**
 * @typedef {import("./types.js").Snapshot} Snapshot
 * @typedef {{origin: string, id: ?number, now: ?Snapshot, silent: boolean, age: ?number, leads: boolean}} Replica
 * @typedef {{now: ?Snapshot, decisions: import("./types.js").Decision[], origin: ?string, age: ?number, fresh: boolean,
 *   replicas: Replica[], term: number, leader: ?number, leaderHeardAt: ?number, heard: number, of: number, quorum: boolean}} View
 */

/** Higher counts more: the term, then how far it is committed, then who acts, then who was heard last. */
function rank(source) {
  return [source.now.term, source.now.commit_index, Number(source.now.acting), source.heardAt];
}

function newer(one, other) {
  const [a, b] = [rank(one), rank(other)];
  const place = a.findIndex((value, nth) => value !== b[nth]);
  return place >= 0 && a[place] > b[place];
}

const newest = sources => sources.reduce((best, source) => best === null || newer(source, best) ? source : best, null);

/**
 * @param {import("./sources.js").Source[]} sources @param {number} clock @param {number} members how many replicas there are
 * @returns {View}
 */
export function look(sources, clock, members) {
  const told = sources.filter(source => source.now !== null);
  const heard = told.filter(source => !source.isSilent(clock));
  const term = Math.max(0, ...told.map(source => source.now.term));
  // One replica at most acts in a term, so this is one at most; whoever led an older term leads no more, whatever it says.
  const leads = heard.find(source => source.now.acting && source.now.term === term) ?? null;
  // A leader is never behind those that follow it, only its word may have come a moment before theirs.
  const best = leads ?? newest(heard) ?? newest(told);
  const of = sources.length;
  // Where not all are watched (`http.peers` names none), the leader may be one of the others: then a follower's word counts.
  const hearsay = of < members && heard.includes(best) && best.now.term === term ? best.now.leader : null;
  const leader = leads?.now.replica ?? hearsay;
  return {
    now: best?.now ?? null,
    decisions: best?.decisions ?? [],
    origin: best?.origin ?? null,
    age: best?.age(clock) ?? null,
    fresh: heard.length > 0,
    replicas: sources.map(source => ({
      origin: source.origin,
      id: source.now?.replica ?? null,
      now: source.now,
      silent: source.isSilent(clock),
      age: source.age(clock),
      leads: source === leads,
    })),
    term,
    leader,
    leaderHeardAt: leader === null ? null : best.heardAt,
    heard: heard.length,
    of,
    // A leader acts only while a majority confirms it, so one that acts proves a quorum, whomever this page hears.
    quorum: leader !== null || heard.length > of / 2,
  };
}

/** What people call a replica. @param {Replica} replica */
export const nameOf = replica => replica.id === null ? replica.origin.replace(/^https?:\/\//, "") : `n${replica.id}`;
