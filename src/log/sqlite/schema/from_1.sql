-- From version 1: names are no longer unique.

DROP VIEW IF EXISTS access_points;
DROP VIEW IF EXISTS observations_readable;

CREATE TABLE ssids_2 (
    id   INTEGER PRIMARY KEY,
    ssid BLOB NOT NULL
) STRICT;
INSERT INTO ssids_2 SELECT id, ssid FROM ssids;
DROP TABLE ssids;
ALTER TABLE ssids_2 RENAME TO ssids;
