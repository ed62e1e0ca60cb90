#!/usr/bin/env python3
"""Makes `ieee.bin`, the table of who was assigned which block of addresses.

    make.py DIRECTORY

DIRECTORY holds the public listings of the IEEE Registration Authority, as
https://standards-oui.ieee.org has them: oui/oui.csv (MA-L, 24 bits), oui28/mam.csv (MA-M, 28 bits),
oui36/oui36.csv (MA-S, 36 bits) and iab/iab.csv (the 36-bit blocks of before 2014).

The table, all numbers with their highest byte first:

    for 36, 28 and 24 bits: the count of blocks in 4 bytes, then the blocks in ascending order,
        each its prefix in 5, 4 or 3 bytes and where its name begins in 3 bytes
    the names, each its length in 1 byte and its UTF-8; every name once
"""

import csv
import pathlib
import sys

LISTINGS = {"oui.csv": 24, "mam.csv": 28, "oui36.csv": 36, "iab.csv": 36}
# Their blocks were assigned on in smaller ones; what is left of them is nobody's.
PARTED = "IEEE Registration Authority"
# Of the first octet: groups, and local addresses, which name no maker.
NOT_UNIVERSAL = 0x03


def blocks_of(directory):
    blocks = {36: {}, 28: {}, 24: {}}
    for listing, bits in LISTINGS.items():
        with open(directory / listing, encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                prefix = int(row["Assignment"], 16)
                name = " ".join(row["Organization Name"].split())
                if len(row["Assignment"]) != bits // 4:
                    sys.exit(f"{listing}: {row['Assignment']} has not {bits} bits")
                if name == PARTED or (prefix >> (bits - 8)) & NOT_UNIVERSAL:
                    continue
                # A few old ones were assigned twice; the first stays.
                blocks[bits].setdefault(prefix, name)
    return blocks


def main():
    blocks = blocks_of(pathlib.Path(sys.argv[1]))
    names, starts = bytearray(), {}
    for name in sorted({name for those in blocks.values() for name in those.values()}):
        text = name.encode()
        starts[name] = len(names)
        names += len(text).to_bytes(1, "big") + text
    table = bytearray()
    for bits, those in blocks.items():
        table += len(those).to_bytes(4, "big")
        for prefix, name in sorted(those.items()):
            table += prefix.to_bytes((bits + 7) // 8, "big") + starts[name].to_bytes(3, "big")
    path = pathlib.Path(__file__).with_name("ieee.bin")
    path.write_bytes(table + names)
    counts = ", ".join(f"{len(those)} of {bits} bits" for bits, those in blocks.items())
    print(f"{path}: {counts}; {len(starts)} names; {len(table) + len(names)} bytes")


main()
