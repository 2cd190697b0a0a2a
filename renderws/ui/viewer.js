// Sections of a stack at any scale, drawn by the service while they are looked at. The address always holds the exact view.

import { element, enc, getJson, putJson, stackPath } from "./api.js";
import { countText, loadTileSets } from "./clusters.js";
import { Layers } from "./layers.js";
import { drawMatches, drawPolygons, drawResiduals, drawTiles } from "./overlays.js";
import { neuroglancerLink } from "./neuroglancer-link.js";
import { ask, at, attempt, begin, chooseStack, fail, options, say, turns } from "./page.js";
import { SectionView } from "./section-view.js";
import { flag, get, link, number, put } from "./state.js";
import { channelsOfPage, offerChannels } from "./viewer-channels.js";

const shows = new Set((get("show") ?? "").split(",").filter(Boolean));
const bounds = new Map(); // of layers, by path
let chosen = {};
let layers;
let first;
let second = null; // the view beside the first one, once two stacks were compared side by side
let beside = false;
const overs = new Map(); // what is drawn over the section, by stack
let blink = { timer: 0, other: false };

const other = () => chosen.stacks.find(({ stackId }) => stackId.stack === at("compare").value)?.stackId ?? null;
const both = () => (beside ? [first, second] : [first]);
const onFirst = () => (blink.other && other() ? other() : chosen.metadata.stackId);

async function boundsOf(stack, z) {
  const path = `${stackPath(stack)}/z/${z}/bounds`;
  if (!bounds.has(path)) bounds.set(path, getJson(path));
  return bounds.get(path);
}

async function layerOf(stack, z) {
  const channels = channelsOfPage();
  const key = JSON.stringify([stack, z, channels]);
  return { key, stack, z, channels, bounds: await boundsOf(stack, z) };
}

// what is loaded ahead: sections before and after, and of two stacks that blink the same of the other one
async function aroundOf(stack, z) {
  const near = [1, -1].map((by) => layers.beside(by)).filter((one) => one !== null);
  const turned = other() && at("mode").value === "blink" ? [chosen.metadata.stackId, other()].find((one) => one.stack !== stack.stack) : null;
  const wanted = [...(turned ? [[turned, z]] : []), ...near.map((one) => [stack, one]), ...(turned ? near.map((one) => [turned, one]) : [])];
  return (await Promise.all(wanted.map((one) => layerOf(...one).catch(() => null)))).filter(Boolean);
}

async function showOn(view, stack) {
  const z = layers.z;
  const layer = await layerOf(stack, z);
  if (z === layers.z) view.show(layer, await aroundOf(stack, z));
}

async function showSection() {
  const stack = chosen.metadata.stackId;
  await showOn(first, onFirst());
  if (beside && other()) await showOn(second, other());
  at("which").textContent = other() && at("mode").value === "blink" ? `showing ${blink.other ? other().stack : stack.stack}` : "";
}

// what is drawn over the section is asked for once it is wanted
const loading = turns();
async function loadOverlays() {
  const late = loading();
  const z = layers.z;
  for (const stack of [chosen.metadata.stackId, other()].filter(Boolean)) {
    const wanted = { sets: [], pairs: [], polygons: [] };
    if (shows.has("outlines") || shows.has("ids")) wanted.sets = await loadTileSets(stack, z, chosen.matchOwner, chosen.matchCollection);
    if (shows.has("matches") || shows.has("residuals")) wanted.pairs = await loadPairs(stack, z);
    if (shows.has("polygons")) wanted.polygons = await loadPolygons(z);
    if (late()) return;
    overs.set(stack.stack, wanted);
    if (stack === chosen.metadata.stackId) {
      at("tiles").textContent = [wanted.sets.length ? countText(wanted.sets) : "", wanted.pairs.length ? `${wanted.pairs.length.toLocaleString()} pairs` : ""].filter(Boolean).join(", ");
    }
    for (const view of both()) view.drawOverlay();
  }
}

async function loadPairs(stack, z) {
  if (!chosen.matchCollection) throw new Error("choose the matches that are to be drawn, above");
  const query = new URLSearchParams({ matchOwner: chosen.matchOwner, points: true });
  const by = { next: 1, previous: -1 }[at("with").value];
  if (by) {
    if (layers.beside(by) === null) return [];
    query.set("toZ", layers.beside(by));
  }
  if (at("local").value !== "") query.set("localTransforms", at("local").value);
  return getJson(`${stackPath(stack)}/z/${z}/matchResiduals/${enc(chosen.matchCollection)}?${query}`);
}

