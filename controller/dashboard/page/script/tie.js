// Ties between racks, and which of them carry something.

import { attribute, shape, text } from "./dom.js";
import { LANE, TOP } from "./layout.js";
import { kilo, kiloShort } from "./format.js";

/**
 * @param {{name: string, between: [number, number]}} tie @param {?{lane: number}} place none where it goes from line to line
 * @param {import("./layout.js").Cell[]} ends
 */
export function drawTie(tie, place, ends) {
  if (!place) return null;
  const [left, right] = [...ends].sort((a, b) => a.centre - b.centre);
  const under = left.y + TOP + left.bar + 3;
  const y = under + 7 + place.lane * LANE;
  // Each lane ends beside the one above, so that its ends can be told apart.
  const inset = 4 + place.lane * 2.5;
  const [from, to] = [left.centre + inset, right.centre - inset];
  const path = shape("path", { class: "tie", d: `M${from} ${under}V${y}H${to}V${under}` });
  const arrow = shape("path", { class: "arrow" });
  const [x, back] = [(from + to) / 2 + 9, shape("rect", { class: "flow-back", y: y - 5, height: 10, width: 0 })];
  attribute(back, "x", x - 2);
  const words = shape("text", { class: "flow", x, y: y + 3.5 });
  const tip = shape("title");
  const forward = ends[0] === left;
  return { node: shape("g", { class: "tie-part" }, tip, path, arrow, back, words), arrow, back, words, tip, tie, forward, middle: (from + to) / 2, y };
}

/** Which ties transfers use: their sense, 1 from the first rack to the second, and the power granted. */
export function flows(site, transfers) {
  const placeOf = new Map(site.ties.map((tie, id) => [tie.name, id]));
  const rackOf = new Map(site.kesms.map(kesm => [kesm.name, kesm.rack]));
  const busy = new Map();
  for (const transfer of transfers) for (const leg of transfer.legs) {
    let at = rackOf.get(leg.kesm);
    for (const name of leg.ties) {
      const id = placeOf.get(name);
      if (id === undefined) break;
      const forward = site.ties[id].between[0] === at;
      const before = busy.get(id)?.watts ?? 0;
      busy.set(id, { sense: forward ? 1 : -1, watts: before + leg.supplied_watts });
      at = site.ties[id].between[forward ? 1 : 0];
    }
  }
  return busy;
}

/** Less than this is nothing, W: a transfer that is ready and not needed at the moment. */
const CARRIES = 100;

/** @param {import("./types.js").TieNow} tieNow @param {?{sense: number, watts: number}} busy @param {string} [leftAlone] */
export function updateTie(part, tieNow, busy, leftAlone) {
  const fault = leftAlone ?? (tieNow?.unable ? "it cannot act" : undefined);
  const carried = tieNow?.flow_watts ?? null;
  const carries = carried !== null && Math.abs(carried) > CARRIES;
  attribute(part.node, "data-state", fault ? "odd" : carries ? "busy" : busy ? "ready" : null);
  const sense = (busy?.sense ?? 0) * (part.forward ? 1 : -1);
  const tip = part.middle + 5 * sense;
  attribute(part.arrow, "d", busy ? `M${tip - 8 * sense} ${part.y - 4}L${tip} ${part.y}L${tip - 8 * sense} ${part.y + 4}` : "");
  const words = fault ? "✕" : carries ? kiloShort(Math.abs(carried)) : busy && carried === null ? "?" : "";
  text(part.words, words);
  // A line behind a decimal point looks like a colon.
  attribute(part.back, "width", words === "" ? 0 : 4 + 6.5 * words.length);
  const granted = busy ? `, up to ${kilo(busy.watts)} kW granted, carries ${kilo(carried === null ? null : Math.abs(carried))} kW` : "";
  text(part.tip, `Tie ${part.tie.name}${fault ? `: ${fault}` : ""}${granted}`);
}
