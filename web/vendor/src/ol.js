// The part of OpenLayers that the map uses: its view, its gestures, and layers of tiles that are pictures. The page
// draws everything else itself. `cut.mjs` leaves out what these modules import and never reach.
export { default as Kinetic } from "ol/Kinetic.js";
export { default as Map } from "ol/Map.js";
export { default as View } from "ol/View.js";
export { default as DoubleClickZoom } from "ol/interaction/DoubleClickZoom.js";
export { default as DragPan } from "ol/interaction/DragPan.js";
export { default as KeyboardPan } from "ol/interaction/KeyboardPan.js";
export { default as KeyboardZoom } from "ol/interaction/KeyboardZoom.js";
export { default as MouseWheelZoom } from "ol/interaction/MouseWheelZoom.js";
export { default as PinchZoom } from "ol/interaction/PinchZoom.js";
export { default as PointerInteraction } from "ol/interaction/Pointer.js";
export { default as Layer } from "ol/layer/Layer.js";
export { default as TileLayer } from "ol/layer/Tile.js";
export { fromLonLat, toLonLat } from "ol/proj.js";
export { default as ImageTile } from "ol/source/ImageTile.js";
export { createXYZ } from "ol/tilegrid.js";
export { PbfReader } from "pbf";
