// The part of OpenLayers that the map uses: the Canvas renderer, without the controls that write HTML.
export { default as Map } from "ol/Map.js";
export { default as View } from "ol/View.js";
export { default as Feature } from "ol/Feature.js";
export { default as LineString } from "ol/geom/LineString.js";
export { default as Point } from "ol/geom/Point.js";
export { default as Polygon, circular } from "ol/geom/Polygon.js";
export { defaults as interactions } from "ol/interaction/defaults.js";
export { default as PointerInteraction } from "ol/interaction/Pointer.js";
export { default as TileLayer } from "ol/layer/Tile.js";
export { default as VectorLayer } from "ol/layer/Vector.js";
export { default as VectorTileLayer } from "ol/layer/VectorTile.js";
export { default as ImageTile } from "ol/source/ImageTile.js";
export { default as VectorSource } from "ol/source/Vector.js";
export { default as VectorTileSource } from "ol/source/VectorTile.js";
export { default as MVT } from "ol/format/MVT.js";
export { default as Style } from "ol/style/Style.js";
export { default as Fill } from "ol/style/Fill.js";
export { default as Stroke } from "ol/style/Stroke.js";
export { default as CircleStyle } from "ol/style/Circle.js";
export { default as Text } from "ol/style/Text.js";
export { createXYZ } from "ol/tilegrid.js";
export { fromLonLat, toLonLat, getPointResolution } from "ol/proj.js";
// Heights of fonts by their CSS text. A font that is not in it is measured by innerHTML, which the page's policy forbids.
export { textHeights } from "ol/render/canvas.js";
export { PbfReader } from "pbf";
