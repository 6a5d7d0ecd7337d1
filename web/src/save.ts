// Saving what is seen: pictures as SVG or PNG, numbers as TSV. Nothing leaves the machine.

import type { Sheet } from "./data";

export const SVG = "http://www.w3.org/2000/svg";

export function download(name: string, content: Blob): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name.replace(/[^A-Za-z0-9._-]+/g, "_").slice(0, 120);
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** One field: text that a spreadsheet would run as a formula is disarmed, breaks are quoted. */
export function field(value: string | number | boolean | null): string {
  if (value === null) return "";
  if (typeof value !== "string") return String(value);
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[\t\n\r"]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export function tsv(sheet: Pick<Sheet, "columns" | "rows">): string {
  const lines = [sheet.columns, ...sheet.rows].map((row) => row.map(field).join("\t"));
  return `${lines.join("\n")}\n`;
}

export function saveTsv(name: string, sheet: Pick<Sheet, "columns" | "rows">): void {
  download(`${name}.tsv`, new Blob([tsv(sheet)], { type: "text/tab-separated-values" }));
}

export function svgBlob(drawing: SVGSVGElement): Blob {
  const copy = drawing.cloneNode(true) as SVGSVGElement;
  copy.setAttribute("xmlns", SVG);
  return new Blob([new XMLSerializer().serializeToString(copy)], { type: "image/svg+xml" });
}

export function saveSvg(name: string, drawing: SVGSVGElement): void {
  download(`${name}.svg`, svgBlob(drawing));
}

export async function savePng(name: string, drawing: SVGSVGElement, scale = 2): Promise<void> {
  const url = URL.createObjectURL(svgBlob(drawing));
  try {
    const image = new Image();
    image.src = url;
    await image.decode();
    const canvas = document.createElement("canvas");
    canvas.width = Math.round(Number(drawing.getAttribute("width")) * scale);
    canvas.height = Math.round(Number(drawing.getAttribute("height")) * scale);
    const pen = canvas.getContext("2d")!;
    pen.fillStyle = "#ffffff";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(image, 0, 0, canvas.width, canvas.height);
    const blob = await new Promise<Blob | null>((done) => canvas.toBlob(done, "image/png"));
    if (blob) download(`${name}.png`, blob);
  } finally {
    URL.revokeObjectURL(url);
  }
}

export function element(
  name: string,
  attributes: Record<string, string | number>,
  text = "",
): SVGElement {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  if (text) made.textContent = text;
  return made;
}

export function button(words: string, act: () => void): HTMLButtonElement {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = words;
  made.addEventListener("click", act);
  return made;
}
