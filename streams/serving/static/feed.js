// The live feed: what the server says of the top, as it changes.

import * as events from "./events.js";
import { address, chosen, CLIP_SECONDS, clock, count, element, place, say, score, writeRows } from "./words.js";

const SHOWN = 20;
const AGAIN_AFTER_MS = 5000;
let stop;
let before = new Map();
let first;

export function follow(diverse, onState) {
  stop?.abort();
  stop = new AbortController();
  before = new Map();
  keepFollowing(`/v1/stream?limit=${SHOWN}${diverse ? "&per_video=1" : ""}`, stop.signal, onState);
}

async function keepFollowing(path, signal, onState) {
  while (!signal.aborted) {
    let why = "connection lost";
    try {
      await events.follow(path, signal, () => onState("live", "live"), (name, page) => show(page.items, name === "change"));
    } catch (error) {
      if (!(error instanceof TypeError)) why = error.message; // a TypeError is the network's
    }
    if (signal.aborted) return;
    onState("lost", `${why}, trying again`);
    await new Promise((done) => { setTimeout(done, AGAIN_AFTER_MS); });
  }
}

export function markCurrent(clipId) {
  for (const link of document.querySelectorAll("#clips a")) {
    if (link.hash === address(clipId)) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

function show(items, changed) {
  const none = { clip_id: "" };
  writeRows(document.getElementById("clips"), items.length ? items : [none], (item) => item.clip_id, make, (row, item, rank) => write(row, item, rank, changed));
  markCurrent(chosen());
  announce(items[0], changed);
  before = new Map(items.map((item) => [item.clip_id, item.worth]));
}

// Scores move every second: only a new first clip is worth interrupting somebody who listens.
function announce(item, changed) {
  if (changed && item && item.clip_id !== first) document.getElementById("news").textContent = `${words(item.clip_id)} is first now.`;
  first = item?.clip_id;
}

function make(clipId) {
  if (!clipId) return element("li", { class: "quiet" }, "No clip has a score yet: send interactions.");
  return element("li", {},
    element("a", { href: address(clipId) },
      element("span", { class: "rank", "aria-hidden": "true" }),
      element("span", { class: "name" }, words(clipId)),
      element("span", { class: "score" }),
      element("span", { class: "why" })));
}

function write(row, item, rank, changed) {
  if (!item.clip_id) return;
  const was = before.get(item.clip_id);
  const tags = Object.entries(item.tags).sort((one, other) => other[1] - one[1]).slice(0, 3).map(([name]) => name);
  const seen = item.exposures ? `${count(item.exposures)} watched, ${count(item.shares)} shared` : "not watched yet";
  row.className = changed && was === undefined ? "new" : was < item.worth ? "up" : "";
  say(row.querySelector(".rank"), String(rank + 1));
  say(row.querySelector(".score"), score(item.score));
  say(row.querySelector(".why"), [item.category, ...tags, seen].filter(Boolean).join(" · "));
}

function words(clipId) {
  const [video, index] = place(clipId);
  return `${video} at ${clock(index * CLIP_SECONDS)}`;
}
