// The parameters of a match trial as a form: what each is called, its default, and where it belongs in the document.

import { element } from "./api.js";

const MODELS = ["TRANSLATION", "RIGID", "SIMILARITY", "AFFINE"];
const FILTERS = ["SINGLE_SET", "CONSENSUS_SETS", "AGGREGATED_CONSENSUS_SETS", "NONE"];

// name: [default, choices or "boolean" or "number" or "text"]; null: left out
const SIFT = { fdSize: [4, "number"], minScale: [0.2, "number"], maxScale: [1.0, "number"], steps: [3, "number"] };
const DERIVATION = {
  matchRod: [0.92, "number"], matchModelType: ["TRANSLATION", MODELS], matchRegularizerModelType: [null, MODELS], matchInterpolatedModelLambda: [null, "number"],
  matchIterations: [1000, "number"], matchMaxEpsilon: [5, "number"], matchMaxEpsilonFullScale: [null, "number"], matchMinInlierRatio: [0, "number"], matchMinNumInliers: [4, "number"],
  matchMaxNumInliers: [null, "number"], matchMaxTrust: [3, "number"], matchFilter: ["SINGLE_SET", FILTERS], matchFullScaleCoverageRadius: [300, "number"], matchMinCoveragePercentage: [null, "number"],
};
const CLIP = { pClipPosition: [null, ["TOP", "BOTTOM", "LEFT", "RIGHT"]], clipPixels: [null, "number"] };
const SPOTS = {
  gdEnabled: [null, "boolean"], renderScale: [0.25, "number"], renderWithFilter: [null, "boolean"], renderFilterListName: [null, "text"], runGeoRegardlessOfSiftResults: [null, "boolean"],
  minCombinedInliers: [null, "number"], minCombinedCoveragePercentage: [null, "number"],
};
const DESCRIPTOR = {
  numberOfNeighbors: [3, "number"], redundancy: [1, "number"], significance: [2, "number"], sigma: [2.04, "number"], threshold: [0.008, "number"], localization: ["THREE_D_QUADRATIC", ["THREE_D_QUADRATIC", "NONE"]],
  lookForMinima: [true, "boolean"], lookForMaxima: [null, "boolean"], similarOrientation: [true, "boolean"], fullScaleBlockRadius: [300, "number"], fullScaleNonMaxSuppressionRadius: [60, "number"], gdStoredMatchWeight: [0.4, "number"],
};
const RENDER = { scale: [0.6, "number"], filter: [null, "boolean"], excludeMask: [null, "boolean"], channels: [null, "text"] };

export const GROUPS = [
  ["Pictures", ["render"], RENDER],
  ["Features", ["featureAndMatchParameters", "siftFeatureParameters"], SIFT],
  ["Matches", ["featureAndMatchParameters", "matchDerivationParameters"], DERIVATION],
  ["Clip to the rim", ["featureAndMatchParameters"], CLIP],
  ["Spots (geometric descriptors)", ["geometricDescriptorAndMatchFilterParameters"], SPOTS],
  ["Descriptors of spots", ["geometricDescriptorAndMatchFilterParameters", "geometricDescriptorParameters"], DESCRIPTOR],
  ["Matches of spots", ["geometricDescriptorAndMatchFilterParameters", "matchDerivationParameters"], DERIVATION],
];

const at = (document, path) => path.reduce((part, key) => part?.[key], document);
const idOf = (path, name) => [...path, name].join(".");

function input(path, name, [otherwise, kind], given) {
  const id = idOf(path, name);
  const value = given ?? otherwise;
  if (kind === "boolean") return element("input", { type: "checkbox", name: id, checked: value === true });
  if (Array.isArray(kind)) return element("select", { name: id }, element("option", { value: "" }, "—"), kind.map((one) => element("option", { value: one, selected: one === value }, one)));
  return element("input", { type: kind, step: "any", name: id, value: value ?? "" });
}

// fill a place with the fields; `shown` is a document whose values they begin with
export function showFields(place, shown) {
  place.replaceChildren(...GROUPS.map(([title, path, fields], n) => {
    const known = shown ? (at(shown, path) ?? {}) : null;
    const labels = Object.entries(fields).map(([name, field]) => element("label", {}, name, input(path, name, known ? [known[name] ?? null, field[1]] : field)));
    return element(n < 3 ? "fieldset" : "details", { class: "group" }, element(n < 3 ? "legend" : "summary", {}, title), element("div", { class: "grid" }, labels));
  }));
}

// the document that the fields describe; empty ones are left out, and spots altogether unless they are enabled
export function readFields(form) {
  const document = {};
  for (const [, path, fields] of GROUPS) {
    if (path[0].startsWith("geometric") && !form.elements["geometricDescriptorAndMatchFilterParameters.gdEnabled"].checked) continue;
    for (const [name, [, kind]] of Object.entries(fields)) {
      const field = form.elements[idOf(path, name)];
      const value = kind === "boolean" ? (field.checked ? true : null) : field.value === "" ? null : kind === "number" ? Number(field.value) : field.value;
      if (value === null) continue;
      const part = path.reduce((inner, key) => (inner[key] ??= {}), document);
      part[name] = value;
    }
  }
  return document;
}
