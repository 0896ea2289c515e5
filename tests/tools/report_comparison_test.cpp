// SPDX-License-Identifier: MIT
// Comparisons of 2 to 100 runs stay readable: colours, axes and labels.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "tests/tools/run_folder.h"
#include "tools/report/colours.h"
#include "tools/report/overlays.h"
#include "tools/report/text.h"

using namespace brink;
using namespace brink::test;

namespace {

struct Made {
  double learning_rate = 0.1;
  int seed = 0;
  std::string activation = "relu";
  bool diverges = false;
};

/// λ₁ rises to 2/η within 20 steps; one that diverges ends with λ₁ and loss beyond all bounds.
void write_run(const FilesOfRun& folder, const Made& made) {
  const std::string eta = report::shortest(made.learning_rate);
  folder.write("config.toml", "[data]\nname = \"synthetic\"\n[model]\nname = \"mlp\"\nactivation = \"" +
                                  made.activation + "\"\n[training]\nlearning_rate = " + eta +
                                  "\nseed = " + std::to_string(made.seed) +
                                  "\nsteps = 20\n[measure]\ntop = 1\nbottom = 0\nevery = 1\n");
  std::string metrics = "step,loss,learning_rate,lambda_1,residual_1,surplus\n";
  const int steps = made.diverges ? 6 : 20;
  for (int step = 0; step <= steps; ++step) {
    const bool lost = made.diverges && step > 3;
    const double sharpness = lost ? std::ldexp(1, 60 * step) : 2 / made.learning_rate * (0.5 + 0.025 * step);
    const double loss = lost ? std::ldexp(1, 100 * (step - 3)) : 1.5 / (1 + step);
    metrics += std::to_string(step) + "," + report::shortest(loss) + "," + eta + "," + report::shortest(sharpness) +
               ",0," + report::shortest(made.learning_rate * sharpness - 2) + "\n";
  }
  folder.write("metrics.csv", metrics);
  folder.write("run.json", run_json_with(columns_named("step,loss,learning_rate,lambda_1,residual_1,surplus",
                                                       2 / made.learning_rate),
                                         made.diverges ? R"("diverged_at": 7)" : R"("diverged_at": null)"));
  folder.write("events.csv", "entry,resolution,length,long,open\n");
}

class Runs {
 public:
  explicit Runs(const std::vector<Made>& all) {
    for (const Made& made : all) {
      folders_.push_back(
          std::make_unique<FilesOfRun>("run-with-a-rather-long-name-" + std::to_string(folders_.size())));
      write_run(*folders_.back(), made);
    }
  }
  std::string render() const { return render_report(paths()); }
  std::vector<report::Run> read() const {
    std::vector<report::Run> out;
    for (const auto& path : paths()) out.push_back(report::read_run(path));
    return out;
  }

