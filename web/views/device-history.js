// The history of a device, arranged for the page: lines of a chart by source, places and channels.
import { LINES_MAX } from "../lib/chart.js";

const DAY_S = 86_400;

/** The spans of time that a reader may choose, in seconds; `all` begins with the first report. */
export const SPANS = { "24h": DAY_S, "7d": 7 * DAY_S, "30d": 30 * DAY_S, all: undefined };

const BUCKETS_S = [60, 300, 900, 3600, 3 * 3600, 6 * 3600, DAY_S, 7 * DAY_S, 28 * DAY_S];
const BUCKETS_WANTED = 96;

/**
 * The shortest bucket that divides a span into no more buckets than a chart can show.
 * @param {number} seconds
 */
export function bucketFor(seconds) {
  const fits = BUCKETS_S.find((bucket) => seconds / bucket <= BUCKETS_WANTED);
  return fits ?? Math.ceil(seconds / BUCKETS_WANTED / DAY_S) * DAY_S;
}

/**
 * The parameters that ask for a span.
 * @param {string} span
 * @param {{first_seen: number}} device
 * @param {number} nowS
 */
export function historyParams(span, device, nowS) {
  const length = SPANS[/** @type {keyof typeof SPANS} */ (span)];
  const start = length === undefined ? device.first_seen : nowS - length;
  const bucket = bucketFor(Math.max(nowS - start, 1));
  return length === undefined ? { bucket: `${bucket}s` } : { bucket: `${bucket}s`, since: start };
}

/**
 * The times and lines of a chart, the busiest sources first. More sources than a chart can tell apart are in the table
 * only.
 * @param {any} history
 * @param {(source: string) => string} nameOf
 */
export function linesOf(history, nameOf) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const bucket of history.buckets)
    for (const [source, part] of Object.entries(bucket.sources ?? {}))
      if (part.signal_mean_dbm !== undefined) counts.set(source, (counts.get(source) ?? 0) + part.count);
  const sources = [...counts].sort((a, b) => b[1] - a[1]).map(([source]) => source);
  const times = [];
  /** @type {any[]} */
  const at = [];
  let last;
  for (const bucket of history.buckets) {
    // A gap is a gap: without a point between, the line would cross a silence.
    if (last !== undefined && history.bucket_s * 2 <= bucket.start - last) {
      times.push(last + history.bucket_s);
      at.push({});
    }
    times.push(bucket.start);
    at.push(bucket.sources ?? {});
    last = bucket.start;
  }
  const lines = sources.slice(0, LINES_MAX).map((source) => ({
    label: nameOf(source),
    mean: at.map((parts) => parts[source]?.signal_mean_dbm ?? null),
    min: at.map((parts) => parts[source]?.signal_min_dbm ?? null),
    max: at.map((parts) => parts[source]?.signal_max_dbm ?? null),
  }));
  return { times, lines, sources };
}

/**
 * One row for each bucket and source that has a signal, the newest first.
 * @param {any} history
 */
export function rowsOf(history) {
  return [...history.buckets].reverse().flatMap((/** @type {any} */ bucket) =>
    Object.entries(bucket.sources ?? {}).map(([source, part]) => ({
      start: bucket.start,
      source,
      .../** @type {any} */ (part),
    })),
  );
}

/**
 * The places of all buckets, the one with the strongest signal first.
 * @param {any} history
 */
export function placesOf(history) {
  /** @type {Map<string, any>} */
  const places = new Map();
  for (const bucket of history.buckets)
    for (const part of bucket.places ?? []) {
      const key = `${Math.floor(part.lat * 1000)},${Math.floor(part.lon * 1000)}`;
      const known = places.get(key);
      if (!known) {
        places.set(key, { ...part, last: bucket.start });
        continue;
      }
      const count = known.count + part.count;
      known.lat += ((part.lat - known.lat) * part.count) / count;
      known.lon += ((part.lon - known.lon) * part.count) / count;
      known.count = count;
      known.last = Math.max(known.last, bucket.start);
      if (part.signal_max_dbm !== undefined)
        known.signal_max_dbm = Math.max(known.signal_max_dbm ?? -Infinity, part.signal_max_dbm);
    }
  const strength = (/** @type {any} */ place) => place.signal_max_dbm ?? -Infinity;
  return [...places.values()].sort((a, b) => strength(b) - strength(a) || b.count - a.count);
}

/**
 * The channels of all buckets, the latest first.
 * @param {any} history
 */
export function channelsOf(history) {
  /** @type {Map<string, {channel: string, count: number, first: number, last: number}>} */
  const channels = new Map();
  for (const bucket of history.buckets)
    for (const [channel, part] of Object.entries(bucket.channels ?? {})) {
      const known = channels.get(channel) ?? { channel, count: 0, first: bucket.start, last: 0 };
      known.count += /** @type {any} */ (part).count;
      known.last = Math.max(known.last, bucket.start);
      channels.set(channel, known);
    }
  return [...channels.values()].sort((a, b) => b.last - a.last || b.count - a.count);
}
