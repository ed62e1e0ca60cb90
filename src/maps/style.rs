//! Styles of base maps for `MapLibre`, without fonts and sprites from elsewhere.
#![expect(
    clippy::indexing_slicing,
    reason = "an index into a JSON object inserts"
)]

use serde_json::{Value, json};

use super::archive::Facts;

/// The colours of a style.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Theme {
    #[default]
    Light,
    Dark,
}

struct Colours {
    background: &'static str,
    earth: &'static str,
    green: &'static str,
    built: &'static str,
    water: &'static str,
    buildings: &'static str,
    roads: &'static str,
    major_roads: &'static str,
    rails: &'static str,
    boundaries: &'static str,
    text: &'static str,
    halo: &'static str,
}

const LIGHT: Colours = Colours {
    background: "#dfe5ea",
    earth: "#f4f2ed",
    green: "#dcead2",
    built: "#e9e6e0",
    water: "#b5d3e6",
    buildings: "#dcd6cd",
    roads: "#ffffff",
    major_roads: "#f5dfa8",
    rails: "#b9b4ad",
    boundaries: "#9a8fa3",
    text: "#4a4a4a",
    halo: "#ffffff",
};

const DARK: Colours = Colours {
    background: "#15191d",
    earth: "#20252a",
    green: "#22312a",
    built: "#262b31",
    water: "#16303f",
    buildings: "#31373e",
    roads: "#3a4149",
    major_roads: "#57513c",
    rails: "#4a4f55",
    boundaries: "#6d6478",
    text: "#b9bec4",
    halo: "#15191d",
};

impl Theme {
    pub(crate) fn read(text: &str) -> Result<Self, &'static str> {
        match text {
            "light" => Ok(Self::Light),
            "dark" => Ok(Self::Dark),
            _ => Err("expected light or dark"),
        }
    }

    const fn colours(self) -> &'static Colours {
        match self {
            Self::Light => &LIGHT,
            Self::Dark => &DARK,
        }
    }
}

/// The style of a map whose tiles are at `tiles`, an address with `{z}`, `{x}` and `{y}`.
pub(crate) fn style(name: &str, tiles: &str, facts: &Facts, theme: Theme) -> Value {
    let colours = theme.colours();
    let kind = if facts.format.is_vector() {
        "vector"
    } else {
        "raster"
    };
    let mut source = json!({
        "type": kind,
        "tiles": [tiles],
        "minzoom": facts.zoom_min,
        "maxzoom": facts.zoom_max,
    });
    if !facts.format.is_vector() {
        source["tileSize"] = json!(256);
    }
    if let Some(bounds) = facts.bounds {
        source["bounds"] = json!([
            bounds.lon_min,
            bounds.lat_min,
            bounds.lon_max,
            bounds.lat_max
        ]);
    }
    if let Some(attribution) = &facts.attribution {
        source["attribution"] = json!(attribution);
    }
    let mut layers = vec![json!({
        "id": "background", "type": "background", "paint": { "background-color": colours.background },
    })];
    if facts.format.is_vector() {
        layers.extend(areas(colours));
        layers.extend(lines(colours));
        layers.extend(labels(colours));
    } else {
        layers.push(raster(theme));
    }
    json!({
        "version": 8,
        "name": name,
        "sources": { "basemap": source },
        "layers": layers,
    })
}

fn raster(theme: Theme) -> Value {
    // Pictures are made for light screens.
    let brightness_max = match theme {
        Theme::Light => 1.0,
        Theme::Dark => 0.6,
    };
    json!({
        "id": "tiles", "type": "raster", "source": "basemap",
        "paint": { "raster-brightness-max": brightness_max },
    })
}

/// A rule for one layer of the tiles, as Protomaps names them.
fn rule(id: &str, kind: &str, layer: &str, paint: &Value) -> Value {
    json!({ "id": id, "type": kind, "source": "basemap", "source-layer": layer, "paint": paint })
}

fn among(kinds: &[&str]) -> Value {
    json!(["in", ["get", "kind"], ["literal", kinds]])
}

fn areas(colours: &Colours) -> Vec<Value> {
    let fill = |id, layer, colour| rule(id, "fill", layer, &json!({ "fill-color": colour }));
    let mut green = fill("green", "landuse", colours.green);
    green["filter"] = among(&[
        "park",
        "forest",
        "wood",
        "grassland",
        "nature_reserve",
        "national_park",
        "cemetery",
        "golf_course",
    ]);
    let mut built = fill("built", "landuse", colours.built);
    built["filter"] = among(&[
        "residential",
        "commercial",
        "industrial",
        "hospital",
        "school",
        "university",
        "aerodrome",
        "railway",
    ]);
    let mut buildings = fill("buildings", "buildings", colours.buildings);
    buildings["minzoom"] = json!(14);
    // Rivers are lines in the same layer.
    let mut water = fill("water", "water", colours.water);
    water["filter"] = json!(["==", ["geometry-type"], "Polygon"]);
    vec![
        fill("earth", "earth", colours.earth),
        green,
        built,
        water,
        buildings,
    ]
}

fn lines(colours: &Colours) -> Vec<Value> {
    let line = |id, layer, colour, narrow: f64, wide: f64| {
        let width = json!([
            "interpolate",
            ["exponential", 1.6],
            ["zoom"],
            6,
            narrow,
            18,
            wide
        ]);
        let paint = json!({ "line-color": colour, "line-width": width });
        rule(id, "line", layer, &paint)
    };
    let mut rivers = line("rivers", "water", colours.water, 0.5, 6.0);
    rivers["filter"] = json!(["==", ["geometry-type"], "LineString"]);
    let mut roads = line("roads", "roads", colours.roads, 0.3, 12.0);
    roads["filter"] = among(&["minor_road", "other", "path"]);
    let mut major = line("major-roads", "roads", colours.major_roads, 0.8, 22.0);
    major["filter"] = among(&["highway", "major_road"]);
    let mut rails = line("rails", "roads", colours.rails, 0.3, 3.0);
    rails["filter"] = among(&["rail"]);
    let mut boundaries = line("boundaries", "boundaries", colours.boundaries, 0.8, 3.0);
    boundaries["paint"]["line-dasharray"] = json!([3, 2]);
    vec![rivers, roads, rails, major, boundaries]
}

fn labels(colours: &Colours) -> Vec<Value> {
    // Without `glyphs` in the style, text is drawn with the fonts of the machine that shows it.
    let label = |id, layer, size: f64| {
        let paint = json!({ "text-color": colours.text, "text-halo-color": colours.halo, "text-halo-width": 1.2 });
        let mut rule = rule(id, "symbol", layer, &paint);
        rule["layout"] = json!({
            "text-field": ["get", "name"], "text-size": size, "text-font": ["sans-serif"],
        });
        rule
    };
    let mut streets = label("street-names", "roads", 11.0);
    streets["minzoom"] = json!(14);
    streets["layout"]["symbol-placement"] = json!("line");
    vec![streets, label("place-names", "places", 13.0)]
}
