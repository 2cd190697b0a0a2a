// What lists and the details of a run show of it: state, progress, who, what it writes.

import { element } from "./api.js";
import { link } from "./state.js";
import { recentTime } from "./times.js";

const MEANING = {
  running: "it goes on",
  killed: "its process is no more",
  stopped: "stopped by the keyboard",
};

export const by = ({ user, host }) => [user, host].filter(Boolean).join(" on ");

export function stateChip(run) {
  const lost = run.state === "lost";
  const words = lost ? `no sign of life since ${recentTime(run.seen)}` : run.state;
  return element("span", { class: `state ${run.state}`, title: MEANING[run.state] }, words);
}

// how far a run is, between 0 and 1; null where it has not said
export function share({ progress, state }) {
  if (!progress?.total) return null;
  return state === "complete" ? 1 : Math.min(1, (progress.done ?? 0) / progress.total);
}

const counted = ({ description, done = 0, total }) =>
  `${description ? `${description}: ` : ""}${done.toLocaleString()} of ${total.toLocaleString()}`;

// a bar while it goes on, the count where it ended
export function progressBar(run) {
  const part = share(run);
  if (part === null) return run.state === "running" ? element("span", { class: "key" }, "at work") : "";
  const text = counted(run.progress);
  if (run.state !== "running") return element("span", { class: "key" }, text);
  return element("span", { class: "progress" }, element("progress", { max: 1, value: part, "aria-label": text }), element("span", { class: "key" }, text));
}

export const outputNames = ({ outputs }) => (outputs ?? []).map(({ name }) => name).join(", ");

// links to the pages of what a run writes
export function outputLinks({ outputs }) {
  return (outputs ?? []).flatMap(({ kind, owner, project, name }, n) => {
    const address = kind === "stack" ? link("stack-details.html", { owner, project, stack: name, z: null })
      : link("point-match-explorer.html", { matchOwner: owner, matchCollection: name });
    return [n ? ", " : "", element("a", { href: address, title: kind === "stack" ? "stack" : "match collection" }, name)];
  });
}

export function viewerLinks({ outputs }) {
  return (outputs ?? []).filter(({ kind }) => kind === "stack").map(({ owner, project, name }) =>
    element("a", { href: link("viewer.html", { owner, project, stack: name, z: null }) }, `view ${name}`));
}
