// Names of sources. There may be thousands of them: a view reads the first page, and looks up those that it shows
// besides.
import { get, isAborted } from "./api.js";

const PAGE = 100;
/** How many of the sources with the most devices are looked up. */
const MOST_MAX = 20;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * Names by UUID.
 * @extends {Map<string, string>}
 */
export class SourceNames extends Map {
  /** @param {AbortSignal} signal */
  constructor(signal) {
    super();
    this.signal = signal;
    /** The sources themselves. @type {any[]} */
    this.rows = [];
    /** Whether there are no others. */
    this.isComplete = false;
    /** @type {Set<string>} */
    this.asked = new Set();
  }

  async readFirst() {
    const page = await get("/api/v1/sources", { limit: PAGE }, { signal: this.signal });
    for (const row of page.sources) this.add(row);
    this.isComplete = page.next_cursor === undefined;
  }

  /** @param {any} row */
  add(row) {
    if (this.has(row.source)) return;
    this.rows.push(row);
    this.set(row.source, row.name);
  }

  /**
   * Looks up those that are not known yet, each once.
   * @param {Iterable<string | undefined>} uuids What is not a UUID is left out.
   */
  async lookUp(uuids) {
    if (this.isComplete) return;
    const missing = new Set(
      [...uuids].filter((one) => one && UUID.test(one) && !this.has(one) && !this.asked.has(one)),
    );
    await Promise.all(
      [...missing].map(async (uuid) => {
        this.asked.add(String(uuid));
        try {
          this.add(await get(`/api/v1/sources/${uuid}`, {}, { signal: this.signal }));
        } catch (error) {
          // A source that is forgotten has no name.
          if (isAborted(error)) throw error;
        }
      }),
    );
  }

  /**
   * Looks up the sources that filters name, and those with the most devices.
   * @param {Record<string, string>} filters
   * @param {Record<string, number>} [counts] Devices by source.
   */
  lookUpFor(filters, counts = {}) {
    const most = Object.entries(counts).sort((a, b) => b[1] - a[1]);
    return this.lookUp([...(filters.source?.split(",") ?? []), ...most.slice(0, MOST_MAX).map(([uuid]) => uuid)]);
  }
}
