-- From version 2: annotations of devices.

DROP VIEW IF EXISTS access_points;
DROP VIEW IF EXISTS observations_readable;

ALTER TABLE batches ADD COLUMN annotation TEXT;
