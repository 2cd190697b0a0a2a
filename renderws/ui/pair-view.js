// Two pictures beside (or above) each other with points that match, on one canvas.
// Points are [px, py, qx, qy] in pixels of the full-scale picture that a tile has for matching, whose corner is (0, 0).

import { turns } from "./page.js";

const GAP = 24;
const NEAR = 9;

export const colourOf = (n) => `hsl(${(n * 137.5) % 360} 90% 62%)`;

export class PairView {
  constructor(canvas) {
    this.canvas = canvas;
    this.pen = canvas.getContext("2d");
    this.images = [null, null];
    this.points = [];
    this.weights = []; // of points; those of weight 0 are drawn as rejected
    this.colour = colourOf; // of a point by its number
    this.shown = null; // number of the only point that is shown; null: all
    this.lines = true;
    this.below = false; // q below p
    this.scale = 1;
    this.loading = turns();
    this.mark = null; // {side, x, y}: one end of a point that is being added
  }

  // pictures {url, name} of p and q, at this scale
  async load(urls, scale) {
    const late = this.loading();
    const images = await Promise.all(urls.map(async ({ url, name }) => {
      const answer = await fetch(url);
      if (!answer.ok) throw new Error(`no picture of ${name}: ${await answer.text()}`);
      return createImageBitmap(await answer.blob());
    }));
    if (late()) return;
    this.images = images;
    this.scale = scale;
    const [p, q] = images;
    this.canvas.width = this.below ? Math.max(p.width, q.width) : p.width + GAP + q.width;
    this.canvas.height = this.below ? p.height + GAP + q.height : Math.max(p.height, q.height);
  }

  corner(side) {
    const [first] = this.images;
    if (side === 0) return [0, 0];
    return this.below ? [0, first.height + GAP] : [first.width + GAP, 0];
  }

  turn() {
    this.below = !this.below;
    const [p, q] = this.images;
    if (!p) return;
    this.canvas.width = this.below ? Math.max(p.width, q.width) : p.width + GAP + q.width;
    this.canvas.height = this.below ? p.height + GAP + q.height : Math.max(p.height, q.height);
    this.draw();
  }

  place(side, x, y) {
    const [left, top] = this.corner(side);
    return [left + x * this.scale, top + y * this.scale];
  }

  draw() {
    if (!this.images[0]) return;
    const { pen } = this;
    pen.clearRect(0, 0, this.canvas.width, this.canvas.height);
    this.images.forEach((image, side) => pen.drawImage(image, ...this.corner(side)));
    pen.lineWidth = 1.2;
    this.points.forEach(([px, py, qx, qy], n) => {
      if (this.shown !== null && this.shown !== n) return;
      this.drawPoint([this.place(0, px, py), this.place(1, qx, qy)], this.colour(n), this.weights[n] === 0);
    });
    if (this.mark) {
      pen.strokeStyle = "#fff";
      const [x, y] = this.place(this.mark.side, this.mark.x, this.mark.y);
      pen.beginPath();
      pen.arc(x, y, 7, 0, 7);
      pen.stroke();
    }
  }

  drawPoint(ends, colour, rejected) {
    const { pen } = this;
    pen.strokeStyle = pen.fillStyle = colour;
    pen.globalAlpha = rejected ? 0.75 : 1;
    pen.beginPath();
    for (const [x, y] of ends) {
      if (rejected) {
        pen.moveTo(x - 4, y - 4); pen.lineTo(x + 4, y + 4);
        pen.moveTo(x - 4, y + 4); pen.lineTo(x + 4, y - 4);
      } else {
        pen.rect(x - 2.5, y - 2.5, 5, 5);
      }
    }
    if (rejected) pen.stroke();
    else pen.fill();
    if (this.lines && !rejected) {
      pen.beginPath();
      pen.moveTo(...ends[0]);
      pen.lineTo(...ends[1]);
      pen.stroke();
    }
    pen.globalAlpha = 1;
  }

  // canvas pixels of an event, whatever the size at which the canvas is shown
  under(event) {
    const box = this.canvas.getBoundingClientRect();
    return [((event.clientX - box.left) * this.canvas.width) / box.width, ((event.clientY - box.top) * this.canvas.height) / box.height];
  }

  // number of the point that has an end at a place of the canvas, else null
  pointAt([x, y]) {
    let [best, least] = [null, NEAR * NEAR];
    this.points.forEach(([px, py, qx, qy], n) => {
      for (const [a, b] of [this.place(0, px, py), this.place(1, qx, qy)]) {
        const far = (a - x) ** 2 + (b - y) ** 2;
        if (far < least) [best, least] = [n, far];
      }
    });
    return best;
  }

  // the picture at a place of the canvas and the place in it at full scale, else null
  sideAt([x, y]) {
    for (const side of [1, 0]) {
      const [left, top] = this.corner(side);
      const image = this.images[side];
      if (x >= left && y >= top && x < left + image.width && y < top + image.height) {
        return { side, x: (x - left) / this.scale, y: (y - top) / this.scale };
      }
    }
    return null;
  }

  step(by) {
    if (!this.points.length) return;
    const count = this.points.length;
    this.shown = this.shown === null ? (by > 0 ? 0 : count - 1) : (this.shown + by + count) % count;
    this.draw();
  }
}

// the points of a document of matches, as [px, py, qx, qy] of the tiles in the order of the page; documents come
// back with the smaller group and id as p
export function orientedPoints(found, pGroup, pId) {
  const { p, q, w } = found.matches;
  if (w.length && (p.length !== 2 || p[0].length !== w.length)) {
    throw new Error(`the matches of ${found.pId} and ${found.qId} are stored point by point, not as a row of x and one of y`);
  }
  const same = found.pGroupId === pGroup && found.pId === pId;
  const [left, right] = same ? [p, q] : [q, p];
  return w.map((_, n) => [left[0][n], left[1][n], right[0][n], right[1][n]]);
}
