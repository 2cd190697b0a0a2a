// Step through the pairs of tiles that agree worst, and accept, reject or mend them.

import { collectionPath, element, enc, getJson, pairPath, readOnly, stackPath } from "./api.js";
import { loadTileSets } from "./clusters.js";
import { missingConnections } from "./connections.js";
import { Edits } from "./edits.js";
import { Layers } from "./layers.js";
import { at, attempt, begin, chooseStack, forbidWhereReadOnly, say } from "./page.js";
import { PairView } from "./pair-view.js";
import { flag, get, link, number, put } from "./state.js";
import { SortedTable } from "./table.js";
import { pictureOptions, pictureUrl } from "./tile-pictures.js";

const WORST = {
  residual: (a, b) => (b.rootMeanSquare ?? Infinity) - (a.rootMeanSquare ?? Infinity),
  maximum: (a, b) => (b.maximum ?? Infinity) - (a.maximum ?? Infinity),
  count: (a, b) => a.weighted - b.weighted,
  coverage: (a, b) => a.coverage - b.coverage,
};
const view = new PairView(at("pair"));
let chosen = {};
let layers;
let edits;
let pairs = [];
let current = null; // index in pairs
let original = null; // document of the pair as it was matched; null until it and its pictures are there
let adding = false;
let turn = Promise.resolve(); // until what was done last is stored, and the pair after it is there
let busy = 0; // how many things are being done, or wait for their turn

const stack = () => chosen.metadata.stackId;
const matches = () => collectionPath(chosen.matchOwner, chosen.matchCollection);
const pair = () => pairs[current];

async function load() {
  const z = layers.z;
  const query = new URLSearchParams({ matchOwner: chosen.matchOwner });
  const toZ = at("with").value === "next" ? layers.beside(1) : null;
  if (at("with").value === "next" && toZ === null) throw new Error("this is the last section: there is no next one");
  if (toZ !== null) query.set("toZ", toZ);
  if (at("local").value !== "") query.set("localTransforms", at("local").value);
  const found = await getJson(`${stackPath(stack())}/z/${z}/matchResiduals/${enc(chosen.matchCollection)}?${query}`);
  if (at("unmatched").checked && toZ === null) found.push(...(await unmatched(z)));
  if (z !== layers.z) return;
  pairs = found.sort((a, b) => WORST[at("by").value](a, b) || (a.pId < b.pId ? -1 : 1));
  const steps = edits?.steps ?? [];
  edits = new Edits(chosen.matchOwner, chosen.matchCollection, at("edits").value);
  edits.steps = steps;
  const groups = new Set(pairs.map(({ pGroupId, qGroupId }) => JSON.stringify([pGroupId, qGroupId])));
  const known = new Map();
  for (const group of groups) {
    await edits.load(...JSON.parse(group));
    for (const [key, document] of edits.documents) known.set(key, document);
  }
  edits.documents = known;
  showList();
  const wanted = pairs.findIndex(({ pId, qId }) => pId === get("pId") && qId === get("qId"));
  if (pairs.length) await open(Math.max(0, wanted));
  else nothing();
}

// pairs of neighbours that have no matches, with p before q as services have them
async function unmatched(z) {
  const sets = await loadTileSets(stack(), z, chosen.matchOwner, null);
  const missing = await missingConnections(stack(), z, chosen.matchOwner, chosen.matchCollection, 0, sets);
  return missing.map(({ tiles }) => {
    const ends = tiles.map(({ sectionId, tileId }) => [sectionId ?? chosen.matchCollection, tileId]);
    const [p, q] = JSON.stringify(ends[0]) < JSON.stringify(ends[1]) ? ends : ends.reverse();
    return { pGroupId: p[0], pId: p[1], qGroupId: q[0], qId: q[1], matchCount: 0, weighted: 0, mean: null, rootMeanSquare: null, maximum: null, coverage: 0 };
  });
}

// what is known of a pair as it was matched: without points where it was not
function asMatched(one, found) {
  if (!found) return { pGroupId: one.pGroupId, pId: one.pId, qGroupId: one.qGroupId, qId: one.qId, matches: { p: [[], []], q: [[], []], w: [] } };
  const { matchCount, ...document } = found;
  return document;
}

function nothing() {
  current = null;
  at("title").textContent = "no pairs here";
  view.images = [null, null];
  at("pair").width = at("pair").height = 1;
  tell();
}

const shown = (value) => (value === null ? "–" : value >= 100 ? value.toFixed(0) : value.toPrecision(2));

