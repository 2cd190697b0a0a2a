// Neighbours in the grid of acquisition that matches should connect, and do not, or by few.

import { collectionPath, enc, getJson, getText, stackPath } from "./api.js";

// row and column of each tile of a layer, from the end of the lines of its layout file
async function gridPlaces(stack, z) {
  const lines = (await getText(`${stackPath(stack)}/z/${z}/layoutFile?format=KARSH`)).split("\n").filter(Boolean);
  const places = new Map();
  for (const line of lines) {
    const words = line.split("\t");
    const [column, row] = [words.at(-8), words.at(-7)].map((word) => (word === "null" ? NaN : Number(word)));
    if (Number.isInteger(row) && Number.isInteger(column)) places.set(words[1], { row, column });
  }
  return places;
}

async function pairCounts(owner, collection, groups) {
  const counts = new Map();
  const lists = await Promise.all(groups.map((group) => getJson(`${collectionPath(owner, collection)}/group/${enc(group)}/matchesWithinGroup?excludeMatchDetails=true`)));
  for (const { pId, qId, matchCount } of lists.flat()) counts.set(JSON.stringify([pId, qId].sort()), matchCount);
  return counts;
}

const centre = (tile) => [(tile.minX + tile.maxX) / 2, (tile.minY + tile.maxY) / 2];

// [{from, to, count, tiles}], the places in the world, of neighbours to the right and below with at most so many matches
export async function missingConnections(stack, z, owner, collection, threshold, sets) {
  const tiles = sets.flat();
  const groups = [...new Set(tiles.map(({ sectionId }) => sectionId ?? collection))];
  const [places, counts] = await Promise.all([gridPlaces(stack, z), pairCounts(owner, collection, groups)]);
  if (!places.size) throw new Error("the tiles of this layer have no row and column, so nobody knows which are neighbours");
  const cells = new Map();
  for (const tile of tiles) {
    const place = places.get(tile.tileId);
    if (place) cells.set(JSON.stringify([tile.sectionId, place.row, place.column]), tile);
  }
  const found = [];
  for (const tile of tiles) {
    const place = places.get(tile.tileId);
    if (!place) continue;
    for (const [down, right] of [[0, 1], [1, 0]]) {
      const other = cells.get(JSON.stringify([tile.sectionId, place.row + down, place.column + right]));
      if (!other) continue;
      const count = counts.get(JSON.stringify([tile.tileId, other.tileId].sort())) ?? 0;
      if (count <= threshold) found.push({ from: centre(tile), to: centre(other), count, tiles: [tile, other] });
    }
  }
  return found;
}
