// The operations of the service, from its own OpenAPI document.

import { element } from "./api.js";
import { at, begin } from "./page.js";
import { get, put } from "./state.js";

const PREFIX = "/render-ws/v1";
let operations = [];

async function load() {
  const answer = await fetch("../../openapi.json");
  if (!answer.ok) throw new Error(await answer.text());
  const { paths } = await answer.json();
  operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), path, ...operation, group: operation.tags[0] })));
}

function parameters(operation) {
  const rows = operation.parameters.map(({ name, in: place, schema, required }) => element("tr", {},
    element("td", {}, element("code", {}, name)), element("td", {}, place),
    element("td", {}, (schema.enum ?? [schema.type ?? ""]).join(", ")),
    element("td", {}, required ? "needed" : schema.default === undefined ? "" : `default ${schema.default}`)));
  const body = operation.requestBody?.content;
  if (body) rows.push(element("tr", {}, element("td", {}, "body"), element("td", {}, Object.keys(body)[0]), element("td", {}, Object.values(body)[0].schema.description), element("td", {}, "needed")));
  return rows.length ? element("table", {}, element("tbody", {}, rows)) : element("p", {}, "no parameters");
}

function line(operation) {
  const details = element("details", {}, element("summary", {}, element("span", { class: `method ${operation.method}` }, operation.method), " ",
    element("code", {}, operation.path.replace(PREFIX, "")), " — ", operation.summary));
  details.addEventListener("toggle", () => {
    if (details.open && details.childElementCount === 1) details.append(parameters(operation));
  });
  return details;
}

function show() {
  const wanted = at("filter").value.toLowerCase();
  put({ filter: wanted });
  const found = operations.filter(({ path, method, summary }) => `${method} ${path} ${summary}`.toLowerCase().includes(wanted));
  const groups = Map.groupBy(found, ({ group }) => group);
  at("operations").replaceChildren(...(found.length ? [...groups].map(([name, list]) => element("section", {}, element("h2", {}, name), list.map(line)))
    : [element("p", { class: "empty" }, "No operation is like this.")]));
  at("count").textContent = `${found.length} of ${operations.length}; paths below ${PREFIX}`;
}

begin(async () => {
  await load();
  at("filter").value = get("filter", "");
  show();
});
at("filter").addEventListener("input", show);
