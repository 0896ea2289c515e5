// SPDX-License-Identifier: MIT
// Writes a config as text in one canonical form, and computes the hash that names its folder.
#include <xxhash.h>

#include <map>

#include "training/io/text.h"
#include "training/run/config/keys.h"

namespace brink {

namespace {

std::string write(const Config& c, bool only_hashed) {
  std::string out;
  const std::vector<config::Key> keys = config::keys_of(c);
  for (const std::string& table : config::tables()) {
    std::string lines;
    for (const config::Key& key : keys) {
      if (key.table != table || (only_hashed && !key.hashed)) continue;
      const std::string value = key.print(c);
      if (!value.empty()) lines += key.name + " = " + value + "\n";
    }
    if (!lines.empty()) out += (out.empty() ? "[" : "\n[") + table + "]\n" + lines;
  }
  return out;
}

}  // namespace

std::string to_toml(const Config& c) { return write(c, false); }

std::string config_hash(const Config& c) {
  const std::string text = write(c, true);
  return hex_text(XXH3_64bits(text.data(), text.size()));
}

std::map<std::string, std::string> settings_of(const Config& c) {
  std::map<std::string, std::string> out;
  for (const config::Key& key : config::keys_of(c))
    if (std::string value = key.hashed ? key.print(c) : std::string(); !value.empty())
      out.emplace(key.path(), std::move(value));
  return out;
}

std::vector<std::string> differing_settings(const Config& c, const Config& there) {
  return differing_settings(settings_of(c), settings_of(there));
}

std::vector<std::string> differing_settings(const std::map<std::string, std::string>& own,
                                            const std::map<std::string, std::string>& there) {
  const auto text = [](const std::map<std::string, std::string>& of, const std::string& path) {
    const auto it = of.find(path);
    return it == of.end() || it->second.empty() ? std::string("absent") : it->second;
  };
  std::map<std::string, std::string> all = own;
  all.insert(there.begin(), there.end());
  std::vector<std::string> out;
  for (const auto& [path, ignored] : all)
    if (text(own, path) != text(there, path))
      out.push_back(path + " = " + text(own, path) + " (there " + text(there, path) + ")");
  return out;
}

std::string default_folder(const Config& c) {
  const std::string data = has_data(c) ? std::string(c.data.set.kind->name) + "-" : std::string();
  return "runs/" + data + std::string(c.model.kind->name) + "-" + config_hash(c);
}

}  // namespace brink
