// The one-line diagram: feeds, rows, racks, ties, modules and what goes from where to where.

import { attribute, byId, shape, text } from "./dom.js";
import { FEED_HEIGHT, layout } from "./layout.js";
import { drawRack, updateRack } from "./rack.js";
import { drawTie, flows, updateTie } from "./tie.js";
import { drawKesm, updateKesm } from "./kesm.js";
import { kilo, kiloOfAll, kiloShort, total } from "./format.js";

export class Diagram {
  /** @param {import("./types.js").Site} site @param {(kind: string, name: string) => void} open */
  constructor(site, open) {
    this.site = site;
    this.open = open;
    this.box = byId("diagram");
    /** @type {?import("./model.js").View} */
    this.last = null;
    this.width = 0;
    this.height = 0;
    new ResizeObserver(() => this.build()).observe(this.box);
    this.build();
  }

  build() {
    const { clientWidth: width, clientHeight: height } = this.box;
    if (width === 0 || (this.width === width && this.height === height)) return;
    this.width = width;
    this.height = height;
    const { site } = this;
    const plan = this.plan = layout(site, width, height - 4);
    this.racks = site.racks.map((rack, id) => drawRack(rack, plan.cells[id], () => this.open("rack", rack.name)));
    this.ties = site.ties.map((tie, id) => drawTie(tie, plan.ties.get(id), tie.between.map(rack => plan.cells[rack])));
    this.kesms = site.kesms.map((kesm, id) => {
      const nth = site.kesms.slice(0, id).filter(other => other.rack === kesm.rack).length;
      return drawKesm(kesm, plan.cells[kesm.rack], plan, nth, () => this.open("kesm", kesm.name));
    });
    this.rows = plan.lines.map(line => this.drawRow(line));
    this.feeds = site.feeds.map((feed, nth) => this.drawFeed(feed, nth));
    const parts = [...this.feeds, ...this.rows, ...this.ties.filter(Boolean), ...this.racks, ...this.kesms];
    const drawing = shape("svg", { width, height: plan.height, viewBox: `0 0 ${width} ${plan.height}` },
      ...parts.map(part => part.node));
    this.box.replaceChildren(drawing);
    if (this.last) this.update(this.last);
  }

  drawFeed(feed, nth) {
    const x = 4 + nth * Math.max(260, this.width / this.site.feeds.length);
    const mark = shape("text", { x: x + 6, y: 22, class: "feed-mark" });
    const words = shape("text", { x: x + 24, y: 22, class: "feed-words" });
    // From the feed down to its rows.
    const lines = this.plan.lines.filter(line => this.site.rows[line.row].feed === nth);
    const bottom = Math.max(FEED_HEIGHT, ...lines.map(line => line.y + 6));
    const wire = shape("path", { class: "wire main", d: `M${x + 8 + nth * 4} ${FEED_HEIGHT - 4}V${bottom}` });
    return { node: shape("g", { class: "feed" }, wire, mark, words), mark, words };
  }

  drawRow(line) {
    const row = this.site.rows[line.row];
    const cells = line.racks.map(rack => this.plan.cells[rack]);
    const [y, end] = [line.y + 6, Math.max(...cells.map(cell => cell.centre))];
    const bus = shape("path", { class: "wire main", d: `M${12 + row.feed * 4} ${y}H${end}` });
    const breaker = shape("rect", { class: "breaker", x: 28, y: y - 4, width: 8, height: 8 });
    const name = shape("text", { x: 28, y: y + 24, class: "row-name" }, `Row ${row.name}`);
    const draw = shape("text", { x: 28, y: y + 41, class: "value" });
    const limit = shape("text", { x: 28, y: y + 55, class: "unit" }, `of ${kiloShort(row.limit_watts)} kW`);
    const mark = shape("text", { x: 28, y: y + 71, class: "mark" });
    const node = shape("g", { class: "row" }, bus, breaker, name, draw, limit, mark);
    return { node, draw, mark, row: line.row };
  }

  /** @param {import("./model.js").View} view */
  update(view) {
    this.last = view;
    const { now } = view;
    if (!now || !this.plan) return;
    attribute(this.box, "data-old", !view.fresh);
    this.feeds.forEach((part, nth) => this.updateFeed(part, now.feeds[nth], this.site.feeds[nth]));
    this.rows.forEach(part => this.updateRow(part, now));
    const transfers = new Map(now.transfers.map(transfer => [transfer.rack, transfer]));
    const caps = new Map(now.caps.map(cap => [cap.rack, cap]));
    this.racks.forEach((part, id) => {
      const { name } = this.site.racks[id];
      updateRack(part, now.racks[id], transfers.get(name), caps.get(name));
    });
    const busy = flows(this.site, now.transfers);
    const left = new Map(now.quarantined.map(one => [one.name, one.why]));
    now.held.forEach(name => left.set(name, "an operator holds it"));
    this.ties.forEach((part, id) => part && updateTie(part, now.ties[id], busy.get(id), left.get(`tie ${this.site.ties[id].name}`)));
    this.kesms.forEach((part, id) => updateKesm(part, now.kesms[id], left.get(`kesm ${this.site.kesms[id].name}`)));
  }

  updateFeed(part, feedNow, feed) {
    if (!feedNow) return;
    const normal = feedNow.mode === "normal";
    attribute(part.node, "data-state", normal ? null : feedNow.mode === "orderly shutdown" ? "bad" : "odd");
    text(part.mark, normal ? "" : feedNow.mode === "orderly shutdown" ? "▲" : "◆");
    const source = feedNow.source ? ` · on ${feedNow.source}` : "";
    const generator = feedNow.generator ? ` · generator ${feedNow.generator}` : "";
    const why = normal ? "" : ` · ${feedNow.reason}`;
    text(part.words, `Feed ${feed.name} · ${feedNow.mode}${source}${generator} · ${kilo(feedNow.drawn_watts)} of `
      + `${kiloShort(feed.limit_watts)} kW${why}`);
  }

  updateRow(part, now) {
    const draws = this.site.racks.flatMap((rack, id) => rack.row === part.row ? [now.racks[id]?.draw_watts ?? null] : []);
    const sum = total(draws);
    const over = sum !== null && sum > this.site.rows[part.row].limit_watts;
    text(part.draw, kiloOfAll(draws));
    text(part.mark, over ? "▲ over" : "");
    attribute(part.node, "data-state", over ? "bad" : null);
  }
}