function showList() {
  const done = pairs.filter((one) => edits.of(one)).length;
  at("summary").textContent = `${pairs.length.toLocaleString()} pairs, ${done.toLocaleString()} reviewed; the worst first`;
  const table = new SortedTable(at("pairs"), [
    { title: "Pair", kind: "name", plain: true, value: ({ pId, qId }) => `${pId} ${qId}`, show: ({ pId, qId }) => [pId, element("br"), qId] },
    { title: "px", number: true, plain: true, value: (one) => shown(at("by").value === "maximum" ? one.maximum : one.rootMeanSquare) },
    { title: "n", number: true, plain: true, value: ({ weighted }) => weighted },
    { title: "cover", number: true, plain: true, value: ({ coverage }) => `${Math.round(100 * coverage)}%` },
    { title: "", plain: true, value: (one) => (edits.of(one) ? edits.status(one, one === pair() ? original : null) : "") },
  ], { onrow: (one) => attempt(() => open(pairs.indexOf(one))), rowClass: (one) => (one === pair() ? "chosen" : ""), empty: "No pairs of tiles have matches here." });
  table.show(pairs);
  at("pairs").querySelector("tr.chosen")?.scrollIntoView({ block: "nearest" });
}

async function open(index) {
  current = index;
  const one = pair();
  put({ pId: one.pId, qId: one.qId });
  at("title").textContent = `${current + 1} of ${pairs.length}: ${one.pId} – ${one.qId}`;
  at("page").href = link("tile-pair.html", { pId: one.pId, qId: one.qId });
  view.mark = null;
  original = null;
  tell();
  const options = await pictureOptions(chosen.matchOwner, chosen.matchCollection);
  const [found, p] = await Promise.all([getJson(pairPath(matches(), one)), getJson(`${stackPath(stack())}/tile/${enc(one.pId)}`)]);
  if (pair() !== one) return;
  const room = at("pair").parentElement.clientWidth - 40;
  const scale = Number(Math.min(3, Math.max(0.05, room / (2 * (p.width ?? 1000)))).toFixed(3));
  try {
    await view.load([one.pId, one.qId].map((id) => ({ url: pictureUrl(stack(), id, options, scale), name: id })), scale);
  } catch (error) {
    at("status").textContent = "its pictures cannot be shown, so nothing can be decided about it";
    throw error;
  }
  if (pair() !== one) return;
  original = asMatched(one, found[0]);
  showPoints();
  showList();
}

// one thing after the other
async function inTurn(action) {
  busy += 1;
  const done = turn.then(action).finally(() => { busy -= 1; });
  turn = done.catch(() => {});
  return done;
}

// the same for what is about the pair that is shown: given up where that is going to be another one
const unlessBusy = async (action) => (busy ? undefined : inTurn(action));

// the points as they are now: edited ones where there are such
function now() {
  return edits.of(pair()) ?? original;
}

function showPoints() {
  const { p, q, w } = now().matches;
  view.points = w.map((_, n) => [p[0][n], p[1][n], q[0][n], q[1][n]]);
  view.weights = w;
  view.colour = (n) => (w[n] > 0 ? "#5fd08f" : "#ff6b5e");
  view.draw();
  tell();
}

function tell() {
  at("undo").disabled = readOnly || !edits?.steps.length;
  for (const id of ["accept", "reject", "add", "forget"]) at(id).disabled = readOnly || current === null || !original;
  at("forget").disabled ||= current !== null && !edits.of(pair());
  if (current === null || !original) {
    at("status").textContent = current === null ? "" : "loading…";
    return;
  }
  const weights = now().matches.w;
  const kept = weights.filter((weight) => weight > 0).length;
  const status = edits.status(pair(), original) || "not reviewed";
  const one = pair();
  at("status").textContent = `${status}: ${kept} of ${weights.length} points kept; as matched ${shown(one.rootMeanSquare)} px (largest ${shown(one.maximum)}), ${Math.round(100 * one.coverage)} % of the overlap`;
}

// store other matches for this pair, as an edit
async function decide(change) {
  const one = pair();
  if (!original) return;
  const document = structuredClone(now());
  change(document.matches);
  await edits.set(one, document);
  if (pair() === one) showPoints();
  showList();
}

const decideAndStep = (change) => unlessBusy(async () => {
  if (!original) return;
  await decide(change);
  await step(1);
});
const accept = () => decideAndStep(() => {});
const reject = () => decideAndStep((given) => { given.w = given.w.map(() => 0); });

