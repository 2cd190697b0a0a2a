// Match two tiles with parameters of one's own, look at the result, compare it with others, and save it to a collection.
// Parameters of the address: matchTrialId, or pId and qId for a new one; trials that are compared are in `compare`.

import { BASE, deletePath, element, enc, getJson, postJson, stackPath } from "./api.js";
import { ask, at, attempt, begin, chooseStack, forbidWhereReadOnly, say } from "./page.js";
import { PairView, colourOf } from "./pair-view.js";
import { saveMatches } from "./saved-matches.js";
import { get, link, put } from "./state.js";
import { SortedTable } from "./table.js";
import { pictureOptions } from "./tile-pictures.js";
import { GROUPS, readFields, showFields } from "./trial-form.js";

const TILE_URL = /\/owner\/([^/]+)\/project\/([^/]+)\/stack\/([^/]+)\/tile\/([^/?]+)\/render-parameters/;
const SPREAD = 8; // standard deviations of shifts above this are pointed out
const view = new PairView(at("pair"));
let chosen = {};
let trial = null;
const known = new Map(); // trials by id

const trialPath = (id = "") => `/owner/${enc(chosen.owner)}/matchTrial${id ? `/${enc(id)}` : ""}`;
const idsOf = (document) => ["p", "q"].map((side) => decodeURIComponent(TILE_URL.exec(document.parameters[`${side}RenderParametersUrl`])?.[4] ?? "?"));
const sizes = ({ stats }) => (stats.consensusSetSizes ?? []).map(Number);
const covered = ({ stats }) => (stats.overlappingImagePixels ? (100 * stats.overlappingCoveragePixels) / stats.overlappingImagePixels : 0);

// a row of figures: name, value, whether it is one to look at
function figures({ stats, gdStats }) {
  const rows = [["features of p", stats.pFeatureCount], ["features of q", stats.qFeatureCount],
    ["time for features", `${stats.pFeatureDerivationMilliseconds} and ${stats.qFeatureDerivationMilliseconds} ms`], ["time for matches", `${stats.matchDerivationMilliseconds} ms`],
    ["matches of each set", (stats.consensusSetSizes ?? []).join(", ") || "none"],
    ["standard deviation of shifts in x", stats.aggregateDeltaXStandardDeviation, stats.aggregateDeltaXStandardDeviation > SPREAD],
    ["standard deviation of shifts in y", stats.aggregateDeltaYStandardDeviation, stats.aggregateDeltaYStandardDeviation > SPREAD],
    ["part of the overlap that is covered", `${covered({ stats }).toFixed(1)} %`]];
  for (const [name, value] of Object.entries(gdStats ?? {})) rows.push([`spots: ${name}`, Array.isArray(value) ? value.join(", ") : value]);
  return rows.filter(([, value]) => value !== undefined && value !== null);
}

async function showTrial(document) {
  trial = document;
  known.set(trial.id, trial);
  put({ matchTrialId: trial.id, compare: [...known.keys()].join(",") });
  at("result").hidden = false;
  at("raw").hidden = false;
  at("raw").href = BASE + trialPath(trial.id);
  const ids = idsOf(trial);
  at("heading").textContent = `${ids[0]} – ${ids[1]}`;
  const count = sizes(trial).reduce((sum, one) => sum + one, 0);
  at("sets").textContent = `${count} matches in ${sizes(trial).length} ${sizes(trial).length === 1 ? "set" : "sets"}, ${covered(trial).toFixed(1)} % of the overlap covered`;
  at("stats").replaceChildren(element("table", {}, element("tbody", {}, figures(trial).map(([name, value, odd]) => element("tr", {}, element("td", {}, name),
    element("td", { class: odd ? "odd number" : "number" }, typeof value === "number" ? value.toLocaleString(undefined, { maximumFractionDigits: 2 }) : value))))));
  forbidden();
  compare();
  await showPictures();
}

function forbidden() {
  at("save").disabled = at("delete").disabled = !trial;
  forbidWhereReadOnly(at("save"), at("delete"), at("run"));
}

async function showPictures() {
  const urls = ["p", "q"].map((side) => new URL(trial.parameters[`${side}RenderParametersUrl`], location.href));
  const scale = Number(get("viewScale") ?? Math.min(1, Number(urls[0].searchParams.get("scale") ?? 1)));
  await view.load(urls.map((url, n) => {
    const parameters = new URLSearchParams(url.search);
    parameters.set("scale", scale);
    return { url: `${url.pathname.replace("render-parameters", "jpeg-image")}?${parameters}`, name: idsOf(trial)[n] };
  }), scale);
  const sets = trial.matches.map(({ p, q, w }) => w.map((_, n) => [p[0][n], p[1][n], q[0][n], q[1][n]]));
  view.points = sets.flat();
  const setOf = sets.flatMap((points, n) => points.map(() => n));
  view.weights = trial.matches.flatMap(({ w }) => w);
  view.colour = sets.length > 1 ? (n) => colourOf(setOf[n]) : colourOf;
  view.draw();
}

