// A tile and what is around it, in its own section and those beside it, with the matches of the tile drawn between pictures.
// Parameters as of render's page of this name: tileId, renderScale, neighborSizeFactor.

import { collectionPath, enc, getJson, stackPath } from "./api.js";
import { at, attempt, begin, chooseStack, turns } from "./page.js";
import { colourOf, orientedPoints } from "./pair-view.js";
import { flag, get, link, number, put } from "./state.js";
import { pictureOptions, pictureUrl } from "./tile-pictures.js";

const SPREAD = 1.12; // how far apart pictures are, in their distances in the world
const GAP = 40;
let chosen = {};
let tiles = []; // {tile, z, left, top, width, height, image}
let pairs = [];
let middle = null;
const showing = turns();

const path = () => stackPath(chosen.metadata.stackId);
const group = (tile) => tile.layout?.sectionId ?? chosen.matchCollection;
const centre = (tile) => [(tile.minX + tile.maxX) / 2, (tile.minY + tile.maxY) / 2];

async function collect(tileId) {
  const factor = Number(at("factor").value);
  const here = await getJson(`${path()}/tile/${enc(tileId)}/withNeighbors/render-parameters?widthFactor=${factor}&heightFactor=${factor}`);
  const tile = here.tileSpecs.find((one) => one.tileId === tileId);
  const found = [{ z: tile.z, list: here.tileSpecs }];
  if (at("layers").checked) {
    const zs = await getJson(`${path()}/zValues`);
    const index = zs.indexOf(tile.z);
    const box = [here.x, here.y, here.width, here.height, 1].join(",");
    for (const z of [zs[index - 1], zs[index + 1]].filter((one) => one !== undefined)) {
      found.push({ z, list: (await getJson(`${path()}/z/${z}/box/${box}/render-parameters`)).tileSpecs });
    }
  }
  found.sort((a, b) => a.z - b.z);
  return { tile, found };
}

// places of pictures: one block for each section, in it by where the tiles are in the world
function arrange(tile, found, scale) {
  const canvas = at("around");
  const placed = [];
  let left = 0;
  let height = 0;
  for (const { z, list } of found) {
    const boxes = list.map((one) => {
      const [x, y] = centre(one);
      const [width, high] = [(one.width ?? one.maxX - one.minX) * scale, (one.height ?? one.maxY - one.minY) * scale];
      return { tile: one, z, width, height: high, left: SPREAD * scale * x - width / 2, top: SPREAD * scale * y - high / 2 };
    });
    if (!boxes.length) continue;
    const [minLeft, minTop] = [Math.min(...boxes.map((b) => b.left)), Math.min(...boxes.map((b) => b.top))];
    for (const box of boxes) {
      box.left += left - minLeft;
      box.top += 20 - minTop;
      placed.push(box);
    }
    left = Math.max(...boxes.map((b) => b.left + b.width)) + GAP;
    height = Math.max(height, ...boxes.map((b) => b.top + b.height));
  }
  canvas.width = Math.max(1, Math.ceil(left - GAP));
  canvas.height = Math.ceil(height + 4);
  return placed;
}

function draw() {
  const pen = at("around").getContext("2d");
  pen.clearRect(0, 0, pen.canvas.width, pen.canvas.height);
  pen.font = "13px system-ui, sans-serif";
  for (const one of tiles) {
    if (one.image) pen.drawImage(one.image, one.left, one.top, one.width, one.height);
    pen.strokeStyle = one.tile === middle.tile ? "#ffd23f" : "#888";
    pen.lineWidth = one.tile === middle.tile ? 3 : 1;
    pen.strokeRect(one.left, one.top, one.width, one.height);
  }
  pen.fillStyle = "#ddd";
  for (const z of new Set(tiles.map((one) => one.z))) pen.fillText(`z ${z}`, Math.min(...tiles.filter((one) => one.z === z).map((one) => one.left)), 14);
  pairs.forEach((pair, n) => drawPair(pen, pair, colourOf(n)));
}

function drawPair(pen, { other, points }, colour) {
  const scale = Number(at("scale").value);
  pen.strokeStyle = pen.fillStyle = colour;
  pen.lineWidth = 1;
  pen.beginPath();
  for (const [px, py, qx, qy] of points) {
    const ends = [[middle.left + px * scale, middle.top + py * scale], [other.left + qx * scale, other.top + qy * scale]];
    for (const [x, y] of ends) pen.fillRect(x - 1.5, y - 1.5, 3, 3);
    if (at("lines").checked) {
      pen.moveTo(...ends[0]);
      pen.lineTo(...ends[1]);
    }
  }
  pen.stroke();
}

async function loadPictures(options, scale) {
  const wanted = tiles;
  await Promise.all(wanted.map(async (one) => {
    const answer = await fetch(pictureUrl(chosen.metadata.stackId, one.tile.tileId, options, scale));
    if (!answer.ok) throw new Error(`no picture of ${one.tile.tileId}: ${await answer.text()}`);
    one.image = await createImageBitmap(await answer.blob());
    [one.width, one.height] = [one.image.width, one.image.height];
    if (tiles === wanted) draw();
  }));
}