// the weight that a point was matched with, or 1 for one that was added
const weightOf = (n) => original.matches.w[n] || 1;
const toggle = (n) => decide((given) => { given.w[n] = given.w[n] > 0 ? 0 : weightOf(n); });

async function addEnd(place) {
  if (!view.mark || view.mark.side === place.side) {
    view.mark = place;
    view.draw();
    say(`now click the same place in the ${place.side === 0 ? "other" : "first"} picture (Escape: not after all)`);
    return;
  }
  const ends = place.side === 1 ? [view.mark, place] : [place, view.mark];
  view.mark = null;
  say("");
  await decide(({ p, q, w }) => {
    [p, q].forEach((rows, side) => [ends[side].x, ends[side].y].forEach((value, row) => {
      rows[row] ??= [];
      rows[row].push(value);
    }));
    w.push(1);
  });
}

async function step(by) {
  const index = current + by;
  if (current !== null && index >= 0 && index < pairs.length) await open(index);
}

const undo = () => inTurn(async () => {
  const about = await edits.undo();
  if (!about) return;
  const index = pairs.findIndex(({ pId, qId }) => pId === about.pId && qId === about.qId);
  if (index >= 0) await open(index);
  tell();
});

const forget = () => unlessBusy(async () => {
  if (!original) return;
  await edits.set(pair(), null);
  showPoints();
  showList();
});

function setAdding(on) {
  adding = on;
  at("add").setAttribute("aria-pressed", on);
  view.mark = null;
  say(on ? "click a place in one picture, then the same place in the other" : "");
  view.draw();
}

function clicked(event) {
  if (current === null || !original || readOnly) return;
  const place = view.under(event);
  const side = view.sideAt(place);
  if (adding) {
    if (side) attempt(() => unlessBusy(() => addEnd(side)));
    return;
  }
  const n = view.pointAt(place);
  if (n !== null) attempt(() => unlessBusy(() => toggle(n)));
}

const changeLayer = () => {
  put({ z: layers.z, pId: null, qId: null });
  attempt(load);
};

function listen() {
  const act = (id, action) => at(id).addEventListener("click", () => attempt(action));
  const lines = () => {
    view.lines = !view.lines;
    at("lines").setAttribute("aria-pressed", view.lines);
    view.draw();
  };
  for (const [id, action] of [["worse", () => step(-1)], ["better", () => step(1)], ["accept", accept], ["reject", reject], ["undo", undo], ["forget", forget], ["add", () => setAdding(!adding)], ["lines", lines]]) act(id, action);
  at("pair").addEventListener("click", clicked);
  for (const [id, name] of [["with", "with"], ["by", "worstBy"], ["edits", "edits"], ["local", "localTransforms"]]) at(id).addEventListener("change", () => {
    put({ [name]: at(id).value });
    attempt(load);
  });
  at("unmatched").addEventListener("change", () => {
    put({ unmatched: at("unmatched").checked || null });
    attempt(load);
  });
  const keys = { a: accept, x: reject, u: undo, l: lines, p: () => setAdding(!adding), Escape: () => setAdding(false), ArrowLeft: () => step(-1), ArrowRight: () => step(1), ",": () => step(-1), ".": () => step(1) };
  const changing = new Set(["a", "x", "u", "p"]);
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select") || current === null) return;
    if (event.key.startsWith("Page")) {
      layers.key(event.key);
      event.preventDefault();
    } else if (keys[event.key] && !(readOnly && changing.has(event.key))) {
      event.preventDefault();
      if (event.repeat && changing.has(event.key)) return; // a key that is held decides once
      attempt(keys[event.key]);
    }
  });
  forbidWhereReadOnly(...["accept", "reject", "add", "undo", "forget"].map(at));
}

begin(async () => {
  chosen = await chooseStack({ collection: "needed" });
  if (!chosen.matchCollection) throw new Error(`Owner ${chosen.matchOwner} has no match collections yet.`);
  const zs = await getJson(`${stackPath(stack())}/zValues`);
  if (!zs.length) throw new Error(`${stack().stack} has no tiles yet.`);
  layers = new Layers(zs, number("z"), changeLayer);
  at("edits").value = get("edits", `${chosen.matchCollection}_edits`);
  at("local").value = get("localTransforms", "");
  at("by").value = get("worstBy", "residual");
  at("with").value = get("with", get("toZ") ? "next" : "");
  at("unmatched").checked = flag("unmatched");
  view.lines = false;
  put({ matchOwner: chosen.matchOwner, matchCollection: chosen.matchCollection, z: layers.z });
  listen();
  await load();
});
