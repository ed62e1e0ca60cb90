#!/usr/bin/env bash
# Reports access points to scanpost. Reads one access point a line from standard input, with tabs between the fields:
#   BSSID  SSID  frequency in MHz  signal in dBm  capabilities
# Only the first field is required. Batches that cannot be sent stay in a folder until the next run.
#
#   report.sh URL < scan.tsv
#
# SCANPOST_KEY is an API key with the role scanreport, if the server requires one.
# SCANPOST_QUEUE is the folder of unsent batches.
set -euo pipefail

url=${1:?usage: report.sh URL < scan.tsv}
queue=${SCANPOST_QUEUE:-${XDG_STATE_HOME:-$HOME/.local/state}/scanpost-report}
mkdir -p "$queue"

# The UUID of the scanner, created at the first run.
[[ -s $queue/uuid ]] || cat /proc/sys/kernel/random/uuid >"$queue/uuid"

# Writes a text as a JSON string. SSIDs may have quotes, backslashes and control characters.
quoted() {
    local text=$1 escaped='' character i
    for ((i = 0; i < ${#text}; i++)); do
        character=${text:i:1}
        case $character in
        '"' | \\) escaped+="\\$character" ;;
        [[:cntrl:]]) printf -v character '\\u%04x' "'$character" && escaped+=$character ;;
        *) escaped+=$character ;;
        esac
    done
    printf '"%s"' "$escaped"
}

# Each batch is a file named by its idempotency key, so a batch that is sent again has the same key.
save_batch() {
    local now made reports='' bssid ssid mhz signal capabilities key
    # File names sort by time, also within a second.
    made=$(date +%s%N)
    now=${made::-9}
    # Fields at the end of a line may be missing, and fields in the middle may be empty.
    while IFS=$'\x1f' read -r bssid ssid mhz signal capabilities; do
        [[ -n $bssid ]] || continue
        reports+="${reports:+,}{\"timestamp\":$now,\"bssid\":$(quoted "$bssid"),\"ssid\":$(quoted "$ssid")"
        [[ $mhz =~ ^[0-9]+$ ]] && reports+=",\"freqkhz\":$((10#$mhz * 1000))"
        [[ $signal =~ ^-?[0-9]+$ ]] && reports+=",\"signal\":$signal"
        [[ -n $capabilities ]] && reports+=",\"capabilities\":$(quoted "$capabilities")"
        reports+='}'
    done < <(tr '\t' '\037')
    [[ -n $reports ]] || return 0
    key=$(cat /proc/sys/kernel/random/uuid)
    printf '{"source_uuid":"%s","source_name":%s,"reports":[%s]}' \
        "$(<"$queue/uuid")" "$(quoted "${HOSTNAME:-shell}")" "$reports" >"$queue/.new"
    mv "$queue/.new" "$queue/$made-$key.json"
}

send_queue() {
    local batch status headers=(-H 'Content-Type: application/json')
    [[ -z ${SCANPOST_KEY:-} ]] || headers+=(-H "Authorization: Bearer $SCANPOST_KEY")
    for batch in "$queue"/*.json; do
        [[ -e $batch ]] || return 0
        status=$(curl -s -o "$queue/answer" -w '%{http_code}' --max-time 30 "${headers[@]}" \
            -H "Idempotency-Key: $(basename "$batch" .json)" --data-binary "@$batch" \
            "$url/phy/phy80211/scan/scan_report.cmd") || status=000
        case $status in
        200)
            cat "$queue/answer"
            echo
            rm "$batch"
            ;;
        400 | 413 | 415 | 422)
            # The server would refuse it again. It stays in the folder, but not in the queue.
            echo "refused with $status: $(<"$queue/answer")" >&2
            mv "$batch" "$batch.refused"
            ;;
        *)
            # No connection, a busy server, or a wrong key: the next run tries again.
            echo "not sent, status $status: it waits in $queue" >&2
            return 1
            ;;
        esac
    done
}

save_batch
send_queue
