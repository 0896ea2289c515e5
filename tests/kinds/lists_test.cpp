// SPDX-License-Identifier: MIT
// A network, rule, data set or measurement whose file is there but whose name is not in its list fails here; so does an activation without
// derivatives that are checked.
#include <doctest/doctest.h>

#include <filesystem>
#include <regex>
#include <set>
#include <string>

#include "models/activation.h"
#include "tests/kinds/kinds.h"
#include "tests/support/networks.h"
#include "tests/support/source_text.h"

using namespace brink;
namespace fs = std::filesystem;
using support::matches;
using support::read_source;
using support::source_root;

namespace {

/// "RuleKind gd() {" at the start of a line.
std::set<std::string> defined(const std::string& text, const std::string& kind) {
  return matches(text, std::regex("(?:^|\\n)" + kind + R"( (\w+)\(\) \{)"));
}
std::set<std::string> listed(const std::string& text) { return matches(text, std::regex(R"(\n  '(\w+)',)")); }

}  // namespace

TEST_CASE("what is defined is in its list") {
  struct Home {
    std::string kind, folder;
  };
  for (const Home& home : {Home{"NetworkKind", "models"},
                           {"RuleKind", "training/rules"},
                           {"ScheduleKind", "training/schedule"},
                           {"DataKind", "training/data"},
                           {"MeasurementKind", "training/measurements"}}) {
    CAPTURE(home.kind);
    std::set<std::string> names;
    for (const auto& file : fs::directory_iterator(source_root() / home.folder))
      if (file.path().extension() == ".cpp") names.merge(defined(read_source(file), home.kind));
    REQUIRE(names.size() >= 2);
    const std::string list = home.folder + "/meson.build";
    const std::set<std::string> in_list = listed(read_source(source_root() / list));
    for (const std::string& name : names)
      if (!in_list.contains(name)) FAIL_CHECK(home.kind << " " << name << "() is not in the list of " << list);
  }
  CHECK(defined("}\n\nRuleKind nesterov() {\n", "RuleKind") == std::set<std::string>{"nesterov"});
  CHECK(listed("rules = [\n  'gd',\n  'momentum',\n]\n") == std::set<std::string>{"gd", "momentum"});
}

TEST_CASE("an MLP of any activation has a Hessian that agrees with differences of the gradient") {
  for (const Activation& activation : activations) {
    CAPTURE(activation.name);
    const support::Network n({.samples = 20, .activation = activation});
    Device device;
    Gradient gradient(device, n.objective, n.data());
    Hvp hvp(device, n.objective, n.data());
    const Array g = n.vector(), above = n.vector(), below = n.vector(), hv = n.vector(), shifted = n.vector();
    hvp.linearize_at(n.theta.view(), g.view());
    hvp.apply(n.v.view(), hv.view());
    constexpr double h = 1e-6;
    const auto gradient_at = [&](double step, const Array& out) {
      for (std::size_t i = 0; i < shifted.span<double>().size(); ++i)
        shifted.span<double>()[i] = n.theta.span<double>()[i] + step * n.v.span<double>()[i];
      gradient.evaluate(shifted.view(), out.view());
    };
    gradient_at(h, above);
    gradient_at(-h, below);
    double largest = 0, error = 0;
    for (std::size_t i = 0; i < hv.span<double>().size(); ++i) {
      largest = std::max(largest, std::fabs(hv.span<double>()[i]));
      error = std::max(error,
                       std::fabs((above.span<double>()[i] - below.span<double>()[i]) / (2 * h) - hv.span<double>()[i]));
    }
    REQUIRE(largest > 0);
    CHECK(error <= 1e-5 * largest);
  }
}
