// Four small charts over one time axis, with one cursor.

import { attribute, byId, element, shape, text } from "./dom.js";
import { APART_MS, SPAN_MS } from "./history.js";
import { kilo } from "./format.js";

/** Closer than this, words would cover each other, px. */
const NEAR = 60;
const PAD = { left: 40, right: 8, top: 6, bottom: 18 };

/** @param {import("./types.js").Site} site */
function chartsOf(site, capacity) {
  const feeds = site.feeds.reduce((sum, feed) => sum + feed.limit_watts, 0);
  const asKilo = value => `${kilo(value)} kW`;
  const asPercent = value => `${value.toFixed(0)} %`;
  return [
    { title: "Site", series: [["load", "servers"], ["draw", "feeds"]], least: 1000, limit: feeds, limitName: "limit of the feeds", form: asKilo, tick: value => (value / 1000).toFixed(0), unit: "kW" },
    { title: "Rack nearest to its limit", series: [["worst", "draw"]], least: 100, limit: 100, limitName: "limit", form: asPercent, tick: value => value.toFixed(0), unit: "%" },
    { title: "Modules", series: [["granted", "granted"], ["given", "given"]], least: 10_000, form: asKilo, tick: value => (value / 1000).toFixed(0), unit: "kW" },
    { title: "Stored", series: [["stored", "of capacity"]], limit: capacity, limitName: "floor", form: asPercent, tick: value => value.toFixed(0), unit: "%", low: 0, high: 100 },
  ];
}

/** Round numbers that hold these values. */
function range(values, chart) {
  if (chart.high !== undefined) return [chart.low, chart.high];
  const all = chart.limit === undefined ? values : [...values, chart.limit];
  const [low, high] = [Math.min(0, ...all), Math.max(...all, chart.least)];
  const step = 10 ** Math.floor(Math.log10(high - low)) / 2;
  return [Math.floor(low / step) * step, Math.ceil(high * 1.02 / step) * step];
}

export class Trends {
  /** @param {import("./types.js").Site} site @param {number} floor reserve of all modules, % of capacity */
  constructor(site, floor) {
    this.box = byId("charts");
    this.charts = chartsOf(site, floor).map(chart => this.make(chart));
    this.box.replaceChildren(...this.charts.map(chart => chart.node));
    /** How far left of now the cursor stands, ms; none while it is away. @type {?number} */
    this.cursor = null;
    /** What was drawn last. @type {?Parameters<Trends["draw"]>} */
    this.last = null;
    this.box.addEventListener("pointermove", event => this.point(event));
    this.box.addEventListener("pointerleave", () => this.move(null));
    this.box.addEventListener("keydown", event => this.key(event));
  }

  make(chart) {
    const parts = {
      band: shape("g", { class: "bands" }), grid: shape("g", { class: "grid" }), limitLine: shape("path", { class: "limit" }, shape("title", {}, chart.limitName ?? "")),
      lines: chart.series.map((_, nth) => shape("path", { class: `series s${nth}` })), cursor: shape("path", { class: "cursor" }),
    };
    const drawing = shape("svg", { role: "img" }, parts.band, parts.grid, parts.limitLine, ...parts.lines, parts.cursor);
    const words = chart.series.map(([, name], nth) => element("span", { class: `key s${nth}` }, name, " ", element("b", {})));
    const node = element("figure", {}, element("figcaption", {}, element("b", {}, chart.title), ...words), drawing);
    return { ...chart, ...parts, drawing, node, values: words.map(word => word.lastElementChild) };
  }

  point(event) {
    const figure = event.target.closest?.("figure svg");
    if (!figure) return;
    const box = figure.getBoundingClientRect();
    const share = (event.clientX - box.left - PAD.left) / (box.width - PAD.left - PAD.right);
    this.move(SPAN_MS * (1 - Math.max(0, Math.min(1, share))));
  }

  key(event) {
    const step = { ArrowLeft: 2000, ArrowRight: -2000, PageUp: 20000, PageDown: -20000 }[event.key];
    if (step !== undefined) this.move(Math.max(0, Math.min(SPAN_MS, (this.cursor ?? 0) + step)));
    else if (event.key === "Escape") this.move(null);
    else return;
    event.preventDefault();
  }

  move(cursor) {
    this.cursor = cursor;
    if (this.last) this.draw(...this.last);
  }

