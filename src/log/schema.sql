-- Version 1. What is written here stays readable: later versions come as steps from this one.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Texts are kept once and referred to by number.
CREATE TABLE sources (
    id   INTEGER PRIMARY KEY,
    uuid TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE ssids (
    id   INTEGER PRIMARY KEY,
    ssid BLOB NOT NULL UNIQUE          -- octets as sent on the air, empty when hidden
) STRICT;

CREATE TABLE capabilities (
    id   INTEGER PRIMARY KEY,
    text TEXT NOT NULL UNIQUE          -- as sent
) STRICT;

CREATE TABLE channels (
    id   INTEGER PRIMARY KEY,
    text TEXT NOT NULL UNIQUE          -- as sent
) STRICT;

-- The unit of acceptance: what one request brought.
CREATE TABLE batches (
    position       INTEGER PRIMARY KEY, -- in the log, from 1
    source         INTEGER NOT NULL REFERENCES sources (id),
    source_name    TEXT,                -- NULL keeps the name that the source had
    phy            TEXT NOT NULL,       -- IEEE802.11 or Bluetooth
    received_at_us INTEGER NOT NULL,    -- microseconds since 1970, by the server's clock
    identity       BLOB,                -- by which a batch sent again is recognised
    accepted       INTEGER NOT NULL,    -- reports taken
    rejected       TEXT                 -- JSON: reports refused, each with index and reason
) STRICT;

CREATE TABLE observations (
    id            INTEGER PRIMARY KEY,  -- running number, in the order of the log
    batch         INTEGER NOT NULL REFERENCES batches (position),
    time          INTEGER NOT NULL,     -- seconds since 1970
    address       INTEGER NOT NULL,     -- 48 bits, first octet highest
    ssid          INTEGER REFERENCES ssids (id),
    capabilities  INTEGER REFERENCES capabilities (id),
    channel       INTEGER REFERENCES channels (id),
    frequency_khz INTEGER,
    signal_dbm    INTEGER,
    lat_e7        INTEGER,              -- 1e-7 degrees
    lon_e7        INTEGER,              -- 1e-7 degrees
    alt_mm        INTEGER,
    speed_m_h     INTEGER,
    extra         TEXT                  -- JSON: what few reports have
) STRICT;

-- What a person wants to see: one row a report.
CREATE VIEW observations_readable AS
SELECT o.id,
       datetime(o.time, 'unixepoch')                     AS seen_at,
       b.phy,
       substr(o.hex, 1, 2) || ':' || substr(o.hex, 3, 2) || ':' || substr(o.hex, 5, 2) || ':' ||
       substr(o.hex, 7, 2) || ':' || substr(o.hex, 9, 2) || ':' || substr(o.hex, 11, 2) AS address,
       CAST(s.ssid AS TEXT)                              AS ssid,
       c.text                                            AS capabilities,
       n.text                                            AS channel,
       o.frequency_khz / 1000                            AS frequency_mhz,
       o.signal_dbm,
       o.lat_e7 / 1e7                                    AS lat,
       o.lon_e7 / 1e7                                    AS lon,
       o.alt_mm / 1e3                                    AS alt_m,
       o.extra,
       u.uuid                                            AS source,
       b.position                                        AS batch,
       datetime(b.received_at_us / 1000000, 'unixepoch') AS received_at
FROM (SELECT *, printf('%012X', address) AS hex FROM observations) o
         JOIN batches b ON b.position = o.batch
         JOIN sources u ON u.id = b.source
         LEFT JOIN ssids s ON s.id = o.ssid
         LEFT JOIN capabilities c ON c.id = o.capabilities
         LEFT JOIN channels n ON n.id = o.channel;

-- One row a Wi-Fi access point, with the name and the capabilities of the latest report that had them.
-- (With max(), SQLite takes the other columns from the row that has the maximum.)
CREATE VIEW access_points AS
WITH seen AS (SELECT address, min(seen_at) AS first_seen, max(seen_at) AS last_seen, count(*) AS reports,
                     max(signal_dbm) AS strongest_dbm
              FROM observations_readable WHERE phy = 'IEEE802.11' GROUP BY address),
     named AS (SELECT address, ssid, max(seen_at) FROM observations_readable WHERE ssid <> '' GROUP BY address),
     secured AS (SELECT address, capabilities, max(seen_at) FROM observations_readable
                 WHERE capabilities IS NOT NULL GROUP BY address)
SELECT seen.address AS bssid, named.ssid, secured.capabilities, first_seen, last_seen, reports, strongest_dbm
FROM seen
         LEFT JOIN named USING (address)
         LEFT JOIN secured USING (address);
