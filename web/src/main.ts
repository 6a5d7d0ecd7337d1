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
    if (!details.classList.contains("meanings")) details.open = true;
  });
  addEventListener("afterprint", () => {
    details.open = open;
  });
}
