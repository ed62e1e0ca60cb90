// An archive with one vector tile for the whole world, in the layers of Protomaps: half land, half water, a road, a town.

/** @param {number} value */
function varint(value) {
  const bytes = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  return [...bytes, value];
}

/** A field of a message, with its length in front. @param {number} tag @param {number[]} bytes */
const field = (tag, bytes) => [...varint(tag * 8 + 2), ...varint(bytes.length), ...bytes];
/** @param {string} text */
const utf8 = (text) => [...Buffer.from(text)];
/** @param {number} value */
const zigzag = (value) => (value < 0 ? -2 * value - 1 : 2 * value);

/**
 * A feature and the layer around it.
 * @param {string} name
 * @param {1 | 2 | 3} type point, line or polygon
 * @param {number[][]} points
 * @param {Record<string, string>} about
 */
function layer(name, type, points, about) {
  let [x, y] = [0, 0];
  const steps = points.flatMap(([right, down]) => {
    const step = [zigzag(right - x), zigzag(down - y)];
    [x, y] = [right, down];
    return step;
  });
  const commands = [
    9,
    ...steps.slice(0, 2),
    ...(points.length > 1 ? [(points.length - 1) * 8 + 2, ...steps.slice(2)] : []),
  ];
  if (type === 3) commands.push(15);
  const entries = Object.entries(about);
  const tags = entries.flatMap((_, at) => [at, at]);
  const feature = [...field(2, tags.flatMap(varint)), ...varint(24), type, ...field(4, commands.flatMap(varint))];
  return field(3, [
    ...field(1, utf8(name)),
    ...field(2, feature),
    ...entries.flatMap(([key]) => field(3, utf8(key))),
    ...entries.flatMap(([, value]) => field(4, field(1, utf8(value)))),
    ...varint(40),
    ...varint(4096),
    ...varint(120),
    2,
  ]);
}

/** The bytes of the archive. */
export function vectorMap() {
  const whole = [
    [-64, -64],
    [4160, -64],
    [4160, 4160],
    [-64, 4160],
  ];
  const west = [
    [-64, -64],
    [2048, -64],
    [2048, 4160],
    [-64, 4160],
  ];
  const tile = [
    ...layer("earth", 3, whole, { kind: "earth" }),
    ...layer("water", 3, west, { kind: "ocean" }),
    ...layer(
      "roads",
      2,
      [
        [2200, 100],
        [4000, 3000],
      ],
      { kind: "highway" },
    ),
    // A kind that every object has.
    ...layer(
      "roads",
      2,
      [
        [2300, 100],
        [4000, 200],
      ],
      { kind: "constructor" },
    ),
    ...layer("places", 1, [[3072, 1024]], { kind: "country", name: "East\u202eland" }),
  ];
  const metadata = utf8(JSON.stringify({ attribution: "<b>Somebody</b>", vector_layers: [] }));
  const directory = [1, 0, 1, ...varint(tile.length), 1];
  const header = Buffer.alloc(127);
  header.write("PMTiles");
  header[7] = 3;
  const [root, about] = [127, 127 + directory.length];
  const data = about + metadata.length;
  const numbers = [root, directory.length, about, metadata.length, data, 0, data, tile.length, 1, 1, 1];
  numbers.forEach((value, at) => header.writeBigUInt64LE(BigInt(value), 8 + 8 * at));
  // Clustered, nothing compressed, MVT, zooms from 0 to 0.
  Buffer.from([1, 1, 1, 1, 0, 0]).copy(header, 96);
  [-1_800_000_000, -850_000_000, 1_800_000_000, 850_000_000].forEach((value, at) =>
    header.writeInt32LE(value, 102 + 4 * at),
  );
  return Buffer.concat([header, Buffer.from(directory), Buffer.from(metadata), Buffer.from(tile)]);
}
