// Shows one section: drag to move, wheel to zoom, click to name the tiles at a place.
// World coordinates are pixels at full scale; `view` says which world point is at the canvas's upper left and
// how many canvas pixels one world pixel takes. Pictures are fetched in squares of SIDE canvas pixels at scales 2^-n.

import { BASE, element, getJson, putJson, queryStack, stackPath } from "./api.js";
import { drawClusters, loadClusters, pairLinks } from "./clusters.js";

const SIDE = 512;
const KEPT = 300;
const at = (id) => document.getElementById(id);
const canvas = at("view");
const pen = canvas.getContext("2d");
const query = new URLSearchParams(location.search);
const stack = queryStack(query);
const path = stackPath(stack);
const pictures = new Map();
let view = { x: 0, y: 0, zoom: 1 };
let clusters = []; // sets of tiles that the chosen matches connect
let moved = false; // until then the whole section is kept in view
let bounds = { minX: 0, minY: 0, maxX: 1, maxY: 1 };

function resize() {
  const untouched = !moved;
  canvas.width = canvas.clientWidth;
  canvas.height = canvas.clientHeight;
  if (untouched) fit();
  else draw();
}

function fit() {
  const width = bounds.maxX - bounds.minX;
  const height = bounds.maxY - bounds.minY;
  const zoom = 0.95 * Math.min(canvas.width / width, canvas.height / height);
  view = { zoom, x: bounds.minX - (canvas.width / zoom - width) / 2, y: bounds.minY - (canvas.height / zoom - height) / 2 };
  draw();
}

function settings() {
  const options = new URLSearchParams();
  if (at("min").value !== "") options.set("minIntensity", at("min").value);
  if (at("max").value !== "") options.set("maxIntensity", at("max").value);
  if (at("channel").value) options.set("channels", at("channel").value);
  if (at("outlines").checked) options.set("maxTileSpecsToRender", "0");
  const text = options.toString();
  return text ? `?${text}` : "";
}

function picture(level, column, row) {
  const side = SIDE * 2 ** level;
  const place = [column * side, row * side, side, side, 1 / 2 ** level].join(",");
  const format = at("outlines").checked ? "png" : "jpeg";
  const source = `${BASE}${path}/z/${at("z").value}/box/${place}/${format}-image${settings()}`;
  let image = pictures.get(source);
  if (!image) {
    image = new Image();
    image.onload = draw;
    image.src = source;
  }
  pictures.delete(source); // the map keeps insertion order: the oldest goes first
  pictures.set(source, image);
  if (pictures.size > KEPT) pictures.delete(pictures.keys().next().value);
  return image;
}

function draw() {
  pen.fillStyle = "#000";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  const level = Math.max(0, Math.floor(-Math.log2(view.zoom)));
  const side = SIDE * 2 ** level;
  const first = (low, edge) => Math.floor(Math.max(low, edge) / side);
  const last = (high, edge) => Math.floor(Math.min(high, edge) / side);
  pen.imageSmoothingEnabled = view.zoom < 4;
  for (let row = first(view.y, bounds.minY); row <= last(view.y + canvas.height / view.zoom, bounds.maxY); row++) {
    for (let column = first(view.x, bounds.minX); column <= last(view.x + canvas.width / view.zoom, bounds.maxX); column++) {
      const image = picture(level, column, row);
      if (!image.complete || !image.naturalWidth) continue;
      const left = Math.round((column * side - view.x) * view.zoom);
      const top = Math.round((row * side - view.y) * view.zoom);
      const right = Math.round(((column + 1) * side - view.x) * view.zoom);
      const bottom = Math.round(((row + 1) * side - view.y) * view.zoom);
      pen.drawImage(image, left, top, right - left, bottom - top);
    }
  }
  drawClusters(pen, clusters, view);
}

async function showSection() {
  clusters = [];
  draw();
  const [z, collection] = [at("z").value, at("collection").value];
  if (!collection) return;
  try {
    const found = await loadClusters(stack, z, collection);
    if (z !== at("z").value || collection !== at("collection").value) return;
    clusters = found;
    const count = clusters.reduce((sum, { tiles }) => sum + tiles.length, 0);
    at("tiles").textContent = `${count} tiles in ${clusters.length} connected sets`;
    draw();
  } catch (error) {
    at("tiles").textContent = error.message;
  }
}

function zoomAt(x, y, factor) {
  moved = true;
  const zoom = Math.min(32, Math.max(1e-4, view.zoom * factor));
  view = { zoom, x: view.x + x / view.zoom - x / zoom, y: view.y + y / view.zoom - y / zoom };
  draw();
}

