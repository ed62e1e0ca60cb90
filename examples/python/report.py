#!/usr/bin/env python3
"""Reports to scanpost from standard input, and loses no report when the connection fails.

Each line is a report as JSON, such as {"bssid": "02:00:5E:10:00:02", "signal": -70}. Reports are stored in a queue
on disk first. A batch is sent again until the server has answered, and then removed from the queue. It is sent with the
same Idempotency-Key each time, so it counts once.

Needs Python 3.9 and nothing else. SCANPOST_KEY is an API key with the role scanreport, if the server requires one.
"""

import argparse
import json
import os
import pathlib
import sys
import time
import urllib.error
import urllib.request
import uuid

REPORTS_PER_BATCH = 100
WIFI = "/phy/phy80211/scan/scan_report.cmd"
BLUETOOTH = "/phy/phybluetooth/scan/scan_report.cmd"
# The server would refuse these again.
REFUSED = {400, 413, 415, 422}


class Queue:
    """Batches in a folder, the oldest first. The name of a batch is its idempotency key."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)

    def source(self):
        """The UUID of the scanner, created at the first run."""
        path = self.folder / "uuid"
        if not path.exists():
            self._write(path, str(uuid.uuid4()))
        return path.read_text()

    def add(self, name, path, reports):
        batch = {
            "path": path,
            "body": {"source_uuid": self.source(), "source_name": name, "reports": reports},
        }
        key = f"{time.time_ns():020}-{uuid.uuid4()}"
        self._write(self.folder / f"{key}.json", json.dumps(batch))

    def batches(self):
        return sorted(self.folder.glob("*.json"))

    @staticmethod
    def _write(path, text):
        """Writes a file atomically, also if the power fails."""
        unfinished = path.with_suffix(".new")
        with open(unfinished, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)


def send(url, batch_path, timeout):
    """Sends a batch. Returns the status, the text of the answer, and the value of Retry-After."""
    batch = json.loads(batch_path.read_text())
    request = urllib.request.Request(
        url + batch["path"],
        data=json.dumps(batch["body"]).encode(),
        headers={"Content-Type": "application/json", "Idempotency-Key": batch_path.stem},
    )
    key = os.environ.get("SCANPOST_KEY")
    if key:
        request.add_header("Authorization", f"Bearer {key}")
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, answer.read().decode(), None
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace"), error.headers.get("Retry-After")


def send_all(queue, url, attempts, retry_min, timeout):
    """Sends all batches. Returns whether each was accepted or refused."""
    for batch in queue.batches():
        pause = retry_min
        for attempt in range(1, attempts + 1):
            try:
                status, text, retry_after = send(url, batch, timeout)
            except OSError as error:  # No connection, or it broke before the answer.
                status, text, retry_after = None, str(error), None
            if status == 200:
                print(text)
                batch.unlink()
                break
            if status in REFUSED:
                print(f"refused with {status}: {text}", file=sys.stderr)
                batch.rename(batch.with_suffix(".refused"))
                break
            print(f"not sent, attempt {attempt} of {attempts}: {status} {text}", file=sys.stderr)
            if attempt == attempts:
                return False
            time.sleep(float(retry_after) if retry_after else pause)
            pause = min(pause * 2, 300)
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--url", required=True, help="the server, such as http://127.0.0.1:2501")
    parser.add_argument("--queue", required=True, help="the folder for reports that are not sent yet")
    parser.add_argument("--name", default="python", help="the name of the scanner")
    parser.add_argument("--bluetooth", action="store_true", help="the reports are of Bluetooth devices")
    parser.add_argument("--attempts", type=int, default=5, help="how often a batch is sent in one run")
    parser.add_argument("--retry-min", type=float, default=1, help="seconds before the second attempt; then doubling")
    parser.add_argument("--timeout", type=float, default=30, help="seconds to wait for an answer")
    options = parser.parse_args()

    queue = Queue(options.queue)
    path = BLUETOOTH if options.bluetooth else WIFI
    reports = []
    for line in sys.stdin:
        if not line.strip():
            continue
        report = json.loads(line)
        # The time of the sighting, because the report may be sent much later.
        report.setdefault("timestamp", int(time.time()))
        reports.append(report)
        if len(reports) == REPORTS_PER_BATCH:
            queue.add(options.name, path, reports)
            reports = []
    if reports:
        queue.add(options.name, path, reports)
    is_sent = send_all(queue, options.url.rstrip("/"), options.attempts, options.retry_min, options.timeout)
    return 0 if is_sent else 1


if __name__ == "__main__":
    sys.exit(main())
