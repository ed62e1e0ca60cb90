"""Reads exports with the programs of others.

    check.py URL FOLDER TOOLS

URL is a server without a device, FOLDER an empty folder for files, and TOOLS the folder of the programs of this Python.
"""

import json
import os
import sqlite3
import struct
import subprocess
import sys
import time
import urllib.request
import xml.etree.ElementTree as ElementTree
import zipfile

import duckdb
import fastkml
import geojson_validator
import pyarrow.parquet
import takproto

URL, FOLDER, TOOLS = sys.argv[1:4]
SEEN = 1_600_000_000
# Octets of names. JSON cannot hold all of them, but the server takes them in JSON all the same.
NAMES = [
    b"]]>", b"</name>", b"&#0;", b"tab\\tin", b"line\\nfeed", b"carriage\\rreturn", b"nul\\u0000in", b"one\\u0001",
    b"\xff\xfe", b'\\"', b"a,b", b"  both ends  ", b"=1+1", b"'", b"line\xe2\x80\xa8separator",
    b"29 octets and half an emoji..\xf0\x9f\x98", b"\xff" * 32, b"back\\\\x41slash", b"<script>alert(1)</script>",
    b"del\x7fc1\xc2\x85", b"",
]
GPX = "{http://www.topografix.com/GPX/1/1}"


