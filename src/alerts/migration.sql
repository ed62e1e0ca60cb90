-- From version 1 to version 2.

CREATE TABLE handling (
    number   INTEGER PRIMARY KEY,
    handling TEXT NOT NULL
) STRICT;
