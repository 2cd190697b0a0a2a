// What a page shows, as its address has it: old and new names of the parameters, and links to other pages.

import { queryStack } from "./api.js";

const LONG = {
  owner: "renderStackOwner", project: "renderStackProject", stack: "renderStack",
};
const SHARED = [...Object.values(LONG), "matchOwner", "matchCollection", "z"];

const query = new URLSearchParams(location.search);
for (const [short, long] of Object.entries(LONG)) {
  if (!query.has(long) && query.has(short)) query.set(long, query.get(short));
  query.delete(short);
}

export const get = (name, otherwise = null) => query.get(LONG[name] ?? name) ?? otherwise;
export const stackOfAddress = () => queryStack(query);
export const matchOwner = () => get("matchOwner") ?? get("owner");

export function number(name, otherwise = null) {
  const text = get(name);
  const found = text === null || text === "" ? NaN : Number(text);
  return Number.isFinite(found) ? found : otherwise;
}

export const flag = (name, otherwise = false) => (query.has(name) ? query.get(name) !== "false" : otherwise);

// set parameters of the address (null removes one); the page stays
export function put(values) {
  for (const [name, given] of Object.entries(values)) {
    if (given === null || given === undefined || given === "") query.delete(LONG[name] ?? name);
    else query.set(LONG[name] ?? name, String(given));
  }
  const text = query.toString();
  history.replaceState(null, "", text ? `?${text}` : location.pathname);
  carry();
}

// the same page with other parameters, loaded anew
export function go(values) {
  put(values);
  location.reload();
}

// address of another page with what the pages share, and more
export function link(page, values = {}) {
  const shared = new URLSearchParams();
  const all = { ...Object.fromEntries(SHARED.map((name) => [name, query.get(name)])), baseUrl: query.get("baseUrl") };
  for (const [name, given] of Object.entries(values)) all[LONG[name] ?? name] = given;
  for (const [name, given] of Object.entries(all)) {
    if (given !== null && given !== undefined && given !== "") shared.set(name, String(given));
  }
  const text = shared.toString();
  return text ? `${page}?${text}` : page;
}

// let the links of the navigation lead to the same stack
export function carry() {
  for (const anchor of document.querySelectorAll("#navigation a")) {
    anchor.setAttribute("href", link(anchor.getAttribute("href").split("?")[0]));
  }
}