def report(kind, reports):
    """Sends reports that have to be accepted. A report is the text of its fields."""
    source = b'{"source_uuid": "6e6d010f-5ca9-4000-8000-0000000000ff", "source_name": "<s>&\\"\' ]]>", "reports": ['
    body = source + b",".join(b"{" + fields + b"}" for fields in reports) + b"]}"
    request = urllib.request.Request(
        f"{URL}/phy/{kind}/scan/scan_report.cmd", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:
        accepted = json.load(answer)["accepted"]
    assert accepted == len(reports), f"{accepted} of {len(reports)} reports were accepted"


def send_cases():
    wifi = [
        b'"timestamp": %d, "bssid": "02:00:00:00:00:%02x", "ssid": "%s", "capabilities": "[WPA2-PSK-CCMP][ESS]", '
        b'"channel": "6", "signal": -60, "lat": 52.5, "lon": 13.4' % (SEEN + number, number, name)
        for number, name in enumerate(NAMES)
    ]
    wifi += [
        b'"timestamp": %d, "bssid": "02:00:00:00:01:00", "ssid": "<%d>", "lat": 52.5, "lon": 13.4' % (SEEN, number)
        for number in range(30)
    ]
    at = b'"timestamp": %d, ' % SEEN
    wifi += [
        at + b'"bssid": "02:00:00:00:02:01", "ssid": "no place, signal or channel"',
        at + b'"bssid": "02:00:00:00:02:02", "ssid": "north", "signal": -1, "lat": 90.0, "lon": 180.0, "alt": -400',
        at + b'"bssid": "02:00:00:00:02:03", "ssid": "south", "signal": -120, "lat": -90.0, "lon": -180.0, "alt": 8848.25',
        at + b'"bssid": "02:00:00:00:02:04", "ssid": "6 GHz", "freqkhz": 5935000, "lat": 0.0000001, "lon": -0.0000001',
        at + b'"bssid": "02:00:00:00:02:05", "ssid": "wep", "capabilities": "[WEP][ESS]", "lat": 1, "lon": 1',
        at + b'"bssid": "02:00:00:00:02:06", "ssid": "open", "capabilities": "[ESS]", "lat": 1, "lon": 1, "accuracy": 3.5',
        at + b'"bssid": "02:00:00:00:02:07", "ssid": "gone_nomap", "capabilities": "[ESS]", "lat": 1, "lon": 1',
    ]
    report("phy80211", wifi)
    report("phybluetooth", [
        at + b'"btaddr": "02:00:00:00:03:01", "lat": 52.5, "lon": 13.4',
        at + b'"btaddr": "02:00:00:00:03:02", "name": "<Watch> & ]]>", "devicetype": "BTLE", "scan_data": "03FF4C00", '
        b'"signal": -77, "lat": 52.5, "lon": 13.4',
    ])


def get(query):
    with urllib.request.urlopen(f"{URL}/api/v1/export/{query}") as answer:
        return answer.read()


class Files:
    """The exports of the server as it is now."""

    def __init__(self, name):
        self.folder = os.path.join(FOLDER, name)
        os.mkdir(self.folder)
        lines = get("geojsonseq").splitlines()
        self.devices = len(lines)
        # Forms with a place leave out devices without one.
        self.placed = sum(json.loads(line)["geometry"] is not None for line in lines)
        lines = get("geojsonseq?per=observation").splitlines()
        self.observations = len(lines)
        self.placed_observations = sum(json.loads(line)["geometry"] is not None for line in lines)

    def of(self, query, name):
        """The path of a file with an export."""
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(get(query))
        return path


def run(*command, **options):
    """The output of a program that has to succeed."""
    done = subprocess.run(command, capture_output=True, text=True, **options)
    assert done.returncode == 0, f"{command} ends with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout


def expect(found, expected, what):
    assert found == expected, f"{what}: {found}, expected {expected}"


def features(path):
    """How many features GDAL finds in the layers of a file."""
    output = run("ogrinfo", "-ro", "-al", "-so", path)
    counts = [line.split(":")[1] for line in output.splitlines() if line.startswith("Feature Count:")]
    return sum(map(int, counts))


def waypoints(form, path):
    """How many waypoints gpsbabel finds in a file."""
    output = run("gpsbabel", "-i", form, "-f", path, "-o", "gpx,gpxver=1.1", "-F", "-")
    return len(ElementTree.fromstring(output).findall(f"{GPX}wpt"))


def table(path, skip=0):
    """How many rows DuckDB finds in a CSV file, and how many columns."""
    rows = duckdb.sql(
        f"SELECT * FROM read_csv('{path}', skip={skip}, header=true, all_varchar=true, strict_mode=true, "
        "auto_detect=false, delim=',', quote='\"', escape='\"', "
        f"columns={{{columns_of(path, skip)}}})"
    )
    return len(rows.fetchall()), len(rows.columns)


def columns_of(path, skip):
    with open(path, encoding="utf-8-sig") as file:
        head = file.readlines()[skip].strip()
    return ", ".join(f"'{column}': 'VARCHAR'" for column in head.split(","))


def check_csv(files):
    for per, count in [("device", files.devices), ("observation", files.observations)]:
        path = files.of(f"csv?per={per}", f"{per}.csv")
        expect(table(path)[0], count, path)
    path = files.of("csv?texts=raw&bom=true", "raw.csv")
    expect(table(path)[0], files.devices, path)


def check_wiglecsv(files):
    for query, count, columns in [
        ("", files.placed_observations, 14),
        ("?per=device", files.placed, 14),
        ("?version=1.4", files.placed_observations, 11),
    ]:
        path = files.of(f"wiglecsv{query}", f"wigle{columns}-{count}{'d' if 'per' in query else ''}.csv")
        expect(table(path, skip=1), (count, columns), path)
        with open(path, "rb") as file:
            lines = file.read().decode().split("\n")
        assert lines[0].startswith("WigleWifi-1."), lines[0]
        # Most readers split lines before they look at quotes.
        expect(len(lines), count + 3, f"lines of {path}")


def check_geojson(files):
    for per, count in [("device", files.devices), ("observation", files.observations)]:
        path = files.of(f"geojson?per={per}", f"{per}.geojson")
        expect(features(path), count, path)
        with open(path, encoding="utf-8") as file:
            collection = json.load(file)
        problems = geojson_validator.validate_structure(collection)
        assert not problems, f"{path}: {problems}"
        path = files.of(f"geojsonseq?per={per}", f"{per}.geojsonl")
        # GDAL does not open an empty file.
        if count:
            expect(features(f"GeoJSONSeq:{path}"), count, path)
            path = files.of(f"geojsonseq?per={per}&rs=true", f"{per}-rs.geojsons")
            expect(features(f"GeoJSONSeq:{path}"), count, path)


def check_kml(files):
    schema = os.path.join(os.path.dirname(fastkml.__file__), "schema", "ogckml22.xsd")
    for place in ["strongest", "mean", "last"]:
        path = files.of(f"kml?place={place}", f"{place}.kml")
        run("xmllint", "--noout", "--nonet", "--schema", schema, path)
        expect(features(path), files.placed, path)
        expect(waypoints("kml", path), files.placed, path)
    path = files.of("kmz", "a.kmz")
    expect(zipfile.ZipFile(path).testzip(), None, path)
    expect(features(path), files.placed, path)


def check_gpx(files):
    path = files.of("gpx", "a.gpx")
    run(f"{TOOLS}/gpx", "validate", "--strict", path)
    expect(waypoints("gpx", path), files.placed, path)
    if files.placed:
        output = run("ogrinfo", "-ro", "-so", path, "waypoints")
        assert f"Feature Count: {files.placed}" in output, output


def check_netxml(files):
    path = files.of("netxml", "a.netxml")
    run("xmllint", "--noout", "--nonet", path)
    networks = ElementTree.parse(path).getroot().findall("wireless-network")
    expect(len(networks), len(get("geojsonseq?phy=wifi").splitlines()), path)


def check_cot(files):
    path = files.of("cot", "a.cot")
    run("xmllint", "--noout", "--nonet", path)
    events = list(ElementTree.parse(path).getroot())
    expect(len(events), files.placed, path)
    for event in events:
        sent = ElementTree.tostring(event)
        message = takproto.parse_proto(takproto.xml2proto(sent.decode()))
        assert message, sent
        expect(message.cotEvent.uid, event.get("uid"), path)
        expect(message.cotEvent.detail.contact.callsign, event.find("detail/contact").get("callsign"), path)
    path = files.of("cotzip", "a.zip")
    with zipfile.ZipFile(path) as package:
        expect(package.testzip(), None, path)
        manifest = ElementTree.fromstring(package.read("MANIFEST/manifest.xml"))
        listed = [content.get("zipEntry") for content in manifest.iter("Content")]
        expect(sorted([*listed, "MANIFEST/manifest.xml"]), sorted(package.namelist()), path)
        for name in listed:
            ElementTree.fromstring(package.read(name))
    expect(len(listed), files.placed, path)


def check_kismetdb(files):
    for version in [9, 10]:
        for per in ["observation", "device"]:
            path = files.of(f"kismetdb?per={per}&version={version}", f"{per}-{version}.kismet")
            with sqlite3.connect(path) as db:
                expect(db.execute("PRAGMA integrity_check").fetchone(), ("ok",), path)
                expect(db.execute("SELECT count(*) FROM devices").fetchone(), (files.devices,), path)
                of_devices = db.execute("SELECT count(*) FROM packets").fetchone()[0]
                of_devices += db.execute("SELECT count(*) FROM data").fetchone()[0]
            expect(of_devices, files.observations if per == "observation" else 0, path)
    # They check versions up to the one of 2021, and read later ones all the same.
    path = os.path.join(files.folder, "observation-9.kismet")
    out = os.path.join(files.folder, "kismet")
    run(f"{TOOLS}/kismet_log_devices_to_json", "--in", path, "--out", f"{out}.json")
    with open(f"{out}.json", encoding="utf-8") as file:
        expect(len(json.load(file)), files.devices, path)
    run(f"{TOOLS}/kismet_log_to_csv", "--in", path, "--out", f"{out}.csv", "--table", "devices")
    small = files.of("kismetdb?per=device&devices=minimal", "minimal.kismet")
    run(f"{TOOLS}/kismet_log_devices_to_json", "--in", small, "--out", f"{out}-minimal.json")
    run(f"{TOOLS}/kismet_log_to_csv", "--in", small, "--out", f"{out}-minimal.csv", "--table", "devices")
    # This one escapes no names, so it reads devices with plain ones.
    plain = "address_prefix=02:00:00:00:02"
    lines = get(f"geojsonseq?{plain}").splitlines()
    placed = sum(json.loads(line)["geometry"] is not None for line in lines)
    for devices in ["whole", "minimal"]:
        path = files.of(f"kismetdb?{plain}&devices={devices}", f"plain-{devices}.kismet")
        run(f"{TOOLS}/kismet_log_to_kml", "--in", path, "--out", f"{out}-{devices}.kml")
        if placed:
            expect(features(f"{out}-{devices}.kml"), placed, f"{out}-{devices}.kml")


def check_parquet(files):
    for per, count in [("device", files.devices), ("observation", files.observations)]:
        path = files.of(f"parquet?per={per}", f"{per}.parquet")
        run(f"{TOOLS}/geoparquet-validator", "check", path)
        table = pyarrow.parquet.read_table(path)
        expect((table.num_rows, table.schema.names[-2:]), (count, ["geometry", "bbox"]), path)
        expect(duckdb.sql(f"SELECT count(*) FROM '{path}'").fetchone(), (count,), path)
        # Devices have no order.
        names = ["address", "phy", "ssid", "channel", "frequency_khz", "signal_dbm", "lat", "lon", "alt_m"]
        by_arrow = sorted(map(repr, zip(*(table[name].to_pylist() for name in names))))
        by_duckdb = sorted(map(repr, duckdb.sql(f"SELECT {', '.join(names)} FROM '{path}'").fetchall()))
        expect(by_duckdb, by_arrow, path)
        features = map(json.loads, get(f"geojsonseq?per={per}").splitlines())
        expect(sorted(map(raw_name, table.to_pylist())), sorted(map(name_of, features)), path)
        for row in table.select(["lat", "lon", "geometry", "bbox"]).to_pylist():
            lat, lon, geometry, bbox = row.values()
            if lat is None:
                expect((lon, geometry, bbox), (None, None, None), path)
                continue
            expect(struct.unpack("<BIdd", geometry), (1, 1, lon, lat), path)
            expect(bbox, {"xmin": lon, "ymin": lat, "xmax": lon, "ymax": lat}, path)
        # Readers skip what cannot have a row by the least and the greatest value of a column.
        for found, in duckdb.sql(f"SELECT DISTINCT address FROM '{path}' LIMIT 10").fetchall():
            rows = duckdb.sql(f"SELECT count(*) FROM '{path}' WHERE address = '{found}'").fetchone()
            expect(rows, (table["address"].to_pylist().count(found),), path)


def raw_name(row):
    """The address of a row and the octets of its network's name."""
    return row["address"], row["ssid_raw"]


def name_of(feature):
    """The same of a feature."""
    properties = feature["properties"]
    if properties["phy"] != "IEEE802.11":
        return properties["address"], None
    if "ssid_hex" in properties:
        return properties["address"], bytes.fromhex(properties["ssid_hex"])
    return properties["address"], properties.get("ssid", properties.get("name", "")).encode()


def send_many():
    """So many networks that Parquet has two row groups, and too many names for a dictionary."""
    lines = ["WigleWifi-1.6,appRelease=1,model=a,release=1,device=a,display=a,board=a,brand=a"]
    lines.append("MAC,SSID,AuthMode,FirstSeen,Channel,Frequency,RSSI,CurrentLatitude,CurrentLongitude,AltitudeMeters,"
                 "AccuracyMeters,RCOIs,MfgrId,Type")
    lines += [
        f"02:01:{row >> 16:02x}:{row >> 8 & 255:02x}:{row & 255:02x}:00,a network with the number {row},[ESS],"
        f"2026-01-01 00:00:00,6,2437,-{row % 90},52.{row:07},13.4,{row % 100},5,,,WIFI"
        for row in range(60_000)
    ]
    request = urllib.request.Request(f"{URL}/api/v1/imports", "\n".join(lines).encode())
    with urllib.request.urlopen(request) as answer:
        account = json.load(answer)
    while account["state"] in ["waiting", "running"]:
        time.sleep(0.1)
        with urllib.request.urlopen(f"{URL}/api/v1/imports/{account['id']}") as answer:
            account = json.load(answer)
    expect((account["state"], account["files"][0]["taken"]), ("done", 60_000), account)


CHECKS = [
    check_csv, check_wiglecsv, check_geojson, check_kml, check_gpx, check_netxml, check_cot, check_kismetdb,
    check_parquet,
]


def main():
    for name, prepare in [("empty", lambda: None), ("cases", send_cases)]:
        prepare()
        files = Files(name)
        for check in CHECKS:
            check(files)
        print(f"{name}: {files.devices} devices, {files.observations} observations, read in all forms")
    send_many()
    files = Files("many")
    check_parquet(files)
    expect(pyarrow.parquet.ParquetFile(f"{files.folder}/observation.parquet").num_row_groups, 2, "row groups")
    print(f"many: {files.devices} devices, {files.observations} observations, read in Parquet")


main()
