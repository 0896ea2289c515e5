// SPDX-License-Identifier: MIT
// Checks that a trace is JSON of complete events that nest on every track.
#pragma once

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace brink::test {

struct TraceEvent {
  std::string name, category, track;
  double begin_us, end_us;
  nlohmann::json arguments;
};

class Trace {
 public:
  /// Throws if the text is not JSON or an event lacks something.
  explicit Trace(const std::string& text) : json(nlohmann::json::parse(text)) {
    std::map<int, std::string> tracks;
    for (const auto& e : json.at("traceEvents"))
      if (e.at("ph") == "M" && e.at("name") == "thread_name")
        tracks[e.at("tid").get<int>()] = e.at("args").at("name").get<std::string>();
    for (const auto& e : json.at("traceEvents")) {
      if (e.at("ph") != "X") continue;
      const double begin = e.at("ts").get<double>();
      events.push_back({e.at("name").get<std::string>(), e.at("cat").get<std::string>(),
                        tracks.at(e.at("tid").get<int>()), begin, begin + e.at("dur").get<double>(), e.at("args")});
    }
    // Of spans that begin at the same nanosecond the longer is the outer one.
    std::ranges::stable_sort(events, [](const TraceEvent& a, const TraceEvent& b) {
      return a.begin_us != b.begin_us ? a.begin_us < b.begin_us : a.end_us > b.end_us;
    });
  }

  /// Empty, or two events of a track of which neither contains the other although they overlap.
  std::string overlap() const {
    constexpr double rounding_us = 1e-4;  // of ts + dur; times are whole nanoseconds
    std::map<std::string, std::vector<const TraceEvent*>> open;
    for (const TraceEvent& e : events) {
      auto& stack = open[e.track];
      while (!stack.empty() && stack.back()->end_us <= e.begin_us + rounding_us) stack.pop_back();
      if (!stack.empty() && stack.back()->end_us + rounding_us < e.end_us) return stack.back()->name + ", " + e.name;
      stack.push_back(&e);
    }
    return {};
  }
  std::int64_t count(const std::string& name, const std::string& track = "") const {
    return std::ranges::count_if(
        events, [&](const TraceEvent& e) { return e.name == name && (track.empty() || e.track == track); });
  }
  double total_us(const std::string& name, const std::string& category) const {
    double sum = 0;
    for (const TraceEvent& e : events)
      if (e.name == name && e.category == category) sum += e.end_us - e.begin_us;
    return sum;
  }

  nlohmann::json json;
  std::vector<TraceEvent> events;
};

}  // namespace brink::test
