#!/usr/bin/env bash
# Reports access points to scanpost. Reads one a line from standard input, with tabs between:
#   BSSID  SSID  frequency in MHz  signal in dBm  capabilities
# Only the first is required. What cannot be sent is kept in a folder and sent at the next run.
#
#   report.sh URL < scan.tsv
#
# SCANPOST_KEY is an API key with the role scanreport, where the server asks for one.
# SCANPOST_QUEUE is the folder of what is not sent yet.
set -euo pipefail

url=${1:?usage: report.sh URL < scan.tsv}
queue=${SCANPOST_QUEUE:-${XDG_STATE_HOME:-$HOME/.local/state}/scanpost-report}
mkdir -p "$queue"

# The scanner's own UUID: made once, then always the same.
[[ -s $queue/uuid ]] || cat /proc/sys/kernel/random/uuid >"$queue/uuid"

# A text as JSON. SSIDs may hold quotes, backslashes and control characters.
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
    # Names sort by when batches were made, also within a second.
    made=$(date +%s%N)
    now=${made::-9}
    # A line may end early; tabs stand next to each other where a value is missing.
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
            # Sending it again cannot help. It is kept beside the queue.
            echo "refused with $status: $(<"$queue/answer")" >&2
            mv "$batch" "$batch.refused"
            ;;
        *)
            # No connection, a busy server, a wrong key: the next run tries again.
            echo "not sent, status $status: it waits in $queue" >&2
            return 1
            ;;
        esac
    done
}

save_batch
send_queue