async function loadPairs(late) {
  if (!chosen.matchCollection) return;
  const mine = group(middle.tile);
  const found = await getJson(`${collectionPath(chosen.matchOwner, chosen.matchCollection)}/group/${enc(mine)}/id/${enc(middle.tile.tileId)}`);
  if (late()) return;
  const places = new Map(tiles.map((one) => [JSON.stringify([group(one.tile), one.tile.tileId]), one]));
  for (const pair of found) {
    const first = pair.pId === middle.tile.tileId && pair.pGroupId === mine;
    const other = places.get(JSON.stringify(first ? [pair.qGroupId, pair.qId] : [pair.pGroupId, pair.pId]));
    if (other) pairs.push({ other, points: orientedPoints(pair, mine, middle.tile.tileId) });
  }
  const total = pairs.reduce((sum, { points }) => sum + points.length, 0);
  at("count").textContent = `${tiles.length} tiles; ${total.toLocaleString()} matches with ${pairs.length} of them`;
}

async function show(tileId) {
  put({ tileId });
  at("title").textContent = tileId;
  at("count").textContent = "…";
  const late = showing();
  const { tile, found } = await collect(tileId);
  const options = await pictureOptions(chosen.matchOwner, chosen.matchCollection);
  if (late()) return;
  const blocks = found.length;
  if (at("scale").value === "") {
    const room = (at("around").parentElement.clientWidth - 60) / blocks;
    const wide = Math.max(...found.map(({ list }) => Math.max(...list.map((t) => t.maxX), 0) - Math.min(...list.map((t) => t.minX), Infinity)));
    at("scale").value = Math.min(1, Math.max(0.02, room / (wide * SPREAD))).toFixed(2);
  }
  const scale = Number(at("scale").value);
  tiles = arrange(tile, found, scale);
  middle = tiles.find((one) => one.tile === tile);
  pairs = [];
  at("count").textContent = `${tiles.length} tiles`;
  at("viewer").href = link("viewer.html", { z: tile.z, x: centre(tile)[0].toFixed(1), y: centre(tile)[1].toFixed(1), zoom: 1 });
  put({ z: tile.z });
  draw();
  await loadPictures(options, scale);
  if (late()) return;
  await loadPairs(late);
  if (!late()) draw();
}

function under(event) {
  const box = at("around").getBoundingClientRect();
  const [x, y] = [((event.clientX - box.left) * at("around").width) / box.width, ((event.clientY - box.top) * at("around").height) / box.height];
  const hits = tiles.filter((one) => x >= one.left && y >= one.top && x <= one.left + one.width && y <= one.top + one.height);
  return hits.at(-1) ?? null;
}

function open(page, one, other) {
  const [p, q] = [one, other].map(({ tile }) => tile.tileId).sort();
  location.href = link(page, { pId: p, qId: q });
}

let marked = null;
function clicked(event) {
  const one = under(event);
  if (!one) return;
  if (event.shiftKey) {
    if (marked && marked !== one) open("tile-pair.html", marked, one);
    else if (one !== middle && !marked) open("tile-pair.html", middle, one);
    marked = one;
  } else if (event.altKey) {
    if (one !== middle) open("match-trial.html", middle, one);
  } else if (one !== middle) {
    attempt(() => show(one.tile.tileId));
  }
}

function step(dx, dy) {
  const [x, y] = centre(middle.tile);
  const along = tiles.filter((one) => one.z === middle.z && one !== middle).map((one) => {
    const [ox, oy] = centre(one.tile);
    return { one, ahead: (ox - x) * dx + (oy - y) * dy, aside: Math.abs((ox - x) * dy) + Math.abs((oy - y) * dx) };
  }).filter(({ ahead, aside }) => ahead > aside);
  along.sort((a, b) => a.ahead + a.aside - b.ahead - b.aside);
  if (along.length) attempt(() => show(along[0].one.tile.tileId));
}

begin(async () => {
  chosen = await chooseStack({ collection: true });
  at("factor").value = number("neighborSizeFactor", 0.3);
  at("layers").checked = flag("layers");
  if (number("renderScale") !== null) at("scale").value = number("renderScale");
  let tileId = get("tileId");
  if (!tileId) {
    const z = get("z") ?? (await getJson(`${path()}/zValues`))[0];
    const bounds = z === undefined ? [] : await getJson(`${path()}/z/${z}/tileBounds`);
    if (!bounds.length) throw new Error("This stack has no tiles here: choose another one, or come from the layer view.");
    tileId = bounds[Math.floor(bounds.length / 2)].tileId;
  }
  at("around").addEventListener("click", clicked);
  for (const [id, name] of [["scale", "renderScale"], ["factor", "neighborSizeFactor"]]) at(id).addEventListener("change", () => {
    put({ [name]: at(id).value });
    attempt(() => show(get("tileId")));
  });
  at("layers").addEventListener("change", () => {
    put({ layers: at("layers").checked || null });
    at("scale").value = "";
    attempt(() => show(get("tileId")));
  });
  at("lines").addEventListener("change", draw);
  document.addEventListener("keydown", (event) => {
    if (event.target.matches("input, select") || !middle) return;
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (way) {
      event.preventDefault();
      step(...way);
    }
  });
  await show(tileId);
});
