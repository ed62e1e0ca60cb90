// Scans for access points on an ESP32 and reports them to scanpost.
//
// Survives a lost connection: sightings wait in a queue in memory. A batch is sent again with the same Idempotency-Key
// until the server has answered, with growing pauses. Scanning continues meanwhile.
//
// For the Arduino core for ESP32, 2.0 or later. Nothing else is needed. Fill in the five settings below.

#include <HTTPClient.h>
#include <WiFi.h>
#include <time.h>

#include "report_queue.h"

const char *WIFI_NAME = "my network";
const char *WIFI_PASSWORD = "its password";
// The server, as this board reaches it.
const char *SERVER = "http://192.168.1.10:2501";
// A key with the role scanreport: scanpost apikey create --name esp32 --role scanreport
const char *KEY = "";
// Every board needs its own UUID: create one with uuidgen.
const char *SOURCE_UUID = "6e6d010f-5ca9-4000-8000-000000000002";
const char *SOURCE_NAME = "esp32";

const uint32_t SCAN_EVERY_MS = 15000;
const size_t QUEUE_SIGHTINGS = 400;  // Some 20 kB of memory.
const size_t BATCH_SIGHTINGS = 40;   // Some 6 kB of JSON.

scanpost::Queue<QUEUE_SIGHTINGS, BATCH_SIGHTINGS> *queue;
scanpost::Backoff backoff;
uint32_t next_scan_ms = 0;
uint32_t next_send_ms = 0;
bool clock_is_set = false;

// True once `at_ms` has come, even if millis() wraps around after 49 days.
bool is_due(uint32_t at_ms) { return static_cast<int32_t>(millis() - at_ms) >= 0; }

uint32_t now_s() {
  const time_t now = time(nullptr);
  return static_cast<uint32_t>(now) < scanpost::CLOCK_IS_SET ? millis() / 1000 : static_cast<uint32_t>(now);
}

void keep_clock() {
  const uint32_t now = static_cast<uint32_t>(time(nullptr));
  if (!clock_is_set && scanpost::CLOCK_IS_SET <= now) {
    clock_is_set = true;
    queue->set_clock(now - millis() / 1000);
  }
}

void collect_scan() {
  const int found = WiFi.scanComplete();
  if (found == WIFI_SCAN_RUNNING) {
    return;
  }
  for (int i = 0; i < found; i++) {
    scanpost::Sighting sighting = {};
    memcpy(sighting.bssid, WiFi.BSSID(i), sizeof sighting.bssid);
    strncpy(sighting.ssid, WiFi.SSID(i).c_str(), sizeof sighting.ssid - 1);
    sighting.signal_dbm = static_cast<int8_t>(WiFi.RSSI(i));
    sighting.channel = static_cast<uint8_t>(WiFi.channel(i));
    sighting.auth_mode = static_cast<uint8_t>(WiFi.encryptionType(i));
    sighting.timestamp = now_s();
    queue->add(sighting);
  }
  if (0 <= found) {
    WiFi.scanDelete();
  }
  if (is_due(next_scan_ms)) {
    next_scan_ms = millis() + SCAN_EVERY_MS;
    WiFi.scanNetworks(/* async */ true, /* hidden networks too */ true);
  }
}

void send_one_batch() {
  std::string key, body;
  if (WiFi.status() != WL_CONNECTED || !is_due(next_send_ms) ||
      !queue->next_batch(SOURCE_UUID, SOURCE_NAME, key, body)) {
    return;
  }
  HTTPClient http;
  http.setTimeout(10000);
  const char *answer_headers[] = {"Retry-After"};
  http.collectHeaders(answer_headers, 1);
  int status = 0;
  if (http.begin(String(SERVER) + "/phy/phy80211/scan/scan_report.cmd")) {
    http.addHeader("Content-Type", "application/json");
    http.addHeader("Idempotency-Key", key.c_str());
    if (KEY[0] != '\0') {
      http.addHeader("Authorization", String("Bearer ") + KEY);
    }
    status = http.POST(reinterpret_cast<uint8_t *>(&body[0]), body.size());
  }
  // HTTPClient returns its own errors as negative numbers: there was no answer, or only a part of one.
  if (queue->answered(status)) {
    backoff.success();
    Serial.printf("batch %s: %d, %u wait, %u lost\n", key.c_str(), status, static_cast<unsigned>(queue->size()),
                  static_cast<unsigned>(queue->lost()));
  } else {
    const uint32_t wait_ms = backoff.after_failure_ms(http.header("Retry-After").toInt());
    next_send_ms = millis() + wait_ms;
    Serial.printf("batch %s: %d, again in %u ms\n", key.c_str(), status, static_cast<unsigned>(wait_ms));
  }
  http.end();
}

void setup() {
  Serial.begin(115200);
  queue = new scanpost::Queue<QUEUE_SIGHTINGS, BATCH_SIGHTINGS>(esp_random());
  WiFi.mode(WIFI_STA);
  WiFi.setAutoReconnect(true);
  WiFi.begin(WIFI_NAME, WIFI_PASSWORD);
  configTime(0, 0, "pool.ntp.org");
}

void loop() {
  keep_clock();
  collect_scan();
  send_one_batch();
  delay(50);
}
