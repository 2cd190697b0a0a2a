// Matches stored in a collection, which records in which coordinates of tiles its points are.

import { collectionPath, getJson, putJson } from "./api.js";

// store documents whose points are after so many transforms of their tiles (null: nobody knows); a collection whose points
// are known to be in other coordinates is left as it is
export async function saveMatches(owner, name, documents, localTransforms) {
  const path = collectionPath(owner, name);
  const known = typeof localTransforms === "number";
  const metadata = known ? await getJson(`${path}/metadata`) : {};
  const there = metadata.local_transforms;
  if (known && typeof there === "number" && there !== localTransforms) {
    throw new Error(`${name} holds points after ${there} transforms of each tile, these are after ${localTransforms}: name another collection`);
  }
  await putJson(`${path}/matches`, documents.map(({ matchCount, ...document }) => document));
  if (known && there === undefined) await putJson(`${path}/metadata`, { ...metadata, local_transforms: localTransforms });
}
