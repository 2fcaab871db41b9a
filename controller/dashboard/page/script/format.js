// Quantities as people read them. Unknown is a dash, never a zero.

export const UNKNOWN = "–";
const known = value => value !== null && value !== undefined && Number.isFinite(value);

/** @param {?number} watts */
export const kilo = watts => known(watts) ? (watts / 1000).toFixed(1) : UNKNOWN;
/** Without a tenth where there is none. @param {?number} watts */
export const kiloShort = watts => known(watts) ? String(Math.round(watts / 100) / 10) : UNKNOWN;
/** @param {?number} watts */
export const kilowatts = watts => known(watts) ? `${kilo(watts)} kW` : UNKNOWN;
/** @param {?number} joules */
export const kilojoules = joules => known(joules) ? `${(joules / 1000).toFixed(0)} kJ` : UNKNOWN;
/** @param {?number} part @param {number} whole */
export const percent = (part, whole) => known(part) && whole > 0 ? `${Math.round(100 * part / whole)} %` : UNKNOWN;
/** @param {number} ms */
export const seconds = ms => (ms / 1000).toFixed(1);

/** A span in words. @param {?number} ms */
export function span(ms) {
  if (!known(ms)) return UNKNOWN;
  const whole = Math.max(0, Math.round(ms / 1000));
  if (whole < 100) return `${whole} s`;
  if (whole < 6000) return `${Math.round(whole / 60)} min`;
  return whole < 172800 ? `${Math.round(whole / 3600)} h` : `${Math.round(whole / 86400)} d`;
}

/** The sum in kW, "at least" what is known when a part is not. @param {(?number)[]} parts */
export function kiloOfAll(parts) {
  const heard = parts.filter(known);
  if (heard.length === 0) return UNKNOWN;
  return `${heard.length < parts.length ? "≥ " : ""}${kilo(total(heard))}`;
}

/** The sum; none when a part is unknown. @param {(?number)[]} parts @returns {?number} */
export const total = parts => parts.every(known) ? parts.reduce((sum, part) => sum + part, 0) : null;
