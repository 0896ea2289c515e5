// SPDX-License-Identifier: MIT
#include "training/run/config/toml_file.h"

#include <cerrno>
#include <fstream>
#include <system_error>

#include "training/errors.h"
#include "training/io/nesting.h"
#include "training/io/text.h"
#include "training/io/toml.h"
#include "training/io/utf8.h"
#include "training/run/config/hints.h"

namespace brink::config {

namespace {

std::string read_text(const std::string& path) {
  constexpr std::size_t largest_bytes = 1 << 20;
  std::string text(largest_bytes + 1, '\0');
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  if (in) in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!in && !in.eof())
    throw UsageError(path + ": the config file cannot be read: " + std::generic_category().message(errno));
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > largest_bytes) throw UsageError(path + ": expected a config of at most 1 MiB, found more");
  return text;
}

std::string place_text(const std::string& path, std::size_t line, std::size_t column) {
  return path + ":" + number_text(line) + ":" + number_text(column);
}

}  // namespace

std::string place_text(const std::string& path, const toml::source_region& region) {
  return place_text(path, region.begin.line, region.begin.column);
}

toml::table read_toml_file(const std::string& path) {
  const std::string text = read_text(path);
  if (const auto wrong = first_not_utf8(text)) {
    const TextPlace at = place_in(text, *wrong);
    throw UsageError(place_text(path, at.line, at.column) + ": " + not_utf8_message(text, *wrong));
  }
  try {
    return parse_toml(text);
  } catch (const toml::parse_error& e) {
    const toml::source_position at = e.source().begin;
    throw UsageError(place_text(path, at.line, at.column) + ": " + std::string(e.description()) +
                     hint_for_value_at(text, at.line, at.column));
  }
}

}  // namespace brink::config
