// The stacks of a project as a table, with what can be done with each.

import { element, getJson, withoutUnfinished } from "./api.js";
import { at, begin, chooseStack, say } from "./page.js";
import { otherHosts, stackMenus } from "./stack-actions.js";
import { get, link, put } from "./state.js";
import { SortedTable } from "./table.js";
import { localTime } from "./times.js";

let hosts = {};
let chosen = {};

const stats = (name) => (row) => row.stats?.[name] ?? null;
const bound = (name) => (row) => row.stats?.stackBounds?.[name] ?? null;

const COLUMNS = [
  { title: "Cycle", value: (row) => row.currentVersion?.cycleNumber ?? null, number: true },
  { title: "Step", value: (row) => row.currentVersion?.cycleStepNumber ?? null, number: true },
  { title: "Name", value: (row) => row.stackId.stack, kind: "name",
    show: (row) => element("a", { href: link("stack-details.html", { ...row.stackId, z: null }) }, row.stackId.stack) },
  { title: "State", value: (row) => row.state, show: (row) => element("span", { class: `state ${row.state}` }, row.state) },
  { title: "First layer", value: bound("minZ"), number: true },
  { title: "Last layer", value: bound("maxZ"), number: true },
  { title: "Layers", value: stats("sectionCount"), number: true },
  { title: "Tiles", value: stats("tileCount"), number: true },
  { title: "Shared transforms", value: stats("transformCount"), number: true },
  { title: "Last modified", value: (row) => localTime(row.lastModifiedTimestamp) },
  { title: "Actions", value: () => "", plain: true, kind: "actions", show: (row) => stackMenus(row, hosts, reload) },
];

const table = new SortedTable(at("stacks"), COLUMNS, {
  rowClass: (row) => row.state,
  sort: get("sort") === null ? null : Number(get("sort")),
  descending: get("descending") === "true",
  onsort: (sort, descending) => put({ sort, descending: descending || null }),
  empty: "No stacks in this project yet: import tiles, then reload.",
});

function show(rows) {
  const shown = table.show(rows);
  at("count").textContent = `${shown.length} of ${table.rows.length}`;
}

async function reload(text) {
  const project = `/owner/${encodeURIComponent(chosen.owner)}/project/${encodeURIComponent(chosen.project)}`;
  show(await withoutUnfinished(await getJson(`${project}/stacks`)));
  say(text, "good");
}

at("filter").value = get("filter", "");
table.filter = at("filter").value;
at("filter").addEventListener("input", () => {
  table.filter = at("filter").value;
  put({ filter: table.filter });
  show();
});

begin(async () => {
  const [found, others] = await Promise.all([chooseStack({ stack: false }), otherHosts(get)]);
  chosen = found;
  hosts = others;
  put({ owner: chosen.owner, project: chosen.project });
  show(chosen.stacks);
});
