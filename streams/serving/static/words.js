// Elements and figures, as the page writes them.

export const CLIP_SECONDS = 10;

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

export function heads(...names) {
  return element("thead", {}, element("tr", {}, ...names.map((name) => element("th", { scope: "col" }, name))));
}

// Writes rows where they stand: whoever is at one, with pointer, keyboard or ear, stays there while it says something new.
// `make(key)` makes the row of a key that has none, `write(row, item, index)` has it say what an item does.
export function writeRows(parent, items, keyOf, make, write) {
  const rows = new Map([...parent.children].map((row) => [row.dataset.key, row]));
  const keys = new Set(items.map(keyOf));
  for (const [key, row] of rows) if (!keys.has(key)) row.remove();
  const focused = document.activeElement;
  let next = parent.firstElementChild;
  items.forEach((item, index) => {
    const key = keyOf(item);
    const row = rows.get(key) ?? make(key);
    row.dataset.key = key;
    // One that has fallen is moved itself, rather than each that is above it now.
    if (next && next !== row && next.nextElementSibling === row) {
      parent.append(next);
      next = row;
    }
    if (row === next) next = row.nextElementSibling;
    else parent.insertBefore(row, next);
    write(row, item, index);
  });
  if (parent.contains(focused)) focused.focus({ preventScroll: true }); // a row that is moved loses it
}

export function say(node, words) {
  if (node.textContent !== words) node.textContent = words;
}

export function score(value) {
  return value === null || value === undefined ? "–" : value.toFixed(2);
}

export function count(value) {
  return value.toLocaleString("en");
}

export function share(value) {
  return `${(100 * value).toFixed(1)}\u00a0%`;
}

export function clock(seconds) {
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60)];
  const rest = String(Math.floor(seconds % 60)).padStart(2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

export function place(clipId) {
  const colon = clipId.lastIndexOf(":");
  return [clipId.slice(0, colon), Number(clipId.slice(colon + 1))];
}

// A clip's name may hold any printable sign but a quote and a backslash, so it is written so that an address can hold it.
export function address(clipId) {
  return `#${encodeURIComponent(clipId)}`;
}

// The name of the clip in the page's address; empty where there is none, or nothing that can be read.
export function chosen() {
  try {
    const name = decodeURIComponent(location.hash.slice(1));
    return name.includes(":") ? name : "";
  } catch {
    return "";
  }
}
