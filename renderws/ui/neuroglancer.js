// Starts neuroglancer's client with a stack of this service: ?owner=&project=&stack=&x=&y=&z=&zoom=, as in the addresses
// of the section viewer. What it shows is kept behind the # of the address from then on, so a link shows exactly this view.

const SERVICE = new URL("../../../v1/", location.href);
const query = new URLSearchParams(location.search);

// the client that the package brings expects a server in Python, which would give it its state
class NoServer extends EventTarget {
  constructor() {
    super();
    setTimeout(() => this.onopen?.(new Event("open")));
  }

  close() {}
}
globalThis.EventSource = NoServer;

function stackAddress() {
  const names = ["owner", "project", "stack"].map((key) => query.get(key) ?? query.get(`renderStack${key === "stack" ? "" : key[0].toUpperCase() + key.slice(1)}`));
  if (names.some((name) => !name)) throw new Error("The address has no owner, project and stack: come here from the section viewer.");
  const [owner, project, stack] = names.map(encodeURIComponent);
  return `owner/${owner}/project/${project}/stack/${stack}/volume`;
}

async function stateOfStack() {
  const place = new URLSearchParams(["x", "y", "z", "zoom"].filter((key) => query.get(key)).map((key) => [key, query.get(key)]));
  const volume = stackAddress();
  let answer;
  try {
    answer = await fetch(new URL(`${volume}/neuroglancer?${place}`, SERVICE));
  } catch {
    throw new Error("the service does not answer: is it still running?");
  }
  if (!answer.ok) throw new Error(await answer.text());
  const state = await answer.json();
  state.layers[0].source = `precomputed://${new URL(`${volume}/precomputed`, SERVICE).href}`;
  return state;
}

function run(name) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.async = false;
    script.src = name;
    script.onload = resolve;
    script.onerror = () => reject(new Error(`${name} of neuroglancer's client cannot be loaded`));
    document.body.append(script);
  });
}

try {
  if (!location.hash.startsWith("#!")) {
    const state = encodeURIComponent(JSON.stringify(await stateOfStack()));
    history.replaceState(null, "", `${location.pathname}${location.search}#!${state}`);
  }
  await Promise.all(document.body.dataset.scripts.split(" ").map(run));
} catch (error) {
  const line = document.createElement("p");
  line.id = "message";
  line.textContent = error.message;
  const back = document.createElement("a");
  back.href = `../../../view/viewer.html${location.search}`;
  back.textContent = "section viewer";
  document.body.append(line, back);
}
document.body.dataset.ready = "true";
