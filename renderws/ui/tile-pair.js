// Two tiles with their matches. The parameters in the address are those of render's page of this name: renderStackOwner,
// renderStackProject, renderStack, matchOwner, matchCollection, pId, qId, renderScale, renderParametersKey, saveToCollection.

import { BASE, collectionPath, deletePath, element, enc, getJson, pairPath, stackPath } from "./api.js";
import { ask, at, attempt, begin, forbidWhereReadOnly, say } from "./page.js";
import { PairView, orientedPoints } from "./pair-view.js";
import { saveMatches } from "./saved-matches.js";
import { get, link, matchOwner, number, put, stackOfAddress } from "./state.js";
import { collectionMetadata, parametersUrl, pictureOptions, pictureUrl } from "./tile-pictures.js";

const stack = stackOfAddress();
const owner = matchOwner();
const collection = get("matchCollection");
const view = new PairView(at("pair"));
const pair = { pId: get("pId"), qId: get("qId") };
let found = []; // documents of the pair

const matches = () => collectionPath(owner, collection);

async function group(tileId) {
  const tile = await getJson(`${stackPath(stack)}/tile/${enc(tileId)}`);
  return { tile, id: tile.layout?.sectionId ?? collection };
}

function tell() {
  const total = view.points.length;
  at("count").textContent = `${total.toLocaleString()} ${total === 1 ? "match" : "matches"} in ${collection}`;
  const point = view.points[view.shown];
  at("point").textContent = point ? `number ${view.shown + 1}: (${point.slice(0, 2).map((v) => v.toFixed(1)).join(", ")}) and (${point.slice(2).map((v) => v.toFixed(1)).join(", ")}), weight ${view.weights[view.shown]}` : "";
}

function draw() {
  view.draw();
  tell();
}

async function showPictures() {
  const options = await pictureOptions(owner, collection);
  const scale = Number(at("scale").value);
  await view.load([pair.pId, pair.qId].map((id) => ({ url: pictureUrl(stack, id, options, scale), name: id })), scale);
  at("files").replaceChildren(...[pair.pId, pair.qId].flatMap((id) => [element("a", { href: parametersUrl(stack, id, options) }, id), " "]));
  draw();
}

async function showMatches() {
  found = await getJson(pairPath(matches(), pair));
  view.points = found.flatMap((one) => orientedPoints(one, pair.pGroupId, pair.pId));
  view.weights = found.flatMap((one) => one.matches.w);
  view.shown = null;
  draw();
}

async function save() {
  const given = await ask("Save this pair to another collection", `${view.points.length} matches of ${pair.pId} and ${pair.qId} are stored there; matches that it has of this pair are replaced.`, {
    fields: { name: { label: "collection", value: get("saveToCollection", `${collection}_selected`) } }, confirm: "Save" });
  if (!given) return;
  const { local_transforms: after } = await collectionMetadata(owner, collection);
  await saveMatches(owner, given.name, found, after);
  put({ saveToCollection: given.name });
  say(`saved to ${given.name}`, "good");
}

async function remove() {
  const text = `${view.points.length} matches of ${pair.pId} and ${pair.qId} are removed from ${collection}. This cannot be undone; “Save to another collection” keeps them.`;
  if (!(await ask("Delete these matches?", text, { confirm: "Delete matches", danger: true }))) return;
  await deletePath(pairPath(matches(), pair));
  await showMatches();
  say("deleted", "good");
}

function listen() {
  const act = (id, action) => at(id).addEventListener("click", () => attempt(action));
  const step = (by) => { view.step(by); tell(); };
  const lines = () => {
    view.lines = !view.lines;
    at("lines").setAttribute("aria-pressed", view.lines);
    at("lines").textContent = view.lines ? "Lines" : "Points";
    view.draw();
  };
  const all = () => { view.shown = null; draw(); };
  act("all", all);
  act("previous", () => step(-1));
  act("next", () => step(1));
  act("lines", lines);
  act("turn", () => view.turn());
  act("save", save);
  act("delete", remove);
  at("scale").addEventListener("change", () => attempt(async () => {
    put({ renderScale: at("scale").value });
    await showPictures();
  }));
  at("pair").addEventListener("click", (event) => {
    view.shown = view.pointAt(view.under(event));
    draw();
  });
  document.addEventListener("keydown", (event) => {
    if (event.target instanceof HTMLInputElement || document.querySelector("dialog")) return;
    const action = { ArrowLeft: () => step(-1), ArrowRight: () => step(1), ",": () => step(-1), ".": () => step(1), l: lines, r: () => view.turn(), Escape: all }[event.key];
    if (action) action();
  });
  forbidWhereReadOnly(at("save"), at("delete"));
}

begin(async () => {
  const missing = ["pId", "qId", "matchCollection", "owner", "project", "stack"].filter((name) => !get(name));
  if (missing.length) throw new Error(`The address has no ${missing.join(", ")}: come here from the layer view, the section viewer or the match review.`);
  at("title").textContent = `${pair.pId} – ${pair.qId}`;
  const [p, q] = await Promise.all([group(pair.pId), group(pair.qId)]);
  [pair.pGroupId, pair.qGroupId] = [p.id, q.id];
  const fitting = Math.min(3, Math.max(0.05, (at("pair").parentElement.clientWidth - 40) / ((p.tile.width ?? 1000) + (q.tile.width ?? 1000))));
  at("scale").value = number("renderScale") ?? fitting.toFixed(2);
  at("raw").href = BASE + pairPath(matches(), pair);

  at("trial").href = link("match-trial.html", pair.pId < pair.qId ? { pId: pair.pId, qId: pair.qId } : { pId: pair.qId, qId: pair.pId });
  listen();
  await showPictures();
  await showMatches();
});
