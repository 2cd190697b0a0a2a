// The stacks of a project, with a picture of each, and the match collections of an owner.

import { BASE, collectionPath, deletePath, element, getJson, putJson, stackPath } from "./api.js";
import { ask, at, attempt, begin, changeButton, chooseStack, options, say } from "./page.js";
import { get, link, put } from "./state.js";
import { SortedTable } from "./table.js";

let stacks = [];
let chosen = {};

async function picture({ stackId }) {
  const path = stackPath(stackId);
  const zs = await getJson(`${path}/zValues`);
  if (!zs.length) return "no tiles";
  const z = zs[Math.floor(zs.length / 2)];
  const box = await getJson(`${path}/z/${z}/bounds`);
  const width = Math.max(1, Math.ceil(box.maxX - box.minX));
  const height = Math.max(1, Math.ceil(box.maxY - box.minY));
  const scale = Math.min(1, 400 / Math.max(width, height));
  const place = [Math.floor(box.minX), Math.floor(box.minY), width, height].join(",");
  let text = "";
  for (const part of [1, 0.5, 0.25, 0.125]) {
    const answer = await fetch(`${BASE}${path}/z/${z}/box/${place},${scale * part}/jpeg-image?maxTileSpecsToRender=500`);
    if (answer.ok) return element("img", { src: URL.createObjectURL(await answer.blob()), alt: `section ${z} of ${stackId.stack}` });
    text = await answer.text();
    if (!text.includes("smaller scale")) break; // tiles of which only coarse pictures are stored
  }
  return `no picture: ${text}`;
}

// pictures are asked for when their card comes into view
const eyes = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    eyes.unobserve(target);
    picture(target.metadata).then((content) => target.replaceChildren(content), (error) => target.replaceChildren(error.message));
  }
}, { rootMargin: "200px" });

function facts(metadata) {
  const { stats, currentVersion: version = {} } = metadata;
  const rows = [["modified", (metadata.lastModifiedTimestamp ?? "").replace("T", " ").slice(0, 16)]];
  if (stats) {
    const b = stats.stackBounds;
    rows.push(["tiles", stats.tileCount.toLocaleString()]);
    rows.push(["sections", `${stats.sectionCount.toLocaleString()} (z ${b.minZ} to ${b.maxZ})`]);
    rows.push(["size", `${Math.round(b.maxX - b.minX).toLocaleString()} × ${Math.round(b.maxY - b.minY).toLocaleString()} px`]);
    if (stats.channelNames?.length) rows.push(["channels", stats.channelNames.join(", ")]);
  }
  const resolution = [version.stackResolutionX, version.stackResolutionY, version.stackResolutionZ];
  if (resolution.every((value) => typeof value === "number")) rows.push(["nm", resolution.join(" × ")]);
  return element("dl", { class: "facts" }, rows.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, String(value))]));
}

function card(metadata) {
  const id = metadata.stackId;
  const to = (page) => link(page, { ...id, z: null });
  const offline = metadata.state === "OFFLINE";
  const frame = element("a", { class: "picture", href: to("viewer.html"), "aria-label": `view ${id.stack}` }, offline ? "offline" : "…");
  frame.metadata = metadata;
  if (!offline) eyes.observe(frame);
  const links = offline ? null : element("p", { class: "links" },
    element("a", { href: to("viewer.html") }, "view"), element("a", { href: to("stack-details.html") }, "sections"),
    element("a", { href: to("tile-layer.html") }, "layers"),
    element("a", { href: BASE + stackPath(id) }, "metadata"));
  return element("article", { class: "card" }, frame,
    element("div", { class: "text" }, element("h2", {}, element("a", { href: to("viewer.html") }, id.stack)),
      element("span", { class: `state ${metadata.state}` }, metadata.state), facts(metadata), links));
}

function showStacks() {
  const wanted = at("filter").value.toLowerCase();
  const shown = stacks.filter(({ stackId }) => stackId.stack.toLowerCase().includes(wanted));
  at("stacks").replaceChildren(...(shown.length ? shown.map(card)
    : [element("p", { class: "empty" }, stacks.length ? "No stack has a name like this." : "No stacks in this project yet: import tiles, then reload.")]));
}

async function renameCollection({ owner, name }) {
  const given = await ask(`Rename ${name}`, "The collection keeps its matches.", { fields: { name: { label: "new name", value: name } }, confirm: "Rename" });
  if (!given) return;
  await putJson(`${collectionPath(owner, name)}/collectionId`, { owner, name: given.name });
  await showCollections();
  say(`${name} is called ${given.name} now`, "good");
}

async function deleteCollection({ owner, name }, pairs) {
  const text = `The matches of ${pairs.toLocaleString()} pairs are removed. This cannot be undone.`;
  if (!(await ask(`Delete match collection ${name}?`, text, { confirm: "Delete collection", danger: true }))) return;
  await deletePath(collectionPath(owner, name));
  await showCollections();
  say(`${name} was deleted`, "good");
}

const COLUMNS = [
  { title: "Match collection", kind: "name", value: (row) => row.collectionId.name },
  { title: "Pairs", number: true, value: (row) => row.pairCount },
  { title: "Actions", plain: true, kind: "actions", value: () => "", show: ({ collectionId: id, pairCount }) => [
    element("a", { href: link("point-match-explorer.html", { matchOwner: id.owner, matchCollection: id.name }) }, "explore"), " ",
    element("a", { href: link("match-review.html", { matchOwner: id.owner, matchCollection: id.name }) }, "review"), " ",
    changeButton("Rename…", () => renameCollection(id)), " ",
    changeButton("Delete…", () => deleteCollection(id, pairCount), { class: "danger" })] },
];

async function showCollections() {
  const owner = at("match-owner").value;
  const table = new SortedTable(at("collections"), COLUMNS, { sort: 0, empty: "No match collections of this owner yet." });
  table.show(owner ? await getJson(`/owner/${encodeURIComponent(owner)}/matchCollections`) : []);
}

begin(async () => {
  chosen = await chooseStack({ stack: false });
  stacks = chosen.stacks;
  put({ owner: chosen.owner, project: chosen.project });
  at("table").href = link("stacks.html");
  showStacks();
  const owners = [...new Set([...(await getJson("/matchCollectionOwners")), chosen.owner])].sort();
  options(at("match-owner"), owners, get("matchOwner") ?? chosen.owner);
  await showCollections();
});
at("filter").addEventListener("input", showStacks);
at("match-owner").addEventListener("change", () => {
  put({ matchOwner: at("match-owner").value });
  attempt(showCollections);
});
