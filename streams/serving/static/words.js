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

// Whoever has tabbed to a link stays on it when what it stands in is drawn anew.
export function replaceKeepingFocus(parent, ...children) {
  const focused = parent.contains(document.activeElement) ? document.activeElement.hash : undefined;
  parent.replaceChildren(...children);
  if (focused) [...parent.querySelectorAll("a")].find((link) => link.hash === focused)?.focus({ preventScroll: true });
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

// The name in the page's address: a clip's, or that of a part of the page.
export function chosen() {
  return decodeURIComponent(location.hash.slice(1));
}
