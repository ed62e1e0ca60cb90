-- From version 5: names that people give sources are records of a kind of their own. The tables are the same.

DROP VIEW IF EXISTS access_points;
DROP VIEW IF EXISTS observations_readable;
