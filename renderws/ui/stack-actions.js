// What can be done with a stack: its states, its name, copies, and its end; always after a question.

import { BASE, deletePath, element, getJson, putJson, stackPath } from "./api.js";
import { neuroglancerLink } from "./neuroglancer-link.js";
import { ask, changeButton } from "./page.js";
import { link } from "./state.js";

const WAYS = { LOADING: ["COMPLETE"], COMPLETE: ["LOADING", "READ_ONLY", "OFFLINE"], READ_ONLY: ["COMPLETE", "OFFLINE"], OFFLINE: [] };
const MEANING = {
  LOADING: "Its tiles can be changed again; section data and statistics are derived anew when it is completed.",
  COMPLETE: "Section data and statistics are derived, and its tiles can no longer be changed.",
  READ_ONLY: "Nothing of it can be changed or deleted until it is COMPLETE again.",
  OFFLINE: "ITS TILES AND TRANSFORMS ARE REMOVED; only its entry in the list remains.",
};

const tiles = (metadata) => (metadata.stats ? `${metadata.stats.tileCount.toLocaleString()} tiles` : "all its tiles");

async function changeState(metadata, state) {
  const gone = state === "OFFLINE";
  const { stack } = metadata.stackId;
  if (!(await ask(`Set ${stack} to ${state}?`, MEANING[state], { confirm: `Set to ${state}`, danger: gone }))) return null;
  await putJson(`${stackPath(metadata.stackId)}/state/${state}`);
  return `${stack} is ${state} now`;
}

async function rename(metadata) {
  const id = metadata.stackId;
  const given = await ask(`Rename ${id.stack}`, "The stack keeps its tiles; links to the old name end.", {
    fields: { project: { label: "project", value: id.project }, stack: { label: "new name", value: id.stack } }, confirm: "Rename" });
  if (!given) return null;
  await putJson(`${stackPath(id)}/stackId`, { owner: id.owner, project: given.project, stack: given.stack });
  return `${id.stack} is called ${given.stack} now`;
}

async function clone(metadata) {
  const id = metadata.stackId;
  const given = await ask(`Copy ${id.stack}`, "The copy is LOADING until it is set to COMPLETE.", {
    fields: { project: { label: "project", value: id.project }, stack: { label: "name of the copy", value: `${id.stack}_copy` },
      zs: { label: "only z (1,2,…)", value: "" } }, confirm: "Copy" });
  if (!given) return null;
  const query = new URLSearchParams({ toProject: given.project });
  for (const z of given.zs.split(/[\s,]+/).filter(Boolean)) query.append("z", z);
  await putJson(`${stackPath(id)}/cloneTo/${encodeURIComponent(given.stack)}?${query}`, metadata.currentVersion ?? {});
  return `${given.stack} is a copy of ${id.stack}`;
}

async function resolution(metadata) {
  const version = metadata.currentVersion ?? {};
  const given = await ask(`Resolution of ${metadata.stackId.stack}`, "Nanometres of a pixel at full scale, and between sections.", {
    fields: Object.fromEntries(["X", "Y", "Z"].map((axis) => [axis, { label: axis.toLowerCase(), value: version[`stackResolution${axis}`] ?? "", type: "number" }])), confirm: "Set" });
  if (!given) return null;
  const values = ["X", "Y", "Z"].map((axis) => (given[axis] === "" ? null : Number(given[axis])));
  await putJson(`${stackPath(metadata.stackId)}/resolutionValues`, values);
  return `the resolution of ${metadata.stackId.stack} is set`;
}

async function remove(metadata) {
  const { stack } = metadata.stackId;
  const text = `${tiles(metadata)} and the stack itself are removed. (renderapps store undelete brings it back for a day, unless the service says otherwise.)`;
  if (!(await ask(`Delete stack ${stack}?`, text, { confirm: "Delete stack", danger: true }))) return null;
  await deletePath(stackPath(metadata.stackId));
  return `${stack} was deleted`;
}

// below its button, or above where there is more room; over the table, whatever scrolls within
function settle(details, list) {
  const button = details.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = list;
  const below = button.bottom + height <= innerHeight || button.top < innerHeight - button.bottom;
  list.style.left = `${Math.max(4, Math.min(button.right - width, innerWidth - width - 4))}px`;
  list.style.top = `${below ? button.bottom + 2 : Math.max(4, button.top - height - 2)}px`;
}