async function nameTiles(x, y) {
  const world = [view.x + x / view.zoom, view.y + y / view.zoom];
  const [hits] = await putJson(`${path}/z/${at("z").value}/world-to-local-coordinates`, [{ world }]);
  const found = hits.filter((hit) => hit.tileId && hit.local);
  at("tiles").replaceChildren(...(found.length
    ? found.map((hit) => element("span", {}, `${hit.tileId} (${hit.local[0].toFixed(1)}, ${hit.local[1].toFixed(1)})${hit.visible ? " on top" : ""}  `))
    : ["no tile here"]));
  const top = found.find((hit) => hit.visible);
  const collection = at("collection").value;
  if (top && collection) at("tiles").append(...(await pairLinks(stack, collection, clusters, top.tileId)));
}

function follow(event) {
  const x = view.x + event.offsetX / view.zoom;
  const y = view.y + event.offsetY / view.zoom;
  at("position").textContent = `x ${x.toFixed(1)}  y ${y.toFixed(1)}  zoom ${view.zoom.toPrecision(3)}`;
}

function listen() {
  let grabbed = null;
  canvas.addEventListener("pointerdown", (event) => {
    grabbed = { x: event.offsetX, y: event.offsetY, view: { ...view }, moved: false };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    follow(event);
    if (!grabbed) return;
    const dx = event.offsetX - grabbed.x;
    const dy = event.offsetY - grabbed.y;
    grabbed.moved ||= Math.hypot(dx, dy) > 3;
    moved ||= grabbed.moved;
    view = { ...grabbed.view, x: grabbed.view.x - dx / view.zoom, y: grabbed.view.y - dy / view.zoom };
    draw();
  });
  canvas.addEventListener("pointerup", (event) => {
    if (grabbed && !grabbed.moved) nameTiles(event.offsetX, event.offsetY).catch((error) => { at("tiles").textContent = error.message; });
    grabbed = null;
  });
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoomAt(event.offsetX, event.offsetY, Math.exp(-event.deltaY / 400));
  }, { passive: false });
  document.addEventListener("keydown", (event) => {
    if (event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement) return;
    const act = { ",": () => step(-1), ".": () => step(1), f: () => { moved = false; fit(); },
      "+": () => zoomAt(canvas.width / 2, canvas.height / 2, 2), "-": () => zoomAt(canvas.width / 2, canvas.height / 2, 0.5) }[event.key];
    if (act) act();
  });
  new ResizeObserver(resize).observe(canvas);
  at("z").addEventListener("change", showSection);
  at("collection").addEventListener("change", showSection);
  for (const id of ["channel", "min", "max", "outlines"]) at(id).addEventListener("change", draw);
  at("previous").addEventListener("click", () => step(-1));
  at("next").addEventListener("click", () => step(1));
  at("fit").addEventListener("click", () => { moved = false; fit(); });
}

function step(by) {
  const select = at("z");
  const index = select.selectedIndex + by;
  if (index >= 0 && index < select.length) {
    select.selectedIndex = index;
    showSection();
  }
}

function offerChannels(names) {
  at("channels").hidden = names.length < 2;
  at("channel").replaceChildren(element("option", { value: "" }, "default"),
    ...names.map((name) => element("option", { value: name }, name)));
  if (names.includes(query.get("channel"))) at("channel").value = query.get("channel");
}

async function offerCollections() {
  const names = (await getJson(`/owner/${stack.owner}/matchCollections`)).map(({ collectionId }) => collectionId.name);
  at("collections").hidden = !names.length;
  at("collection").replaceChildren(element("option", { value: "" }, "none"),
    ...names.map((name) => element("option", { value: name }, name)));
  if (names.includes(query.get("matchCollection"))) at("collection").value = query.get("matchCollection");
}

async function start() {
  at("title").textContent = `${stack.project} / ${stack.stack}`;
  document.title = `${stack.stack}: viewer`;
  const zs = await getJson(`${path}/zValues`);
  at("z").replaceChildren(...zs.map((z) => element("option", { value: z }, String(z))));
  if (zs.map(String).includes(query.get("z"))) at("z").value = query.get("z");
  const metadata = await getJson(path);
  offerChannels(metadata.stats?.channelNames ?? []);
  bounds = metadata.stats?.stackBounds ?? (await getJson(`${path}/z/${zs[0]}/bounds`));
  await offerCollections();
  listen();
  resize();
  await showSection();
}

start().catch((error) => { at("tiles").textContent = error.message; });
