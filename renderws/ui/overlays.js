// What is drawn over a section: outlines and ids of tiles, matches and how far the stack places them apart, polygons.

import { clusterColours } from "./clusters.js";

const ID_FROM = 70; // screen pixels of a tile's width from which its id is written
const STRONG = "#ffd23f";

const seen = ([left, top], [right, bottom], [width, height]) => right >= 0 && bottom >= 0 && left <= width && top <= height;

// `scale` shrinks boxes about their middle
export function drawTiles(pen, toPixel, size, sets, { outlines, ids, zoom, scale = 1 }) {
  const colours = clusterColours(sets);
  const [left, top] = toPixel([0, 0]);
  const [width, height] = size;
  const shrink = ((1 - scale) / 2) * zoom;
  pen.lineWidth = 1;
  sets.forEach((tiles, n) => {
    pen.strokeStyle = pen.fillStyle = colours[n];
    for (const tile of tiles) {
      const wide = (tile.maxX - tile.minX) * zoom;
      const high = (tile.maxY - tile.minY) * zoom;
      const x = left + tile.minX * zoom;
      const y = top + tile.minY * zoom;
      if (x > width || y > height || x + wide < 0 || y + high < 0) continue;
      const [dx, dy] = [shrink * (tile.maxX - tile.minX), shrink * (tile.maxY - tile.minY)];
      // whole pixels are drawn several times as fast, and crisp
      if (outlines) pen.strokeRect(Math.round(x + dx) + 0.5, Math.round(y + dy) + 0.5, Math.round(wide - 2 * dx), Math.round(high - 2 * dy));
      if (ids && wide >= ID_FROM) label(pen, tile.tileId, [x, y], [x + wide, y + high]);
    }
  });
}

function label(pen, text, from, to) {
  pen.save();
  pen.font = "12px system-ui, sans-serif";
  pen.textBaseline = "top";
  pen.strokeStyle = "#000c";
  pen.lineWidth = 3;
  const place = [text, from[0] + 14, from[1] + 14, Math.max(20, to[0] - from[0] - 28)];
  pen.strokeText(...place);
  pen.fillText(...place);
  pen.restore();
}

// pairs with world coordinates p and q: a cross at each point
export function drawMatches(pen, toPixel, size, pairs) {
  pen.lineWidth = 1;
  pairs.forEach((pair, n) => {
    pen.strokeStyle = `hsl(${(n * 137.5) % 360} 90% 65%)`;
    pen.beginPath();
    for (let i = 0; i < pair.w.length; i += 1) {
      if (!pair.w[i]) continue;
      const [x, y] = toPixel([(pair.p[0][i] + pair.q[0][i]) / 2, (pair.p[1][i] + pair.q[1][i]) / 2]);
      if (!seen([x, y], [x, y], size)) continue;
      pen.moveTo(x - 4, y);
      pen.lineTo(x + 4, y);
      pen.moveTo(x, y - 4);
      pen.lineTo(x, y + 4);
    }
    pen.stroke();
  });
}

// from where p is to where it should be for q to be in the same place, many times as long as it is
export function drawResiduals(pen, toPixel, size, pairs, times) {
  pen.strokeStyle = pen.fillStyle = STRONG;
  pen.lineWidth = 1.3;
  pen.beginPath();
  for (const { p, q, w } of pairs) {
    for (let i = 0; i < w.length; i += 1) {
      if (!w[i]) continue;
      const from = toPixel([p[0][i], p[1][i]]);
      if (!seen(from, from, size)) continue;
      const to = toPixel([p[0][i] + times * (q[0][i] - p[0][i]), p[1][i] + times * (q[1][i] - p[1][i])]);
      arrow(pen, from, to);
    }
  }
  pen.stroke();
}

function arrow(pen, [x0, y0], [x1, y1]) {
  pen.moveTo(x0, y0);
  pen.lineTo(x1, y1);
  const length = Math.hypot(x1 - x0, y1 - y0);
  if (length < 2) return;
  const head = Math.min(6, length / 2) / length;
  for (const turn of [0.5, -0.5]) {
    pen.moveTo(x1, y1);
    pen.lineTo(x1 - head * ((x1 - x0) + turn * (y1 - y0)), y1 - head * ((y1 - y0) - turn * (x1 - x0)));
  }
}

export function drawPolygons(pen, toPixel, polygons) {
  pen.strokeStyle = "#4fd1c5";
  pen.lineWidth = 2;
  pen.beginPath();
  for (const { roi } of polygons) {
    const parts = roi.type === "Polygon" ? [roi.coordinates] : roi.coordinates;
    for (const ring of parts.flat()) {
      ring.forEach((point, n) => (n ? pen.lineTo(...toPixel(point)) : pen.moveTo(...toPixel(point))));
      pen.closePath();
    }
  }
  pen.stroke();
}
