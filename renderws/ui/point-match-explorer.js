// Which sections a match collection joins, and how well: one column for each section in the order of z, one row for each
// distance between two sections. A click on a square lists its pairs of tiles; a click on a pair shows its matches.
// Parameters as of render's page of this name: startZ, endZ.

import { collectionPath, element, enc, getJson, stackPath } from "./api.js";
import { at, attempt, begin, chooseStack, say, turns } from "./page.js";
import { get, link, number, put } from "./state.js";
import { SortedTable } from "./table.js";

const EDGE = { left: 74, top: 10, bottom: 24 };
const ROW = 22;
let chosen = {};
let sections = []; // in the order of z
let links = []; // {from, distance, pairCount, matchCount, ...}, from an index of sections
let cell = 12;
let selected = null; // [column, row]

const measures = { mean: (one) => one.matchCount / one.pairCount };
const measured = (one) => (measures[at("measure").value] ?? ((each) => each[at("measure").value]))(one);
const rows = () => Math.max(1, ...links.map(({ distance }) => distance)) + 1;
const find = (column, row) => links.find(({ from, distance }) => from === column && distance === row);

const loading = turns();
async function load() {
  const late = loading();
  const query = new URLSearchParams({ matchOwner: chosen.matchOwner });
  if (at("start").value !== "") query.set("minZ", at("start").value);
  if (at("end").value !== "") query.set("maxZ", at("end").value);
  const found = await getJson(`${stackPath(chosen.metadata.stackId)}/sectionLinks/${enc(chosen.matchCollection)}?${query}`);
  if (late()) return;
  sections = found.sections.sort((a, b) => a.z - b.z || a.sectionId.localeCompare(b.sectionId));
  const index = new Map(sections.map(({ sectionId }, n) => [sectionId, n]));
  links = found.links.map((one) => {
    const [p, q] = [index.get(one.pGroupId), index.get(one.qGroupId)];
    return { ...one, from: Math.min(p, q), distance: Math.abs(p - q) };
  });
  selected = null;
  const pairs = links.reduce((sum, one) => sum + one.pairCount, 0);
  const matches = links.reduce((sum, one) => sum + one.matchCount, 0);
  const lonely = sections.filter((_, n) => !links.some(({ from, distance }) => distance && (from === n || from + distance === n))).length;
  at("summary").textContent = `${sections.length.toLocaleString()} ${sections.length === 1 ? "section" : "sections"}, ${pairs.toLocaleString()} pairs, ${matches.toLocaleString()} matches; without matches to another section: ${lonely.toLocaleString()}`;
  at("explain").textContent = "Each column is a section, in the order of z. The first row is matches within it, the second those with the next section, and so on; an empty square is no match.";
  layout();
}

function layout() {
  const room = at("links").parentElement.clientWidth - EDGE.left - 40;
  cell = Math.max(4, Math.min(28, Math.floor(room / Math.max(1, sections.length))));
  const canvas = at("links");
  const ratio = devicePixelRatio || 1;
  const [width, height] = [EDGE.left + cell * sections.length + 12, EDGE.top + ROW * rows() + EDGE.bottom];
  [canvas.width, canvas.height] = [width * ratio, height * ratio];
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  draw();
}

// from few to many: red over yellow to blue, on a logarithmic scale
const colour = (part) => `hsl(${Math.round(8 + 212 * part)} 75% ${Math.round(52 - 8 * Math.abs(part - 0.5))}%)`;

function limits() {
  const values = links.map(measured);
  return [values.reduce((a, b) => Math.min(a, b), Infinity), values.reduce((a, b) => Math.max(a, b), -Infinity)];
}

const outside = (value) => (at("low").value !== "" && value < Number(at("low").value)) || (at("high").value !== "" && value > Number(at("high").value));

function draw() {
  const pen = at("links").getContext("2d");
  const ratio = devicePixelRatio || 1;
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, at("links").width, at("links").height);
  const style = getComputedStyle(document.body);
  pen.font = "12px system-ui, sans-serif";
  pen.textBaseline = "middle";
  pen.fillStyle = style.color;
  const names = ["within", "next"];
  for (let row = 0; row < rows(); row += 1) pen.fillText(names[row] ?? `${row} apart`, 4, EDGE.top + ROW * (row + 0.5));
  pen.fillStyle = "#8882";
  for (let row = 0; row < rows(); row += 1) {
    for (let column = 0; column + row < sections.length; column += 1) pen.fillRect(EDGE.left + cell * column, EDGE.top + ROW * row, cell - 1, ROW - 1);
  }
  const [low, high] = limits();
  let hidden = 0;
  for (const one of links) {
    const value = measured(one);
    if (outside(value)) {
      hidden += 1;
      continue;
    }
    const part = high > low ? (Math.log(value + 1) - Math.log(low + 1)) / (Math.log(high + 1) - Math.log(low + 1)) : 1;
    pen.fillStyle = colour(part);
    pen.fillRect(EDGE.left + cell * one.from, EDGE.top + ROW * one.distance, cell - 1, ROW - 1);
  }
  pen.fillStyle = style.color;
  pen.textAlign = "center";
  const every = Math.max(1, Math.ceil(28 / cell));
  sections.forEach(({ z }, n) => { if (n % every === 0) pen.fillText(String(z), EDGE.left + cell * (n + 0.5), EDGE.top + ROW * rows() + 12); });
  pen.textAlign = "left";
  pen.fillText("z", 4, EDGE.top + ROW * rows() + 12);
  if (selected) {
    pen.strokeStyle = style.color;
    pen.lineWidth = 2;
    pen.strokeRect(EDGE.left + cell * selected[0] - 1, EDGE.top + ROW * selected[1] - 1, cell + 1, ROW + 1);
  }
  showScale(low, high, hidden);
}

