// SPDX-License-Identifier: MIT
// The files of the report form a strict order: none includes, even by a detour, one that includes it.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>

namespace {

namespace fs = std::filesystem;
using Includes = std::map<std::string, std::set<std::string>>;  // by file without its ending: header and source are one

Includes includes_in(const fs::path& root, const std::string& folder) {
  Includes out;
  for (const auto& entry : fs::directory_iterator(root / folder)) {
    if (entry.path().extension() != ".h" && entry.path().extension() != ".cpp") continue;
    const std::string unit = entry.path().stem().string(), start = "#include \"" + folder + "/";
    std::ifstream file(entry.path());
    for (std::string line; std::getline(file, line);) {
      if (!line.starts_with(start)) continue;
      const std::string other = line.substr(start.size(), line.find(".h\"") - start.size());
      out[unit];
      if (other != unit) out[unit].insert(other);
    }
  }
  return out;
}

/// A unit that reaches itself; empty if there is none.
std::string cycle_in(const Includes& includes) {
  for (const auto& [start, direct] : includes) {
    std::set<std::string> reached(direct.begin(), direct.end()), fresh = reached;
    while (!fresh.empty()) {
      std::set<std::string> next;
      for (const auto& unit : fresh)
        if (const auto at = includes.find(unit); at != includes.end())
          for (const auto& other : at->second)
            if (reached.insert(other).second) next.insert(other);
      fresh = next;
    }
    if (reached.contains(start)) return start;
  }
  return {};
}

}  // namespace

TEST_CASE("the report's files include each other in one direction only") {
  const char* root = std::getenv("BRINK_SOURCE_ROOT");
  if (root == nullptr) {
    MESSAGE("[skip] the report's include order: BRINK_SOURCE_ROOT is not set");
    return;
  }
  const Includes includes = includes_in(root, "tools/report");
  CHECK(includes.size() > 15);
  CHECK(cycle_in(includes) == "");
  // Control: a detour of three.
  CHECK(cycle_in({{"a", {"b"}}, {"b", {"c"}}, {"c", {"a"}}}) != "");
}
