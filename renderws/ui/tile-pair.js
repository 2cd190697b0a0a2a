// Shows two tiles side by side with their matches. The parameters in the address are those of render's page of this
// name: renderStackOwner, renderStackProject, renderStack, matchOwner, matchCollection, pId, qId, renderScale.
// Points of a match are pixels at full scale of the picture that a tile has for matching, whose corner is at (0, 0).

import { BASE, collectionPath, deletePath, getJson, queryStack, stackPath } from "./api.js";

const GAP = 24;
const at = (id) => document.getElementById(id);
const query = new URLSearchParams(location.search);
const path = stackPath(queryStack(query));
const matches = collectionPath(query.get("matchOwner") ?? query.get("renderStackOwner"), query.get("matchCollection"));
const sides = ["p", "q"].map((side) => ({ id: query.get(`${side}Id`) }));
const pen = at("pair").getContext("2d");
let points = []; // one [px, py, qx, qy] a match
let shown = null; // index of the only match that is shown, null: all

function pairPath() {
  const [p, q] = sides.map(({ group, id }) => [group, id].map(encodeURIComponent));
  return `${matches}/group/${p[0]}/id/${p[1]}/matchesWith/${q[0]}/id/${q[1]}`;
}

async function describe(side) {
  const tile = await getJson(`${path}/tile/${encodeURIComponent(side.id)}`);
  side.group = tile.layout?.sectionId ?? query.get("matchCollection");
}

// what tiles look like to whoever made the matches: with none, or the first, of their transforms
async function pictureOptions() {
  const { local_transforms: kept } = await getJson(`${matches}/metadata`).catch(() => ({}));
  const options = new URLSearchParams({ normalizeForMatching: "true", scale: at("scale").value });
  if (kept === 0) options.set("excludeAllTransforms", "true");
  for (const name of ["excludeMask", "filter", "minIntensity", "maxIntensity", "channels"]) {
    if (query.get(name)) options.set(name, query.get(name));
  }
  return options;
}

function load(side, options) {
  return new Promise((resolve, reject) => {
    side.image = new Image();
    side.image.onload = resolve;
    side.image.onerror = () => reject(new Error(`there is no picture of ${side.id}`));
    side.image.src = `${BASE}${path}/tile/${encodeURIComponent(side.id)}/jpeg-image?${options}`;
  });
}

// p and q come back in string order of group and id, which need not be the order on this page
function oriented(found) {
  const { p, q, w } = found.matches;
  if (p.length !== 2 || p[0].length !== w.length) {
    throw new Error(`the matches of ${found.pId} and ${found.qId} are stored point by point, not as a row of x and one of y`);
  }
  const same = found.pGroupId === sides[0].group && found.pId === sides[0].id;
  const [left, right] = same ? [p, q] : [q, p];
  return w.map((_, n) => [left[0][n], left[1][n], right[0][n], right[1][n]]);
}

function draw() {
  const scale = Number(at("scale").value);
  const [left, right] = sides.map(({ image }) => image);
  pen.canvas.width = left.width + GAP + right.width;
  pen.canvas.height = Math.max(left.height, right.height);
  pen.drawImage(left, 0, 0);
  pen.drawImage(right, left.width + GAP, 0);
  points.forEach(([px, py, qx, qy], n) => {
    if (shown !== null && shown !== n) return;
    const ends = [[px * scale, py * scale], [qx * scale + left.width + GAP, qy * scale]];
    pen.strokeStyle = pen.fillStyle = `hsl(${(n * 137.5) % 360} 90% 60%)`;
    for (const [x, y] of ends) pen.fillRect(x - 2, y - 2, 5, 5);
    if (!at("lines").checked) return;
    pen.beginPath();
    pen.moveTo(...ends[0]);
    pen.lineTo(...ends[1]);
    pen.stroke();
  });
  const one = shown === null ? "" : `, number ${shown + 1}: (${points[shown].map((v) => v.toFixed(1)).join(", ")})`;
  at("message").textContent = `${points.length} matches${one}`;
}

function step(by) {
  if (!points.length) return;
  shown = shown === null ? (by > 0 ? 0 : points.length - 1) : (shown + by + points.length) % points.length;
  draw();
}

async function showPictures() {
  const options = await pictureOptions();
  await Promise.all(sides.map((side) => load(side, options)));
  draw();
}

async function remove() {
  if (!confirm(`Delete the ${points.length} matches of ${sides[0].id} and ${sides[1].id}?`)) return;
  await deletePath(pairPath());
  points = [];
  shown = null;
  draw();
}

function report(error) {
  at("message").textContent = error.message;
}

async function start() {
  at("title").textContent = `${sides[0].id} and ${sides[1].id}`;
  at("scale").value = query.get("renderScale") ?? 0.15;
  await Promise.all(sides.map(describe));
  at("raw").href = BASE + pairPath();
  points = (await getJson(pairPath())).flatMap(oriented);
  await showPictures();
}

at("all").addEventListener("click", () => { shown = null; draw(); });
at("previous").addEventListener("click", () => step(-1));
at("next").addEventListener("click", () => step(1));
at("lines").addEventListener("change", draw);
at("scale").addEventListener("change", () => showPictures().catch(report));
at("delete").addEventListener("click", () => remove().catch(report));
document.addEventListener("keydown", (event) => {
  if (event.target instanceof HTMLInputElement) return;
  const by = { ",": -1, ".": 1 }[event.key];
  if (by) step(by);
});
start().catch(report);
