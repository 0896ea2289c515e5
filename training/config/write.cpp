// SPDX-License-Identifier: MIT
// What it is: a config as text, in one form only, and the hash that names its folder. What it is not: a reader.
#include <xxhash.h>

#include "training/config/keys.h"
#include "training/text.h"

namespace brink {

namespace {

std::string write(const Config& c, bool only_hashed) {
  std::string out;
  for (const std::string_view table : config::tables()) {
    std::string lines;
    for (const config::Key& key : config::keys()) {
      if (key.table != table || !key.print || (only_hashed && !key.hashed)) continue;
      const std::string value = key.print(c);
      if (!value.empty()) lines += std::string(key.name) + " = " + value + "\n";
    }
    if (!lines.empty()) out += (out.empty() ? "[" : "\n[") + std::string(table) + "]\n" + lines;
  }
  return out;
}

}  // namespace

std::string to_toml(const Config& c) { return write(c, false); }

std::string config_hash(const Config& c) {
  const std::string text = write(c, true);
  return hex_text(XXH3_64bits(text.data(), text.size()));
}

std::string default_folder(const Config& c) {
  const std::string data = has_data(c.model.name) ? std::string(name_of(c.data.name)) + "-" : std::string();
  return "runs/" + data + std::string(name_of(c.model.name)) + "-" + config_hash(c);
}

}  // namespace brink
