// The tags of a video's clips, as lanes below its curve.

import { CLIP_SECONDS, clock, element } from "./words.js";

const LIKELY_FROM = 0.5;
const MOST = 8;

// Returns, for each clip's index, the names of the tags that it probably has.
export function likely(clips) {
  return new Map(clips.map((clip) => [
    Number(clip.clip_id.slice(clip.clip_id.lastIndexOf(":") + 1)),
    Object.entries(clip.tags).filter(([, probability]) => probability >= LIKELY_FROM).map(([name]) => name),
  ]));
}

export function draw(tags, clips) {
  const counts = new Map();
  for (const name of [...tags.values()].flat()) counts.set(name, (counts.get(name) ?? 0) + 1);
  const names = [...counts.keys()].sort((one, other) => counts.get(other) - counts.get(one)).slice(0, MOST);
  document.getElementById("tags").replaceChildren(...names.map((name) => lane(name, tags, clips)));
}

function lane(name, tags, clips) {
  const places = Array.from({ length: clips }, (_, index) => (tags.get(index)?.includes(name)
    ? element("i", { class: "there", title: `${name} at ${clock(index * CLIP_SECONDS)}` })
    : element("i")));
  return element("div", {}, element("b", {}, name), ...places);
}
