// Lists the stacks and match collections of an owner, with a picture of each stack.

import { BASE, deletePath, element, getJson, stackPath } from "./api.js";

const owner = document.getElementById("owner");
const project = document.getElementById("project");
const filter = document.getElementById("filter");
const message = document.getElementById("message");
let stacks = [];

function fill(select, values, wanted) {
  select.replaceChildren(...values.map((value) => element("option", { value }, value)));
  if (values.includes(wanted)) select.value = wanted;
}

async function picture(metadata) {
  const path = stackPath(metadata.stackId);
  const zs = await getJson(`${path}/zValues`);
  if (!zs.length) return "no tiles";
  const z = zs[Math.floor(zs.length / 2)];
  const box = await getJson(`${path}/z/${z}/bounds`);
  const width = Math.max(1, Math.ceil(box.maxX - box.minX));
  const height = Math.max(1, Math.ceil(box.maxY - box.minY));
  const scale = Math.min(1, 400 / Math.max(width, height));
  const place = [Math.floor(box.minX), Math.floor(box.minY), width, height, scale].join(",");
  const source = `${BASE}${path}/z/${z}/box/${place}/jpeg-image?maxTileSpecsToRender=500`;
  return element("img", { src: source, alt: `section ${z} of ${metadata.stackId.stack}`, loading: "lazy" });
}

function facts(metadata) {
  const { stats, currentVersion: version = {} } = metadata;
  const rows = [["modified", metadata.lastModifiedTimestamp]];
  if (stats) {
    const b = stats.stackBounds;
    rows.push(["tiles", stats.tileCount.toLocaleString()]);
    rows.push(["sections", `${stats.sectionCount} (z ${b.minZ} to ${b.maxZ})`]);
    rows.push(["size", `${Math.round(b.maxX - b.minX)} x ${Math.round(b.maxY - b.minY)} px`]);
    if (stats.channelNames?.length) rows.push(["channels", stats.channelNames.join(", ")]);
  }
  const resolution = [version.stackResolutionX, version.stackResolutionY, version.stackResolutionZ];
  if (resolution.every((value) => value !== undefined)) rows.push(["nm", resolution.join(" x ")]);
  return element("dl", {}, ...rows.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, String(value))]));
}

async function remove(metadata) {
  if (!confirm(`Delete stack ${metadata.stackId.stack} with all its tiles?`)) return;
  try {
    await deletePath(stackPath(metadata.stackId));
    await loadOwner(project.value);
  } catch (error) {
    message.textContent = error.message;
  }
}

function actions(metadata) {
  if (metadata.state === "OFFLINE") return null;
  const sections = `stack-details.html?${new URLSearchParams(metadata.stackId)}`;
  const kept = metadata.state === "READ_ONLY";
  return element("p", { class: "actions" },
    element("a", { href: sections }, "sections"), " ",
    element("a", { href: BASE + stackPath(metadata.stackId) }, "metadata"), " ",
    kept ? null : element("button", { onclick: () => remove(metadata) }, "delete"));
}

function card(metadata) {
  const id = metadata.stackId;
  const link = `viewer.html?${new URLSearchParams(id)}`;
  const frame = element("a", { class: "picture", href: link }, "…");
  picture(metadata).then((content) => frame.replaceChildren(content), (error) => frame.replaceChildren(error.message));
  return element("article", { class: "card" }, frame,
    element("div", { class: "text" },
      element("h2", {}, element("a", { href: link }, id.stack)),
      element("span", { class: `state ${metadata.state}` }, metadata.state),
      facts(metadata), actions(metadata)));
}

function show() {
  const wanted = filter.value.toLowerCase();
  const shown = stacks.filter(({ stackId }) =>
    stackId.project === project.value && stackId.stack.toLowerCase().includes(wanted));
  document.getElementById("stacks").replaceChildren(...shown.map(card));
  message.textContent = shown.length ? "" : "No stacks here yet: import tiles, then reload.";
}

async function showCollections() {
  const collections = await getJson(`/owner/${owner.value}/matchCollections`);
  const rows = collections.map(({ collectionId, pairCount }) => element("tr", {},
    element("td", {}, collectionId.name), element("td", {}, pairCount.toLocaleString())));
  const head = element("tr", {}, element("th", {}, "match collection"), element("th", {}, "pairs"));
  document.getElementById("collections").replaceChildren(...(rows.length ? [element("table", {}, head, ...rows)] : []));
}

async function loadOwner(wantedProject) {
  stacks = await getJson(`/owner/${owner.value}/stacks`);
  fill(project, [...new Set(stacks.map(({ stackId }) => stackId.project))].sort(), wantedProject);
  show();
  await showCollections();
}

async function start() {
  const wanted = new URLSearchParams(location.search);
  fill(owner, await getJson("/owners"), wanted.get("owner"));
  if (owner.value) await loadOwner(wanted.get("project"));
  else message.textContent = "This store is empty: import tiles, then reload.";
}

owner.addEventListener("change", () => loadOwner());
project.addEventListener("change", show);
filter.addEventListener("input", show);
start().catch((error) => { message.textContent = error.message; });
