// Charts of the sections of a stack, from its section data. A click on a point opens the section in the viewer.

import { element, getJson, queryStack, stackPath } from "./api.js";

const WIDTH = 560;
const HEIGHT = 240;
const EDGE = { left: 64, right: 12, top: 12, bottom: 28 };
const MOST = 8000;
const COLOURS = ["#2a6fdb", "#d9822b", "#2e9e5b", "#b23fb2"];
const at = (id) => document.getElementById(id);
const query = new URLSearchParams(location.search);
const stack = queryStack(query);

function svg(tag, attributes, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function scaled(values, low, high) {
  const least = values.reduce((a, b) => Math.min(a, b), Infinity);
  const span = values.reduce((a, b) => Math.max(a, b), -Infinity) - least || 1;
  return { least, most: least + span, place: (value) => low + ((value - least) / span) * (high - low) };
}

const link = (z) => `viewer.html?${new URLSearchParams({ ...stack, z })}`;

// a point is {z, x, y, text}; series: a list of points each
function chart(title, names, series) {
  const every = series.flat();
  if (!every.length) return null;
  const x = scaled(every.map((point) => point.x), EDGE.left, WIDTH - EDGE.right);
  const y = scaled(every.map((point) => point.y), HEIGHT - EDGE.bottom, EDGE.top);
  const label = (text, left, top, anchor) => svg("text", { x: left, y: top, "text-anchor": anchor }, text);
  const frame = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": title },
    label(y.most.toLocaleString(), EDGE.left - 6, EDGE.top + 8, "end"),
    label(y.least.toLocaleString(), EDGE.left - 6, HEIGHT - EDGE.bottom, "end"),
    label(x.least.toLocaleString(), EDGE.left, HEIGHT - 8, "start"),
    label(x.most.toLocaleString(), WIDTH - EDGE.right, HEIGHT - 8, "end"));
  series.forEach((points, n) => {
    const skip = Math.ceil(points.length / MOST);
    for (const point of points.filter((_, index) => index % skip === 0)) {
      frame.append(svg("a", { href: link(point.z) },
        svg("circle", { cx: x.place(point.x), cy: y.place(point.y), r: 3, fill: COLOURS[n % COLOURS.length] },
          svg("title", {}, point.text))));
    }
  });
  const key = names.map((name, n) => element("span", { style: `color: ${COLOURS[n % COLOURS.length]}` }, `${name} `));
  return element("figure", {}, element("figcaption", {}, title, " ", ...key), frame);
}

function text(section, value) {
  return `z ${section.z}, section ${section.sectionId}: ${value.toLocaleString()}`;
}

const along = (sections, value) =>
  sections.map((section) => ({ z: section.z, x: section.z, y: value(section), text: text(section, value(section)) }));

// sections ending in .0 are as first acquired, .1 and above were acquired again; a z with several sections is merged
function kinds(sections) {
  const count = new Map();
  for (const { z } of sections) count.set(z, (count.get(z) ?? 0) + 1);
  const merged = sections.filter(({ z }) => count.get(z) > 1);
  const single = sections.filter(({ z }) => count.get(z) === 1);
  const again = single.filter(({ sectionId }) => /\.[1-9]\d*$/.test(sectionId));
  const original = single.filter((section) => !again.includes(section));
  return [["original", "acquired again", "merged"], [original, again, merged]];
}

function changes(sections, value) {
  const ordered = [...sections].sort((a, b) => a.z - b.z);
  return along(ordered.slice(1), (section) => value(section) - value(ordered[ordered.indexOf(section) - 1]));
}

function show(sections) {
  const [names, series] = kinds(sections);
  const numbered = sections.filter(({ sectionId }) => Number.isFinite(Number(sectionId)));
  const order = (list) => list.filter((s) => numbered.includes(s))
    .map((s) => ({ z: s.z, x: Number(s.sectionId), y: s.z, text: text(s, s.z) }));
  const bounds = (axis) => [["least", "most"], [along(sections, (s) => s[`min${axis}`]), along(sections, (s) => s[`max${axis}`])]];
  const deltas = (axis) => [["least", "most"], [changes(sections, (s) => s[`min${axis}`]), changes(sections, (s) => s[`max${axis}`])]];
  const charts = [
    chart("tiles of each z", names, series.map((list) => along(list, (s) => s.tileCount))),
    chart("z of each section", names, series.map(order)),
    chart("x bounds", ...bounds("X")),
    chart("y bounds", ...bounds("Y")),
    chart("change of x bounds", ...deltas("X")),
    chart("change of y bounds", ...deltas("Y")),
  ];
  at("charts").replaceChildren(...charts.filter(Boolean));
  const missing = gaps(sections.map(({ z }) => z));
  at("message").textContent = `${sections.length} sections${missing.length ? `; no tiles at z ${missing.join(", ")}` : ""}`;
}

function gaps(zs) {
  const present = [...new Set(zs)].sort((a, b) => a - b);
  const found = [];
  present.slice(1).forEach((z, n) => {
    const first = Math.floor(present[n]) + 1;
    const last = Math.ceil(z) - 1;
    if (first <= last) found.push(first === last ? `${first}` : `${first} to ${last}`);
  });
  return found;
}

async function start() {
  at("title").textContent = `${stack.project} / ${stack.stack}`;
  at("viewer").href = `viewer.html?${new URLSearchParams(stack)}`;
  show(await getJson(`${stackPath(stack)}/sectionData`));
}

start().catch((error) => { at("message").textContent = error.message; });
