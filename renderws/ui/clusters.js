// Tiles of a section that matches connect: boxes in one colour for each connected set, and links to the pairs of a tile.

import { collectionPath, element, getJson, stackPath } from "./api.js";

const SMALL = 4; // sets of fewer tiles are grey
const GREYS = ["#bbb", "#888", "#ddd"];

export async function loadClusters(stack, z, collection) {
  const found = await getJson(`${stackPath(stack)}/z/${z}/clusteredTileBoundsForCollection/${collection}?matchOwner=${stack.owner}`);
  return found.map((tiles, n) => ({
    tiles,
    colour: tiles.length < SMALL ? GREYS[n % GREYS.length] : `hsl(${(n * 137.5 + 210) % 360} 85% 60%)`,
  }));
}

export function drawClusters(pen, clusters, view) {
  pen.lineWidth = 2;
  for (const { tiles, colour } of clusters) {
    pen.strokeStyle = colour;
    for (const { minX, minY, maxX, maxY } of tiles) {
      pen.strokeRect((minX - view.x) * view.zoom + 1, (minY - view.y) * view.zoom + 1,
        (maxX - minX) * view.zoom - 2, (maxY - minY) * view.zoom - 2);
    }
  }
}

function pairLink(stack, collection, pId, qId, count) {
  const address = new URLSearchParams({
    renderStackOwner: stack.owner, renderStackProject: stack.project, renderStack: stack.stack,
    matchOwner: stack.owner, matchCollection: collection, pId, qId,
  });
  return element("a", { href: `tile-pair.html?${address}` }, `${qId}: ${count}`);
}

// links to the pairs of a tile with tiles of its own section, with the number of matches of each
export async function pairLinks(stack, collection, clusters, tileId) {
  const tile = clusters.flatMap(({ tiles }) => tiles).find((one) => one.tileId === tileId);
  if (!tile) return ["no matches"];
  const group = encodeURIComponent(tile.sectionId);
  const path = `${collectionPath(stack.owner, collection)}/group/${group}/id/${encodeURIComponent(tileId)}`;
  const pairs = await getJson(`${path}/matchesWith/${group}?excludeMatchDetails=true`);
  const others = pairs.map(({ pId, qId, matchCount }) => [pId === tileId ? qId : pId, matchCount]);
  return ["matches with ", ...others.flatMap(([other, count]) => [pairLink(stack, collection, tileId, other, count), "  "])];
}
