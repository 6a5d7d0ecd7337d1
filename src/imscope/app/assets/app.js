"use strict";
// Small helpers of the pages; everything reads without them except editing, starting and stopping.
const $ = (id) => document.getElementById(id);

async function ask(method, path, body) {
  const answer = await fetch(path, {
    method,
    headers: body === undefined ? {} : { "content-type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const content = await answer.json();
  if (!answer.ok) {
    const words = [content.problem ?? JSON.stringify(content.detail), content.found, content.fix];
    throw new Error(words.filter(Boolean).join(". "));
  }
  return content;
}

const search = $("search");
if (search) {
  search.addEventListener("input", () => {
    const wanted = search.value.toLowerCase();
    for (const row of $(search.dataset.filter).tBodies[0].rows)
      row.hidden = !row.textContent.toLowerCase().includes(wanted);
  });
}

function item(words, fix) {
  const line = document.createElement("li");
  line.textContent = words;
  if (fix) {
    const span = document.createElement("span");
    span.className = "fix";
    span.textContent = ` ${fix}`;
    line.append(span);
  }
  return line;
}

function showCheck(found) {
  const place = $("found");
  const head = document.createElement("p");
  const n = found.samples === null ? "" : `${found.samples} samples, `;
  head.textContent = `${n}${found.faults.length} faults.`;
  const faults = document.createElement("ol");
  for (const f of found.faults) faults.append(item(`${f.code} ${f.problem}${f.found ? ` (${f.found})` : ""}`, f.fix));
  const notices = document.createElement("ul");
  for (const m of found.notices) notices.append(item(`${m.code} ${m.subject ? `${m.subject}: ` : ""}${m.message}`));
  place.replaceChildren(head, faults, notices);
}

const sheet = $("sheet");
if (sheet) {
  const text = $("text");
  let waiting = 0;
  text.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(async () => {
      try {
        showCheck(await ask("POST", "/api/check", { text: text.value, id: sheet.dataset.id }));
      } catch (error) {
        $("said").textContent = error.message;
      }
    }, 300);
  });
  sheet.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      const saved = await ask("PUT", `/api/sheets/${sheet.dataset.id}`, { text: text.value, version: sheet.dataset.version });
      sheet.dataset.version = saved.version;
      $("said").textContent = "Saved.";
    } catch (error) {
      $("said").textContent = error.message;
    }
  });
}

const fresh = $("new-sheet");
if (fresh) {
  fresh.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      const made = await ask("POST", "/api/sheets", { name: fresh.elements.name.value, text: "sample,path,source_class,donor,clone,lot,passage\n" });
      location.href = `/sheets/${made.id}`;
    } catch (error) {
      $("said").textContent = error.message;
    }
  });
}

function settingsOf(form) {
  const out = {};
  for (const field of form.querySelectorAll("input[data-kind]")) {
    if (field.value === field.dataset.default) continue;
    const [section, key] = field.name.split(".");
    const { kind } = field.dataset;
    let value = field.value;
    if (kind === "integer" || kind === "number") value = Number(value);
    else if (kind === "boolean") value = value === "true";
    (out[section] ??= {})[key] = value;
  }
  return out;
}

const start = $("start");
if (start) {
  start.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      const name = start.elements.name.value;
      await ask("POST", "/api/jobs", { name, sheet: start.dataset.sheet, settings: settingsOf(start) });
      location.href = `/jobs/${name}`;
    } catch (error) {
      $("start-said").textContent = error.message;
    }
  });
}

const job = $("job");
if (job) {
  const look = async () => {
    const now = await ask("GET", `/api/jobs/${job.dataset.name}`);
    $("state").textContent = now.state;
    $("at").textContent = `${now.done.length} steps done${now.at ? `, at ${now.at}` : ""}.`;
    $("log").textContent = now.log.join("\n");
    $("stop").disabled = now.state !== "running";
    if (now.state === "running") setTimeout(look, 2000);
    else if (job.dataset.state === "running") location.reload();
  };
  if (job.dataset.state === "running") setTimeout(look, 1000);
  $("stop").addEventListener("click", async () => {
    await ask("POST", `/api/jobs/${job.dataset.name}/stop`);
    location.reload();
  });
}
