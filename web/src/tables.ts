// Tables written by the server, made sortable and (when long) filterable in place.

import type { PageData } from "./data";
import { button, saveTsv } from "./save";

const LONG = 12;

export function enhanceTables(page: PageData): void {
  for (const box of document.querySelectorAll<HTMLElement>("[data-table]")) {
    const table = box.querySelector("table")!;
    const name = box.dataset.table!;
    const bar = document.createElement("div");
    bar.className = "tools screen-only";
    if (table.tBodies[0].rows.length > LONG) bar.append(...filter(table));
    const sheet = page.tables[name];
    if (sheet) bar.append(button("Save TSV", () => saveTsv(name, sheet)));
    box.prepend(bar);
    sortable(table);
  }
}

function filter(table: HTMLTableElement): HTMLElement[] {
  const label = document.createElement("label");
  label.append("Filter rows ");
  const input = document.createElement("input");
  input.type = "search";
  label.append(input);
  const count = document.createElement("output");
  const rows = [...table.tBodies[0].rows];
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const cells = [...row.cells].map((c) => (c.textContent ?? "").toLowerCase());
      row.hidden = !words.every((w) => cells.some((c) => c.includes(w)));
      shown += row.hidden ? 0 : 1;
    }
    count.textContent = `${shown} of ${rows.length} rows`;
  });
  return [label, count];
}

function sortable(table: HTMLTableElement): void {
  const heads = [...table.tHead!.rows[0].cells];
  heads.forEach((head, column) => {
    const control = document.createElement("button");
    control.type = "button";
    control.className = "sort";
    control.append(...head.childNodes);
    head.append(control);
    control.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      sortRows(table, column, down ? -1 : 1);
    });
  });
}

function sortRows(table: HTMLTableElement, column: number, sign: 1 | -1): void {
  const body = table.tBodies[0];
  const key = (row: HTMLTableRowElement): [number, string] => {
    const cell = row.cells[column];
    const empty = cell.classList.contains("number") && cell.dataset.sort === undefined;
    return [empty ? Number.NaN : Number(cell.dataset.sort ?? 0), cell.textContent ?? ""];
  };
  const rows = [...body.rows].map((row) => ({ row, key: key(row) }));
  rows.sort((a, b) => {
    const [p, q] = [a.key, b.key];
    if (Number.isNaN(p[0]) || Number.isNaN(q[0])) return Number(Number.isNaN(p[0])) - Number(Number.isNaN(q[0]));
    return sign * (p[0] - q[0] || p[1].localeCompare(q[1], "en", { numeric: true }));
  });
  body.append(...rows.map((r) => r.row));
}
