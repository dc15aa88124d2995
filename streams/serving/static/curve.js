// A video's curve: the score and its parts along the video, with the score's interval as a band.

import uPlot from "./vendor/uplot.js";
import { get } from "./door.js";
import * as lanes from "./tags.js";
import { address, CLIP_SECONDS, clock, element, heads, place, say, score, writeRows } from "./words.js";

// In the order in which they are drawn: the score comes last, on top.
const LINES = [["supervised", "supervised_score"], ["ranker", "ranker_score"], ["behaviour", "behaviour_score"], ["score", "score"]];
const SWITCHES = ["score", "interval", "supervised", "ranker", "behaviour"];
const FIGURES = ["score", "score_low", "score_high", ...LINES.slice(0, -1).map(([, column]) => column)];
const LABELS_PX = 72; // as wide as the names of the tags below the chart
const RIGHT_PX = 16; // so that the last time has room
const TICKS_S = [10, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200];

const shown = new Set(SWITCHES);
let video;
let points = [];
let places = []; // the points by their clips' indices; nothing where a clip has no score
let chosen;
let chart;

export function start(onChoose) {
  document.getElementById("parts").append(...SWITCHES.map(toggle));
  const box = document.getElementById("chart");
  new ResizeObserver(() => chart?.setSize(size())).observe(box);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  box.addEventListener("click", () => {
    const point = places[chart?.cursor.idx];
    if (point) onChoose(name(point));
  });
  document.getElementById("numbers").addEventListener("toggle", table);
  document.querySelector("#numbers table").append(
    heads("time", "score", "from", "to", "supervised", "ranker", "behaviour", "tags"), element("tbody"));
}

export async function load(of) {
  return { video: of, points: await get(`/v1/videos/${encodeURIComponent(of)}/curve`) };
}

export function show(told, clipIndex) {
  const same = chart && told.video === video;
  ({ video, points } = told);
  places = Array.from({ length: points.length ? points.at(-1).clip_index + 1 : 0 });
  for (const point of points) places[point.clip_index] = point;
  chosen = clipIndex;
  document.getElementById("video-title").textContent = points.length ? `${video}, most worth watching` : `No curve of ${video}`;
  if (same) redraw();
  else draw();
  lanes.draw(places);
  table();
}

// Nothing of another video stays where a video cannot be shown; what is known of this one does.
export function leave(of) {
  if (of !== video) show({ video: of, points: [] }, undefined);
}

function toggle(part) {
  const box = element("input", { type: "checkbox", checked: true, "data-part": part });
  box.style.setProperty("--colour", `var(--${part})`);
  box.addEventListener("change", () => {
    if (box.checked) shown.add(part);
    else shown.delete(part);
    draw();
  });
  return element("label", {}, box, part);
}

function name(point) {
  return `${video}:${point.clip_index}`;
}

function colour(of) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${of}`).trim();
}

function tint(of, percent) {
  return `color-mix(in srgb, ${colour(of)} ${percent}%, transparent)`;
}

function size() {
  const box = document.getElementById("chart");
  return { width: box.clientWidth, height: box.clientHeight };
}

// A point stands in the middle of its clip, above the clip's place in the lanes of tags.
function columns() {
  const along = (column) => places.map((point) => point?.[column] ?? null); // a line ends at null
  return [places.map((_, index) => (index + 0.5) * CLIP_SECONDS), ...LINES.map(([, column]) => along(column)), along("score_high"), along("score_low")];
}

function line(part, width) {
  return { show: shown.has(part), stroke: colour(part), width, points: { show: false, filter: (drawn, series) => lonely(drawn.data[series]) } };
}

// A line needs two points: one that has no neighbour is drawn as such.
function lonely(values) {
  return [...values.keys()].filter((index) => values[index] != null && values[index - 1] == null && values[index + 1] == null);
}

function redraw() {
  chart.setData(columns());
  read(chart);
}

function draw() {
  chart?.destroy();
  chart = undefined;
  if (!points.length) {
    document.getElementById("readout").textContent = "";
    return;
  }
  const axis = { stroke: colour("quiet"), grid: { stroke: colour("line"), width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" };
  const bound = { ...line("interval", 0), points: { show: false, filter: null } };
  chart = new uPlot({
    ...size(),
    scales: { x: { time: false, range: () => [0, places.length * CLIP_SECONDS] }, y: { range: [0, 10] } },
    padding: [8, RIGHT_PX, 0, 0],
    axes: [{ ...axis, values: (_, ticks) => ticks.map(clock), incrs: TICKS_S, space: 60, size: 28 }, { ...axis, size: LABELS_PX }],
    series: [{}, ...LINES.map(([part]) => line(part, part === "score" ? 2.5 : 1.25)), bound, bound],
    bands: [{ series: [LINES.length + 1, LINES.length + 2], fill: tint("interval", 16) }],
    cursor: { y: false, drag: { x: false, y: false } },
    legend: { show: false },
    hooks: { drawClear: [mark], setCursor: [read] },
  }, columns(), document.getElementById("chart"));
  read(chart);
}

// The clip that is explained below stands out in the chart.
function mark({ ctx, bbox, valToPos }) {
  if (!places[chosen]) return;
  const [from, to] = [chosen, chosen + 1].map((index) => valToPos(index * CLIP_SECONDS, "x", true));
  ctx.fillStyle = tint("accent", 14);
  ctx.fillRect(from, bbox.top, to - from, bbox.height);
}

// What the chart says where the pointer is; of the clip that is explained where it is nowhere.
function read({ cursor }) {
  const point = places[cursor.idx ?? chosen];
  const parts = LINES.slice(0, -1).map(([part, column]) => `${part} ${score(point?.[column])}`);
  document.getElementById("readout").textContent = point
    ? [clock(point.clip_index * CLIP_SECONDS), `score ${score(point.score)} (${score(point.score_low)} to ${score(point.score_high)})`, ...parts, ...point.likely_tags].join(" · ")
    : "";
}

// Only who has opened it needs it: a long video has thousands of rows.
function table() {
  if (!document.getElementById("numbers").open) return;
  writeRows(document.querySelector("#numbers tbody"), points, name, row, write);
}

function row(clipId) {
  return element("tr", {},
    element("th", { scope: "row" }, element("a", { href: address(clipId) }, clock(place(clipId)[1] * CLIP_SECONDS))),
    ...FIGURES.map(() => element("td")), element("td"));
}

function write({ children }, point) {
  FIGURES.forEach((figure, index) => say(children[index + 1], score(point[figure])));
  say(children[FIGURES.length + 1], point.likely_tags.join(", "));
}