// parameters that are not the same in all trials
function differences(documents) {
  const value = (document, path, name) => path.reduce((part, key) => part?.[key], document)?.[name];
  const rows = GROUPS.filter(([, path]) => path[0] !== "render").flatMap(([, path, fields]) => Object.keys(fields).map((name) => ({ name, values: documents.map((one) => value(one.parameters, path, name)) })));
  const scales = documents.map((one) => new URL(one.parameters.pRenderParametersUrl, location.href).searchParams.get("scale") ?? 1);
  return [{ name: "scale", values: scales }, ...rows].filter(({ values }) => new Set(values.map(String)).size > 1);
}

function compare() {
  const documents = [...known.values()];
  const changed = differences(documents);
  const columns = [
    { title: "Trial", value: (one) => one.id, show: (one) => element("a", { href: link("match-trial.html", { matchTrialId: one.id, compare: get("compare") }) }, `…${one.id.slice(-6)}`) },
    { title: "Tiles", kind: "name", value: (one) => idsOf(one).join(" – ") },
    { title: "Matches", number: true, value: (one) => sizes(one).reduce((sum, size) => sum + size, 0) },
    { title: "Sets", number: true, value: (one) => sizes(one).length },
    { title: "Covered %", number: true, value: (one) => Math.round(10 * covered(one)) / 10 },
    { title: "ms", number: true, value: ({ stats }) => stats.pFeatureDerivationMilliseconds + stats.qFeatureDerivationMilliseconds + stats.matchDerivationMilliseconds },
    ...changed.map(({ name, values }) => ({ title: name, value: (one) => values[documents.indexOf(one)] ?? "default" })),
  ];
  new SortedTable(at("table"), columns, { rowClass: (one) => (one === trial ? "chosen" : "") }).show(documents);
  at("trials").hidden = documents.length < 2;
}

async function run() {
  const [pId, qId] = trial && !get("pId") ? idsOf(trial) : [get("pId"), get("qId")].sort();
  if (!pId || !qId) throw new Error("The address has no pId and qId: come here from a pair, or from a tile with its neighbours.");
  const { render, ...parameters } = readFields(at("form"));
  const options = await pictureOptions(chosen.matchOwner, chosen.matchCollection);
  for (const [name, value] of Object.entries(render ?? {})) options.set(name, value);
  for (const [side, id] of [["p", pId], ["q", qId]]) {
    parameters[`${side}RenderParametersUrl`] = `${BASE}${stackPath(chosen.metadata.stackId)}/tile/${enc(id)}/render-parameters?${options}`;
  }
  parameters.featureAndMatchParameters ??= {};
  at("running").textContent = "matching…";
  at("run").disabled = true;
  try {
    await showTrial(await postJson(trialPath(), parameters));
    say("");
  } finally {
    at("running").textContent = "";
    at("run").disabled = false;
  }
}

async function save() {
  const [pId, qId] = idsOf(trial);
  const tiles = await Promise.all([pId, qId].map((id) => getJson(`${stackPath(chosen.metadata.stackId)}/tile/${enc(id)}`)));
  const given = await ask("Save the matches of this trial", `The matches of ${pId} and ${qId} are stored there, in place of those that it has of this pair.`, {
    fields: { name: { label: "collection", value: chosen.matchCollection ?? "trials" } }, confirm: "Save" });
  if (!given) return;
  const [pGroupId, qGroupId] = tiles.map((tile) => tile.layout?.sectionId ?? given.name);
  const joined = ["p", "q"].map((side) => [0, 1].map((row) => trial.matches.flatMap((set) => set[side][row])));
  if (!trial.matches.length) throw new Error("this trial has found no matches to save");
  const raw = new URL(trial.parameters.pRenderParametersUrl, location.href).searchParams.get("excludeAllTransforms") === "true";
  await saveMatches(chosen.matchOwner, given.name, [{ pGroupId, pId, qGroupId, qId,
    matches: { p: joined[0], q: joined[1], w: trial.matches.flatMap(({ w }) => w) } }], raw ? 0 : null);
  say(`saved to ${given.name}`, "good");
}

async function remove() {
  if (!(await ask("Delete this trial?", "Its parameters and its result are removed; what was saved to collections stays.", { confirm: "Delete trial", danger: true }))) return;
  await deletePath(trialPath(trial.id));
  known.delete(trial.id);
  put({ matchTrialId: null, compare: [...known.keys()].join(",") });
  trial = null;
  at("result").hidden = at("raw").hidden = true;
  forbidden();
  compare();
  say("deleted", "good");
}

begin(async () => {
  chosen = await chooseStack({ collection: true });
  showFields(at("fields"), null);
  at("form").addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(run);
  });
  at("save").addEventListener("click", () => attempt(save));
  at("delete").addEventListener("click", () => attempt(remove));
  forbidden();
  for (const id of (get("compare") ?? "").split(",").filter(Boolean)) {
    const found = await getJson(trialPath(id)).catch(() => null);
    if (found) known.set(found.id, found);
  }
  const wanted = get("matchTrialId");
  if (!wanted) return;
  const document = await getJson(trialPath(wanted));
  const url = new URL(document.parameters.pRenderParametersUrl, location.href);
  const render = Object.fromEntries(["scale", "filter", "excludeMask", "channels"].map((name) => [name, url.searchParams.get(name)]));
  for (const name of ["filter", "excludeMask"]) render[name] = render[name] === "true";
  showFields(at("fields"), { render, ...document.parameters });
  await showTrial(document);
});
