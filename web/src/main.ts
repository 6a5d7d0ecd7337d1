import "./report.css";
import { mount } from "svelte";
import { readPage } from "./data";
import { enhanceFigures } from "./figures";
import CellMap from "./CellMap.svelte";
import { enhanceTables } from "./tables";

const page = readPage();
enhanceTables(page);
enhanceFigures(page);
const home = document.getElementById("map");
if (home && page.cells) {
  const note = home.dataset.note ?? "";
  home.replaceChildren();
  mount(CellMap, { target: home, props: { cells: page.cells, palette: page.palette, note, simulated: page.simulated } });
}
for (const details of document.querySelectorAll("details")) {
  let open = false;
  addEventListener("beforeprint", () => {
    open = details.open;
    if (!details.matches(".meanings, .fold")) details.open = true;
  });
  addEventListener("afterprint", () => {
    details.open = open;
  });
}

// A link into a folded table opens it.
function unfold(): void {
  const target = location.hash ? document.getElementById(decodeURIComponent(location.hash.slice(1))) : null;
  for (let up = target; up; up = up.parentElement) if (up instanceof HTMLDetailsElement) up.open = true;
}
addEventListener("hashchange", unfold);
unfold();
