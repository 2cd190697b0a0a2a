// The calls of the web service that the pages make.

const query = new URLSearchParams(location.search);

function base() {
  const given = query.get("baseUrl");
  const here = new URL("../v1/", location.href).href.replace(/\/$/, "");
  if (!given) return here;
  const other = new URL(given, location.href);
  if (other.origin === location.origin) return other.href.replace(/\/$/, "");
  console.warn(`baseUrl ${given} is of another server: these pages show the data of their own`);
  return here;
}

export const BASE = base();
export const readOnly = document.body.dataset.readOnly === "true";
export const enc = encodeURIComponent;

async function call(method, path, body, media = "application/json") {
  const options = { method, headers: { Accept: "application/json, text/plain;q=0.9" } };
  if (body !== undefined) {
    options.headers["Content-Type"] = media;
    options.body = media === "application/json" ? JSON.stringify(body) : body;
  }
  let answer;
  try {
    answer = await fetch(BASE + path, options);
  } catch {
    throw new Error("the service does not answer: is it still running?");
  }
  if (!answer.ok) throw new Error((await answer.text()) || `${answer.status} for ${path}`);
  return answer;
}

const value = async (answer) => {
  const text = await answer.text();
  return text ? JSON.parse(text) : null;
};

export const getJson = async (path) => value(await call("GET", path));
export const getText = async (path) => (await call("GET", path)).text();
export const putJson = async (path, body) => value(await call("PUT", path, body));
export const postJson = async (path, body) => value(await call("POST", path, body));
export const deletePath = async (path) => { await call("DELETE", path); };

export const collectionPath = (owner, name) => `/owner/${enc(owner)}/matchCollection/${enc(name)}`;

export const stackPath = ({ owner, project, stack }) =>
  `/owner/${enc(owner)}/project/${enc(project)}/stack/${enc(stack)}`;

// the stacks without those that a run builds beside others at this moment; what a killed run has left stays
export async function withoutUnfinished(stacks) {
  const kept = await Promise.all(stacks.map(async ({ stackId }) => {
    const [, stack, run] = stackId.stack.match(/^(.+)_unfinished_([0-9a-f]{8})$/) ?? [];
    if (!run) return true;
    const locks = await getJson(`${stackPath({ ...stackId, stack })}/locks`);
    return !locks.some(({ id, secondsLeft }) => id === run && secondsLeft > 0);
  }));
  return stacks.filter((_, index) => kept[index]);
}

// the path of a pair of tiles in a collection; a pair is {pGroupId, pId, qGroupId, qId}
export const pairPath = (matches, { pGroupId, pId, qGroupId, qId }) =>
  `${matches}/group/${enc(pGroupId)}/id/${enc(pId)}/matchesWith/${enc(qGroupId)}/id/${enc(qId)}`;

// the stack of an address, by our names or by those of render's pages
export function queryStack(given) {
  return Object.fromEntries(["owner", "project", "stack"].map((key) => {
    const long = `renderStack${key === "stack" ? "" : key[0].toUpperCase() + key.slice(1)}`;
    return [key, given.get(long) ?? given.get(key)];
  }));
}

export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, given] of Object.entries(attributes)) {
    if (given === undefined || given === null || given === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), given);
    else node.setAttribute(name, given === true ? "" : given);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}
