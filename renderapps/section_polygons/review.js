"use strict";
// Corners are held in pixels of the image: pixel = (world - min) * scale in x and in y.

const $ = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
const state = {
  list: [], index: 0, document: null, version: null, corners: [], saved: "", undo: [],
  size: [1, 1], drawing: false, zoom: 1, offset: [0, 0], loading: 0,
};

function say(text, problem = false) {
  $("message").textContent = text;
  $("message").classList.toggle("problem", problem);
}

async function ask(path, body) {
  const options = body === undefined ? {} : {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  };
  const answer = await fetch(path, options);
  const found = await answer.json();
  if (!answer.ok) throw new Error(found.error || answer.statusText);
  return found;
}

const pathOf = (entry) => `polygons/${encodeURIComponent(entry.name)}`;
const scales = () => {
  const box = state.document.bounds;
  return [state.size[0] / (box.maxX - box.minX), state.size[1] / (box.maxY - box.minY)];
};
const toPixel = ([x, y]) => {
  const box = state.document.bounds, [sx, sy] = scales();
  return [(x - box.minX) * sx, (y - box.minY) * sy];
};
const toWorld = ([x, y]) => {
  const box = state.document.bounds, [sx, sy] = scales();
  return [x / sx + box.minX, y / sy + box.minY];
};
const changed = () => JSON.stringify(state.corners) !== state.saved;

async function start() {
  const found = await ask("polygons");
  state.list = found.polygons;
  document.title = `Section polygons: ${found.folder}`;
  const first = state.list.findIndex((entry) => !entry.reviewed);
  await show(Math.max(first, 0));
  setInterval(() => fetch("polygons").catch(() => say("the review has ended", true)), 20000);
}

async function show(index) {
  const turn = ++state.loading;
  const entry = state.list[index];
  try {
    const found = await ask(pathOf(entry));
    if (turn !== state.loading) return;
    state.index = index;
    state.document = found.document;
    state.version = found.version;
    $("reviewed").checked = Boolean(found.document.reviewed);
    await loadImage(entry);
    if (turn !== state.loading) return;
    takeRing(found.document.roi);
    fit();
    listSections();
  } catch (error) {
    state.index = index;
    listSections();
    say(error.message, true);
  }
}

async function loadImage(entry) {
  const picture = new Image();
  picture.src = `${pathOf(entry)}/image`;
  try {
    await picture.decode();
    state.size = [picture.naturalWidth, picture.naturalHeight];
    $("image").setAttribute("href", picture.src);
    say("");
  } catch {
    const box = state.document.bounds;
    if (!box) throw new Error(`${entry.name} has neither an image nor bounds`);
    state.size = [box.maxX - box.minX, box.maxY - box.minY];
    $("image").removeAttribute("href");
    const answer = await fetch(picture.src);
    const reason = answer.ok ? "the browser cannot show the image" : (await answer.json()).error;
    say(reason, true);
  }
  if (!state.document.bounds) {
    state.document.bounds = { minX: 0, minY: 0, maxX: state.size[0], maxY: state.size[1] };
  }
  $("image").setAttribute("width", state.size[0]);
  $("image").setAttribute("height", state.size[1]);
}

function takeRing(roi) {
  const several = roi.type === "MultiPolygon" || roi.coordinates.length > 1;
  const ring = roi.type === "MultiPolygon" ? roi.coordinates[0][0] : roi.coordinates[0];
  state.corners = ring.slice(0, -1).map(toPixel);
  state.saved = JSON.stringify(state.corners);
  state.undo = [];
  state.drawing = false;
  if (several) say("only its first ring is shown, and would be saved", true);
  draw();
}

function remember() {
  state.undo.push(JSON.stringify(state.corners));
}

