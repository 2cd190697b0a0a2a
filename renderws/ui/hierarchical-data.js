// A layer of a rough stack with the boxes into which a tier splits it: how well each is aligned, and where it leads.

import { BASE, collectionPath, element, enc, getJson, stackPath } from "./api.js";
import { Layers } from "./layers.js";
import { neuroglancerLink } from "./neuroglancer-link.js";
import { drawTiles } from "./overlays.js";
import { at, attempt, begin, chooseStack, fail, options, say, turns } from "./page.js";
import { SectionView } from "./section-view.js";
import { flag, get, link, number, put } from "./state.js";
import { SortedTable } from "./table.js";
import { addMissingLayers, boxAt, drawBoxes, isBad, roughStack, severalSets, tiersOf } from "./tiers.js";

let chosen = {};
let rough = {}; // metadata of the rough stack
let layers;
let view;
let tiers = [];
let tier = null;
let tiles = [];
let selected = null;

const path = () => stackPath(rough.stackId);
const limit = () => Number(at("threshold").value);
const quality = ({ data }) => (typeof data.alignmentQuality === "number" ? data.alignmentQuality : null);
const shown = (value) => (value === null ? "–" : value.toLocaleString(undefined, { maximumSignificantDigits: 4 }));
const place = ({ data }) => `${data.tierRow ?? "?"}, ${data.tierColumn ?? "?"}`;
const label = (box) => (quality(box) === null ? place(box) : shown(quality(box)));

const table = new SortedTable(at("boxes"), [
  { title: "Row, col", value: place },
  { title: "Stack", kind: "name", value: ({ stackId }) => stackId.stack },
  { title: "Quality", number: true, value: quality, show: (box) => element("span", { class: isBad(box, limit()) ? "odd" : null }, shown(quality(box))) },
  { title: "No matches", number: true, value: ({ missing }) => missing?.length ?? null, show: ({ missing }) => (missing ? `${missing.length} z` : "–") },
], { sort: null, onrow: (box) => attempt(() => select(box)), empty: "This tier has no boxes.", rowClass: (box) => (box === selected ? "chosen" : "") });

const showing = turns();
async function showLayer() {
  const late = showing();
  const z = layers.z;
  const [bounds, found] = await Promise.all([getJson(`${path()}/z/${z}/bounds`), at("tiles").checked ? getJson(`${path()}/z/${z}/tileBounds`) : []]);
  if (late()) return;
  tiles = found;
  view.show({ key: `${z}`, stack: rough.stackId, z, bounds, channels: [{ name: "", colour: "#ffffff", min: get("minIntensity"), max: get("maxIntensity") }] }, []);
  showDebug();
  view.drawOverlay();
}

// the field in which the aligned boxes of the tier move this layer, where there are such
function showDebug() {
  const aligned = tier?.boxes.some(({ data }) => data.alignedStackId);
  const field = `${BASE}/owner/${enc(rough.stackId.owner)}/project/${enc(tier?.project ?? "")}/z/${layers.z}/affineWarpFieldTransformDebug`;
  at("debug").replaceChildren(...(aligned ? [element("a", { href: field }, `warp field of z ${layers.z} (JSON)`)] : []));
}

const choosing = turns();
async function showTier() {
  const late = choosing();
  await addMissingLayers(rough.stackId.owner, tier).catch(fail); // the boxes are shown without
  if (late()) return;
  const values = tier.boxes.map(quality).filter((value) => value !== null);
  const most = Math.max(1e-9, ...values);
  at("threshold").max = most;
  at("threshold").value = number("threshold") ?? most / 2;
  at("threshold").disabled = !values.length;
  await select(tier.boxes.find(({ stackId }) => stackId.stack === get("box")) ?? null);
  judge();
}

