// All there is of one run: progress, error, steps, log, parameters. It is kept up to date while the run goes on.

import { BASE, element, enc } from "./api.js";
import { by, outputLinks, progressBar, stateChip, viewerLinks } from "./job-parts.js";
import { duration, localTime } from "./times.js";

const shown = (name, value) => (value === null || value === undefined || value === "" || (Array.isArray(value) && !value.length) ? []
  : [element("dt", {}, name), element("dd", {}, value)]);

function facts(run) {
  const process = run.pid ? `, process ${run.pid}` : "";
  const place = [run.owner && `owner ${run.owner}`, run.project && `project ${run.project}`].filter(Boolean).join(", ");
  return element("dl", { class: "facts" }, shown("started", `${localTime(run.started, { seconds: true })}, ${duration(run.duration)}`),
    shown("by", by(run) + process), shown("of", place), shown("output", outputLinks(run)), shown("summary", run.summary),
    shown("error", run.error ? element("span", { class: "wrong" }, run.error) : null),
    shown("report", run.report ? reportLink(run) : null));
}

// its file, and what is in it, where the service may read that
const reportLink = (run) => [element("code", {}, run.report), " ",
  run.state === "running" ? "" : element("a", { href: `${BASE}/jobs/${enc(run.id)}/report` }, "show")];

function steps(run) {
  if (!run.steps.length) return null;
  const line = ({ module, state, seconds }) => element("li", {}, element("span", { class: `state ${state}` }, state), ` ${module}`,
    seconds === undefined ? "" : `, ${duration(seconds)}`);
  return [element("h2", {}, "Steps"), element("ol", {}, run.steps.map(line))];
}

export class JobPanel {
  constructor(place, onclose) {
    Object.assign(this, { place, onclose, id: null, said: "" });
  }

  close() {
    this.id = null;
    this.place.hidden = true;
    this.place.replaceChildren();
  }

  show(run, buttons) {
    const said = JSON.stringify(run);
    if (said === this.said && this.id === run.id) return;
    const same = this.id === run.id;
    const open = same && this.place.querySelector("details")?.open;
    const log = this.place.querySelector(".log");
    const height = same && log ? log.scrollTop : 0;
    const below = !same || !log || log.scrollTop + log.clientHeight >= log.scrollHeight - 4;
    const focused = same && document.activeElement?.dataset?.part;
    this.id = run.id;
    this.said = said;
    this.place.hidden = false;
    this.place.replaceChildren(...this.parts(run, buttons, open).flat().filter(Boolean));
    const lines = this.place.querySelector(".log");
    if (lines) lines.scrollTop = below ? lines.scrollHeight : height;
    if (focused) this.place.querySelector(`[data-part="${focused}"]`)?.focus();
  }

  parts(run, buttons, open) {
    const head = element("p", { class: "top" }, element("strong", {}, run.module), stateChip(run), element("code", {}, run.id), element("span", { class: "fill" }),
      element("button", { type: "button", "data-part": "close", onclick: () => this.onclose() }, "Close"));
    const links = element("p", { class: "links" }, viewerLinks(run),
      element("a", { href: `${BASE}/jobs/${enc(run.id)}` }, "record (JSON)"), buttons);
    const log = run.log.length ? element("pre", { class: "log", tabindex: "0", "aria-label": "end of the log" }, run.log.join("\n"))
      : element("p", { class: "empty" }, "Nothing was logged at its log_level.");
    const parameters = element("details", { open }, element("summary", { "data-part": "parameters" }, "Parameters"),
      element("pre", {}, JSON.stringify(run.parameters, null, 1)));
    return [head, progressBar(run) || null, facts(run), links, steps(run), element("h2", {}, "End of the log"), log, parameters];
  }
}