let polygons = null;
async function loadPolygons(z) {
  const directory = at("polygons").value;
  if (!directory) throw new Error("name the folder of the polygon files, as the service sees it");
  if (polygons?.directory !== directory) polygons = { directory, ...(await getJson(`/sectionPolygons?${new URLSearchParams({ directory })}`)) };
  return polygons.polygons.filter((one) => one.z === z);
}

function drawOver(stack, pen, toPixel, zoom, size) {
  const over = stack && overs.get(stack.stack);
  if (!over) return;
  drawTiles(pen, toPixel, size, over.sets, { outlines: shows.has("outlines"), ids: shows.has("ids"), zoom });
  if (shows.has("polygons")) drawPolygons(pen, toPixel, over.polygons);
  if (shows.has("matches")) drawMatches(pen, toPixel, size, over.pairs);
  if (shows.has("residuals")) drawResiduals(pen, toPixel, size, over.pairs, Number(at("times").value) || 1);
}

async function nameTiles(world, stack) {
  const z = layers.z;
  const [hits] = await putJson(`${stackPath(stack)}/z/${z}/world-to-local-coordinates`, [{ world }]);
  const found = hits.filter((hit) => hit.tileId && hit.local);
  const lines = found.map((hit) => element("li", {}, element("a", { href: link("tile-with-neighbors.html", { ...stack, z, tileId: hit.tileId }) }, hit.tileId),
    ` (${hit.local[0].toFixed(1)}, ${hit.local[1].toFixed(1)})${hit.visible && found.length > 1 ? ", on top" : ""}`));
  at("named").replaceChildren(element("strong", {}, `x ${world[0].toFixed(1)}, y ${world[1].toFixed(1)}, z ${z}`),
    found.length ? element("ul", {}, lines) : element("p", {}, "no tile here"));
  at("side").hidden = false;
}

function placeSeen() {
  const { x, y, zoom } = first.seen();
  return { x: x.toFixed(1), y: y.toFixed(1), zoom: zoom.toPrecision(5), z: layers.z };
}

function remember() {
  put(placeSeen());
  leadToNeuroglancer();
}

// the link stays the same element, so that a click that is under way is not lost
function leadToNeuroglancer() {
  const now = at("neuroglancer").querySelector("a");
  if (now) now.href = neuroglancerLink(chosen.metadata, placeSeen()).href;
}

let remembering = 0;
function moved(from) {
  leadToNeuroglancer();
  if (beside) {
    const to = from === first ? second : first;
    if (from.leading !== false) {
      to.leading = false;
      to.look(from.seen(), true);
      to.leading = true;
    }
  }
  clearTimeout(remembering);
  remembering = setTimeout(remember, 200);
}

function makeView(place, stackOf) {
  const view = new SectionView(place, {
    onstep: (by) => layers.step(by), onerror: fail, onmove: () => moved(view), onclick: (world) => attempt(() => nameTiles(world, stackOf())),
    onpoint: ([x, y]) => { at("position").textContent = `x ${x.toFixed(1)}  y ${y.toFixed(1)}  zoom ${view.seen().zoom.toPrecision(3)}`; },
  });
  view.overlay = (...parts) => drawOver(stackOf(), ...parts);
  return view;
}

async function showComparison() {
  clearInterval(blink.timer);
  blink = { timer: 0, other: false };
  const side = other() && at("mode").value === "side";
  put({ compare: at("compare").value, mode: other() ? at("mode").value : null });
  at("second").hidden = !side;
  if (side) {
    second ??= makeView(at("second"), other);
    await new Promise((resolve) => { requestAnimationFrame(resolve); });
    second.look(first.seen());
  }
  beside = Boolean(side);
  second?.setPictures(beside);
  if (other() && at("mode").value === "blink") blink.timer = setInterval(turn, 1000 * Math.max(0.2, Number(at("seconds").value) || 1));
  await showSection();
  await loadOverlays();
}

function turn() {
  if (!other()) return;
  blink.other = !blink.other;
  attempt(showSection);
  first.drawOverlay();
}

function toggle(name, on = !shows.has(name)) {
  if (on) shows.add(name);
  else shows.delete(name);
  for (const box of document.querySelectorAll(`[data-show="${name}"]`)) box.checked = on;
  put({ show: [...shows].join(",") });
  say("");
  attempt(loadOverlays);
  for (const view of both()) view.drawOverlay();
}

