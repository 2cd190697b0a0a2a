// Decisions about pairs of tiles, kept as a match collection of their own: an edited pair is there with all its points, those
// that were rejected with weight 0. What was matched stays as it is; apply_match_edits brings the two together.

import { collectionPath, deletePath, enc, getJson, pairPath, putJson } from "./api.js";

const keyOf = ({ pGroupId, pId, qGroupId, qId }) => JSON.stringify([pGroupId, pId, qGroupId, qId]);
const pure = ({ matchCount, ...document }) => document;
const same = (one, other) => JSON.stringify(one.matches) === JSON.stringify(other.matches);

export class Edits {
  constructor(owner, collection, name) {
    Object.assign(this, { owner, collection, name });
    this.documents = new Map(); // of edited pairs, by key
    this.steps = []; // {key, pair, before}: what each step has replaced; null where nothing was there
    this.known = false; // whether the collection has its metadata
  }

  get path() {
    return collectionPath(this.owner, this.name);
  }

  // read the edited pairs of two groups
  async load(p, q) {
    this.documents.clear();
    const word = p === q ? `group/${enc(p)}/matchesWithinGroup` : `group/${enc(p)}/matchesWith/${enc(q)}`;
    const names = (await getJson(`/owner/${enc(this.owner)}/matchCollections`)).map(({ collectionId }) => collectionId.name);
    this.known = names.includes(this.name);
    if (!this.known) return;
    for (const document of await getJson(`${this.path}/${word}`)) this.documents.set(keyOf(document), pure(document));
  }

  of(pair) {
    return this.documents.get(keyOf(pair)) ?? null;
  }

  // accepted, rejected, edited, or nothing yet
  status(pair, original) {
    const edited = this.of(pair);
    if (!edited) return "";
    if (!edited.matches.w.some((weight) => weight > 0)) return "rejected";
    return original && same(edited, original) ? "accepted" : "edited";
  }

  async set(pair, document) {
    const before = this.of(pair);
    await this.write(pair, document);
    this.steps.push({ pair, before });
  }

  async write(pair, document) {
    if (document) {
      if (!this.known) await this.describe();
      await putJson(`${this.path}/matches`, [document]);
      this.documents.set(keyOf(pair), document);
    } else {
      await deletePath(pairPath(this.path, pair));
      this.documents.delete(keyOf(pair));
    }
  }

  // the points of edits are in the coordinates of what was matched
  async describe() {
    const metadata = await getJson(`${collectionPath(this.owner, this.collection)}/metadata`);
    await putJson(`${this.path}/metadata`, { ...metadata, edits_of: this.collection });
    this.known = true;
  }

  // take the last step back; gives the pair that it was about
  async undo() {
    const step = this.steps.at(-1);
    if (!step) return null;
    await this.write(step.pair, step.before);
    this.steps.pop();
    return step.pair;
  }
}
