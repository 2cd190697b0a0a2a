// Sections for OpenSeadragon: squares of 512 pixels of any stack and z, drawn by the service when they are looked at.
// A world pixel of full scale is 1 in the coordinates of the viewport, so that overlays and addresses are in the world.

import { BASE, stackPath } from "./api.js";

const SIDE = 512;
let serial = 0;
const OVERLAP = 1; // pixels that squares share; without, OpenSeadragon stretches each by one to hide the seams

// bounds of a layer as a box whose sides are whole at every level, so that squares at its rim are not stretched
export function wholeBox({ minX, minY, maxX, maxY }) {
  const x = Math.floor(minX);
  const y = Math.floor(minY);
  const [width, height] = [Math.max(1, Math.ceil(maxX) - x), Math.max(1, Math.ceil(maxY) - y)];
  const levels = Math.max(0, Math.ceil(Math.log2(Math.max(width, height) / SIDE)));
  const unit = 2 ** levels;
  return { x, y, levels, width: Math.ceil(width / unit) * unit, height: Math.ceil(height / unit) * unit };
}

// first pixel and number of pixels of a square in its row or column of so many pixels
function span(index, size) {
  const first = index ? index * SIDE - OVERLAP : 0;
  return [first, Math.min(size, (index + 1) * SIDE + OVERLAP) - first];
}

function tinted(bitmap, colour) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
  const pen = canvas.getContext("2d");
  pen.drawImage(bitmap, 0, 0);
  if (colour && colour !== "#ffffff") {
    pen.globalCompositeOperation = "multiply";
    pen.fillStyle = colour;
    pen.fillRect(0, 0, canvas.width, canvas.height);
  }
  return pen;
}

// a source for one channel: {name, colour, min, max}; name "" is the one that the stack draws by itself
export function boxSource(stack, z, bounds, channel, onerror) {
  const box = wholeBox(bounds);
  const options = new URLSearchParams();
  if (channel.name) options.set("channels", channel.name);
  if (channel.min !== "" && channel.min !== null) options.set("minIntensity", channel.min);
  if (channel.max !== "" && channel.max !== null) options.set("maxIntensity", channel.max);
  const query = options.size ? `?${options}` : "";
  const source = new OpenSeadragon.TileSource({ width: box.width, height: box.height, tileSize: SIDE, tileOverlap: OVERLAP, minLevel: 0, maxLevel: box.levels });
  source.getTileUrl = (level, column, row) => {
    const unit = 2 ** (box.levels - level);
    const [left, width] = span(column, box.width / unit);
    const [top, height] = span(row, box.height / unit);
    // pixel i of a picture at scale 1/unit is centred on i * unit: moved by half a unit less half a pixel, a square
    // covers just the pixels of full scale that it stands for
    const middle = (unit - 1) / 2;
    const place = [box.x + left * unit + middle, box.y + top * unit + middle, width * unit, height * unit, 1 / unit];
    return `${BASE}${stackPath(stack)}/z/${z}/box/${place.join(",")}/jpeg-image${query}`;
  };
  // squares of one source are never taken for those of another, which may have been given up
  serial += 1;
  const own = serial;
  source.getTileHashKey = (level, column, row, url) => `${url}#${channel.colour}#${own}`;
  source.hasTransparency = () => false;
  const running = new Set();
  let wanted = true;
  source.downloadTileStart = (job) => {
    const stop = new AbortController();
    job.userData.stop = stop;
    running.add(stop);
    (async () => {
      if (!wanted) throw new DOMException("given up", "AbortError");
      const answer = await fetch(job.src, { signal: stop.signal });
      if (!answer.ok) throw new Error((await answer.text()) || `${answer.status}`);
      job.finish(tinted(await createImageBitmap(await answer.blob()), channel.colour), null, "context2d");
    })().catch((error) => {
      if (error.name !== "AbortError") {
        onerror(error);
        job.fail(error.message, null);
      } else if (!wanted) {
        job.finish(document.createElement("canvas").getContext("2d"), null, "context2d");
      }
    }).finally(() => running.delete(stop));
  };
  source.downloadTileAbort = (job) => job.userData.stop?.abort();
  // end what is being loaded, and load nothing more: the service stops drawing, and others need not wait
  source.giveUp = () => {
    wanted = false;
    for (const stop of running) stop.abort();
  };
  return { source, box };
}
