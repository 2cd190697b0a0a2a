// Charts of the sections of a stack, from its section data. A click on a point shows the section and where to go from it.

import { BASE, element, getJson, stackPath } from "./api.js";
import { Chart } from "./charts.js";
import { neuroglancerLink } from "./neuroglancer-link.js";
import { at, begin, chooseStack, say } from "./page.js";
import { otherHosts, stackMenus } from "./stack-actions.js";
import { get, link, put } from "./state.js";
import { SortedTable } from "./table.js";

const MOST = 8000; // points of a series; with more, every n-th is shown until all are asked for
const MOST_GAPS = 12;
let chosen = {};
let sections = [];

// the text of a point is made when it is shown: to write numbers for people takes longer than to draw them
const label = (section, value) => () => `z ${section.z}, section ${section.sectionId}: ${value.toLocaleString()}`;
const along = (list, value) => list.map((section) => ({ section, x: section.z, y: value(section), text: label(section, value(section)) }));

// sections ending in .0 are as first acquired, .1 and above were acquired again; a z with several sections is merged
function kinds(list) {
  const count = new Map();
  for (const { z } of list) count.set(z, (count.get(z) ?? 0) + 1);
  const found = { original: [], "acquired again": [], merged: [] };
  for (const section of list) {
    const again = /\.[1-9]\d*$/.test(section.sectionId);
    found[count.get(section.z) > 1 ? "merged" : again ? "acquired again" : "original"].push(section);
  }
  return found;
}

// whole z values between the least and the largest that have no section
function gaps(list) {
  const known = new Set(list.map(({ z }) => Math.floor(z)));
  const ordered = [...known].sort((a, b) => a - b);
  const missing = [];
  for (let z = ordered[0]; z < ordered.at(-1) && missing.length < 100000; z += 1) if (!known.has(z)) missing.push(z);
  return missing;
}

function ranges(zs) {
  const parts = [];
  for (const z of zs) {
    if (parts.length && parts.at(-1)[1] === z - 1) parts.at(-1)[1] = z;
    else parts.push([z, z]);
  }
  const words = parts.map(([low, high]) => (low === high ? `${low}` : `${low}–${high}`));
  return words.length > MOST_GAPS ? `${words.slice(0, MOST_GAPS).join(", ")}, …` : words.join(", ");
}

function changes(list, value) {
  const ordered = [...list].sort((a, b) => a.z - b.z);
  return ordered.slice(1).map((section, n) => {
    const change = value(section) - value(ordered[n]);
    return { section, x: section.z, y: change, text: label(section, change) };
  });
}

function ordering(list) {
  const numbered = list.filter(({ sectionId }) => sectionId.trim() !== "" && Number.isFinite(Number(sectionId)));
  const parts = { "in order": [], "another z than its name": [], merged: [] };
  const merged = new Set(kinds(list).merged);
  for (const section of numbered) {
    const moved = Math.trunc(Number(section.sectionId)) !== Math.trunc(section.z);
    parts[merged.has(section) ? "merged" : moved ? "another z than its name" : "in order"].push(
      { section, x: Number(section.sectionId), y: section.z, text: label(section, section.z) });
  }
  return parts;
}

const series = (parts) => Object.entries(parts).map(([name, points]) => ({ name, points }));
const both = (make, axis) => series({ least: make(sections, (s) => s[`min${axis}`]), largest: make(sections, (s) => s[`max${axis}`]) });

function showCharts() {
  const most = at("all").checked ? Infinity : MOST;
  const counts = Object.fromEntries(Object.entries(kinds(sections)).map(([name, list]) => [name, along(list, (s) => s.tileCount)]));
  counts["no section"] = gaps(sections).map((z) => ({ x: z, y: 0, text: () => `z ${z} has no section` }));
  const titles = [["Tiles of each z", series(counts)], ["z by number of the section", series(ordering(sections))],
    ["x bounds", both(along, "X")], ["y bounds", both(along, "Y")],
    ["Change of x bounds to the z before", both(changes, "X")], ["Change of y bounds to the z before", both(changes, "Y")]];
  at("charts").replaceChildren(...titles.map(([title, lists]) => new Chart(title, lists, { most, onpick: pick }).node));
  at("sampling").hidden = sections.length <= MOST;
}

function pick({ section }) {
  if (!section) return;
  put({ z: section.z });
  const path = `${stackPath(chosen.metadata.stackId)}/z/${section.z}`;
  const here = sections.filter(({ z }) => z === section.z);
  const links = [["section viewer", link("viewer.html", { z: section.z })], ["tiles of the layer", link("tile-layer.html", { z: section.z })],
    ...["bounds", "tileBounds", "resolvedTiles"].map((word) => [word, `${BASE}${path}/${word}`])];
  const query = new URLSearchParams({ maxOverviewWidthAndHeight: 400, maxTileSpecsToRender: 1000, translateOrigin: true });
  const overview = `${BASE}${stackPath(chosen.metadata.stackId)}/largeDataTileSource/2048/2048/small/${section.z}.jpg?${query}`;
  const image = element("img", { src: overview, alt: `overview of z ${section.z}` });
  image.addEventListener("error", () => image.replaceWith("There is no picture of this section."));
  const lines = here.map((s) => element("li", {}, `section ${s.sectionId}: ${s.tileCount.toLocaleString()} tiles, x ${s.minX.toFixed(1)} to ${s.maxX.toFixed(1)}, y ${s.minY.toFixed(1)} to ${s.maxY.toFixed(1)}`));
  at("section").replaceChildren(element("strong", {}, `z ${section.z}`), element("ul", {}, lines),
    element("p", { class: "links" }, links.map(([text, href]) => element("a", { href }, text)), neuroglancerLink(chosen.metadata, { z: section.z })), image);
  at("section").hidden = false;
}

async function showRowAgain(text) {
  showRow(await getJson(stackPath(chosen.metadata.stackId)));
  say(text, "good");
}

function showRow(metadata) {
  const { stats } = metadata;
  const bounds = stats?.stackBounds;
  const column = (title, value, more = {}) => ({ title, value: () => value, plain: true, ...more });
  const table = new SortedTable(at("row"), [
    column("Name", metadata.stackId.stack, { kind: "name" }),
    column("State", "", { show: () => element("span", { class: `state ${metadata.state}` }, metadata.state) }),
    column("First layer", bounds?.minZ, { number: true }), column("Last layer", bounds?.maxZ, { number: true }),
    column("Layers", stats?.sectionCount, { number: true }), column("Tiles", stats?.tileCount, { number: true }),
    column("Shared transforms", stats?.transformCount, { number: true }),
    column("Actions", "", { kind: "actions", show: () => stackMenus(metadata, chosen.hosts, showRowAgain) })]);
  table.show([metadata]);
}

begin(async () => {
  const [found, hosts] = await Promise.all([chooseStack(), otherHosts(get)]);
  chosen = { ...found, hosts };
  put(chosen.metadata.stackId);
  showRow(chosen.metadata);
  if (chosen.metadata.state === "LOADING") {
    throw new Error("This stack is LOADING: the charts come from its section data, which are derived when it is set to COMPLETE.");
  }
  sections = await getJson(`${stackPath(chosen.metadata.stackId)}/sectionData`);
  const missing = gaps(sections);
  at("summary").textContent = `${sections.length.toLocaleString()} sections${missing.length ? `; no section at z ${ranges(missing)}` : ", none missing"}`;
  showCharts();
  const picked = sections.find(({ z }) => String(z) === get("z"));
  if (picked) pick({ section: picked });
});
at("all").addEventListener("change", showCharts);
