// A storage module: a ring of its charge with the floor that transfers must leave.

import { attribute, press, shape, text } from "./dom.js";
import { MODULES, TOP } from "./layout.js";
import { kilo, kilojoules, percent, UNKNOWN } from "./format.js";

const RADIUS = 11;
const ROUND = 2 * Math.PI * RADIUS;
/** Several modules of one rack stand side by side, px. */
const BESIDE = 96;

/** @param {{name: string}} kesm @param {import("./layout.js").Cell} cell */
export function drawKesm(kesm, cell, plan, nth, open) {
  const [x, y] = [cell.centre + nth * BESIDE, cell.y + plan.lineHeight - MODULES / 2 - 4];
  const under = cell.y + TOP + cell.bar;
  const ring = { cx: x, cy: y, r: RADIUS };
  const parts = {
    tip: shape("title"),
    hit: shape("rect", { class: "hit", x: x - 16, y: y - 16, width: 90, height: 32, rx: 3 }),
    wire: shape("path", { class: "wire", d: `M${cell.centre} ${under}V${y}H${x}` }),
    back: shape("circle", { class: "ring-back", ...ring }),
    charge: shape("circle", { class: "ring", ...ring, transform: `rotate(-90 ${x} ${y})` }),
    floor: shape("path", { class: "floor" }),
    sense: shape("text", { class: "sense", x, y: y + 4 }),
    name: shape("text", { class: "name", x: x + 19, y: y - 3 }, kesm.name),
    value: shape("text", { class: "value", x: x + 19, y: y + 11 }),
  };
  const node = press(shape("g", { class: "kesm", "data-kesm": kesm.name }, ...Object.values(parts)), open);
  return { ...parts, node, x, y, kesm };
}

/** @param {import("./types.js").KesmNow} kesmNow @param {string} [leftAlone] */
export function updateKesm(part, kesmNow, leftAlone) {
  if (!kesmNow) return;
  const share = kesmNow.stored_joules === null ? 0 : kesmNow.stored_joules / kesmNow.capacity_joules;
  const low = kesmNow.stored_joules !== null && kesmNow.stored_joules < kesmNow.reserve_joules;
  const odd = leftAlone !== undefined || kesmNow.stored_joules === null;
  attribute(part.node, "data-state", low ? "bad" : odd ? "odd" : null);
  const arc = Math.max(0, Math.min(1, share)) * ROUND;
  attribute(part.charge, "stroke-dasharray", `${arc.toFixed(1)} ${ROUND.toFixed(1)}`);
  const turn = 2 * Math.PI * kesmNow.reserve_joules / kesmNow.capacity_joules;
  const at = radius => `${(part.x + radius * Math.sin(turn)).toFixed(1)} ${(part.y - radius * Math.cos(turn)).toFixed(1)}`;
  attribute(part.floor, "d", `M${at(RADIUS - 5)}L${at(RADIUS + 5)}`);
  const gives = kesmNow.supply_watts;
  text(part.sense, odd ? "✕" : low ? "▲" : gives > 50 ? "↑" : gives < -50 ? "↓" : "");
  text(part.name, `${part.kesm.name} ${percent(kesmNow.stored_joules, kesmNow.capacity_joules)}`);
  text(part.value, kesmNow.stored_joules === null ? UNKNOWN : Math.abs(gives) > 50 ? `${gives > 0 ? "+" : "−"}${kilo(Math.abs(gives))} kW` : "");
  const does = gives > 50 ? `gives ${kilo(gives)} kW` : gives < -50 ? `charges with ${kilo(-gives)} kW` : "idle";
  const words = `Module ${part.kesm.name}: ${percent(kesmNow.stored_joules, kesmNow.capacity_joules)} of `
    + `${kilojoules(kesmNow.capacity_joules)}, floor ${percent(kesmNow.reserve_joules, kesmNow.capacity_joules)}, ${does}`
    + `${low ? ", BELOW its floor" : ""}${leftAlone ? `; left alone: ${leftAlone}` : ""}`;
  text(part.tip, words);
  attribute(part.node, "aria-label", words);
}
