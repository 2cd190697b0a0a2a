// The tiles of a layer as boxes, those that matches connect in one colour; thumbnails; what is missing; one tile and its pairs.

import { collectionPath, element, enc, getJson, stackPath } from "./api.js";
import { countText, loadTileSets } from "./clusters.js";
import { missingConnections } from "./connections.js";
import { Layers } from "./layers.js";
import { drawTiles } from "./overlays.js";
import { at, attempt, begin, chooseStack, fail, say, turns } from "./page.js";
import { SectionView } from "./section-view.js";
import { flag, get, link, number, put } from "./state.js";

let chosen = {};
let layers;
let view;
let sets = [];
let missing = [];
let selected = null;

const stack = () => chosen.metadata.stackId;
const path = () => stackPath(stack());

async function load() {
  const z = layers.z;
  const found = await loadTileSets(stack(), z, chosen.matchOwner, chosen.matchCollection);
  if (z !== layers.z) return;
  sets = found;
  missing = [];
  at("counts").replaceChildren(element("strong", {}, countText(sets)), element("br"), sizes(sets.flat()));
  await showPictures();
  await showMissing();
  view.drawOverlay();
}

function sizes(tiles) {
  if (!tiles.length) return "";
  const spread = (name, values) => {
    const [low, high] = values.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [Infinity, -Infinity]);
    const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
    return `${name} ${low.toFixed(0)} to ${high.toFixed(0)}, mean ${mean.toFixed(1)}`;
  };
  return `boxes in pixels: ${spread("width", tiles.map((t) => t.maxX - t.minX))}; ${spread("height", tiles.map((t) => t.maxY - t.minY))}`;
}

function extent() {
  const bounds = chosen.metadata.stats?.stackBounds;
  if (at("extent").value === "stack" && bounds) return bounds;
  const tiles = sets.flat();
  return tiles.reduce((box, t) => ({ minX: Math.min(box.minX, t.minX), minY: Math.min(box.minY, t.minY), maxX: Math.max(box.maxX, t.maxX), maxY: Math.max(box.maxY, t.maxY) }),
    { minX: Infinity, minY: Infinity, maxX: -Infinity, maxY: -Infinity });
}

async function showPictures() {
  const z = layers.z;
  const layer = (one) => getJson(`${path()}/z/${one}/bounds`).then((bounds) => ({ key: `${one}`, stack: stack(), z: one, bounds, channels: [{ name: "", colour: "#ffffff", min: get("minIntensity"), max: get("maxIntensity") }] }));
  if (sets.flat().length) view.show(await layer(z), []);
}

const looking = turns();
async function showMissing() {
  const late = looking();
  missing = [];
  at("connections").textContent = "";
  if (at("missing").checked) {
    if (!chosen.matchCollection) throw new Error("choose the matches of which connections may be missing, above");
    const found = await missingConnections(stack(), layers.z, chosen.matchOwner, chosen.matchCollection, Number(at("threshold").value) || 0, sets);
    if (late()) return;
    missing = found;
    const none = missing.filter(({ count }) => !count).length;
    at("connections").textContent = `${none.toLocaleString()} neighbours without matches, ${(missing.length - none).toLocaleString()} with few`;
  }
  view.drawOverlay();
}

function draw(pen, toPixel, zoom, size) {
  drawTiles(pen, toPixel, size, sets, { outlines: true, ids: at("ids").checked, zoom, scale: Number(at("box-scale").value) });
  pen.lineWidth = 3;
  for (const [few, colour] of [[false, "#ff3b30"], [true, "#ffcc00"]]) {
    pen.strokeStyle = colour;
    pen.beginPath();
    for (const { from, to, count } of missing) {
      if (Boolean(count) !== few) continue;
      pen.moveTo(...toPixel(from));
      pen.lineTo(...toPixel(to));
    }
    pen.stroke();
  }
  if (!selected) return;
  const [from, to] = [toPixel([selected.minX, selected.minY]), toPixel([selected.maxX, selected.maxY])];
  pen.strokeStyle = "#fff";
  pen.lineWidth = 3;
  pen.strokeRect(from[0], from[1], to[0] - from[0], to[1] - from[1]);
}

// the smallest box at a place is the one that is meant where boxes overlap
function tileAt([x, y]) {
  const hits = sets.flat().filter((t) => x >= t.minX && x <= t.maxX && y >= t.minY && y <= t.maxY);
  const far = (t) => Math.hypot((t.minX + t.maxX) / 2 - x, (t.minY + t.maxY) / 2 - y);
  return hits.sort((a, b) => far(a) - far(b))[0] ?? null;
}

