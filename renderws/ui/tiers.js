// Tiers of hierarchical alignments: boxes into which a rough stack was split, each a stack of its own, from their hierarchical data.

import { collectionPath, enc, getJson } from "./api.js";

const same = (one, other) => Boolean(one && other) && ["owner", "project", "stack"].every((key) => one[key] === other[key]);

// the rough stack that a stack belongs to: itself, or the one whose boxes or result it is
export function roughStack(stackId, every) {
  for (const { stackId: id, hierarchicalData: data } of every) {
    if (!data?.roughTilesStackId) continue;
    if ([id, data.alignedStackId, data.warpTilesStackId].some((one) => same(one, stackId))) return data.roughTilesStackId;
  }
  return stackId;
}

// [{key, project, tier, boxes}] of a rough stack; a box is {stackId, data} and has a place in its tier
export function tiersOf(rough, every) {
  const tiers = new Map();
  for (const { stackId, hierarchicalData: data } of every) {
    if (!same(data?.roughTilesStackId, rough) || !data.fullScaleBounds) continue;
    const [project, tier] = [stackId.project, data.tier ?? 0];
    const key = `${tier} ${project}`;
    if (!tiers.has(key)) tiers.set(key, { key, project, tier, boxes: [] });
    tiers.get(key).boxes.push({ stackId, data });
  }
  const place = ({ data }) => [data.tierRow ?? 0, data.tierColumn ?? 0];
  for (const { boxes } of tiers.values()) {
    boxes.sort((a, b) => place(a)[0] - place(b)[0] || place(a)[1] - place(b)[1]);
  }
  return [...tiers.values()].sort((a, b) => a.tier - b.tier || a.key.localeCompare(b.key));
}

// puts `missing` (z values without matches; null: none are saved) to each box of a tier
export async function addMissingLayers(owner, tier) {
  const found = await getJson(`/owner/${enc(owner)}/project/${enc(tier.project)}/missingTierMatchLayers`);
  for (const box of tier.boxes) box.missing = found.find(({ stackId }) => same(stackId, box.stackId))?.zValues ?? null;
}

// z values of a box whose matches are of several consensus sets; null where it has no collection
export async function severalSets({ data }) {
  const id = data.matchCollectionId;
  if (!id) return null;
  const groups = await getJson(`${collectionPath(id.owner, id.name)}/multiConsensusGroupIds`);
  return groups.map(Number).filter(Number.isFinite).sort((a, b) => a - b);
}

const LABEL_FROM = 46; // screen pixels of a box's width from which its quality is written

// boxes of a tier over the section; those whose quality is above the limit are red
export function drawBoxes(pen, toPixel, boxes, limit, chosen, text) {
  pen.save();
  pen.font = "13px system-ui, sans-serif";
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  for (const box of boxes) {
    const { minX, minY, maxX, maxY } = box.data.fullScaleBounds;
    const [[left, top], [right, bottom]] = [toPixel([minX, minY]), toPixel([maxX, maxY])];
    const bad = isBad(box, limit);
    pen.strokeStyle = pen.fillStyle = bad ? "#ff5b50" : "#4fd1c5";
    pen.lineWidth = box === chosen ? 4 : 1.5;
    if (box === chosen) pen.setLineDash([10, 5]);
    pen.strokeRect(left + 2, top + 2, Math.max(1, right - left - 4), Math.max(1, bottom - top - 4));
    pen.setLineDash([]);
    if (right - left < LABEL_FROM) continue;
    const line = [text(box), (left + right) / 2, (top + bottom) / 2, right - left - 8];
    pen.strokeStyle = "#000c";
    pen.lineWidth = 3;
    pen.strokeText(...line);
    pen.fillText(...line);
  }
  pen.restore();
}

export const isBad = ({ data }, limit) => typeof data.alignmentQuality === "number" && data.alignmentQuality > limit;

export function boxAt([x, y], boxes) {
  return boxes.find(({ data: { fullScaleBounds: b } }) => x >= b.minX && x < b.maxX && y >= b.minY && y < b.maxY) ?? null;
}