function draw() {
  const scene = $("scene");
  scene.setAttribute("transform", `translate(${state.offset}) scale(${state.zoom})`);
  $("polygon").setAttribute("points", state.corners.map((c) => c.join(",")).join(" "));
  $("view").classList.toggle("drawing", state.drawing);
  const unit = 1 / state.zoom;
  const few = state.corners.length <= 400 || state.zoom > 3;
  $("corners").replaceChildren(...state.corners.map(([x, y], index) => {
    const circle = document.createElementNS(SVG, "circle");
    circle.setAttribute("cx", x);
    circle.setAttribute("cy", y);
    circle.setAttribute("r", (few ? 7 : 3) * unit);
    circle.dataset.index = index;
    if (index === 0) circle.classList.add("first");
    return circle;
  }));
  $("middles").replaceChildren(...(state.drawing || !few ? [] : state.corners).map(([x, y], i) => {
    const [u, v] = state.corners[(i + 1) % state.corners.length];
    const square = document.createElementNS(SVG, "rect");
    const side = 8 * unit;
    square.setAttribute("x", (x + u) / 2 - side / 2);
    square.setAttribute("y", (y + v) / 2 - side / 2);
    square.setAttribute("width", side);
    square.setAttribute("height", side);
    square.dataset.after = i;
    return square;
  }));
}

function listSections() {
  $("list").replaceChildren(...state.list.map((entry, index) => {
    const button = document.createElement("button");
    const mark = entry.reviewed ? "\u2713" : "\u00b7";
    const sure = entry.confidence === undefined ? "" : ` (${Math.round(100 * entry.confidence)} %)`;
    button.textContent = `${mark} z ${entry.z}${sure}`;
    button.classList.toggle("doubtful", entry.lines_found < 2);
    button.setAttribute("aria-current", index === state.index);
    button.addEventListener("click", () => leave(index));
    const item = document.createElement("li");
    item.append(button);
    return item;
  }));
  $("list").children[state.index]?.scrollIntoView({ block: "nearest" });
  const entry = state.list[state.index];
  const lines = entry.lines_found === undefined ? "" : `, glue lines found: ${entry.lines_found}`;
  $("section").textContent = `z ${entry.z}${lines}`;
  const done = state.list.filter((one) => one.reviewed).length;
  $("count").textContent = `${done} of ${state.list.length} reviewed`;
}

async function save(reviewed) {
  const entry = state.list[state.index];
  const ring = changed() ? state.corners.map(toWorld) : null;
  try {
    const found = await ask(pathOf(entry), { version: state.version, reviewed, ring });
    state.version = found.version;
    state.document.reviewed = entry.reviewed = reviewed;
    state.saved = JSON.stringify(state.corners);
    $("reviewed").checked = reviewed;
    listSections();
    say(found.backup ? `saved; the version before is ${found.backup}` : "nothing has changed");
    return true;
  } catch (error) {
    say(error.message, true);
    return false;
  }
}

async function leave(index, drop = false) {
  if (index < 0 || index >= state.list.length) return say("there are no more");
  const differs = changed() || $("reviewed").checked !== Boolean(state.document?.reviewed);
  if (differs && !drop && !(await save($("reviewed").checked))) return;
  await show(index);
}

function nextOpen() {
  const order = state.list.map((_, i) => (state.index + 1 + i) % state.list.length);
  return order.find((i) => !state.list[i].reviewed && i !== state.index);
}

async function saveAndNext() {
  if (!(await save(true))) return;
  const next = nextOpen();
  if (next === undefined) say("all are reviewed");
  else await show(next);
}

function skip() {
  const next = nextOpen();
  if (next === undefined) say("there is no other that is not reviewed");
  else leave(next, true);
}

function fit() {
  const box = $("view").getBoundingClientRect();
  state.zoom = 0.95 * Math.min(box.width / state.size[0], box.height / state.size[1]);
  state.offset = [0, 1].map((k) => ([box.width, box.height][k] - state.zoom * state.size[k]) / 2);
  draw();
}

