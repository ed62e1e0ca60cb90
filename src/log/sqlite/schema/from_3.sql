-- From version 3: one row per record instead of per batch, the radio technology per report instead of per batch, and
-- the accuracy of positions. No existing row is moved, so that this takes only as long as a scan.

DROP VIEW IF EXISTS access_points;
DROP VIEW IF EXISTS observations_readable;

CREATE TABLE nodes (
    id   INTEGER PRIMARY KEY,
    uuid TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE phys (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL
) STRICT;
INSERT INTO phys VALUES (0, 'IEEE802.11'), (1, 'Bluetooth');

ALTER TABLE batches RENAME TO records;
ALTER TABLE records RENAME COLUMN annotation TO content;
ALTER TABLE records ALTER COLUMN source DROP NOT NULL;
ALTER TABLE records ALTER COLUMN phy DROP NOT NULL;
ALTER TABLE records ADD COLUMN kind TEXT;
ALTER TABLE records ADD COLUMN id BLOB;
ALTER TABLE records ADD COLUMN node INTEGER REFERENCES nodes (id);
ALTER TABLE records ADD COLUMN origin_node INTEGER REFERENCES nodes (id);
ALTER TABLE records ADD COLUMN origin_position INTEGER;
ALTER TABLE records ADD COLUMN chain BLOB;

-- Annotations referred to a source that does not exist.
UPDATE records SET kind = 'annotation', source = NULL, phy = NULL WHERE content IS NOT NULL;
DELETE FROM sources WHERE uuid = '00000000-0000-0000-0000-000000000000'
                      AND NOT EXISTS (SELECT 1 FROM records WHERE source = sources.id);

ALTER TABLE observations RENAME COLUMN batch TO record;
ALTER TABLE observations ADD COLUMN phy INTEGER REFERENCES phys (id);
ALTER TABLE observations ADD COLUMN accuracy_mm INTEGER;

-- Records that were logged before have no chain.
INSERT OR REPLACE INTO meta (key, value) SELECT 'chain_from', ifnull(max(position), 0) FROM records;
