// The queue of the ESP32 sketch, without the radio and the connection, which the test simulates.
//
// Reads commands from standard input, one per line, and answers on standard output:
//   see BSSID SIGNAL CHANNEL AUTH_MODE TIMESTAMP SSID_IN_HEX   queues a sighting
//   clock STARTED_AT                                          the clock was set
//   batch                                                     prints the key and the body, or "none" twice
//   answered STATUS                                           prints "done" or "again"
//   failed RETRY_AFTER                                        prints the milliseconds until the next attempt
//   size                                                      prints the number of queued and of lost sightings

#include "../../examples/esp32/scanpost_esp32/report_queue.h"

#include <iostream>
#include <sstream>

int main() {
  scanpost::Queue<8, 3> queue(0xabcd1234);
  scanpost::Backoff backoff;
  std::string line;
  while (std::getline(std::cin, line)) {
    std::istringstream words(line);
    std::string command;
    words >> command;
    if (command == "see") {
      scanpost::Sighting sighting = {};
      std::string bssid, ssid;
      int signal, channel, auth_mode;
      words >> bssid >> signal >> channel >> auth_mode >> sighting.timestamp >> ssid;
      for (size_t i = 0; i < 6; i++) {
        sighting.bssid[i] = static_cast<uint8_t>(std::stoi(bssid.substr(3 * i, 2), nullptr, 16));
      }
      for (size_t i = 0; 2 * i + 1 < ssid.size() && i < 32; i++) {
        sighting.ssid[i] = static_cast<char>(std::stoi(ssid.substr(2 * i, 2), nullptr, 16));
      }
      sighting.signal_dbm = static_cast<int8_t>(signal);
      sighting.channel = static_cast<uint8_t>(channel);
      sighting.auth_mode = static_cast<uint8_t>(auth_mode);
      queue.add(sighting);
      continue;
    }
    if (command == "clock") {
      uint32_t started_at;
      words >> started_at;
      queue.set_clock(started_at);
      continue;
    }
    if (command == "batch") {
      std::string key = "none", body = "none";
      queue.next_batch("6e6d010f-5ca9-4000-8000-000000000002", "esp32", key, body);
      std::cout << key << "\n" << body << std::endl;
    } else if (command == "answered") {
      int status;
      words >> status;
      const bool is_done = queue.answered(status);
      if (is_done) {
        backoff.success();
      }
      std::cout << (is_done ? "done" : "again") << std::endl;
    } else if (command == "failed") {
      long retry_after;
      words >> retry_after;
      std::cout << backoff.after_failure_ms(retry_after) << std::endl;
    } else if (command == "size") {
      std::cout << queue.size() << " " << queue.lost() << std::endl;
    }
  }
}