function place(event) {
  const box = $("view").getBoundingClientRect();
  return [event.clientX - box.left - state.offset[0], event.clientY - box.top - state.offset[1]]
    .map((value) => value / state.zoom);
}

function removeCorner(index) {
  if (state.corners.length <= 3) return say("a polygon has three corners or more", true);
  remember();
  state.corners.splice(index, 1);
  draw();
}

let drag = null;
$("view").addEventListener("pointerdown", (event) => {
  if (event.button !== 0) return;
  const { index, after } = event.target.dataset;
  if (state.drawing) {
    state.corners.push(place(event));
    return draw();
  }
  if (after !== undefined) {
    remember();
    state.corners.splice(Number(after) + 1, 0, place(event));
    drag = { corner: Number(after) + 1 };
    draw();
  } else if (index !== undefined) {
    drag = { corner: Number(index), from: place(event) };
  } else {
    drag = { x: event.clientX - state.offset[0], y: event.clientY - state.offset[1] };
  }
  $("view").setPointerCapture(event.pointerId);
});
$("view").addEventListener("pointermove", (event) => {
  if (!drag) return;
  if (drag.corner === undefined) {
    state.offset = [event.clientX - drag.x, event.clientY - drag.y];
  } else {
    const to = place(event);
    if (drag.from) {
      if (Math.hypot(to[0] - drag.from[0], to[1] - drag.from[1]) * state.zoom < 2) return;
      remember();
      drag.from = null;
    }
    state.corners[drag.corner] = to;
  }
  draw();
});
$("view").addEventListener("pointerup", () => { drag = null; });
$("view").addEventListener("pointercancel", () => { drag = null; });
$("view").addEventListener("dblclick", (event) => {
  if (state.drawing) {
    state.corners.pop(); // the second click of the two
    if (state.corners.length < 3) return say("a polygon has three corners or more", true);
    state.drawing = false;
    return draw();
  }
  const corner = document.elementFromPoint(event.clientX, event.clientY)?.dataset.index;
  if (corner !== undefined) removeCorner(Number(corner));
});
$("view").addEventListener("contextmenu", (event) => {
  event.preventDefault();
  if (event.target.dataset.index !== undefined) removeCorner(Number(event.target.dataset.index));
});
$("view").addEventListener("wheel", (event) => {
  event.preventDefault();
  const at = place(event), factor = Math.exp(-event.deltaY / 500);
  const zoom = Math.min(Math.max(state.zoom * factor, 0.01), 100);
  state.offset = state.offset.map((value, k) => value + at[k] * (state.zoom - zoom));
  state.zoom = zoom;
  draw();
}, { passive: false });

const actions = {
  previous: () => leave(state.index - 1), next: () => leave(state.index + 1), skip,
  save: saveAndNext, keep: () => save($("reviewed").checked), fit,
  undo: () => {
    if (!state.undo.length) return say("there is nothing to undo");
    state.corners = JSON.parse(state.undo.pop());
    state.drawing = false;
    draw();
  },
  reset: () => { remember(); state.corners = JSON.parse(state.saved); state.drawing = false; draw(); },
  draw: () => {
    remember();
    state.corners = [];
    state.drawing = true;
    say("click corner by corner; a double click ends");
    draw();
  },
  finish: async () => {
    if (changed() && !(await save($("reviewed").checked))) return;
    await ask("finish", {});
    say("the review has ended; this page can be closed");
  },
};
for (const [id, action] of Object.entries(actions)) {
  $(id).addEventListener("click", () => Promise.resolve(action()).catch((e) => say(e.message, true)));
}
const keys = {
  ArrowLeft: "previous", ArrowRight: "next", k: "skip", Enter: "save", s: "keep", u: "undo", 0: "fit",
};
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !(event.key in keys)) return;
  event.preventDefault();
  $(keys[event.key]).click();
});
window.addEventListener("resize", fit);
window.addEventListener("beforeunload", (event) => { if (state.document && changed()) event.preventDefault(); });
start().catch((error) => say(error.message, true));
