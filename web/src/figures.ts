// Drawings written by the server get their tools: save, and an interactive form where there is one.

import type { FigureData, PageData } from "./data";
import { button, element, savePng, saveSvg, saveTsv } from "./save";
import { interactive } from "./charts";

export function enhanceFigures(page: PageData): void {
  for (const figure of document.querySelectorAll<HTMLElement>("figure[data-figure]")) {
    const key = figure.dataset.figure!;
    const data = page.figures[key];
    const drawn = figure.querySelector<HTMLElement>(".drawing");
    if (data && drawn) equip(figure, drawn, key, data, page);
  }
}

function equip(figure: HTMLElement, drawn: HTMLElement, key: string, data: FigureData, page: PageData): void {
  const still = drawn.querySelector("svg")!;
  const live = document.createElement("div");
  live.className = "live screen-only";
  live.hidden = true;
  let shown: (() => SVGSVGElement | null) | null = null;
  const current = (): SVGSVGElement => {
    const alive = live.hidden ? null : shown?.();
    return alive ? labelled(alive, data.title, page.simulated) : still;
  };

  const bar = document.createElement("div");
  bar.className = "tools screen-only";
  bar.append(
    button("Save SVG", () => saveSvg(key, current())),
    button("Save PNG", () => void savePng(key, current())),
    button("Save TSV", () => saveTsv(key, data)),
  );
  if (data.chart) {
    const toggle = button("Interactive", () => {
      live.hidden = !live.hidden;
      drawn.classList.toggle("print-only", !live.hidden);
      toggle.setAttribute("aria-pressed", String(!live.hidden));
      if (!live.hidden && !shown) shown = interactive(live, data, page);
    });
    toggle.setAttribute("aria-pressed", "false");
    bar.append(toggle);
  }
  figure.insertBefore(bar, drawn);
  drawn.after(live);
}

/** A copy that says what it is and, outside this page too, that its data are simulated. */
function labelled(drawing: SVGSVGElement, title: string, simulated: boolean): SVGSVGElement {
  const copy = drawing.cloneNode(true) as SVGSVGElement;
  copy.prepend(element("title", {}, title));
  const x = Number(copy.getAttribute("width")) - 4;
  const style = { x, y: 11, fill: "#7A2E00", "font-size": 10, "font-weight": "bold", "text-anchor": "end", "font-family": "sans-serif" };
  if (simulated) copy.append(element("text", style, "SIMULATED DATA"));
  return copy;
}