function menu(title, entries) {
  const list = element("div", { class: "list" }, entries);
  const details = element("details", { class: "menu" }, element("summary", {}, title), list);
  list.addEventListener("click", () => { details.open = false; });
  details.addEventListener("toggle", () => {
    if (!details.open) return;
    settle(details, list);
    const close = (event) => {
      if (event.type === "keydown" ? event.key === "Escape" : !details.contains(event.target)) details.open = false;
      if (!details.open) ["pointerdown", "keydown"].forEach((kind) => document.removeEventListener(kind, close));
    };
    ["pointerdown", "keydown"].forEach((kind) => document.addEventListener(kind, close));
    addEventListener("scroll", () => { details.open = false; }, { once: true, capture: true });
  });
  return details;
}

// menus of a stack; `done` gets a sentence about what was changed
export function stackMenus(metadata, hosts, done) {
  const { state, stackId } = metadata;
  if (state === "OFFLINE") return [menu("Manage", [act("Delete stack", remove, "danger")])];
  function act(title, action, kind = "", ...more) {
    return changeButton(title, async () => {
      const text = await action(metadata, ...more);
      if (text) await done(text);
    }, { class: kind });
  }
  const page = (title, name) => element("a", { href: link(name, { ...stackId, z: null }) }, title);
  const data = (title, word) => element("a", { href: `${BASE}${stackPath(stackId)}${word}` }, title);
  const words = ["zValues", "mergeableZValues", "mergedZValues", "mergeableData", "sectionData", "reorderedSectionData"];
  const view = [page("Section viewer", "viewer.html"), page("Charts of sections", "stack-details.html"), ...PLACES.map(([title, name]) => page(title, name)),
    ...(isOfHierarchy(metadata) ? [page("Hierarchical data", "hierarchical-data.html")] : []), neuroglancerLink(metadata), ...outside(metadata, hosts), data("Metadata (JSON)", ""), ...words.map((word) => data(word, `/${word}`))];
  const manage = [...WAYS[state].map((next) => act(`Set to ${next}`, changeState, next === "OFFLINE" ? "danger" : "", next)),
    act("Copy…", clone), ...(state === "READ_ONLY" ? [] : [act("Rename…", rename), act("Resolution…", resolution), act("Delete stack…", remove, "danger")])];
  return [menu("View", view), " ", menu("Manage", manage)];
}

const PLACES = [["Tiles of layers", "tile-layer.html"], ["Match explorer", "point-match-explorer.html"], ["Match review", "match-review.html"]];

// a box of a tier, or what render's clients call the result of one
const isOfHierarchy = ({ hierarchicalData, stackId: { stack } }) => Boolean(hierarchicalData) || /_tier.*_warp/.test(stack);

// viewers on other servers, where the address or the service names them
function outside({ stackId, stats, currentVersion: version = {} }, hosts) {
  const bounds = stats?.stackBounds;
  if (!bounds) return [];
  const [x, y, z] = ["X", "Y", "Z"].map((axis) => version[`stackResolution${axis}`] ?? 1);
  const middle = [(bounds.minX + bounds.maxX) / 2, (bounds.minY + bounds.maxY) / 2];
  const links = [];
  if (hosts.catmaidHost) {
    const query = new URLSearchParams({ pid: `${stackId.owner}__${stackId.project}`, sid0: stackId.stack, zp: bounds.minZ * z, yp: middle[1] * y, xp: middle[0] * x, tool: "navigator", s0: 6 });
    links.push(element("a", { href: `http://${hosts.catmaidHost}/?${query}` }, "CATMAID"));
  }
  if (hosts.ndvizHost) {
    links.push(element("a", { href: `http://${hosts.ndvizHost}/render/${hosts.dynamicRenderHost ?? location.host}/${["owner", "project", "stack"].map((key) => encodeURIComponent(stackId[key])).join("/")}/` }, "NdViz"));
  }
  return links;
}

// hosts of other viewers: from the address, else from the properties of the service (view.catmaidHost and so on)
export async function otherHosts(query) {
  const { properties } = await getJson("/serverProperties");
  return Object.fromEntries(["catmaidHost", "ndvizHost", "dynamicRenderHost"].map((name) => [name, query(name) ?? properties[`view.${name}`]]));
}
