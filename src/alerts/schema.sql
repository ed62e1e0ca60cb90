-- Version 2.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE alerts (
    number       INTEGER PRIMARY KEY,   -- as they were kept, from 1
    id           TEXT NOT NULL UNIQUE,  -- the same when the log is read again
    header       TEXT NOT NULL,
    raised_at_us INTEGER NOT NULL,      -- microseconds since 1970, by the log's clock
    alert        TEXT NOT NULL          -- JSON: all of it
) STRICT;

-- What people did about alerts. An alert that nobody touched has no row.
CREATE TABLE handling (
    number   INTEGER PRIMARY KEY,       -- of the alert
    handling TEXT NOT NULL              -- JSON: who acknowledged it, and the comments
) STRICT;

-- Kinds of alerts that people defined.
CREATE TABLE definitions (
    header     TEXT PRIMARY KEY,
    definition TEXT NOT NULL            -- JSON
) STRICT, WITHOUT ROWID;

-- Addresses that are watched besides those of the configuration.
CREATE TABLE watched (
    kind TEXT NOT NULL,                 -- found or lost
    mask TEXT NOT NULL,
    PRIMARY KEY (kind, mask)
) STRICT, WITHOUT ROWID;
