// Pictures of tiles as whoever matched them saw them.

import { BASE, collectionPath, enc, getJson, stackPath } from "./api.js";
import { get } from "./state.js";

// sets of options by the names that render's pages know them by
const KEYS = {
  DEFAULT: { excludeMask: "false", normalizeForMatching: "true" },
  FAFB: { excludeMask: "true", normalizeForMatching: "true", width: "2760", height: "2330" },
  HIER_CANVAS: { filter: "true" },
  ALLEN_AT: { normalizeForMatching: "true", minIntensity: "0", maxIntensity: "10000" },
};
const OWN = ["excludeMask", "normalizeForMatching", "filter", "minIntensity", "maxIntensity", "channels", "width", "height"];

export async function collectionMetadata(owner, collection) {
  if (!owner || !collection) return {};
  return getJson(`${collectionPath(owner, collection)}/metadata`).catch(() => ({}));
}

// options of the pictures of tiles: those of the address, over those of its key, over what the collection says
export async function pictureOptions(owner, collection) {
  const { local_transforms: kept } = await collectionMetadata(owner, collection);
  const key = get("renderParametersKey") ?? "DEFAULT";
  if (!KEYS[key]) throw new Error(`renderParametersKey ${key} is none of ${Object.keys(KEYS).join(", ")}`);
  const options = new URLSearchParams(KEYS[key]);
  if (kept === 0) options.set("excludeAllTransforms", "true");
  for (const name of OWN) if (get(name)) options.set(name, get(name));
  return options;
}

export function pictureUrl(stack, tileId, options, scale) {
  const query = new URLSearchParams(options);
  query.set("scale", scale);
  return `${BASE}${stackPath(stack)}/tile/${enc(tileId)}/jpeg-image?${query}`;
}

export const parametersUrl = (stack, tileId, options) => `${BASE}${stackPath(stack)}/tile/${enc(tileId)}/render-parameters?${options}`;
