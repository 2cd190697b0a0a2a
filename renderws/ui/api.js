// The calls of the web service that the pages make.

export const BASE = new URL("../v1/", location.href).href.replace(/\/$/, "");

export async function getJson(path) {
  const answer = await fetch(BASE + path, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error((await answer.text()) || `${answer.status} for ${path}`);
  return answer.json();
}

export async function putJson(path, body) {
  const answer = await fetch(BASE + path, {
    method: "PUT",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
}

export async function deletePath(path) {
  const answer = await fetch(BASE + path, { method: "DELETE" });
  if (!answer.ok) throw new Error(await answer.text());
}

export const collectionPath = (owner, name) => `/owner/${owner}/matchCollection/${name}`;

// the stack of an address, by our names or by those of render's pages
export function queryStack(query) {
  return Object.fromEntries(["owner", "project", "stack"].map((key) => {
    const long = `renderStack${key === "stack" ? "" : key[0].toUpperCase() + key.slice(1)}`;
    return [key, query.get(key) ?? query.get(long)];
  }));
}

export const stackPath = ({ owner, project, stack }) =>
  `/owner/${owner}/project/${project}/stack/${stack}`;

export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}