  /**
   * @param {import("./history.js").Sample[]} samples
   * @param {{from: number, to: ?number, term?: number, label?: string, kind?: string}[]} marks gaps without a leader, and drills
   */
  draw(samples, marks, clock) {
    this.last = [samples, marks, clock];
    const at = this.cursor === null ? null : clock - this.cursor;
    const near = at === null ? samples.at(-1) : samples.find(sample => Math.abs(sample.at - at) < 300) ?? null;
    text(byId("cursor"), at === null ? "" : `${(this.cursor / 1000).toFixed(0)} s ago`);
    for (const chart of this.charts) {
      this.drawChart(chart, samples, marks, clock);
      chart.series.forEach(([name], nth) => {
        const value = near?.[name] ?? null;
        text(chart.values[nth], value === null ? "–" : chart.form(value));
      });
    }
  }

  drawChart(chart, samples, marks, clock) {
    const { clientWidth: width, clientHeight: height } = chart.drawing;
    if (width === 0) return;
    const values = chart.series.flatMap(([name]) => samples.map(sample => sample[name]).filter(value => value !== null));
    const [low, high] = range(values, chart);
    const [right, bottom] = [width - PAD.right, height - PAD.bottom];
    const x = at => PAD.left + (right - PAD.left) * (1 - (clock - at) / SPAN_MS);
    const y = value => bottom - (bottom - PAD.top) * (value - low) / (high - low);
    attribute(chart.drawing, "viewBox", `0 0 ${width} ${height}`);
    attribute(chart.drawing, "aria-label", `${chart.title}: ${chart.series.map(([, name], nth) => `${name} ${chart.values[nth].textContent}`).join(", ")}`);
    attribute(chart.limitLine, "d", chart.limit === undefined ? "" : `M${PAD.left} ${y(chart.limit).toFixed(1)}H${right}`);
    chart.series.forEach(([name], nth) => attribute(chart.lines[nth], "d", path(samples, name, x, y)));
    this.drawGrid(chart, [low, high], { right, bottom, y });
    this.drawMarks(chart, marks, { x, right, bottom, clock });
    const cursor = this.cursor === null ? "" : `M${x(clock - this.cursor).toFixed(1)} ${PAD.top}V${bottom}`;
    attribute(chart.cursor, "d", cursor);
  }

  drawGrid(chart, [low, high], { right, bottom, y }) {
    const levels = [low, (low + high) / 2, high];
    const lines = levels.map(value => shape("path", { d: `M${PAD.left} ${y(value).toFixed(1)}H${right}` }));
    const labels = levels.map(value => shape("text", { x: PAD.left - 4, y: y(value) + 4, class: "tick-y" }, chart.tick(value)));
    const times = [240, 120, 0].map((ago, nth) => shape("text", { x: PAD.left + (right - PAD.left) * nth / 2, y: bottom + 13, class: `tick-x t${nth}` },
      ago === 0 ? "now" : `−${ago} s`));
    chart.grid.replaceChildren(...lines, ...labels, ...times, shape("text", { x: 2, y: bottom + 13, class: "unit" }, chart.unit));
  }

  drawMarks(chart, marks, { x, right, bottom, clock }) {
    const seen = marks.filter(mark => clock - mark.from < SPAN_MS);
    let [level, last] = [0, -Infinity];
    chart.band.replaceChildren(...seen.flatMap(mark => {
      const [from, to] = [x(mark.from), x(mark.to ?? clock)];
      // Words of gaps that lie close together stand below each other.
      level = from - last < NEAR ? (level + 1) % 3 : 0;
      last = from;
      const y = PAD.top + 9 + 11 * level;
      const label = mark.label ?? (mark.to === null ? "no leader" : `T${mark.term}`);
      return [
        shape("rect", { class: mark.kind ?? "gap", x: from.toFixed(1), y: PAD.top, width: Math.max(1.5, to - from).toFixed(1), height: bottom - PAD.top }),
        shape("text", to > right - 60 ? { x: from - 3, y, class: "before" } : { x: to + 3, y }, label),
      ];
    }));
  }
}

/** A line that ends where something is not known, and begins again where it is. */
function path(samples, name, x, y) {
  let [line, last] = ["", null];
  for (const sample of samples) {
    const value = sample[name];
    if (value !== null) {
      const goesOn = last !== null && sample.at - last < APART_MS;
      line += `${goesOn ? "L" : "M"}${x(sample.at).toFixed(1)} ${y(value).toFixed(1)}`;
    }
    last = value === null ? null : sample.at;
  }
  return line;
}