function judge() {
  const rated = tier.boxes.filter((box) => quality(box) !== null);
  const bad = rated.filter((box) => isBad(box, limit())).length;
  at("limit").textContent = rated.length ? shown(limit()) : "no qualities";
  at("counts").textContent = `tier ${tier.tier} in project ${tier.project}: ${tier.boxes.length} boxes of ${rough.stackId.stack}; ${rated.length
    ? `quality of ${rated.length} known, ${bad} above the limit` : "no quality is known"}`;
  table.show(tier.boxes);
  view.drawOverlay();
}

async function select(box) {
  selected = box;
  put({ box: box?.stackId.stack });
  table.show(tier.boxes);
  view.drawOverlay();
  if (!box) {
    at("box").replaceChildren(element("p", { class: "empty" }, "Click a box, or a line of the table, to see where it leads."));
    return;
  }
  const { stackId, data } = box;
  const { minX, minY, maxX, maxY } = data.fullScaleBounds;
  const facts = [["place", `row ${data.tierRow ?? "?"}, column ${data.tierColumn ?? "?"}, from 0, of ${data.totalTierRowCount ?? "?"} × ${data.totalTierColumnCount ?? "?"}`],
    ["box", `x ${minX.toFixed(1)} to ${maxX.toFixed(1)}, y ${minY.toFixed(1)} to ${maxY.toFixed(1)}`], ["scale", String(data.scale ?? "unknown")],
    ["quality", shown(quality(box))], ["pairs", (data.savedMatchPairCount ?? 0).toLocaleString()],
    ["no matches", withoutMatches(box)]];
  const sets = element("dd", {}, "…");
  at("box").replaceChildren(element("strong", {}, stackId.stack),
    element("dl", { class: "facts" }, facts.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]), element("dt", {}, "several sets"), sets),
    element("p", { class: "links" }, linksOf(box)));
  const several = await severalSets(box).catch((error) => error.message);
  sets.textContent = several === null ? "no match collection" : Array.isArray(several) ? (several.length ? `z ${several.join(", ")}` : "none") : several;
}

function withoutMatches({ missing }) {
  if (missing === undefined) return "unknown";
  if (missing === null) return "no pairs are saved";
  return missing.length ? `z ${missing.join(", ")}` : "none missing";
}

function linksOf({ stackId, data }) {
  const z = layers.z;
  const page = (text, name, values) => element("a", { href: link(name, values) }, text);
  const middle = { x: ((data.fullScaleBounds.minX + data.fullScaleBounds.maxX) / 2).toFixed(1), y: ((data.fullScaleBounds.minY + data.fullScaleBounds.maxY) / 2).toFixed(1) };
  const found = [page("box in the section viewer", "viewer.html", { ...rough.stackId, z, ...middle, zoom: 0.5 }),
    page("its stack", "viewer.html", { ...stackId, z }), page("sections of it", "stack-details.html", { ...stackId, z })];
  if (data.alignedStackId) found.push(page("aligned stack", "viewer.html", { ...data.alignedStackId, z }));
  if (data.parentTierStackId) found.push(page("parent tier", "viewer.html", { ...data.parentTierStackId, z }));
  if (data.warpTilesStackId) found.push(page("warped tiles", "viewer.html", { ...data.warpTilesStackId, z }));
  const matches = data.matchCollectionId;
  if (matches) {
    found.push(page("matches", "point-match-explorer.html", { ...stackId, matchOwner: matches.owner, matchCollection: matches.name }),
      element("a", { href: `${BASE}${collectionPath(matches.owner, matches.name)}/multiConsensusGroupIds` }, "groups of several sets (JSON)"));
  }
  found.push(element("a", { href: `${BASE}${stackPath(stackId)}/hierarchicalData` }, "hierarchical data (JSON)"));
  const mine = chosen.every.find((one) => one.stackId.project === stackId.project && one.stackId.stack === stackId.stack);
  const out = mine && neuroglancerLink(mine);
  return out ? [...found, out] : found;
}

