#!/usr/bin/env python3
"""Prints the access points that an Android phone sees, with the place of the phone, as reports for report.py.

Runs in Termux. Needs the app Termux:API, which needs the right to know the place, and `pkg install termux-api python`.

    while true; do
        python3 termux.py | python3 report.py --url http://192.0.2.1:2501 --queue ~/scanpost-queue
        sleep 60
    done

Android scans at most four times in two minutes. In between it repeats the last scan.
"""

import json
import subprocess
import sys
import time

# Without a fix, termux-location waits for one.
LOCATION_TIMEOUT_S = 20


def ask(*command, timeout=None):
    """What a command of Termux:API prints."""
    done = subprocess.run(command, stdout=subprocess.PIPE, timeout=timeout, check=False)
    return json.loads(done.stdout or b"null")


def place():
    """Where the phone is. Nothing if it does not know that."""
    try:
        told = ask("termux-location", "-p", "gps", "-r", "last", timeout=LOCATION_TIMEOUT_S) or {}
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return {}
    if "latitude" not in told or "longitude" not in told:
        return {}
    here = {"lat": told["latitude"], "lon": told["longitude"]}
    if told.get("altitude"):
        here["alt"] = told["altitude"]
    if told.get("speed"):
        here["speed"] = told["speed"] * 3.6
    return here


def main():
    networks = ask("termux-wifi-scaninfo")
    if not isinstance(networks, list):
        sys.exit(f"termux-wifi-scaninfo: {(networks or {}).get('API_ERROR', 'no scan')}")
    here = place()
    now = int(time.time())
    for network in networks:
        # The phone's own timestamps count from its start.
        report = {
            "timestamp": now,
            "bssid": network["bssid"],
            "ssid": network.get("ssid"),
            "capabilities": network.get("capabilities"),
            "freqkhz": network["frequency_mhz"] * 1000,
            "signal": network["rssi"],
            "chanwidth": network.get("channel_bandwidth_mhz"),
            **here,
        }
        print(json.dumps({key: value for key, value in report.items() if value not in (None, "", "???")}))


if __name__ == "__main__":
    main()
