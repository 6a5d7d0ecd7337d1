// The map as a drawing: the picture of the points inside, title and legend as text.

import { element, SVG } from "./save";

export interface Entry {
  level: string;
  n: number;
  colour: string;
}

export interface PictureParts {
  href: string;
  width: number;
  height: number;
  title: string;
  legend: string;
  unit: string;
  entries: Entry[];
  range: [string, string] | null;
  ramp: string[];
  simulated: boolean;
}

const INK = "#1a1a1a";

export function picture(parts: PictureParts): SVGSVGElement {
  const side = 240;
  const height = Math.max(parts.height, 60 + 18 * parts.entries.length) + 40;
  const width = parts.width + side;
  const out = document.createElementNS(SVG, "svg");
  const set = { width, height, viewBox: `0 0 ${width} ${height}`, "font-family": "system-ui, Arial, sans-serif", "font-size": 12 };
  for (const [key, value] of Object.entries(set)) out.setAttribute(key, String(value));
  out.append(
    element("title", {}, parts.title),
    element("rect", { x: 0, y: 0, width, height, fill: "#ffffff" }),
    element("image", { href: parts.href, x: 0, y: 28, width: parts.width, height: parts.height }),
    element("text", { x: 8, y: 18, fill: INK, "font-weight": "bold" }, parts.title),
    element("text", { x: parts.width + 12, y: 46, fill: INK, "font-weight": "bold" }, parts.legend),
  );
  if (parts.simulated)
    out.append(element("text", { x: width - 8, y: 18, fill: "#7A2E00", "font-weight": "bold", "text-anchor": "end" }, "SIMULATED DATA"));
  parts.entries.forEach((entry, i) => {
    const y = 66 + 18 * i;
    out.append(
      element("rect", { x: parts.width + 12, y: y - 10, width: 12, height: 12, fill: entry.colour }),
      element("text", { x: parts.width + 30, y, fill: INK }, `${entry.level} (${entry.n.toLocaleString("en")})`),
    );
  });
  if (parts.range) {
    const step = (side - 40) / parts.ramp.length;
    parts.ramp.forEach((fill, i) => {
      out.append(element("rect", { x: parts.width + 12 + i * step, y: 58, width: step + 0.3, height: 12, fill }));
    });
    out.append(
      element("text", { x: parts.width + 12, y: 86, fill: INK }, parts.range[0]),
      element("text", { x: parts.width + side - 28, y: 86, fill: INK, "text-anchor": "end" }, parts.range[1]),
      element("text", { x: parts.width + 12, y: 104, fill: INK, "font-size": 10 }, parts.unit),
    );
  }
  return out;
}
