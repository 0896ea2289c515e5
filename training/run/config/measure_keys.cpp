// SPDX-License-Identifier: MIT
// The keys of [measure].
#include "training/run/config/key_makers.h"

namespace brink::config {

void append_measure(std::vector<Key>& out, const Config& c) {
  using Measure = Config::Measure;
  const auto add = [&](Option o, auto member) {
    out.push_back(key("measure", std::move(o), at(&Config::measure, member)));
  };
  add(integer_option("top", 1, {0, 50}, "largest eigenvalues"), &Measure::top);
  add(integer_option("bottom", 1, {0, 1}, "smallest eigenvalues"), &Measure::bottom);
  add(real_option("tolerance", 1e-3, {.above = 0, .below = 1}, "relative residual"), &Measure::tolerance);
  out.push_back(choice<Accuracy>("measure", "accuracy", {{"vector", Accuracy::vector}, {"value", Accuracy::value}},
                                 at(&Config::measure, &Measure::accuracy)));
  out.push_back(choice<Certify>("measure", "certify",
                                {{"residual", Certify::residual}, {"two-sided", Certify::two_sided}},
                                at(&Config::measure, &Measure::certify)));
  Key above = optional_key(
      "measure",
      real_option("track_above", 1, {.above = 0, .most = 1},
                  "all eigenvalues above this multiple of the threshold are measured; absent: measure.top"),
      at(&Config::measure, &Measure::track_above));
  above.chooses = true;
  out.push_back(std::move(above));
  if (c.measure.track_above)
    add(integer_option("top_most", 20, {1, 50}, "largest number of eigenvalues that measure.track_above leads to"),
        &Measure::top_most);
  Key rows = integer_or("measure", "row_every", "epoch", most, at(&Config::measure, &Measure::row_every));
  rows.hashed = true;
  out.push_back(std::move(rows));
  add(integer_option("every", 1, {1, most}, "rows between two measurements of the spectrum"), &Measure::every);
  add(integer_option("cold_check", 25, {0, 1'000'000'000}, "measured steps between two cold starts; 0: never"),
      &Measure::cold_check);
  add(integer_option("budget", 400, {1, 1'000'000'000}, "Hessian–vector products a step"), &Measure::budget);
  for (std::size_t i = 0; i < c.measure.more.size(); ++i)
    append_options(out, measure_table + std::string(c.measure.more[i].kind->name), c.measure.more[i].options.declared(),
                   [i](Config& x) -> Options& { return x.measure.more[i].options; });
}

}  // namespace brink::config
