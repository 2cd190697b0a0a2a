// Links to neuroglancer, which this service shows where its package is installed.

import { element } from "./api.js";

const INSTALLED = document.body.dataset.neuroglancer === "true";
const MISSING = "the package is not installed: pip install 'render-python-apps[view]', and start the service again";

// a stack is a volume once it is complete
const isVolume = ({ state }) => state === "COMPLETE" || state === "READ_ONLY";

// opens a stack, at a place {x, y, z, zoom} as the address of the section viewer has it; null for what is no volume
export function neuroglancerLink({ stackId, state }, place = {}) {
  if (!isVolume({ state })) return null;
  if (!INSTALLED) return element("span", { class: "quiet", title: MISSING }, "neuroglancer (not installed)");
  const { owner, project, stack } = stackId;
  const query = new URLSearchParams(Object.entries({ owner, project, stack, ...place }).filter(([, value]) => value !== null && value !== undefined));
  return element("a", { href: `../neuroglancer/v/stack/?${query}` }, "neuroglancer");
}
