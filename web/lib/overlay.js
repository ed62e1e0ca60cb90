// What the map shows over its tiles, drawn anew in each frame: outlines, tracks, the selected device, one's own position.
import { fromLonLat, Layer } from "../vendor/ol.js";

/** @typedef {import("./worldmap.js").Place} Place */

/**
 * @typedef {object} Frame
 * @property {number[]} size of the map, in CSS pixels
 * @property {number} resolution units of Web Mercator on a pixel
 * @property {(point: number[]) => number[]} toPixel of a point in Web Mercator
 * @property {number} middle the easting in the middle of the map
 * @property {number[]} extent what the map shows, in Web Mercator
 */

/**
 * What the map marks.
 * @typedef {object} Marks
 * @property {{place: Place, radiusM: number} | null} selected
 * @property {{place: Place, accuracyM: number} | null} here
 * @property {{token: string, line: Place[]}[]} tracks
 * @property {Place[] | null} area
 */

/** How wide the world is in Web Mercator. */
export const WORLD = 2 * 20_037_508.342789244;

/**
 * A layer on a canvas of its own.
 * @param {number} zIndex
 * @param {(context: CanvasRenderingContext2D, frame: Frame) => void} draw
 * @param {object} [options] of a layer of OpenLayers
 */
export function canvasLayer(zIndex, draw, options = {}) {
  const canvas = document.createElement("canvas");
  canvas.className = "map-overlay";
  return new Layer({
    ...options,
    zIndex,
    render: (/** @type {any} */ { size, pixelRatio, coordinateToPixelTransform, viewState, extent }) => {
      const [width, height] = size.map((/** @type {number} */ side) => Math.round(side * pixelRatio));
      if (canvas.width !== width) canvas.width = width;
      if (canvas.height !== height) canvas.height = height;
      const context = canvas.getContext("2d");
      if (!context) return canvas;
      context.setTransform(pixelRatio, 0, 0, pixelRatio, 0, 0);
      context.clearRect(0, 0, size[0], size[1]);
      const [a, b, c, d, e, f] = coordinateToPixelTransform;
      const toPixel = (/** @type {number[]} */ [x, y]) => [a * x + c * y + e, b * x + d * y + f];
      draw(context, { size, resolution: viewState.resolution, toPixel, middle: viewState.center[0], extent });
      return canvas;
    },
  });
}

/**
 * Pixels of places. Of the worlds side by side, the one in the middle of the map counts.
 * @param {Frame} frame
 * @param {Place[]} places
 */
function pixels({ toPixel, middle }, places) {
  const points = places.map((place) => fromLonLat(place));
  const aside = Math.round((middle - points[0][0]) / WORLD) * WORLD;
  return points.map(([x, y]) => toPixel([x + aside, y]));
}

/**
 * The painter of marks.
 * @param {() => Marks | null} marks
 * @param {(token: string) => string} colour the value of a custom property
 */
export function marksPainter(marks, colour) {
  return (/** @type {CanvasRenderingContext2D} */ context, /** @type {Frame} */ frame) => {
    const shown = marks();
    if (!shown) return;
    const { selected, here, tracks, area } = shown;
    context.lineJoin = context.lineCap = "round";
    /** @param {string} token @param {number} width @param {number[]} [dash] */
    const stroke = (token, width, dash = []) => {
      context.strokeStyle = colour(token);
      context.lineWidth = width;
      context.setLineDash(dash);
      context.stroke();
      context.setLineDash([]);
    };
    /** @param {number[]} centre @param {number} radius */
    const circle = ([x, y], radius) => {
      context.beginPath();
      context.arc(x, y, radius, 0, 2 * Math.PI);
    };
    /** @param {number[]} centre @param {number} radius @param {string} token @param {number} halo */
    const dot = (centre, radius, token, halo) => {
      circle(centre, radius);
      context.fillStyle = colour(token);
      context.fill();
      stroke("--map-halo", halo);
    };
    /** How many pixels a distance is at a place. @param {number} metres @param {Place} place */
    const length = (metres, [, lat]) => metres / (frame.resolution * Math.cos((lat * Math.PI) / 180));

    if (area?.length) {
      trace(context, pixels(frame, area));
      context.closePath();
      stroke("--accent", 2, [6, 4]);
    }
    for (const { token, line } of tracks) {
      const points = pixels(frame, line);
      trace(context, points);
      stroke("--map-halo", 6);
      stroke(token, 3);
      dot(points[points.length - 1], 5, token, 2);
    }
    if (here) {
      const [centre] = pixels(frame, [here.place]);
      circle(centre, length(here.accuracyM, here.place));
      stroke("--focus", 1);
      dot(centre, 7, "--focus", 3);
    }
    if (selected) {
      const [centre] = pixels(frame, [selected.place]);
      if (selected.radiusM > 0) {
        circle(centre, length(selected.radiusM, selected.place));
        stroke("--accent", 2, [4, 4]);
      }
      circle(centre, 11);
      stroke("--map-halo", 6);
      stroke("--accent", 3);
    }
  };
}

/** @param {CanvasRenderingContext2D} context @param {number[][]} points */
function trace(context, points) {
  context.beginPath();
  points.forEach(([x, y], index) => {
    if (index === 0) context.moveTo(x, y);
    else context.lineTo(x, y);
  });
}
