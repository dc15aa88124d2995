// A clip's explanation: what its score is made of.

import { get } from "./door.js";
import { clock, count, element, heads, score, share } from "./words.js";

const PARTS = ["supervised", "ranker", "behaviour"];
const DEEDS = [
  ["watched", "exposures", null], ["shared", "shares", "share"],
  ["rewound to", "rewinds", "rewind"], ["skipped", "fast_forwards", "fast_forward"],
];

export function load(clipId) {
  return get(`/v1/clips/${encodeURIComponent(clipId)}`);
}

export function show(told) {
  const [from, to] = told.seconds.map(clock);
  const tags = Object.entries(told.tags).map(([name, probability]) => `${name} ${share(probability)}`).join(", ");
  document.getElementById("clip-title").textContent = `Why ${told.clip_id} (${from} to ${to})`;
  document.getElementById("explanation").replaceChildren(
    element("p", { class: "figure" }, score(told.score), element("small", {}, `of 10; 90 % interval ${told.interval.map(score).join(" to ")}`)),
    element("div", { class: "columns" },
      block("Parts", heads("", "score", "weight", "", "adds"), [without(told.points), ...PARTS.map((name) => part(name, told)), bonus(told.components.celebrity)]),
      block("What viewers did", heads("sessions", "all time", "recent", "rate", "usual", "adds"), DEEDS.map((deed) => done(told, ...deed)))),
    ...(tags ? [element("h3", {}, "Tags"), element("p", {}, tags)] : []),
    element("h3", {}, "Made from"),
    element("p", { class: "quiet" }, lineage(told)));
}

export function showError(clipId, message) {
  document.getElementById("clip-title").textContent = clipId;
  document.getElementById("explanation").replaceChildren(element("p", {}, message));
}

function block(title, head, rows) {
  return element("div", {}, element("h3", {}, title), element("div", { class: "scroll" }, element("table", {}, head, element("tbody", {}, ...rows))));
}

function row(name, ...cells) {
  return element("tr", {}, element("th", { scope: "row" }, name), ...cells.map((cell) => element("td", {}, cell)));
}

function part(name, { components, points }) {
  const { score: its, weight } = components[name];
  const meter = element("span", { class: "meter", "aria-hidden": "true" });
  meter.style.setProperty("--colour", `var(--${name})`);
  meter.style.setProperty("--filled", `${100 * weight}%`);
  return row(name, score(its), share(weight), meter, adds(name === "behaviour" ? ofBehaviour(points) : points[name]));
}

function without(points) {
  return row("without signals", score(points.without_signals), "", "", "");
}

function bonus(celebrity) {
  return row("celebrity", "", "", "", celebrity.bonus ? adds(celebrity.bonus) : "–");
}

function ofBehaviour({ share: shared, rewind, fast_forward: skipped }) {
  const told = [shared, rewind, skipped].filter((points) => points !== null);
  return told.length ? told.reduce((sum, points) => sum + points) : null;
}

function adds(points) {
  return points == null ? "–" : `${points < 0 ? "−" : "+"}${score(Math.abs(points))}`;
}

function done(told, words, counted, kind) {
  const rate = told.rates[kind];
  return row(words, count(told.counts[counted]), told.recent[counted].toFixed(1),
    rate ? share(rate.mean) : "", rate ? share(rate.usual) : "", kind ? adds(told.points[kind]) : "");
}

function lineage(told) {
  const { versions, offsets } = told;
  const models = [versions.supervised_model && `model ${versions.supervised_model}`, versions.ranker_release && `ranker ${versions.ranker_release}`];
  return [`fusion ${versions.fusion}`, ...models.filter(Boolean), `partition ${offsets.partition} up to offset ${count(offsets.interactions)}`].join(", ");
}
