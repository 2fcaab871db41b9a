// Making and changing elements. What comes from data becomes text and attributes, never markup.

const SVG = "http://www.w3.org/2000/svg";

/** @param {Element} node @param {string} name @param {?(string|number|boolean)} value none, or false, takes it away */
export function attribute(node, name, value) {
  if (value === null || value === undefined || value === false) {
    if (node.hasAttribute(name)) node.removeAttribute(name);
  } else {
    const text = value === true ? "" : String(value);
    if (node.getAttribute(name) !== text) node.setAttribute(name, text);
  }
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) attribute(node, name, value);
  node.append(...children.filter(child => child !== null && child !== undefined));
  return node;
}

/** @param {string} name @param {object} [attributes] @param {...(Node|string|null)} children */
export const element = (name, attributes = {}, ...children) => fill(document.createElement(name), attributes, children);

/** The same of a drawing. @param {string} name @param {object} [attributes] @param {...(Node|string|null)} children */
export const shape = (name, attributes = {}, ...children) =>
  fill(document.createElementNS(SVG, name), attributes, children);

/** Writes a text where it has changed: what reads aloud says only news. @param {Node} node @param {string|number} value */
export function text(node, value) {
  const now = String(value);
  if (node.textContent !== now) node.textContent = now;
}

const kept = new WeakMap();

/**
 * Children by key: those that stay keep their element, and with it the focus.
 * @template T
 * @param {Element} parent @param {T[]} items @param {(item: T) => string} key
 * @param {(item: T) => Element} make @param {(node: Element, item: T) => void} update
 */
export function keyed(parent, items, key, make, update) {
  const before = kept.get(parent) ?? new Map();
  const after = new Map();
  items.forEach(item => after.set(key(item), before.get(key(item)) ?? make(item)));
  before.forEach((node, name) => after.has(name) || node.remove());
  items.forEach((item, place) => {
    const node = after.get(key(item));
    if (parent.children[place] !== node) parent.insertBefore(node, parent.children[place] ?? null);
    update(node, item);
  });
  kept.set(parent, after);
}

/** Makes a part of a drawing a button for mouse and keyboard. @param {Element} node @param {() => void} act */
export function press(node, act) {
  attribute(node, "role", "button");
  attribute(node, "tabindex", 0);
  node.addEventListener("click", act);
  node.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    act();
  });
  return node;
}

/** @param {string} id @returns {HTMLElement} */
export const byId = id => /** @type {HTMLElement} */ (document.getElementById(id));
