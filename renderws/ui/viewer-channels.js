// The channels of a stack that are drawn over each other, each in a colour and with grey levels of its own.

import { element } from "./api.js";
import { at } from "./page.js";
import { get, put } from "./state.js";

const COLOURS = ["#ff5050", "#40e060", "#5080ff", "#ffd040", "#ff60ff", "#40e0e0"];
let channels = []; // {name, on, colour, min, max}

// what is drawn: the chosen channels, or the one that the stack draws by itself
export function channelsOfPage() {
  const levels = { min: at("min").value, max: at("max").value };
  const on = channels.filter((channel) => channel.on);
  if (!on.length) return [{ name: "", colour: "#ffffff", ...levels }];
  return on.map(({ name, colour, min, max }) => ({ name, colour, min: min === "" ? levels.min : min, max: max === "" ? levels.max : max }));
}

// "name:colour:min:max" of each chosen channel; the names are percent-encoded
function parse(text) {
  return new Map((text ?? "").split(",").filter(Boolean).map((part) => {
    const [name, colour = "", min = "", max = ""] = part.split(":").map(decodeURIComponent);
    return [name, { colour: /^[0-9a-f]{6}$/i.test(colour) ? `#${colour}` : null, min, max }];
  }));
}

function remember() {
  const on = channels.filter((channel) => channel.on);
  put({ channels: on.map(({ name, colour, min, max }) => [name, colour.slice(1), min, max].map(encodeURIComponent).join(":")).join(",") });
}

export function offerChannels(place, names, onchange) {
  const given = parse(get("channels") ?? get("channel"));
  channels = names.map((name, n) => {
    const known = given.get(name);
    return { name, on: Boolean(known), colour: known?.colour ?? COLOURS[n % COLOURS.length], min: known?.min ?? "", max: known?.max ?? "" };
  });
  place.replaceChildren(...channels.map((channel) => line(channel, () => {
    remember();
    onchange();
  })));
}

function line(channel, changed) {
  const input = (type, key, label, more = {}) => element("input", { type, value: channel[key], "aria-label": `${label} of ${channel.name}`, ...more,
    onchange: (event) => {
      channel[key] = event.target.value;
      changed();
    } });
  const box = element("input", { type: "checkbox", checked: channel.on, onchange: (event) => {
    channel.on = event.target.checked;
    changed();
  } });
  return element("div", { class: "channel" }, element("label", {}, box, ` ${channel.name}`), input("color", "colour", "colour"),
    input("number", "min", "lowest level", { placeholder: "from", step: "any" }), input("number", "max", "highest level", { placeholder: "to", step: "any" }));
}
