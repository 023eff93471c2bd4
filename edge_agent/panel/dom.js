// Making and changing elements. Text goes in as text only: nothing that a room or a device says is ever parsed as HTML.

const SVG = "http://www.w3.org/2000/svg";

/**
 * An element. `attributes`: `class`, `on` (an object of listeners), anything else is set as an attribute;
 * null and false leave it out, true sets it empty. Children: nodes, texts, or null for none.
 */
export function make(tag, attributes, ...children) {
  const node = document.createElement(tag);
  const given = attributes || {};
  Object.keys(given).forEach((name) => {
    if (name === "on") {
      Object.keys(given.on).forEach((event) => node.addEventListener(event, given.on[event]));
    } else {
      setAttribute(node, name, given[name]);
    }
  });
  children.forEach((child) => {
    if (child !== null && child !== undefined) {
      node.append(child);
    }
  });
  return node;
}

/** A picture of the sprite in index.html; decoration only, never the sole carrier of a meaning. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("focusable", "false");
  svg.append(document.createElementNS(SVG, "use"));
  setIcon(svg, name);
  return svg;
}

/** Change the picture; a name that the sprite does not have becomes the plain one. */
export function setIcon(svg, name) {
  const id = document.getElementById("icon-" + name) ? "icon-" + name : "icon-other";
  setAttribute(svg.firstChild, "href", "#" + id);
}

export function setText(node, text) {
  if (node.textContent !== text) {
    node.textContent = text;
  }
}

export function setAttribute(node, name, value) {
  if (value === null || value === undefined || value === false) {
    if (node.hasAttribute(name)) {
      node.removeAttribute(name);
    }
  } else {
    const text = value === true ? "" : String(value);
    if (node.getAttribute(name) !== text) {
      node.setAttribute(name, text);
    }
  }
}

const views = new WeakMap();

/**
 * Make the children of `parent` those of `items`, each made once by `create(item)` as `{node, update(item)}` and
 * updated from then on: what has the focus or a finger on it stays where it is.
 */
export function keepChildren(parent, items, keyOf, create) {
  const before = views.get(parent) || new Map();
  const after = new Map();
  let place = parent.firstChild;
  items.forEach((item) => {
    const key = keyOf(item);
    const view = before.get(key) || create(item);
    after.set(key, view);
    view.update(item);
    if (view.node === place) {
      place = place.nextSibling;
    } else {
      parent.insertBefore(view.node, place);
    }
  });
  before.forEach((view, key) => {
    if (after.get(key) !== view) {
      view.node.remove();
    }
  });
  views.set(parent, after);
}

/** A list of sentences as list items, each only text. */
export function keepTexts(parent, texts) {
  const numbered = texts.map((text, place) => ({ place, text }));
  keepChildren(parent, numbered, (one) => one.place, () => {
    const node = make("li");
    return { node, update: (one) => setText(node, one.text) };
  });
  parent.hidden = texts.length === 0;
}