function draw(pen, toPixel, zoom, size) {
  if (tiles.length) drawTiles(pen, toPixel, size, [Object.assign([...tiles], { plain: true })], { outlines: true, ids: false, zoom });
  if (tier) drawBoxes(pen, toPixel, tier.boxes, limit(), selected, label);
}

function changeLayer() {
  put({ z: layers.z });
  say("");
  attempt(async () => {
    await showLayer();
    if (selected) await select(selected);
  });
}

const extent = () => tier.boxes.reduce((box, { data: { fullScaleBounds: b } }) => ({ minX: Math.min(box.minX, b.minX), minY: Math.min(box.minY, b.minY), maxX: Math.max(box.maxX, b.maxX), maxY: Math.max(box.maxY, b.maxY) }),
  { minX: Infinity, minY: Infinity, maxX: -Infinity, maxY: -Infinity });

function listen() {
  at("tier").addEventListener("change", () => {
    put({ tier: at("tier").value, box: null, threshold: null });
    tier = tiers.find(({ key }) => key === at("tier").value);
    attempt(async () => {
      await showTier();
      await showLayer();
      view.fit(extent(), false);
    });
  });
  at("threshold").addEventListener("input", () => {
    put({ threshold: at("threshold").value });
    judge();
  });
  at("pictures").addEventListener("change", () => {
    put({ pictures: at("pictures").checked ? null : "false" });
    view.setPictures(at("pictures").checked);
  });
  at("tiles").addEventListener("change", () => {
    put({ tiles: at("tiles").checked ? null : "false" });
    attempt(showLayer);
  });
  at("fit").addEventListener("click", () => view.fit(extent(), false));
  const box = { t: "pictures", o: "tiles" };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input:not([type=checkbox], [type=range]), select")) return;
    if (layers.key(event.key)) event.preventDefault();
    else if (event.key === "f") view.fit(extent(), false);
    else if (box[event.key]) at(box[event.key]).click();
    else if (event.key === "+" || event.key === "-") view.viewer.viewport.zoomBy(event.key === "+" ? 1.5 : 1 / 1.5);
  });
}

begin(async () => {
  chosen = await chooseStack();
  const id = roughStack(chosen.metadata.stackId, chosen.every);
  rough = chosen.every.find(({ stackId }) => stackId.project === id.project && stackId.stack === id.stack && stackId.owner === id.owner);
  if (!rough) throw new Error(`The rough stack ${id.stack} of project ${id.project} is not there any more.`);
  document.title = `${rough.stackId.stack}: hierarchical data`;
  tiers = tiersOf(rough.stackId, chosen.every);
  options(at("tier"), tiers.map(({ key }) => key), get("tier"));
  for (const [n, one] of tiers.entries()) at("tier").options[n].textContent = `${one.tier} (${one.project})`;
  if (!tiers.length) throw new Error(`${rough.stackId.stack} was not split: no stack of owner ${rough.stackId.owner} says in its hierarchical data that it is a box of it. hierarchical_alignment.split_stack makes such stacks.`);
  tier = tiers.find(({ key }) => key === at("tier").value);
  const zs = await getJson(`${path()}/zValues`);
  if (!zs.length) throw new Error(`${rough.stackId.stack} has no tiles yet.`);
  layers = new Layers(zs, number("z"), changeLayer);
  at("pictures").checked = flag("pictures", true);
  at("tiles").checked = flag("tiles", true);
  view = new SectionView(at("view"), {
    pictures: at("pictures").checked, onerror: fail, onstep: (by) => layers.step(by), onclick: (world) => attempt(() => select(boxAt(world, tier.boxes))),
    onpoint: (world) => {
      at("position").textContent = `x ${world[0].toFixed(1)}  y ${world[1].toFixed(1)}`;
      at("under").textContent = boxAt(world, tier.boxes)?.stackId.stack ?? "";
    },
  });
  view.overlay = draw;
  listen();
  await new Promise((resolve) => { requestAnimationFrame(resolve); });
  await showTier();
  await showLayer();
  view.fit(extent());
});
