// Runs of modules: those that go on, refreshed while they do, and how others ended.

import { deletePath, element, enc, getJson, readOnly } from "./api.js";
import { by, outputLinks, outputNames, progressBar, share, stateChip } from "./job-parts.js";
import { JobPanel } from "./job-panel.js";
import { ask, at, begin, changeButton, fail, say, turns } from "./page.js";
import { get, put } from "./state.js";
import { SortedTable } from "./table.js";
import { duration, localTime } from "./times.js";

const SOON = 2000; // milliseconds until the next look while something runs
const LATER = 10000; // and while nothing does
const MOST = 500; // runs in the list until all are asked for
const STATES = { "": "all", running: "running", over: "over", failed: "failed, killed or lost" };
const IS = { "": () => true, running: (state) => state === "running", over: (state) => state !== "running",
  failed: (state) => ["failed", "stopped", "killed", "lost"].includes(state) };

let runs = [];
let lost = false; // whether the service did not answer the last time
let timer = 0;
const moving = new Map(); // cells of runs that go on, which are changed in place

const place = ({ owner, project }) => [owner, project].filter(Boolean).join("/");

// the cells of a run that change while it goes on
function cell(name, make) {
  return (run) => {
    const node = element("span", {}, make(run));
    if (run.state === "running") moving.set(`${name} ${run.id}`, (now) => node.replaceChildren(make(now)));
    return node;
  };
}

const COLUMNS = [
  { title: "Started", value: (run) => run.started, show: (run) => localTime(run.started, { seconds: true }), kind: "time" },
  { title: "Module", value: (run) => run.module, kind: "name" },
  { title: "By", value: by },
  { title: "Owner", value: place },
  { title: "State", value: (run) => run.state, show: stateChip },
  { title: "Progress", value: (run) => share(run), show: cell("progress", progressBar) },
  { title: "Output", value: outputNames, show: outputLinks, kind: "output" },
  { title: "Duration", number: true, value: (run) => run.duration, show: cell("duration", (run) => duration(run.duration)) },
];

const table = new SortedTable(at("jobs"), COLUMNS, {
  sort: get("sort") === null ? 0 : Number(get("sort")),
  descending: get("descending", "true") === "true",
  onsort: (sort, descending) => put({ sort, descending }),
  onrow: (run) => choose(run.id),
  rowId: (run) => run.id,
});

const panel = new JobPanel(at("job"), () => choose(null));

function chosenRuns() {
  const is = IS[at("state").value] ?? IS[""];
  const of = at("of").value;
  return runs.filter((run) => is(run.state) && (!of || place(run) === of || run.owner === of));
}

// what tells whether the table has to be made anew, or only numbers in it change
const outline = (list) => JSON.stringify(list.map((run) => [run.id, run.state, run.outputs?.length, panel.id]));
let drawn = "";

function show() {
  const list = chosenRuns();
  table.empty = runs.length ? "No run is like this." : "No run of a module is remembered on this store. Run one (renderapps run MODULE) and it is here.";
  const now = outline(list);
  if (now === drawn) {
    table.rows = list;
    for (const run of list) ["progress", "duration"].forEach((name) => moving.get(`${name} ${run.id}`)?.(run));
  } else redraw(list);
  drawn = now;
}

function redraw(list = chosenRuns()) {
  const focused = document.activeElement?.closest("#jobs tr")?.dataset.row;
  moving.clear();
  const found = table.show(list);
  at("count").textContent = `${found.length} of ${runs.length}`;
  for (const row of at("jobs").querySelectorAll("tbody tr")) {
    row.setAttribute("aria-selected", String(row.dataset.row === get("run")));
    if (row.dataset.row === focused) row.focus();
  }
  if (!readOnly) forgetOver.disabled = !found.some(({ state }) => state !== "running");
}

function showFilters() {
  const wanted = get("of", "");
  const names = [...new Set(runs.flatMap((run) => [run.owner, place(run)]).filter(Boolean))].sort();
  if (wanted && !names.includes(wanted)) names.unshift(wanted);
  const rows = [element("option", { value: "" }, "everybody"), ...names.map((name) => element("option", { value: name }, name))];
  if (at("of").options.length !== rows.length) at("of").replaceChildren(...rows);
  at("of").value = wanted;
}

async function forget(list) {
  for (const run of list) await deletePath(`/jobs/${enc(run.id)}`);
  if (list.some(({ id }) => id === get("run"))) await choose(null);
  await look();
  say(list.length === 1 ? `run ${list[0].id} is forgotten` : `${list.length} runs are forgotten`, "good");
}

async function forgetShown() {
  const over = table.shown.filter(({ state }) => state !== "running");
  const text = "They are taken from this list for good. What they made stays, and so do their reports.";
  if (over.length && await ask(`Forget ${over.length} runs?`, text, { confirm: "Forget", danger: true })) await forget(over);
}

const forgetOver = changeButton("Forget those that are over…", forgetShown);
at("forget").append(forgetOver);

async function showJob() {
  const id = get("run");
  if (!id) return panel.close();
  const run = await getJson(`/jobs/${enc(id)}`);
  if (get("run") === id) panel.show(run, run.state === "running" ? null : changeButton("Forget", () => forget([run]), { "data-part": "forget" }));
  return undefined;
}

async function choose(id, { scroll = true } = {}) {
  put({ run: id });
  drawn = "";
  try {
    await showJob();
    if (id && scroll) at("job").scrollIntoView({ block: "nearest" });
  } catch (error) {
    panel.close();
    fail(error);
  }
  show();
}

// ask once how everything stands
const looking = turns();
async function look() {
  const late = looking();
  const found = await getJson(`/jobs${get("all") === "true" ? "" : `?limit=${MOST}`}`);
  if (late()) return;
  runs = found;
  showFilters();
  show();
  if (panel.id) await showJob();
}

async function again() {
  clearTimeout(timer);
  if (!document.hidden) {
    try {
      await look();
      if (lost) say("");
      lost = false;
    } catch (error) {
      lost = true;
      fail(error);
    }
  }
  timer = setTimeout(again, !lost && runs.some(({ state }) => state === "running") ? SOON : LATER);
}

for (const [value, title] of Object.entries(STATES)) at("state").append(element("option", { value }, title));
at("state").value = get("state", "");
at("filter").value = table.filter = get("filter", "");
at("state").addEventListener("change", () => { put({ state: at("state").value }); show(); });
at("of").addEventListener("change", () => { put({ of: at("of").value }); show(); });
at("filter").addEventListener("input", () => {
  table.filter = at("filter").value;
  put({ filter: table.filter });
  redraw();
});
document.addEventListener("visibilitychange", () => { if (!document.hidden) again(); });

begin(async () => {
  try {
    await look();
    if (get("run")) await choose(get("run"), { scroll: false });
  } finally {
    timer = setTimeout(again, runs.some(({ state }) => state === "running") ? SOON : LATER);
  }
});
