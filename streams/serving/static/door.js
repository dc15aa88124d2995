// The API key, where the server wants one: asked for once, kept until the tab is closed, sent to this server alone.

import { element } from "./words.js";

const KEPT_AS = "highlights-key";
const SENDABLE = /^[ -~]+$/; // a header takes nothing else
let asking;

export async function request(path, options = {}) {
  for (;;) {
    const key = sessionStorage.getItem(KEPT_AS);
    const response = await fetch(path, { ...options, headers: key ? { authorization: `Bearer ${key}` } : {} });
    if (response.status !== 401) return response;
    // Another request may have asked for it, and been given it, in the meantime.
    if (key === sessionStorage.getItem(KEPT_AS)) await (asking ??= ask(key).finally(() => { asking = undefined; }));
  }
}

export async function get(path) {
  const response = await request(path);
  if (!response.ok) throw await problem(response);
  return response.json();
}

// What the server says against a request; one that is too busy says it without words of ours.
export async function problem(response) {
  const isOurs = response.headers.get("content-type")?.startsWith("application/problem+json");
  return new Error(isOurs ? (await response.json()).detail : `the server answers ${response.status}`);
}

function ask(refused) {
  const field = element("input", { id: "key", type: "password", autocomplete: "off", required: true, "aria-describedby": "key-why" });
  const why = refused ? "This server does not know that key." : "This server asks for one. It is kept until this tab is closed.";
  const told = element("p", { id: "key-why", role: "alert" }, why);
  const form = element("form", {}, element("label", { for: "key" }, "API key"), field, told, element("button", {}, "Use it"));
  const dialog = element("dialog", { "aria-labelledby": "key-title" }, element("h2", { id: "key-title" }, "An API key is needed"), form);
  document.body.append(dialog);
  // Without a key there is nothing to see; and a browser lets whoever insists close it all the same.
  dialog.addEventListener("cancel", (event) => event.preventDefault());
  dialog.addEventListener("close", () => dialog.showModal());
  dialog.showModal();
  return new Promise((done) => {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const key = field.value.trim();
      if (!SENDABLE.test(key)) {
        told.textContent = "A key has letters from A to Z, digits and plain signs only.";
        return;
      }
      sessionStorage.setItem(KEPT_AS, key);
      dialog.remove();
      done();
    });
  });
}
