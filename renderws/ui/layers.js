// The z values of a stack, and stepping through them by slider, keys, buttons and number.

import { at } from "./page.js";

const STEPS = { ",": -1, ".": 1, PageDown: -1, PageUp: 1 };

// the z of a sorted list that is nearest to a number
const nearest = (zs, z) => zs.reduce((best, one) => (Math.abs(one - z) < Math.abs(best - z) ? one : best), zs[0]);

// connects #z, #slider, #previous and #next with an ascending list of z; onchange(z) when another one is chosen
export class Layers {
  constructor(zs, z, onchange) {
    this.zs = zs;
    this.onchange = onchange;
    at("slider").max = zs.length - 1;
    this.set(nearest(zs, z ?? zs[0]));
    at("slider").addEventListener("input", () => this.to(zs[Number(at("slider").value)]));
    at("z").addEventListener("change", () => this.to(nearest(zs, Number(at("z").value))));
    at("previous").addEventListener("click", () => this.step(-1));
    at("next").addEventListener("click", () => this.step(1));
  }

  get index() {
    return this.zs.indexOf(this.z);
  }

  set(z) {
    this.z = z;
    at("z").value = z;
    at("slider").value = this.index;
    at("slider").title = `${this.index + 1} of ${this.zs.length}`;
    at("previous").disabled = this.index === 0;
    at("next").disabled = this.index === this.zs.length - 1;
  }

  to(z) {
    if (z === this.z) {
      at("z").value = z;
      return;
    }
    this.set(z);
    this.onchange(z);
  }

  beside(by) {
    return this.zs[this.index + by] ?? null;
  }

  step(by) {
    const z = this.beside(by);
    if (z !== null) this.to(z);
  }

  // whether a key was one for stepping
  key(key) {
    if (!(key in STEPS)) return false;
    this.step(STEPS[key]);
    return true;
  }
}
