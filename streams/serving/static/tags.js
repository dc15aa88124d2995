// The tags of a video's clips, as lanes below its curve: one shape each, however long the video is.

import { element } from "./words.js";

const MOST = 8;
const SVG = "http://www.w3.org/2000/svg";

export function draw(places) {
  const having = new Map();
  places.forEach((point, index) => {
    for (const name of point?.likely_tags ?? []) {
      if (!having.has(name)) having.set(name, []);
      having.get(name).push(index);
    }
  });
  const most = [...having].sort((one, other) => other[1].length - one[1].length).slice(0, MOST);
  document.getElementById("tags").replaceChildren(...most.map(([name, indices]) => lane(name, indices, places.length)));
}

function lane(name, indices, length) {
  const shape = document.createElementNS(SVG, "svg");
  shape.setAttribute("viewBox", `0 0 ${length} 1`);
  shape.setAttribute("preserveAspectRatio", "none");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", indices.map((index) => `M${index} 0h1v1h-1z`).join(""));
  shape.append(path);
  return element("div", {}, element("b", {}, name), shape);
}
