// SPDX-License-Identifier: MIT
// The source files of the tree as text, for tests that compare what is defined with what is listed.
#pragma once

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>

namespace support {

inline std::filesystem::path source_root() {
  const char* root = std::getenv("BRINK_SOURCE_ROOT");
  REQUIRE_MESSAGE(root != nullptr, "BRINK_SOURCE_ROOT must name the source folder");
  return root;
}

inline std::string read_source(const std::filesystem::path& p) {
  std::ifstream in(p);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// What the pattern's first group matches, anywhere in the text.
inline std::set<std::string> matches(const std::string& text, const std::regex& pattern) {
  std::set<std::string> out;
  for (std::sregex_iterator it(text.begin(), text.end(), pattern), end; it != end; ++it) out.insert((*it)[1]);
  return out;
}

}  // namespace support
