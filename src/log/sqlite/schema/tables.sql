-- Version 3. What was written by earlier versions is brought here by the steps in migrate.rs.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Texts are kept once and referred to by number.
CREATE TABLE sources (
    id   INTEGER PRIMARY KEY,
    uuid TEXT NOT NULL UNIQUE
) STRICT;

-- A name that has not been heard for long may get another number: an index that finds it again would cost a
-- page of 4 KiB for every new name.
CREATE TABLE ssids (
    id   INTEGER PRIMARY KEY,
    ssid BLOB NOT NULL                 -- octets as sent on the air, empty when hidden
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
    rejected       TEXT,                -- JSON: reports refused, each with index and reason
    annotation     TEXT                 -- JSON: what somebody said of a device, instead of reports
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
