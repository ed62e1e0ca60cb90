-- From version 2: what people say of devices.

DROP VIEW IF EXISTS access_points;
DROP VIEW IF EXISTS observations_readable;

ALTER TABLE batches ADD COLUMN annotation TEXT;
