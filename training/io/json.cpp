// SPDX-License-Identifier: MIT
#include "training/io/json.h"

#include <nlohmann/json.hpp>

#include "training/errors.h"
#include "training/io/nesting.h"
#include "training/io/text.h"

namespace brink {

namespace {

template <class Json>
Json parse(const std::string& name, std::string_view text) {
  if (const auto deep = too_deep_json(text)) {
    const TextPlace at = place_in(text, *deep);
    throw DataError(name + ":" + number_text(at.line) + ":" + number_text(at.column) + ": expected JSON of at most " +
                    number_text(most_json_levels) + " levels, found more");
  }
  try {
    return Json::parse(text);
  } catch (const nlohmann::json::exception& e) { throw DataError(name + ": expected JSON: " + e.what()); }
}

}  // namespace

nlohmann::json parse_json(const std::string& name, std::string_view text) { return parse<nlohmann::json>(name, text); }
nlohmann::ordered_json parse_ordered_json(const std::string& name, std::string_view text) {
  return parse<nlohmann::ordered_json>(name, text);
}

}  // namespace brink