function changeLayer() {
  remember();
  say("");
  overs.clear();
  attempt(showSection);
  attempt(loadOverlays);
}

const fit = () => attempt(async () => first.fit(await boundsOf(chosen.metadata.stackId, layers.z), false));

function zoomBy(factor) {
  first.viewer.viewport.zoomBy(factor);
}

const KEYS = {
  o: () => toggle("outlines"), i: () => toggle("ids"), m: () => toggle("matches"), r: () => toggle("residuals"), p: () => toggle("polygons"),
  f: fit, s: () => side(), b: () => { clearInterval(blink.timer); turn(); }, "+": () => zoomBy(1.5), "=": () => zoomBy(1.5), "-": () => zoomBy(1 / 1.5),
  ArrowLeft: () => pan(-1, 0), ArrowRight: () => pan(1, 0), ArrowUp: () => pan(0, -1), ArrowDown: () => pan(0, 1),
};

function pan(x, y) {
  const { viewport } = first.viewer;
  const size = viewport.getBounds();
  viewport.panBy(new OpenSeadragon.Point(0.15 * x * size.width, 0.15 * y * size.height));
}

function side(hide = !at("side").hidden) {
  at("side").hidden = hide;
  at("settings").setAttribute("aria-pressed", !hide);
  put({ side: hide ? "false" : null });
}

function listen() {
  for (const box of document.querySelectorAll("[data-show]")) {
    box.checked = shows.has(box.dataset.show);
    box.addEventListener("change", () => toggle(box.dataset.show, box.checked));
  }
  const act = (id, kind, name, action) => at(id).addEventListener(kind, () => {
    if (name) put({ [name]: at(id).value });
    attempt(action);
  });
  for (const id of ["min", "max"]) act(id, "change", id, showSection);
  act("times", "change", "times", () => first.drawOverlay());
  for (const [id, name] of [["with", "with"], ["local", "localTransforms"], ["polygons", "polygonDirectory"]]) act(id, "change", name, loadOverlays);
  act("compare", "change", null, showComparison);
  act("mode", "change", null, showComparison);
  act("seconds", "change", "seconds", showComparison);
  act("fit", "click", null, fit);
  act("settings", "click", null, () => side());
  act("copy", "click", null, async () => {
    remember();
    if (navigator.clipboard) { // browsers offer it to this machine and over TLS only
      await navigator.clipboard.writeText(location.href);
      say("the address of this view is copied", "good");
    } else {
      await ask("Link to this view", "Copy the address from here:", { fields: { address: { label: "address", value: location.href } }, confirm: "Close" });
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input:not([type=checkbox], [type=range]), select")) return;
    if (layers.key(event.key)) event.preventDefault();
    else if (KEYS[event.key] && !event.target.matches("[type=range]")) {
      event.preventDefault();
      KEYS[event.key]();
    }
  });
}

begin(async () => {
  chosen = await chooseStack({ collection: true });
  const stack = chosen.metadata.stackId;
  document.title = `${stack.stack}: viewer`;
  const zs = await getJson(`${stackPath(stack)}/zValues`);
  if (!zs.length) throw new Error(`${stack.stack} has no tiles yet.`);
  layers = new Layers(zs, number("z"), changeLayer);
  for (const [id, name] of [["min", "min"], ["max", "max"], ["times", "times"], ["with", "with"], ["local", "localTransforms"], ["polygons", "polygonDirectory"], ["seconds", "seconds"], ["mode", "mode"]]) {
    if (get(name)) at(id).value = get(name);
  }
  options(at("compare"), chosen.stacks.map(({ stackId }) => stackId.stack).filter((name) => name !== stack.stack), get("compare"), "with none");
  offerChannels(at("channels"), chosen.metadata.stats?.channelNames ?? [], () => attempt(showSection));
  side(flag("side", innerWidth >= 900) === false);
  // before the view is measured: a link that came later would make it lower
  at("neuroglancer").replaceChildren(neuroglancerLink(chosen.metadata, { x: get("x"), y: get("y"), zoom: get("zoom"), z: layers.z }) ?? "");
  first = makeView(at("first"), onFirst);
  await new Promise((resolve) => { requestAnimationFrame(resolve); });
  if (number("x") !== null && number("y") !== null && number("zoom") > 0) first.look({ x: number("x"), y: number("y"), zoom: number("zoom") });
  else first.fit(await boundsOf(stack, layers.z));
  remember();
  listen();
  await showComparison();
});