function showScale(low, high, hidden) {
  if (!links.length) {
    at("scale").textContent = "This collection joins no two sections of this stack.";
    return;
  }
  const bar = document.createElement("canvas");
  [bar.width, bar.height] = [160, 12];
  const pen = bar.getContext("2d");
  for (let x = 0; x < 160; x += 1) {
    pen.fillStyle = colour(x / 159);
    pen.fillRect(x, 0, 1, 12);
  }
  const text = (value) => value.toLocaleString(undefined, { maximumFractionDigits: 1 });
  at("scale").replaceChildren(`${text(low)} `, element("img", { src: bar.toDataURL(), alt: "from few to many" }), ` ${text(high)} ${at("measure").selectedOptions[0].textContent}`, hidden ? `; ${hidden.toLocaleString()} squares are filtered out` : "");
}

function under(event) {
  const column = Math.floor((event.offsetX - EDGE.left) / cell);
  const row = Math.floor((event.offsetY - EDGE.top) / ROW);
  return column >= 0 && row >= 0 && row < rows() && column + row < sections.length ? [column, row] : null;
}

function describe([column, row]) {
  const [one, other] = [sections[column], sections[column + row]];
  const found = find(column, row);
  const between = row ? `z ${one.z} and z ${other.z}` : `within z ${one.z}`;
  return found ? `${between}: ${found.pairCount.toLocaleString()} pairs, ${found.matchCount.toLocaleString()} matches, fewest ${found.leastMatchCount}` : `${between}: no matches`;
}

async function open(place) {
  selected = place;
  draw();
  at("under").textContent = describe(place);
  const [one, other] = [sections[place[0]], sections[place[0] + place[1]]];
  const found = find(...place);
  const layers = [...new Set([one, other])].map((section) => element("a", { href: link("tile-layer.html", { z: section.z }) }, `tiles of z ${section.z}`));
  const review = element("a", { href: link("match-review.html", { z: one.z, toZ: place[1] ? other.z : null }) }, "review");
  at("pairs").replaceChildren(element("strong", {}, describe(place)), element("p", { class: "links" }, layers, review, element("a", { href: link("stack-details.html", { z: one.z }) }, "charts")));
  if (!found) return;
  const path = collectionPath(chosen.matchOwner, chosen.matchCollection);
  const word = found.pGroupId === found.qGroupId ? `group/${enc(found.pGroupId)}/matchesWithinGroup` : `group/${enc(found.pGroupId)}/matchesWith/${enc(found.qGroupId)}`;
  const pairs = await getJson(`${path}/${word}?excludeMatchDetails=true`);
  if (selected !== place) return;
  const list = element("div");
  at("pairs").append(list);
  const href = ({ pId, qId }) => link("tile-pair.html", { pId, qId });
  new SortedTable(list, [
    { title: "Pair", kind: "name", value: ({ pId, qId }) => `${pId} ${qId}`, show: (pair) => element("a", { href: href(pair) }, `${pair.pId} – ${pair.qId}`) },
    { title: "Matches", number: true, value: ({ matchCount }) => matchCount },
  ], { sort: 1 }).show(pairs);
}

function listen() {
  at("links").addEventListener("pointermove", (event) => {
    const place = under(event);
    at("under").textContent = place ? describe(place) : "";
  });
  at("links").addEventListener("click", (event) => {
    const place = under(event);
    if (place) attempt(() => open(place));
  });
  at("links").addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (event.key === "Enter" && selected) attempt(() => open(selected));
    if (!step) return;
    event.preventDefault();
    const [column, row] = selected ? [selected[0] + step[0], selected[1] + step[1]] : [0, 0];
    if (column < 0 || row < 0 || row >= rows() || column + row >= sections.length) return;
    selected = [column, row];
    at("under").textContent = describe(selected);
    draw();
  });
  for (const [id, name] of [["measure", "measure"], ["low", "low"], ["high", "high"]]) at(id).addEventListener("input", () => {
    put({ [name]: at(id).value });
    draw();
  });
  for (const [id, name] of [["start", "startZ"], ["end", "endZ"]]) at(id).addEventListener("change", () => {
    put({ [name]: at(id).value });
    attempt(load);
  });
  addEventListener("resize", layout);
  document.addEventListener("themechange", draw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
}

begin(async () => {
  chosen = await chooseStack({ collection: "needed" });
  if (!chosen.matchCollection) throw new Error(`Owner ${chosen.matchOwner} has no match collections yet.`);
  for (const [id, name] of [["measure", "measure"], ["low", "low"], ["high", "high"], ["start", "startZ"], ["end", "endZ"]]) if (get(name)) at(id).value = get(name);
  put({ matchOwner: chosen.matchOwner, matchCollection: chosen.matchCollection, startZ: number("startZ"), endZ: number("endZ") });
  listen();
  await load();
  if (get("mergeCollection")) say("Collections are shown one at a time: choose the other one above.");
});
