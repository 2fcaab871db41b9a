// A rack: its breaker, a bar of what it draws and takes, its limit, and what it may come to take.

import { attribute, press, shape, text } from "./dom.js";
import { TOP } from "./layout.js";
import { kilo, kiloShort, seconds, UNKNOWN } from "./format.js";

/** The bar's top is so many times the limit: limits of all racks stand at one height. */
const SCALE = 1.8;
const WIDTH = 22;

/**
 * @param {{name: string, limit_watts: number}} rack @param {import("./layout.js").Cell} cell @param {() => void} open
 */
export function drawRack(rack, cell, open) {
  const [left, top, bottom] = [cell.centre - WIDTH / 2, cell.y + TOP, cell.y + TOP + cell.bar];
  const limit = bottom - cell.bar / SCALE;
  const beside = cell.centre + WIDTH / 2 + 12;
  const parts = {
    hit: shape("rect", { class: "hit", x: cell.x + 2, y: cell.y + 2, width: cell.width - 4, height: cell.bar + TOP + 6, rx: 3 }),
    wire: shape("path", { class: "wire", d: `M${cell.centre} ${cell.y + 6}V${bottom}` }),
    breaker: shape("rect", { class: "breaker", x: cell.centre - 4, y: cell.y + 2, width: 8, height: 8 }),
    back: shape("rect", { class: "bar-back", x: left, y: top, width: WIDTH, height: cell.bar }),
    load: shape("rect", { class: "bar-load", x: left, width: WIDTH }),
    draw: shape("rect", { class: "bar-draw", x: left + 4, width: WIDTH - 8 }),
    limit: shape("path", { class: "limit", d: `M${left - 4} ${limit}H${left + WIDTH + 4}` }),
    whisker: shape("path", { class: "whisker" }),
    name: shape("text", { class: "name", x: beside, y: top + 8 }, rack.name),
    value: shape("text", { class: "value", x: beside, y: top + 23 }),
    mark: shape("text", { class: "mark", x: beside, y: top + 38 }),
    help: shape("text", { class: "help", x: beside, y: top + 53 }),
    tip: shape("title"),
  };
  const node = press(shape("g", { class: "rack", "data-rack": rack.name }, parts.tip, ...Object.values(parts).slice(0, -1)), open);
  const narrow = cell.width < 92;
  attribute(node, "data-narrow", narrow);
  return { ...parts, node, cell, bottom, rack };
}

/** Heights by what the bar shows at the most. */
const height = (part, watts) => Math.max(0, Math.min(1, watts / (SCALE * part.rack.limit_watts))) * part.cell.bar;

function stand(part, rect, watts) {
  const tall = watts === null ? 0 : height(part, watts);
  attribute(rect, "y", (part.bottom - tall).toFixed(1));
  attribute(rect, "height", tall.toFixed(1));
}

/** What is abnormal, the worst first: a state for the style, a mark and words. */
function judge(rackNow, cap) {
  if (rackNow.tripped) return ["bad", "✕ tripped"];
  if (rackNow.draw_watts !== null && rackNow.draw_watts > rackNow.limit_watts) return ["bad", "▲ over"];
  if (rackNow.draw_watts === null) return ["odd", "? silent"];
  if (cap) return ["odd", `▽ ${kiloShort(cap.cap_watts)} kW`];
  if (rackNow.at_risk) return ["odd", "◆ at risk"];
  return [null, ""];
}

/** @param {import("./types.js").RackNow} rackNow @param {import("./types.js").Transfer} [transfer] @param {import("./types.js").Cap} [cap] */
export function updateRack(part, rackNow, transfer, cap) {
  if (!rackNow) return;
  const [state, mark] = judge(rackNow, cap);
  attribute(part.node, "data-state", state);
  stand(part, part.load, rackNow.load_watts);
  stand(part, part.draw, rackNow.draw_watts);
  const x = part.cell.centre + WIDTH / 2 + 5;
  const [low, high] = [rackNow.peak_p50_watts, rackNow.peak_p99_watts].map(watts => (part.bottom - height(part, watts)).toFixed(1));
  attribute(part.whisker, "d", `M${x - 3} ${low}H${x + 3}M${x} ${low}V${high}M${x - 3} ${high}H${x + 3}`);
  text(part.value, rackNow.draw_watts === null ? UNKNOWN : `${kilo(rackNow.draw_watts)}/${kiloShort(rackNow.limit_watts)}`);
  text(part.mark, mark);
  text(part.help, transfer ? `⇐${kiloShort(transfer.watts)} kW ${Math.ceil(transfer.left_ms / 1000)} s` : "");
  const help = transfer ? `; transfer of up to ${kilo(transfer.watts)} kW, ${seconds(transfer.left_ms)} s left, ${transfer.phase}` : "";
  const words = `Rack ${rackNow.name}${mark ? ` ${mark.slice(2)}` : ""}: draws ${kilo(rackNow.draw_watts)} kW of `
    + `${kiloShort(rackNow.limit_watts)} kW, servers take ${kilo(rackNow.load_watts)} kW, expected at the most P50 `
    + `${kilo(rackNow.peak_p50_watts)} kW, P99 ${kilo(rackNow.peak_p99_watts)} kW${help}`;
  text(part.tip, words);
  attribute(part.node, "aria-label", words);
}
