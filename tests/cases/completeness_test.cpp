// SPDX-License-Identifier: MIT
// Fails if a primitive, kernel or functor has no row in the table of cases: the sources are searched for their names.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <regex>
#include <set>
#include <tuple>
#include <vector>

#include "kernels/map/functors.h"
#include "tests/cases/case.h"
#include "tests/support/source_text.h"

using namespace brink;
namespace fs = std::filesystem;
using support::matches;
using support::read_source;
using support::source_root;

namespace {

const std::regex primitive_definition(R"(const Primitive (\w+)_p\{)");
const std::regex kernel_declaration(R"((?:^|\n)(?:template <[^\n]*>\n)?(?:inline )?(?:void|double) (\w+)\(Device&)");

const std::regex functor_definition(R"(struct (\w+) \{\s*static constexpr int arity)");
const std::regex file_in_text(R"([`(]((?:\w+/)+\w+\.\w+)[`)])");

/// The names in the list of functors, in order.
std::vector<std::string> functor_list(const std::string& text) {
  std::smatch list;
  if (!std::regex_search(text, list, std::regex(R"(using Functors =\s+std::tuple<([^>]*)>)"))) return {};
  const std::string names = list[1];
  const std::regex name(R"(\w+)");
  return {std::sregex_token_iterator(names.begin(), names.end(), name), {}};
}

std::set<std::string> missing(const std::set<std::string>& names, const std::set<std::string>& covered) {
  std::set<std::string> out;
  std::ranges::set_difference(names, covered, std::inserter(out, out.end()));
  return out;
}

using Includes = std::map<std::string, std::set<std::string>>;

/// Which files of a folder, by their names without an extension, include which others of it.
Includes includes_within(const std::string& folder) {
  const std::regex include("#include \"" + folder + R"(/(\w+)\.h")");
  Includes out;
  for (const auto& file : fs::directory_iterator(source_root() / folder)) {
    const std::string stem = file.path().stem().string();
    out[stem].merge(matches(read_source(file), include));
    out[stem].erase(stem);
  }
  return out;
}

/// Names that reach themselves by one or more includes.
std::set<std::string> cyclic(Includes reaches) {
  for (const auto& via : reaches)
    for (auto& [name, reached] : reaches)
      if (reached.contains(via.first)) {
        const std::set<std::string> further = reaches[via.first];
        reached.insert(further.begin(), further.end());
      }
  std::set<std::string> out;
  for (const auto& [name, reached] : reaches)
    if (reached.contains(name)) out.insert(name);
  return out;
}

}  // namespace

TEST_CASE("includes between the files of primitives form an order") {
  const Includes includes = includes_within("autodiff/primitives");
  REQUIRE(includes.size() >= 8);
  CHECK(includes.at("dense").contains("elementwise"));
  for (const std::string& name : cyclic(includes))
    FAIL_CHECK("autodiff/primitives/" << name << " includes itself by way of others");
  CHECK(cyclic({{"a", {"b"}}, {"b", {"c"}}, {"c", {}}}).empty());
  CHECK(cyclic({{"a", {"b"}}, {"b", {"c"}}, {"c", {"b"}}}) == std::set<std::string>{"b", "c"});
}

TEST_CASE("every primitive has a row, and rules or the word that it is constant") {
  std::set<std::string> names, covered;
  for (const auto& file : fs::directory_iterator(source_root() / "autodiff/primitives"))  // a block may be a header
    names.merge(matches(read_source(file), primitive_definition));
  REQUIRE(names.size() >= 20);
  for (const cases::Row& row : cases::table())
    if (row.primitive) {
      covered.insert(std::string(row.primitive->name));
      CHECK_MESSAGE((row.primitive->derivative.is != OperationClass::opaque), row.name);
      CHECK_MESSAGE((row.primitive->derivative.jvp != nullptr), row.name);
      CHECK_MESSAGE((row.primitive->derivative.vjp != nullptr), row.name);
      CHECK_MESSAGE((row.primitive->derivative.series != nullptr), row.name << " has no rule for Taylor mode");
    }
  for (const std::string& name : missing(names, covered))
    FAIL_CHECK("primitive without a row in tests/cases/table.cpp: " << name);
}

TEST_CASE("every kernel has a row") {
  std::set<std::string> names, covered;
  for (const auto& room : fs::directory_iterator(source_root() / "kernels")) {
    const fs::path header = room.path() / (room.path().filename().string() + ".h");
    if (fs::exists(header)) names.merge(matches(read_source(header), kernel_declaration));
  }
  REQUIRE(names.size() >= 15);
  for (const cases::Row& row : cases::table()) covered.insert(row.kernels.begin(), row.kernels.end());
  for (const std::string& name : missing(names, covered))
    FAIL_CHECK("kernel without a row in tests/cases/table.cpp: " << name);
}

TEST_CASE("every functor is in the list, and every one of the list has a row") {
  const std::string text = read_source(source_root() / "kernels/map/functors.h");
  const std::vector<std::string> listed = functor_list(text);
  REQUIRE(listed.size() == std::tuple_size_v<Functors>);
  for (const std::string& name : missing(matches(text, functor_definition), {listed.begin(), listed.end()}))
    FAIL_CHECK("functor that is not in the list of kernels/map/functors.h: " << name);
  std::set<std::string> covered;
  for (const cases::Row& row : cases::table())
    for (const std::size_t f : row.functors) covered.insert(listed.at(f));
  for (const std::string& name : missing({listed.begin(), listed.end()}, covered))
    FAIL_CHECK("functor without a row in tests/cases: " << name);
}

TEST_CASE("the files that CONTRIBUTING names exist") {
  const std::set<std::string> named = matches(read_source(source_root() / "CONTRIBUTING.md"), file_in_text);
  REQUIRE(named.size() >= 10);
  CHECK(named.contains("autodiff/primitives/gelu.cpp"));
  for (const std::string& file : named)
    CHECK_MESSAGE(fs::exists(source_root() / file), "CONTRIBUTING.md names " << file << ", which is not in the tree");
}

TEST_CASE("the search finds what it should: a primitive and a kernel written as they are written") {
  CHECK(matches("const Primitive softplus_p{\n", primitive_definition) == std::set<std::string>{"softplus"});
  CHECK(matches("inline const Primitive sine_p{\n", primitive_definition) == std::set<std::string>{"sine"});
  CHECK(matches("namespace cpu {\nvoid frobnicate(Device&, View out);\n", kernel_declaration) ==
        std::set<std::string>{"frobnicate"});
  CHECK(missing({"add", "softplus"}, {"add"}) == std::set<std::string>{"softplus"});
  CHECK(matches("/// a\nstruct Sine {\n  static constexpr int arity = 1;\n", functor_definition) ==
        std::set<std::string>{"Sine"});
  CHECK(functor_list("using Functors = std::tuple<Add,\n    Sine>;\n") == std::vector<std::string>{"Add", "Sine"});
  CHECK(matches("in `tests/none.cpp`, [x](docs/y.md) and `a.b`", file_in_text) ==
        std::set<std::string>{"docs/y.md", "tests/none.cpp"});
}