 private:
  std::vector<fs::path> paths() const {
    std::vector<fs::path> out;
    for (const auto& folder : folders_) out.push_back(folder->path());
    return out;
  }
  std::vector<std::unique_ptr<FilesOfRun>> folders_;
};

/// Learning rates from 0.01 on, each 1.2 times the last; every `nth` diverges.
std::vector<Made> sweep(int count, int nth) {
  std::vector<Made> out;
  double eta = 0.01;
  for (int i = 0; i < count; ++i, eta *= 1.2) out.push_back({eta, 0, "relu", nth > 0 && i % nth == nth - 1});
  return out;
}

std::string part(const std::string& page, const std::string& from, const std::string& to) {
  const auto begin = page.find(from);
  REQUIRE(begin != std::string::npos);
  return page.substr(begin, page.find(to, begin) - begin);
}

report::Colours colours_for(const std::vector<report::Run>& runs) {
  std::vector<const report::Settings*> settings;
  for (const auto& run : runs) settings.push_back(&run.settings);
  return report::colours_of(runs, report::differing_keys(settings));
}

// Simulated colour vision (Machado, Oliveira, Fernandes 2009, severity 1), and Oklab for distances as they are seen.
using Triple = std::array<double, 3>;
using Matrix = std::array<Triple, 3>;
constexpr Matrix normal{{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};
constexpr Matrix protanopia{
    {{0.152286, 1.052583, -0.204868}, {0.114503, 0.786281, 0.099216}, {-0.003882, -0.048116, 1.051998}}};
constexpr Matrix deuteranopia{
    {{0.367322, 0.860646, -0.227968}, {0.280085, 0.672501, 0.047413}, {-0.01182, 0.04294, 0.968881}}};
constexpr Matrix tritanopia{
    {{1.255528, -0.076749, -0.178779}, {-0.078411, 0.930809, 0.147602}, {0.004733, 0.691367, 0.3039}}};

Triple times(const Matrix& m, const Triple& v) {
  Triple out{};
  for (std::size_t i = 0; i < 3; ++i)
    for (std::size_t j = 0; j < 3; ++j) out[i] += m[i][j] * v[j];
  return out;
}

Triple linear_of(const std::string& hex) {
  Triple out{};
  for (std::size_t i = 0; i < 3; ++i) {
    const double c = std::stoi(hex.substr(1 + 2 * i, 2), nullptr, 16) / 255.0;
    out[i] = c <= 0.04045 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4);
  }
  return out;
}

Triple seen(const std::string& hex, const Matrix& vision) {
  constexpr Matrix cones{{{0.4122214708, 0.5363325363, 0.0514459929},
                          {0.2119034982, 0.6806995451, 0.1073969566},
                          {0.0883024619, 0.2817188376, 0.6299787005}}};
  constexpr Matrix oklab{{{0.2104542553, 0.793617785, -0.0040720468},
                          {1.9779984951, -2.428592205, 0.4505937099},
                          {0.0259040371, 0.7827717662, -0.808675766}}};
  Triple rgb = times(vision, linear_of(hex));
  for (double& c : rgb) c = std::clamp(c, 0.0, 1.0);
  Triple lms = times(cones, rgb);
  for (double& c : lms) c = std::cbrt(c);
  return times(oklab, lms);
}

double distance(const Triple& a, const Triple& b) { return std::hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]); }

/// The smallest distance between two of the colours, over all visions.
double closest(const std::vector<std::string>& colours) {
  double out = 10;
  for (const Matrix& vision : {normal, protanopia, deuteranopia, tritanopia})
    for (std::size_t i = 0; i < colours.size(); ++i)
      for (std::size_t j = 0; j < i; ++j)
        out = std::min(out, distance(seen(colours[i], vision), seen(colours[j], vision)));
  return out;
}

std::vector<std::string> palette(const std::string& variables, char kind, int count) {
  std::vector<std::string> out;
  for (int i = 0; i < count; ++i) {
    const std::string name = std::string("--") + kind + std::to_string(i) + ":";
    out.push_back(variables.substr(variables.find(name) + name.size(), 7));
  }
  return out;
}

}  // namespace

TEST_CASE("colours stay apart under colour vision deficiencies, and from the page") {
  for (const bool dark : {false, true}) {
    CAPTURE(dark);
    const std::string variables = report::colour_variables(dark);
    const auto single = palette(variables, 'c', report::most_single_colours);
    CHECK(closest(single) > 0.08);
    const auto sequence = palette(variables, 'q', report::sequence_steps);
    for (const Matrix& vision : {normal, protanopia, deuteranopia, tritanopia}) {
      for (std::size_t i = 1; i < sequence.size(); ++i)
        CHECK(seen(sequence[i], vision)[0] > seen(sequence[i - 1], vision)[0]);  // lightness tells the order
      const double page = seen(dark ? "#14171b" : "#ffffff", vision)[0];
      for (const auto* colours : {&single, &sequence})
        for (const auto& colour : *colours) CHECK(std::fabs(seen(colour, vision)[0] - page) > 0.2);
    }
  }
  // Control: the red and green that are most often confused.
  CHECK(closest({"#c2410c", "#7a6400"}) < 0.08);
}

TEST_CASE("up to eight runs have a colour and a label each; more never share one") {
  for (const int count_of_runs : {2, 8}) {
    std::vector<Made> all;
    for (int i = 0; i < count_of_runs; ++i) all.push_back({i % 2 == 0 ? 0.1 : 0.2, i, "relu", false});
    const Runs runs(all);
    const auto colours = colours_for(runs.read());
    CHECK(colours.key.empty());
    auto sorted = colours.css;
    std::sort(sorted.begin(), sorted.end());
    CHECK(std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end());
    const std::string page = runs.render();
    check_page(page);
    const std::string overlay = part(page, "<figure id=\"overlay1\"", "</figure>");
    CHECK(count(overlay, "<ul class=\"legend\">") == 1);
    CHECK(has(overlay, ">A</text>"));
    CHECK_FALSE(has(page, "id=\"multiples\""));
    CHECK(has(page, "They differ in training."));
  }
}