async function select(tile) {
  selected = tile;
  put({ tileId: tile?.tileId });
  view.drawOverlay();
  if (!tile) {
    at("tile").replaceChildren(element("p", { class: "empty" }, "Click a tile to see its matches."));
    return;
  }
  const z = layers.z;
  const links = [["with neighbours", link("tile-with-neighbors.html", { z, tileId: tile.tileId })],
    ["section viewer", link("viewer.html", { z, x: ((tile.minX + tile.maxX) / 2).toFixed(1), y: ((tile.minY + tile.maxY) / 2).toFixed(1), zoom: 1 })],
    ["match explorer", link("point-match-explorer.html", { startZ: z, endZ: z })]];
  at("tile").replaceChildren(element("strong", {}, tile.tileId), element("p", {}, `section ${tile.sectionId ?? "without name"}, x ${tile.minX.toFixed(1)} to ${tile.maxX.toFixed(1)}, y ${tile.minY.toFixed(1)} to ${tile.maxY.toFixed(1)}`),
    element("p", { class: "links" }, links.map(([text, href]) => element("a", { href }, text))));
  if (!chosen.matchCollection) return;
  const group = tile.sectionId ?? chosen.matchCollection;
  const pairs = await getJson(`${collectionPath(chosen.matchOwner, chosen.matchCollection)}/group/${enc(group)}/id/${enc(tile.tileId)}`);
  if (selected !== tile) return;
  const rows = pairs.map((pair) => {
    const mine = pair.pId === tile.tileId;
    const other = { id: mine ? pair.qId : pair.pId, group: mine ? pair.qGroupId : pair.pGroupId };
    const href = link("tile-pair.html", { pId: tile.tileId, qId: other.id });
    return element("li", {}, element("a", { href }, other.id), `: ${pair.matchCount ?? pair.matches.w.length} matches${other.group === group ? "" : ` (section ${other.group})`}`);
  });
  at("tile").append(element("h2", {}, `Matches with ${pairs.length} tiles`), rows.length ? element("ul", {}, rows) : element("p", { class: "empty" }, "no matches"));
}

function changeLayer() {
  put({ z: layers.z, tileId: null });
  say("");
  attempt(async () => {
    await select(null);
    await load();
  });
}

const fit = () => { if (sets.flat().length) view.fit(extent(), false); };

function listen() {
  const redraw = () => view.drawOverlay();
  at("pictures").addEventListener("change", () => {
    put({ pictures: at("pictures").checked || null });
    view.setPictures(at("pictures").checked);
  });
  at("ids").addEventListener("change", () => { put({ ids: at("ids").checked || null }); redraw(); });
  at("box-scale").addEventListener("input", () => { put({ boxScale: at("box-scale").value }); redraw(); });
  at("extent").addEventListener("change", fit);
  for (const id of ["missing", "threshold"]) at(id).addEventListener("change", () => {
    put({ missing: at("missing").checked || null, threshold: at("threshold").value });
    attempt(showMissing);
  });
  at("fit").addEventListener("click", fit);
  const box = { t: "pictures", i: "ids", c: "missing" };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input:not([type=checkbox], [type=range]), select")) return;
    if (layers.key(event.key)) event.preventDefault();
    else if (event.key === "f") fit();
    else if (box[event.key]) at(box[event.key]).click();
    else if (event.key === "+" || event.key === "-") view.viewer.viewport.zoomBy(event.key === "+" ? 1.5 : 1 / 1.5);
    else if (["ArrowLeft", "ArrowRight"].includes(event.key) && !event.target.matches("[type=range]")) layers.step(event.key === "ArrowLeft" ? -1 : 1);
  });
}

begin(async () => {
  chosen = await chooseStack({ collection: true });
  document.title = `${stack().stack}: layer`;
  const zs = await getJson(`${path()}/zValues`);
  if (!zs.length) throw new Error(`${stack().stack} has no tiles yet.`);
  layers = new Layers(zs, number("z"), changeLayer);
  at("pictures").checked = flag("pictures");
  at("ids").checked = flag("ids");
  at("missing").checked = flag("missing");
  at("threshold").value = number("threshold", 0);
  at("box-scale").value = number("boxScale", 1);
  view = new SectionView(at("view"), {
    pictures: at("pictures").checked, onerror: fail, onstep: (by) => layers.step(by), onclick: (world) => attempt(() => select(tileAt(world))),
    onpoint: ([x, y]) => { at("position").textContent = `x ${x.toFixed(1)}  y ${y.toFixed(1)}`; },
  });
  view.overlay = draw;
  listen();
  await new Promise((resolve) => { requestAnimationFrame(resolve); });
  const wanted = get("tileId");
  await load();
  view.fit(extent());
  const tile = sets.flat().find(({ tileId }) => tileId === wanted);
  if (tile) await select(tile);
});
