// The queue of an ESP32 that reports to scanpost, and the JSON of its reports.
//
// Plain C++11 without Arduino, so that the server's tests compile and run it. The sketch owns the radio, the clock
// and the connection, and asks this for what to send.
//
// A batch keeps its idempotency key until the server has answered it. If an answer is lost, the batch is sent again
// with the same key, and counts once.

#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <string>

namespace scanpost {

struct Sighting {
  uint8_t bssid[6];
  char ssid[33];  // At most 32 bytes and the final zero.
  int8_t signal_dbm;
  uint8_t channel;
  uint8_t auth_mode;   // A wifi_auth_mode_t.
  uint32_t timestamp;  // Seconds since 1970, or since the start while the clock is not set.
};

// A clock that shows an earlier time, in seconds since 1970, was never set.
const uint32_t CLOCK_IS_SET = 1600000000;

// Appends a text as a JSON string. Bytes that are not ASCII are written as \xNN, which scanpost understands, because an
// SSID need not be UTF-8.
inline void append_json_text(std::string &json, const char *text) {
  char escape[8];
  json += '"';
  for (const char *at = text; *at != '\0'; at++) {
    const uint8_t byte = static_cast<uint8_t>(*at);
    if (byte == '"' || byte == '\\') {
      json += '\\';
      json += *at;
    } else if (byte < 0x20) {
      snprintf(escape, sizeof escape, "\\u%04x", byte);
      json += escape;
    } else if (0x7f <= byte) {
      snprintf(escape, sizeof escape, "\\x%02x", byte);
      json += escape;
    } else {
      json += *at;
    }
  }
  json += '"';
}

// The name of a wifi_auth_mode_t, without WIFI_AUTH_. Its number would not do: the same number means something else on
// an ESP8266, and scanpost takes such a number for unknown.
inline const char *auth_mode_name(uint8_t auth_mode) {
  static const char *const NAMES[] = {
      "OPEN",     "WEP",          "WPA_PSK",      "WPA2_PSK",
      "WPA_WPA2_PSK", "WPA2_ENTERPRISE", "WPA3_PSK", "WPA2_WPA3_PSK",
      "WAPI_PSK", "OWE",          "WPA3_ENT_192", "WPA3_EXT_PSK",
      "WPA3_EXT_PSK_MIXED_MODE", "DPP", "WPA3_ENTERPRISE", "WPA2_WPA3_ENTERPRISE",
      "WPA_ENTERPRISE",
  };
  return auth_mode < sizeof NAMES / sizeof NAMES[0] ? NAMES[auth_mode] : "UNKNOWN";
}

inline void append_sighting(std::string &json, const Sighting &sighting) {
  char text[160];
  const uint8_t *b = sighting.bssid;
  snprintf(text, sizeof text, "{\"bssid\":\"%02X:%02X:%02X:%02X:%02X:%02X\",\"signal\":%d,\"channel\":%u,", b[0], b[1],
           b[2], b[3], b[4], b[5], sighting.signal_dbm, sighting.channel);
  json += text;
  snprintf(text, sizeof text, "\"capabilities\":\"%s\",\"timestamp\":%lu,\"ssid\":",
           auth_mode_name(sighting.auth_mode), static_cast<unsigned long>(sighting.timestamp));
  json += text;
  append_json_text(json, sighting.ssid);
  json += '}';
}

// A ring buffer of sightings. If it is full, the oldest ones are dropped, which are the least useful. The batch that is
// being sent does not change, because the server may have it already.
template <size_t CAPACITY, size_t BATCH_MAX>
class Queue {
 public:
  // `boot` distinguishes the batches of this start from those of other starts. Use a random number.
  explicit Queue(uint32_t boot) : boot_(boot) {}

  void add(const Sighting &sighting) {
    if (count_ == CAPACITY) {
      lost_++;
      if (batch_ == CAPACITY) {
        return;
      }
      for (size_t i = batch_; i + 1 < count_; i++) {
        at(i) = at(i + 1);
      }
      count_--;
    }
    count_++;
    at(count_ - 1) = sighting;
  }

  size_t size() const { return count_; }
  uint32_t lost() const { return lost_; }

  // Until the clock is set, sightings have seconds since the start. This converts them to seconds since 1970.
  void set_clock(uint32_t started_at) {
    for (size_t i = batch_; i < count_; i++) {
      if (at(i).timestamp < CLOCK_IS_SET) {
        at(i).timestamp += started_at;
      }
    }
  }

  // The batch to send now: the same one, with the same key, until `answered` returns true. False if there is none.
  bool next_batch(const char *source_uuid, const char *source_name, std::string &key, std::string &body) {
    if (batch_ == 0) {
      if (count_ == 0) {
        return false;
      }
      batch_ = count_ < BATCH_MAX ? count_ : BATCH_MAX;
      number_++;
    }
    char text[64];
    snprintf(text, sizeof text, "%08lx-%lu", static_cast<unsigned long>(boot_), static_cast<unsigned long>(number_));
    key = text;
    body = "{\"source_uuid\":";
    append_json_text(body, source_uuid);
    body += ",\"source_name\":";
    append_json_text(body, source_name);
    body += ",\"reports\":[";
    for (size_t i = 0; i < batch_; i++) {
      if (0 < i) {
        body += ',';
      }
      append_sighting(body, at(i));
    }
    body += "]}";
    return true;
  }

  // Handles the status of an answer; 0 means no answer. True if the batch is finished.
  bool answered(int status) {
    switch (status) {
      case 200:
      // The server would refuse it again.
      case 400:
      case 413:
      case 415:
      case 422:
        first_ = (first_ + batch_) % CAPACITY;
        count_ -= batch_;
        batch_ = 0;
        return true;
      default:
        return false;
    }
  }

 private:
  Sighting &at(size_t index) { return ring_[(first_ + index) % CAPACITY]; }

  Sighting ring_[CAPACITY];
  size_t first_ = 0;
  size_t count_ = 0;
  size_t batch_ = 0;
  uint32_t number_ = 0;
  uint32_t boot_;
  uint32_t lost_ = 0;
};

// Pause before the next attempt: doubles from 2 s to 5 minutes, or follows Retry-After.
class Backoff {
 public:
  uint32_t after_failure_ms(long retry_after_s) {
    const uint32_t wait_ms = wait_ms_;
    wait_ms_ = wait_ms_ < WAIT_MS_MAX / 2 ? wait_ms_ * 2 : WAIT_MS_MAX;
    return 0 < retry_after_s && retry_after_s <= 3600 ? static_cast<uint32_t>(retry_after_s) * 1000 : wait_ms;
  }
  void success() { wait_ms_ = WAIT_MS_MIN; }

 private:
  static const uint32_t WAIT_MS_MIN = 2000;
  static const uint32_t WAIT_MS_MAX = 300000;
  uint32_t wait_ms_ = WAIT_MS_MIN;
};

}  // namespace scanpost