TEST_CASE("twenty learning rates: a sequence of colours with its scale, no labels, a small chart each") {
  const Runs runs(sweep(20, 5));
  const auto colours = colours_for(runs.read());
  CHECK(colours.css.front() == "q0");
  CHECK(colours.css.back() == "q23");
  CHECK(has(colours.key, "Colour: training.learning_rate, logarithmic"));
  const std::string page = runs.render();
  check_page(page);
  CHECK(has(page, "They differ in training.learning_rate (0.01 to 0.31948, 20 values)."));
  for (const char* id : {"overlay1", "overlay2", "overlay3"}) {
    const std::string overlay = part(page, "<figure id=\"" + std::string(id) + "\"", "</figure>");
    CAPTURE(id);
    CHECK_FALSE(has(overlay, "class=\"legend\""));
    CHECK_FALSE(has(overlay, "<g class=\"label\">"));
    CHECK(count(overlay, "class=\"colours\"") == 1);
    CHECK(count(overlay, "<title>") == 20);  // every line can be asked for its name
  }
  CHECK(count(page, "<a class=\"cell\"") == 20);
  CHECK(count(page, "<details class=\"run\">") == 20);
  CHECK(has(page, "diverged at step 7"));
}

TEST_CASE("runs that diverge do not decide the axes; what is cut off is said") {
  for (const int nth : {0, 5, 2}) {
    CAPTURE(nth);
    const Runs runs(sweep(20, nth));
    std::vector<report::Series> lines;
    const auto read = runs.read();
    for (std::size_t i = 0; i < read.size(); ++i) {
      report::Series s;
      for (std::size_t row = 0; row < read[i].step.size(); ++row)
        s.points.push_back({read[i].step[row], *read[i].at("lambda_1", row) / *read[i].threshold(row), 0, true});
      s.lost = report::was_lost(read[i]);
      lines.push_back(std::move(s));
    }
    const auto scale = report::common_scale(lines, ChartScale::linear, true);
    CHECK(scale.high > 0.99);
    CHECK(scale.high < 1.2);
    if (nth == 0) continue;
    const std::string overlay = part(runs.render(), "<figure id=\"overlay1\"", "</figure>");
    CHECK(has(overlay, "Values beyond the axis (triangles) are cut off: "));
    CHECK(has(overlay, "at step 6 of "));
    CHECK(has(overlay, "▲"));
    // Also where nothing but their own values tells that they were lost; control: an axis to the largest value would end there.
    double largest = 0;
    for (auto& s : lines) {
      s.lost = false;
      for (const auto& point : s.points) largest = std::max(largest, point.y);
    }
    CHECK(report::common_scale(lines, ChartScale::linear, true).high < 1.2);
    CHECK(report::with_room(0, largest, ChartScale::linear, true).high > 1e6);
  }
  // All of them lost: what came before is still seen.
  const Runs lost(sweep(3, 1));
  check_page(lost.render());
  CHECK(has(lost.render(), "A: 3 values lie beyond the axis (triangles)"));
}

TEST_CASE("a hundred runs of two settings: coloured by the step size, whatever else differs") {
  std::vector<Made> all;
  for (int i = 0; i < 100; ++i) all.push_back({0.01 * (1 + i % 10), i / 10, "relu", i % 10 == 9});
  const Runs runs(all);
  const std::string page = runs.render();
  check_page(page);
  CHECK(has(page, "Colour: training.learning_rate"));
  CHECK(count(page, "<a class=\"cell\"") == 100);
  CHECK(has(page, "each is named by training.learning_rate · training.seed."));
  CHECK(page.size() < 3000000);
}

TEST_CASE("settings that are words have a colour each; without a difference there is none") {
  std::vector<Made> all;
  for (int i = 0; i < 12; ++i) all.push_back({0.1, i / 2, i % 2 == 0 ? "relu" : "tanh", false});
  const std::string page = Runs(all).render();
  check_page(page);
  CHECK(has(page, "Colour: model.activation"));
  CHECK(has(page, "<span class=\"c1\"><i class=\"swatch\"></i>tanh</span>"));

  const std::string same = Runs(std::vector<Made>(10)).render();
  check_page(same);
  CHECK(has(same, "Their settings do not differ."));
  CHECK(has(same, "The runs have no setting by which to colour them."));
}
