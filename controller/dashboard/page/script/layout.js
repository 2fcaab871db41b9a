// Where everything of the one-line diagram stands: fixed as long as the window is.

/** The left edge with what rows say of themselves, px. */
export const LEFT = 96;
/** A feed's strip, px. */
export const FEED_HEIGHT = 34;
/** A rack needs so much, px; what does not fit into a line goes on in the next. */
const CELL_MIN = 58;
const CELL_MAX = 190;
const LINE_MIN = 128;
/** Between two lanes of ties, px. */
export const LANE = 11;
/** Below the lanes of ties: modules, px. */
export const MODULES = 32;
/** Above a rack's bar: its breaker, px. */
export const TOP = 14;

/**
 * @typedef {{x: number, y: number, width: number, centre: number, bar: number, line: number}} Cell `bar` is its height
 * @typedef {{racks: number[], row: number, y: number, lanes: number}} Line
 */

/** Lines of racks: one for each row, more where a row is long. */
function linesOf(site, columns) {
  return site.rows.flatMap((row, place) => {
    const racks = site.racks.map((rack, id) => id).filter(id => site.racks[id].row === place);
    const count = Math.ceil(racks.length / columns);
    return Array.from({ length: count }, (_, nth) => ({ row: place, racks: racks.slice(nth * columns, (nth + 1) * columns) }));
  });
}

/** Ties of a line in lanes, so that none covers another: the shortest next to the racks. */
function lanesOf(site, line, column) {
  const within = site.ties.map((tie, id) => ({ id, ends: tie.between.map(rack => line.racks.indexOf(rack)) }))
    .filter(tie => tie.ends.every(end => end >= 0))
    .map(({ id, ends }) => ({ id, from: Math.min(...ends), to: Math.max(...ends) }))
    .sort((a, b) => (a.to - a.from) - (b.to - b.from) || a.from - b.from);
  const lanes = [];
  for (const tie of within) {
    const free = lanes.findIndex(taken => taken.every(other => tie.to <= other.from || tie.from >= other.to));
    const nth = free < 0 ? lanes.push([]) - 1 : free;
    lanes[nth].push(tie);
    column.set(tie.id, { ...tie, lane: nth });
  }
  return lanes.length;
}

/**
 * @param {import("./types.js").Site} site @param {number} width @param {number} height
 */
export function layout(site, width, height) {
  const most = Math.max(1, ...site.rows.map((_, row) => site.racks.filter(rack => rack.row === row).length));
  const columns = Math.max(1, Math.min(most, Math.floor((width - LEFT) / CELL_MIN)));
  const cellWidth = Math.min(CELL_MAX, (width - LEFT) / columns);
  const ties = new Map();
  const lines = linesOf(site, columns).map(line => ({ ...line, lanes: lanesOf(site, line, ties) }));
  const head = FEED_HEIGHT + 8;
  const lineHeight = Math.max(LINE_MIN, (height - head) / Math.max(1, lines.length));
  /** @type {Cell[]} */
  const cells = [];
  lines.forEach((line, nth) => {
    line.y = head + nth * lineHeight;
    const bar = Math.max(30, lineHeight - TOP - 6 - line.lanes * LANE - MODULES - 6);
    line.racks.forEach((rack, place) => {
      const x = LEFT + place * cellWidth;
      cells[rack] = { x, y: line.y, width: cellWidth, centre: x + 20, bar, line: nth };
    });
  });
  return { width, height: head + lines.length * lineHeight, cells, lines, ties, lineHeight };
}
