// Scatter charts on a canvas: many thousand points at once, the nearest one named under the pointer.

import { element } from "./api.js";

export const SHAPES = ["circle", "square", "diamond", "cross"];
const COLOURS = { light: ["#1d5fc4", "#c25700", "#1c7a43", "#9b2fae"], dark: ["#6ea8ff", "#ffb454", "#5fd08f", "#e08bf0"] };
const EDGE = { left: 70, right: 14, top: 10, bottom: 26 };
const NEAR = 12;

// whether the page is dark, by the colour that it has in the end
function dark() {
  const [red, green, blue] = getComputedStyle(document.body).backgroundColor.match(/[\d.]+/g).map(Number);
  return red + green + blue < 384;
}

export const colours = () => COLOURS[dark() ? "dark" : "light"];

function range(values) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return high > low ? [low, high] : [low - 0.5, high + 0.5];
}

// round numbers of which about five cover a range
function ticks([low, high]) {
  const rough = (high - low) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough);
  const found = [];
  for (let value = Math.ceil(low / step) * step; value <= high + step * 1e-9; value += step) found.push(Number(value.toPrecision(12)));
  return found;
}

function mark(pen, shape, x, y) {
  if (shape === "circle") pen.arc(x, y, 2.6, 0, 7);
  else if (shape === "square") pen.rect(x - 2.4, y - 2.4, 4.8, 4.8);
  else if (shape === "diamond") { pen.moveTo(x, y - 3.6); pen.lineTo(x + 3.6, y); pen.lineTo(x, y + 3.6); pen.lineTo(x - 3.6, y); }
  else { pen.rect(x - 3.4, y - 0.9, 6.8, 1.8); pen.rect(x - 0.9, y - 3.4, 1.8, 6.8); }
  pen.closePath();
}

const markPictures = new Map();

// a mark by itself, for the keys of charts
function markPicture(shape, colour) {
  const key = shape + colour;
  if (!markPictures.has(key)) {
    const picture = document.createElement("canvas");
    [picture.width, picture.height] = [10, 10];
    const pen = picture.getContext("2d");
    pen.fillStyle = colour;
    pen.beginPath();
    mark(pen, shape, 5, 5);
    pen.fill();
    markPictures.set(key, picture.toDataURL());
  }
  return markPictures.get(key);
}

// series: [{name, points: [{x, y, text(), ...}]}]; onpick gets the point that is clicked
export class Chart {
  constructor(title, series, { most = Infinity, onpick = () => {} } = {}) {
    this.series = series.map(({ name, points }) => {
      const skip = Math.ceil(points.length / most) || 1;
      return { name, points: skip > 1 ? points.filter((_, n) => n % skip === 0) : points };
    });
    const every = this.series.flatMap(({ points }) => points);
    this.canvas = element("canvas", { role: "img", tabindex: "0", "aria-label": `${title}: ${every.length} points` });
    this.note = element("span", { class: "key" });
    this.keys = element("span");
    this.node = element("figure", {}, element("figcaption", {}, element("strong", {}, title), this.note, this.keys), this.canvas);
    this.ranges = every.length ? [range(every.map(({ x }) => x)), range(every.map(({ y }) => y))] : null;
    this.onpick = onpick;
    this.chosen = null;
    // drawn when it comes into view, and whenever its size changes from then on
    new IntersectionObserver(([entry], eyes) => {
      if (!entry.isIntersecting) return;
      eyes.disconnect();
      new ResizeObserver(() => this.draw()).observe(this.canvas);
    }).observe(this.canvas);
    document.addEventListener("themechange", () => this.draw());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    this.canvas.addEventListener("pointermove", (event) => this.name(this.nearest(event.offsetX, event.offsetY)));
    this.canvas.addEventListener("pointerleave", () => this.name(null));
    this.canvas.addEventListener("click", (event) => this.pick(this.nearest(event.offsetX, event.offsetY)));
    this.canvas.addEventListener("keydown", (event) => this.key(event));
  }

  place({ x, y }) {
    const [[x0, x1], [y0, y1]] = this.ranges;
    const { clientWidth: width, clientHeight: height } = this.canvas;
    return [EDGE.left + ((x - x0) / (x1 - x0)) * (width - EDGE.left - EDGE.right),
      height - EDGE.bottom - ((y - y0) / (y1 - y0)) * (height - EDGE.top - EDGE.bottom)];
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const ratio = devicePixelRatio || 1;
    this.canvas.width = width * ratio;
    this.canvas.height = height * ratio;
    const pen = this.canvas.getContext("2d");
    pen.scale(ratio, ratio);
    const style = getComputedStyle(document.body);
    pen.font = "11px system-ui, sans-serif";
    pen.fillStyle = style.color;
    if (!this.ranges) {
      pen.fillText("no sections", EDGE.left, height / 2);
      return;
    }
    this.axes(pen, style, width, height);
    const palette = colours();
    this.series.forEach(({ points }, n) => {
      pen.fillStyle = palette[n];
      pen.beginPath();
      for (const point of points) mark(pen, SHAPES[n], ...this.place(point));
      pen.fill();
    });
    this.keys.replaceChildren(...this.series.filter(({ points }) => points.length).map(({ name }) => this.keyOf(name, palette)));
    if (this.chosen) {
      pen.strokeStyle = style.color;
      pen.lineWidth = 1.5;
      pen.beginPath();
      pen.arc(...this.place(this.chosen), 7, 0, 7);
      pen.stroke();
    }
  }

  axes(pen, style, width, height) {
    const line = style.getPropertyValue("--line-drawn") || "#8886";
    const [xs, ys] = this.ranges;
    pen.strokeStyle = line;
    pen.textBaseline = "middle";
    pen.textAlign = "right";
    for (const value of ticks(ys)) {
      const y = Math.round(this.place({ x: xs[0], y: value })[1]) + 0.5;
      pen.beginPath();
      pen.moveTo(EDGE.left, y);
      pen.lineTo(width - EDGE.right, y);
      pen.stroke();
      pen.fillText(value.toLocaleString(), EDGE.left - 6, y);
    }
    pen.textAlign = "center";
    for (const value of ticks(xs)) {
      const x = this.place({ x: value, y: ys[0] })[0];
      pen.fillText(value.toLocaleString(undefined, { useGrouping: false }), x, height - EDGE.bottom / 2 + 2);
    }
  }

  keyOf(name, palette) {
    const n = this.series.findIndex((one) => one.name === name);
    return element("span", { class: "key" }, element("img", { src: markPicture(SHAPES[n], palette[n]), alt: SHAPES[n], width: 10, height: 10 }), `${name} `);
  }

  nearest(x, y) {
    if (!this.ranges) return null;
    let [best, least] = [null, NEAR * NEAR];
    for (const { points } of this.series) {
      for (const point of points) {
        const [px, py] = this.place(point);
        const far = (px - x) ** 2 + (py - y) ** 2;
        if (far < least) [best, least] = [point, far];
      }
    }
    return best;
  }

  name(point) {
    this.note.textContent = point ? point.text() : "";
    this.canvas.classList.toggle("pointing", Boolean(point));
  }

  pick(point) {
    if (!point) return;
    this.chosen = point;
    this.name(point);
    this.draw();
    this.onpick(point);
  }

  // arrow keys go from point to point in the order of x
  key(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step || !this.ranges) return;
    event.preventDefault();
    const every = this.series.flatMap(({ points }) => points).sort((a, b) => a.x - b.x);
    const now = this.chosen ? every.indexOf(this.chosen) : step > 0 ? -1 : every.length;
    this.pick(every[Math.min(every.length - 1, Math.max(0, now + step))]);
  }
}
