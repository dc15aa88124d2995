// The page: which clip is shown hangs on the address, so that it can be sent to somebody.

import * as clip from "./clip.js";
import * as curve from "./curve.js";
import { get } from "./door.js";
import * as feed from "./feed.js";
import { address, chosen, count, element, place } from "./words.js";

const PIPELINE_EVERY_MS = 2000;
let shownAt;

function state(name, words) {
  const shown = document.getElementById("connection");
  shown.dataset.state = name;
  shown.textContent = words;
}

async function show() {
  const clipId = chosen();
  if (!clipId) return;
  feed.markCurrent(clipId);
  const [video, index] = place(clipId);
  const [explained, drawn] = await Promise.allSettled([clip.load(clipId), curve.load(video)]);
  if (clipId !== chosen()) return; // somebody was faster than the server
  if (drawn.value) curve.show(drawn.value, index);
  else curve.leave(video);
  if (explained.value) clip.show(explained.value);
  else clip.showError(clipId, explained.reason.message);
}

async function health() {
  try {
    const told = await get("/v1/pipeline");
    figures({ ...served(told), ...(told.progress ? waiting(told.progress) : {}) });
    return told.published_at;
  } catch (error) {
    figures({ pipeline: error.message });
    return undefined;
  }
}

function served(told) {
  return {
    clips: count(told.clips), videos: count(told.videos), "rows a minute": count(told.rows_per_minute),
    published: told.published_ago_s === null ? "never" : `${Math.round(told.published_ago_s)} s ago`,
    ranker: told.releases[0]?.ranker_release ?? "none",
  };
}

function waiting(progress) {
  const letters = Object.entries(progress.dead_letters).sort((one, other) => other[1] - one[1]);
  const reasons = letters.map(([reason, number]) => `${count(number)} ${reason.replaceAll("_", " ")}`).join(", ");
  return { waiting: count(progress.lag), "dead letters": reasons || "none" };
}

function figures(values) {
  const parts = Object.entries(values).map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value)));
  document.getElementById("pipeline").replaceChildren(...parts);
}

async function chooseFirst() {
  const { items } = await get("/v1/highlights?limit=1");
  if (items.length) history.replaceState(null, "", address(items[0].clip_id));
}

// Whoever may not see the pipeline sees clips all the same.
async function watch() {
  const publishedAt = await health();
  if (publishedAt === undefined || publishedAt !== shownAt) {
    try {
      if (!chosen()) await chooseFirst();
      await show();
      shownAt = publishedAt;
    } catch (error) {
      state("lost", error.message);
    }
  }
  setTimeout(watch, PIPELINE_EVERY_MS);
}

const diverse = document.getElementById("diverse");
diverse.addEventListener("change", () => feed.follow(diverse.checked, state));
addEventListener("hashchange", async () => {
  await show();
  const behavior = matchMedia("(prefers-reduced-motion: reduce)").matches ? "instant" : "smooth";
  if (chosen() && matchMedia("(max-width: 56rem)").matches) document.getElementById("detail").scrollIntoView({ behavior });
});
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address names the clip, and keeps it
  document.getElementById("feed").focus();
});
curve.start((clipId) => { location.hash = address(clipId); });
feed.follow(false, state);
await watch();
