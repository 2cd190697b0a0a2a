// One section of one stack on an OpenSeadragon viewer, with its neighbours in z loaded ahead, and a canvas over it.

import { boxSource } from "./box-source.js";

const SETTLE = 120; // ms without movement before neighbours are asked for

// OpenSeadragon adds a style element to the page unless it finds one of this attribute; the page's policy admits only
// style files, so it finds an element that is none (the rule is in style.css)
function keepStyleAway() {
  if (document.querySelector("style[data-openseadragon-mobile-css]")) return;
  const mark = document.createElementNS(null, "style");
  mark.setAttribute("data-openseadragon-mobile-css", "true");
  document.head.append(mark);
}

const isLoading = ({ tilesMatrix }) => Object.values(tilesMatrix).some((level) => Object.values(level).some((column) => Object.values(column).some(({ loading }) => loading)));

export class SectionView {
  constructor(place, { pictures = true, onstep = null, onerror = () => {}, onmove = () => {}, onclick = () => {}, onpoint = () => {} }) {
    keepStyleAway();
    this.place = place;
    this.pictures = pictures; // without, only what is drawn over the section is shown
    this.onerror = onerror;
    this.layers = new Map(); // key of stack, z and channels -> {items, loaded}
    this.shown = null;
    this.overlay = null; // function (pen, toPixel, zoom, size) that draws over the section
    this.viewer = OpenSeadragon({
      element: place, drawer: "canvas", immediateRender: true, showNavigationControl: false, animationTime: 0.3, springStiffness: 10,
      minZoomImageRatio: 0.2, maxZoomPixelRatio: 16, visibilityRatio: 0.1, imageSmoothingEnabled: true, minPixelRatio: 0.5,
      imageLoaderLimit: 6, maxImageCacheCount: 400, preserveImageSizeOnResize: true, preserveViewport: true, showNavigator: false,
      gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: true }, gestureSettingsTouch: { clickToZoom: false },
    });
    this.viewer.innerTracker.keyDownHandler = null; // keys belong to the page
    this.viewer.innerTracker.keyHandler = null;
    this.canvas = document.createElement("canvas");
    this.canvas.className = "overlay";
    this.viewer.canvas.append(this.canvas);
    for (const name of ["update-viewport", "resize", "open"]) this.viewer.addHandler(name, () => this.drawOverlay());
    this.viewer.addHandler("viewport-change", onmove);
    this.viewer.addHandler("canvas-click", (event) => {
      if (event.quick) onclick(this.worldAt(event.position), event.originalEvent);
    });
    // the wheel with the shift key goes through the sections
    this.viewer.addHandler("canvas-scroll", (event) => {
      if (!onstep || !event.originalEvent.shiftKey) return;
      event.preventDefaultAction = true;
      onstep(event.scroll > 0 ? -1 : 1);
    });
    this.viewer.canvas.addEventListener("pointermove", (event) => {
      const box = this.viewer.canvas.getBoundingClientRect();
      onpoint(this.worldAt({ x: event.clientX - box.left, y: event.clientY - box.top }));
    });
  }

  worldAt(position) {
    const { x, y } = this.viewer.viewport.pointFromPixel(new OpenSeadragon.Point(position.x, position.y), true);
    return [x, y];
  }

  // show a layer: {key, stack, z, bounds, channels}, and keep those around it; others stay until it is there
  show(layer, around = []) {
    this.shown = layer.key;
    this.ensure(layer);
    const kept = new Set([layer.key, ...around.map(({ key }) => key)]);
    for (const [key, entry] of this.layers) {
      if (kept.has(key) || key === this.previous) continue;
      this.drop(key, entry);
    }
    this.settle();
    this.around = around;
    clearTimeout(this.later);
    this.later = setTimeout(() => this.prefetch(), SETTLE);
  }

  drop(key, entry) {
    entry.dropped = true;
    this.layers.delete(key);
    for (const item of entry.items) this.discard(item);
  }

  // OpenSeadragon warns of squares that come to an item that is gone
  discard(item) {
    item.source.giveUp();
    item.setPreload(false);
    item.setOpacity(0);
    if (isLoading(item)) setTimeout(() => this.discard(item), SETTLE);
    else this.viewer.world.removeItem(item);
  }

  ensure(layer) {
    if (this.layers.has(layer.key)) return;
    const entry = { items: [], wanted: layer.channels.length, dropped: false };
    this.layers.set(layer.key, entry);
    layer.channels.forEach((channel, n) => {
      const { source, box } = boxSource(layer.stack, layer.z, layer.bounds, channel, this.onerror);
      // whole numbers are centres of pixels, whose corners are half a pixel before them
      this.viewer.addTiledImage({
        tileSource: source, x: box.x - 0.5, y: box.y - 0.5, width: box.width, preload: this.pictures, opacity: 0,
        compositeOperation: n ? "lighter" : undefined,
        success: ({ item }) => {
          if (entry.dropped) {
            this.viewer.world.removeItem(item);
            return;
          }
          entry.items.push(item);
          item.addHandler("fully-loaded-change", () => this.settle());
          this.settle();
        },
      });
    });
  }

  // the new layer is on top at once, the old one below it until the new one is whole
  settle() {
    const now = this.layers.get(this.shown);
    if (!now) return;
    const whole = now.items.length === now.wanted && now.items.every((item) => item.getFullyLoaded());
    for (const [key, { items }] of this.layers) {
      const visible = key === this.shown || (key === this.previous && !whole);
      for (const item of items) item.setOpacity(visible && this.pictures ? 1 : 0);
      if (key === this.shown) items.forEach((item, n) => this.viewer.world.setItemIndex(item, this.viewer.world.getItemCount() - 1 - (items.length - 1 - n)));
    }
    if (whole && this.previous !== this.shown) {
      this.previous = this.shown;
      this.prefetch();
    }
    if (whole && this.place.dataset.whole !== "true") performance.mark("whole");
    this.place.dataset.whole = whole || !this.pictures ? "true" : "false";
  }

  setPictures(on) {
    this.pictures = on;
    for (const { items } of this.layers.values()) for (const item of items) item.setPreload(on);
    this.settle();
  }

  // neighbours wait until what is looked at is there
  prefetch() {
    if (this.previous !== this.shown || !this.pictures) return;
    for (const layer of this.around ?? []) this.ensure(layer);
  }

  // look at a world point; zoom is screen pixels for one world pixel
  look({ x, y, zoom }, immediately = true) {
    const { viewport } = this.viewer;
    viewport.zoomTo(this.factor(zoom), null, immediately);
    viewport.panTo(new OpenSeadragon.Point(x, y), immediately);
  }

  // OpenSeadragon counts zoom in widths of the window for one world pixel
  factor(zoom) {
    return zoom / this.viewer.viewport.getContainerSize().x;
  }

  seen() {
    const { viewport } = this.viewer;
    const { x, y } = viewport.getCenter();
    return { x, y, zoom: viewport.getZoom() * viewport.getContainerSize().x };
  }

  fit({ minX, minY, maxX, maxY }, immediately = true) {
    const margin = 0.02 * Math.max(maxX - minX, maxY - minY);
    this.viewer.viewport.fitBounds(new OpenSeadragon.Rect(minX - margin, minY - margin, maxX - minX + 2 * margin, maxY - minY + 2 * margin), immediately);
  }

  drawOverlay() {
    const { viewport } = this.viewer;
    const { x: width, y: height } = viewport.getContainerSize();
    const ratio = devicePixelRatio || 1;
    if (this.canvas.width !== Math.round(width * ratio) || this.canvas.height !== Math.round(height * ratio)) {
      [this.canvas.width, this.canvas.height] = [Math.round(width * ratio), Math.round(height * ratio)];
    }
    const pen = this.canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    if (!this.overlay) return;
    const corner = viewport.pixelFromPoint(new OpenSeadragon.Point(0, 0), true);
    const zoom = viewport.getZoom(true) * width;
    this.overlay(pen, ([x, y]) => [corner.x + x * zoom, corner.y + y * zoom], zoom, [width, height]);
  }
}
