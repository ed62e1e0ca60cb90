-- Version 6. migrate.rs migrates files of earlier versions.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Each text is stored once, and referred to by its row number.
CREATE TABLE sources (
    id   INTEGER PRIMARY KEY,
    uuid TEXT NOT NULL UNIQUE
) STRICT;

-- An SSID that was not seen for long may get a second row: an index to find its first row would cost a page of 4 KiB
-- for every new SSID.
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

-- Servers. Empty as long as the server that the file belongs to has accepted all records.
CREATE TABLE nodes (
    id   INTEGER PRIMARY KEY,
    uuid TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE phys (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL
) STRICT;
INSERT INTO phys VALUES (0, 'IEEE802.11'), (1, 'Bluetooth');

-- The records of the log: the reports of one request, or another change of the state.
CREATE TABLE records (
    position        INTEGER PRIMARY KEY, -- in the log, from 1
    source          INTEGER REFERENCES sources (id), -- of reports
    source_name     TEXT,                -- NULL keeps the name that the source had
    phy             TEXT,                -- of all reports, or of a source that it introduces; NULL if the reports differ
    received_at_us  INTEGER NOT NULL,    -- microseconds since 1970, by the server's clock
    identity        BLOB,                -- recognises reports that are resent
    accepted        INTEGER NOT NULL,    -- number of accepted reports; below zero once a rule for the source has removed them
    rejected        TEXT,                -- JSON: the refused reports, each with index and reason
    content         TEXT,                -- JSON: the change, if it is not reports
    kind            TEXT,                -- of record; NULL is reports
    id              BLOB,                -- the same in every log that has the record; NULL before version 4
    node            INTEGER REFERENCES nodes (id), -- the server that accepted it; NULL is this one
    origin_node     INTEGER REFERENCES nodes (id), -- the server whose log it came from, if it came from another one
    origin_position INTEGER,             -- in that log
    chain           BLOB                 -- in the last record of each commit: a hash of all records up to it
) STRICT;

CREATE TABLE observations (
    id            INTEGER PRIMARY KEY,  -- running number, in the order of the log
    record        INTEGER NOT NULL REFERENCES records (position),
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
    extra         TEXT,                 -- JSON: rare fields
    phy           INTEGER REFERENCES phys (id), -- NULL if the record has it
    accuracy_mm   INTEGER               -- of the position
) STRICT;
