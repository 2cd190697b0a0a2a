// Parts that pages share: messages, questions, buttons that change something, and the choice of a stack.

import { element, getJson, readOnly, withoutUnfinished } from "./api.js";
import { get, go, matchOwner, stackOfAddress } from "./state.js";

export const at = (id) => document.getElementById(id);

export function say(text, kind = "") {
  const place = at("message");
  place.textContent = text;
  place.className = kind;
  place.hidden = !text;
}

export const fail = (error) => say(error.message, "error");

// run something that may fail, with the text of the service shown where it does
export async function attempt(work) {
  try {
    return await work();
  } catch (error) {
    fail(error);
    return undefined;
  }
}

// where one work is asked for again before it is done, only the last one may show what it found: call what this returns at
// the beginning of each, and what that returns after each wait, which says whether another one has begun since
export function turns() {
  let last = 0;
  return () => {
    const mine = (last += 1);
    return () => mine !== last;
  };
}

// start a page: says that it is loading until it is done
export async function begin(work) {
  say("loading…", "loading");
  await attempt(async () => {
    await work();
    if (at("message").className === "loading") say("");
  });
  document.body.dataset.ready = "true";
  performance.mark("ready");
}

// ask in a dialog; fields are {name: {label, value, type}}. The answer is their values, or null when it is given up
export function ask(title, text, { fields = {}, confirm = "OK", danger = false } = {}) {
  const inputs = Object.entries(fields).map(([name, { label, value = "", type = "text" }]) =>
    [name, label, element("input", { type, value, checked: type === "checkbox" && value, name, autocomplete: "off" })]);
  const rows = inputs.map(([, label, input]) => element("label", { class: "row" }, element("span", {}, label), input));
  const yes = element("button", { value: "yes", class: danger ? "danger" : "primary" }, confirm);
  const dialog = element("dialog", {}, element("form", { method: "dialog" },
    element("h2", {}, title), element("p", {}, text), rows,
    element("p", { class: "buttons" }, element("button", { value: "", formnovalidate: true }, "Cancel"), yes)));
  // Enter in a field means the button that does it, not the first one
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target instanceof HTMLInputElement) {
      event.preventDefault();
      yes.click();
    }
  });
  document.body.append(dialog);
  dialog.showModal();
  (inputs[0]?.[2] ?? (danger ? dialog.querySelector("button") : yes)).focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      const values = Object.fromEntries(inputs.map(([name, , input]) =>
        [name, input.type === "checkbox" ? input.checked : input.value.trim()]));
      dialog.remove();
      resolve(dialog.returnValue === "yes" ? values : null);
    });
  });
}

// a button for something that changes what is stored: not to be used where the service is read-only
export function changeButton(text, action, attributes = {}) {
  const forbidden = readOnly ? { disabled: true, title: "this service is read-only" } : {};
  return element("button", { type: "button", ...attributes, onclick: () => attempt(action), ...forbidden }, text);
}

export function forbidWhereReadOnly(...buttons) {
  for (const button of buttons) {
    if (readOnly) {
      button.disabled = true;
      button.title = "this service is read-only";
    }
  }
}

export function options(select, values, wanted, none = null) {
  const rows = values.map((value) => element("option", { value }, String(value)));
  if (none !== null) rows.unshift(element("option", { value: "" }, none));
  select.replaceChildren(...rows);
  if (wanted !== null && wanted !== undefined && values.map(String).includes(String(wanted))) select.value = wanted;
}

function selector(name, label, values, wanted, onchange, none = null) {
  const select = element("select", { id: `choose-${name}`, onchange: (event) => onchange(event.target.value) });
  options(select, values, wanted, none);
  return element("label", {}, `${label} `, select);
}

const unique = (values) => [...new Set(values)].sort();

// puts selectors of owner, project and stack (and of a match collection) into #choose; gives what is chosen
export async function chooseStack({ collection = false, stack: wantsStack = true } = {}) {
  const wanted = stackOfAddress();
  // what the address says is asked for at once, without waiting for what else there is
  const stacksOf = (name) => getJson(`/owner/${encodeURIComponent(name)}/stacks`);
  const collectionsOf = (name) => getJson(`/owner/${encodeURIComponent(name)}/matchCollections`);
  const [owned, ownedMatches, early, earlyMatches] = await Promise.all([getJson("/owners"), wantsStack ? [] : getJson("/matchCollectionOwners"),
    wanted.owner ? stacksOf(wanted.owner) : null, collection && matchOwner() ? collectionsOf(matchOwner()) : null]);
  const owners = unique([...owned, ...ownedMatches]);
  if (!owners.length) throw new Error("This store is empty: import tiles (renderapps demo makes some), then reload.");
  const owner = wanted.owner ?? owners[0];
  const stacks = await withoutUnfinished(early ?? (await stacksOf(owner)));
  const projects = unique(stacks.map(({ stackId }) => stackId.project));
  const project = wanted.project ?? projects[0];
  const mine = stacks.filter(({ stackId }) => stackId.project === project);
  const names = mine.map(({ stackId }) => stackId.stack);
  const stack = wanted.stack ?? names[0];
  const parts = [
    selector("owner", "owner", unique([...owners, owner]), owner, (value) => go({ owner: value, project: null, stack: null, z: null, matchOwner: null, matchCollection: null })),
    selector("project", "project", project ? unique([...projects, project]) : [], project, (value) => go({ project: value, stack: null, z: null })),
  ];
  if (wantsStack) parts.push(selector("stack", "stack", stack && !names.includes(stack) ? [stack, ...names] : names, stack, (value) => go({ stack: value, z: null })));
  const chosen = { owner, project, stack, stacks: mine, every: stacks, owners, projects };
  if (collection) {
    const found = earlyMatches ?? (await collectionsOf(matchOwner() ?? owner));
    chosen.collections = found.map(({ collectionId }) => collectionId.name);
    chosen.matchOwner = matchOwner() ?? owner;
    chosen.matchCollection = get("matchCollection") ?? (collection === "needed" ? chosen.collections[0] ?? null : null);
    parts.push(selector("collection", "matches", chosen.collections, chosen.matchCollection,
      (value) => go({ matchCollection: value || null }), collection === "needed" ? null : "none"));
  }
  at("choose").replaceChildren(...parts);
  if (!wantsStack) return chosen;
  if (!stack) throw new Error(`Owner ${owner} has no stacks${project ? ` in project ${project}` : ""} yet: import tiles, then reload.`);
  chosen.metadata = mine.find(({ stackId }) => stackId.stack === stack);
  if (!chosen.metadata) throw new Error(`There is no stack ${stack} of owner ${owner}, project ${project}.`);
  return chosen;
}
