#!/usr/bin/env bash
# Scans with iw, and reports to scanpost. Needs bash, awk, curl, iw, and the right to scan, as root has it.
#
#   iw.sh URL DEVICE [SECONDS]   scans with DEVICE each SECONDS, or once without them
#   iw.sh URL - < scan.txt       reports what `iw dev DEVICE scan` has printed just now
#
# SCANPOST_KEY and SCANPOST_QUEUE are those of report.sh, which sends the reports, and keeps what could not be sent.
set -euo pipefail
url=${1:?usage: iw.sh URL DEVICE [SECONDS]} device=${2:?usage: iw.sh URL DEVICE [SECONDS]} seconds=${3:-}

# One access point a line: BSSID, SSID, MHz, dBm, capabilities. iw prints odd octets of an SSID as \xNN, which the server reads.
to_rows() {
    awk -v OFS='\t' '
        function security(name) {
            return name in suites ? "[" name "-" suites[name] "-" ciphers[name] "]" : ""
        }
        function flush_row(    known) {
            known = security("WPA") security("RSN")
            if (bssid != "") print bssid, ssid, mhz, dbm, (known == "" && is_private ? "[WEP]" : known) wps kind
        }
        function value(line) { sub(/^[^:]*: */, "", line); return line }
        /^BSS /                    { flush_row(); bssid = substr($2, 1, 17); ssid = mhz = dbm = wps = kind = section = ""
                                     is_private = 0; split("", suites); split("", ciphers) }
        /^\t[A-Za-z]/              { section = $1; sub(/:.*/, "", section) }
        $1 == "freq:"              { mhz = int($2) }
        $1 == "signal:"            { dbm = int($2) }
        /^\tSSID:/                 { ssid = value($0) }
        $1 == "capability:"        { kind = /IBSS/ ? "[IBSS]" : "[ESS]"; is_private = /Privacy/ }
        $1 == "WPS:"               { wps = "[WPS]" }
        /Pairwise ciphers:/        { ciphers[section] = value($0); gsub(/ +/, "+", ciphers[section]) }
        /Authentication suites:/   { suites[section] = value($0); gsub(/IEEE 802.1X/, "EAP", suites[section])
                                     gsub(/ +/, "+", suites[section]) }
        END                        { flush_row() }'
}

scan() { if [[ $device == - ]]; then cat; else iw dev "$device" scan; fi; }
report() { scan | to_rows | "$(dirname "$0")/report.sh" "$url"; }
if [[ -z $seconds ]]; then report; exit; fi
# A scan that fails, or a server that is away, is no reason to stop: the next round sends what waits.
while true; do report || true; sleep "$seconds"; done
