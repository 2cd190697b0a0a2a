// Tiles of a section by the matches that connect them: one colour for each connected set.

import { enc, getJson, stackPath } from "./api.js";

const SMALL = 4; // sets of fewer tiles are grey
const GREYS = ["#b4b4b4", "#8c8c8c", "#d8d8d8"];
export const PLAIN = "#6ea8ff";
export const LONE = "#ff6b5e"; // of tiles that no match connects, where there are matches

// sets of tiles with `lone` set are those without matches
export function clusterColours(sets) {
  return sets.map((tiles, n) => {
    if (tiles.plain) return PLAIN;
    if (tiles.lone) return LONE;
    return tiles.length < SMALL ? GREYS[n % GREYS.length] : `hsl(${(n * 137.5 + 210) % 360} 85% 60%)`;
  });
}

// all tiles at a z as sets: connected ones, largest first, then those that no match connects; one plain set without matches
export async function loadTileSets(stack, z, owner, collection) {
  const path = `${stackPath(stack)}/z/${z}`;
  const every = getJson(`${path}/tileBounds`);
  if (!collection) return [Object.assign(await every, { plain: true })];
  const sets = await getJson(`${path}/clusteredTileBoundsForCollection/${enc(collection)}?matchOwner=${enc(owner)}`);
  const connected = new Set(sets.flat().map(({ tileId }) => tileId));
  const lone = (await every).filter(({ tileId }) => !connected.has(tileId));
  return lone.length ? [...sets, Object.assign(lone, { lone: true })] : sets;
}

export function countText(sets) {
  const tiles = sets.reduce((sum, set) => sum + set.length, 0);
  const text = `${tiles.toLocaleString()} ${tiles === 1 ? "tile" : "tiles"}`;
  if (sets.some(({ plain }) => plain)) return text;
  const lone = sets.filter((set) => set.lone).reduce((sum, set) => sum + set.length, 0);
  const connected = sets.filter((set) => !set.lone).length;
  return `${text} in ${connected.toLocaleString()} connected ${connected === 1 ? "set" : "sets"}${lone ? `, ${lone.toLocaleString()} without matches` : ""}`;
}
