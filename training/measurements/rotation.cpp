// SPDX-License-Identifier: MIT
// Rotation of the leading eigenvectors: each one and their span against those of earlier steps, the gradient's alignment with them, and
// where in the network the first one lies.
#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "kernels/basis/basis.h"
#include "kernels/map/map.h"
#include "kernels/reduce/reduce.h"
#include "kernels/tracer.h"
#include "spectral/subspace.h"
#include "training/io/text.h"
#include "training/layers.h"
#include "training/measurements/kind.h"

namespace brink::measurements {

namespace {

const TraceName rotation_name{"rotation", "phase"};
constexpr std::size_t most_lines = 8;  // of a chart; more are drawn as a heat map

/// "u₁₂"
std::string vector_name(std::size_t i) {
  std::string out = "u";
  for (const char digit : number_text(i)) out += {'\xE2', '\x82', static_cast<char>('\x80' + (digit - '0'))};
  return out;
}

struct RotationSettings {
  std::int64_t top = 0;
  std::vector<std::int64_t> lags;  ///< in measured steps, ascending
  std::int64_t reference_step = -1;
  bool matrices = false;
};

class Rotation final : public Measurement {
 public:
  Rotation(const MeasurementContext& c, RotationSettings s)
      : settings_(std::move(s)),
        device_(c.device),
        layout_(c.objective.layout),
        dtype_(c.objective.dtype),
        layers_(layers_of(layout_)),
        k_(settings_.top),
        depth_(settings_.lags.empty() ? 0 : settings_.lags.back()),
        earlier_(zeros({std::max<std::int64_t>(depth_, 1), k_, layout_.extent()}, dtype_, c.device)),
        steps_(static_cast<std::size_t>(depth_), -1),
        counts_(static_cast<std::size_t>(depth_), 0),
        squares_(layout_.make_vector(dtype_, c.device)),
        scratch_(project_scratch(layout_.extent(), static_cast<int>(k_)) * size_of(Dtype::f64), c.device.host()),
        angles_(static_cast<int>(k_)) {
    for (const std::int64_t lag : settings_.lags) comparisons_.push_back({.lag = lag});
    if (settings_.reference_step >= 0) {
      comparisons_.push_back({});
      reference_ = zeros({k_, layout_.extent()}, dtype_, c.device);
    }
    if (settings_.matrices)
      matrices_ = zeros({static_cast<std::int64_t>(comparisons_.size()), k_, k_}, Dtype::f64, c.device);
    overlaps_.resize(comparisons_.size() * size(k_ * k_));
    matches_.resize(size(k_));
    taken_.resize(size(k_));
  }

  std::vector<Column> columns() const override {
    std::vector<Column> out;
    for (const Comparison& c : comparisons_) columns_of(c, out);
    for (std::size_t i = 1; i <= size(k_); ++i)
      out.push_back(
          {"alignment_" + number_text(i),
           "",
           "⟨g, " + vector_name(i) + "⟩/‖g‖, the cosine of the gradient with eigenvector " + number_text(i),
           {.panel = "alignment of the gradient with the eigenvectors", .reference = 0.0, .label = vector_name(i)}});
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      Column mass{"u1_mass_" + layers_[i].name,
                  "",
                  "share of u₁'s squared length in the parameters of " + layers_[i].name,
                  {.panel = "share of u₁ in each layer", .label = layers_[i].name}};
      if (layers_.size() > most_lines) {
        mass.chart.heat_map = "share of u₁, layers from the input on";
        mass.chart.label = number_text(i + 1);
      }
      out.push_back(std::move(mass));
    }
    out.push_back({"u1_participation",
                   "parameters",
                   "participation ratio 1/Σu⁴ of the unit vector u₁: over how many parameters it is spread",
                   {.panel = "participation ratio of u₁", .scale = ChartScale::logarithmic}});
    return out;
  }

  int numbers() const override {
    return static_cast<int>(k_ * k_ * (1 + 2 * static_cast<std::int64_t>(comparisons_.size())) + k_) + layout_.size() +
           1;
  }

  void enqueue(Device& device, const StepView& at, Scalar to) override {
    count_ = at.seen.measured ? count_at(at) : 0;
    if (count_ == 0) return;
    const Traced span(device, rotation_name);
    const ColumnSet now = set_of(at.eigenvectors, count_);
    products(device, now, now, to);
    to = to + k_ * k_;
    for (Comparison& c : comparisons_) {
      const ColumnSet then = earlier(c);
      c.count = then.count;
      if (then.count > 0) {
        products(device, now, then, to);
        products(device, then, then, to + k_ * k_);
      }
      to = to + 2 * k_ * k_;
    }
    project(device, now, at.gradient, to, scratch_.span<double>().data());
    to = to + k_;
    const View u1 = now.column(0);
    for (int i = 0; i < layout_.size(); ++i) dot(device, layout_.view(u1, i), layout_.view(u1, i), to + i);
    map<Multiply>(device, squares_.view(), {u1, u1});
    dot(device, squares_.view(), squares_.view(), to + layout_.size());
  }

  void updated(Device& device, const StepView& at) override {
    if (!at.seen.measured) return;
    const int count = count_at(at);
    if (count == 0) return;
    const auto keep = [&](View to) {
      copy(device, to.part(0, {count, layout_.extent()}), at.eigenvectors.part(0, {count, layout_.extent()}));
    };
    if (depth_ > 0) {
      keep(slot(next_));
      steps_[size(next_)] = at.step();
      counts_[size(next_)] = count;
      next_ = (next_ + 1) % depth_;
    }
    if (at.step() != settings_.reference_step) return;
    keep(reference_.view());
    reference_count_ = count;
  }

  void deliver(const Observed& seen, std::span<const double> numbers, std::span<Cell> cells) override {
    if (count_ == 0) return;
    const std::size_t square = size(k_ * k_);
    const std::span<const double> now = numbers.first(square);
    numbers = numbers.subspan(square);
    for (std::size_t c = 0; c < comparisons_.size(); ++c) {
      if (comparisons_[c].count > 0)
        compare(c, now, numbers.first(square), numbers.subspan(square, square), cells.first(2 * size(k_) + 2));
      numbers = numbers.subspan(2 * square);
      cells = cells.subspan(2 * size(k_) + 2);
    }
    if (seen.gradient_norm > 0)
      for (std::size_t i = 0; i < size(count_); ++i) cells[i] = numbers[i] / seen.gradient_norm;
    numbers = numbers.subspan(size(k_));
    cells = cells.subspan(size(k_));
    double all = 0;
    for (int i = 0; i < layout_.size(); ++i) all += numbers[size(i)];
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      double sum = 0;
      for (int p = layers_[i].first; p < layers_[i].end; ++p) sum += numbers[size(p)];
      cells[i] = sum / all;
    }
    cells.back() = all * all / numbers[size(layout_.size())];
  }

  std::optional<TensorSet> tensors(const StepView& at) override {
    if (!settings_.matrices || count_ == 0) return {};
    const View host{overlaps_.data(), matrices_.view().shape, Dtype::f64};
    copy(device_, matrices_.view(), host);
    synchronize(device_);
    TensorSet out{"rotations", {}, {{"step", number_text(at.step())}}};
    for (std::size_t c = 0; c < comparisons_.size(); ++c)
      if (comparisons_[c].count > 0)
        out.tensors.push_back(
            {suffix(comparisons_[c]), matrices_.view().part(static_cast<std::int64_t>(c) * k_ * k_, {k_, k_})});
    return out.tensors.empty() ? std::nullopt : std::optional(std::move(out));
  }

  void visit(StateVisitor& v) override {
    v.tensor("earlier", earlier_.view());
    v.list("steps", steps_);
    v.list("counts", counts_);
    v.number("next", next_);
    if (settings_.reference_step < 0) return;
    v.tensor("reference", reference_.view());
    v.number("reference_count", reference_count_);
  }

 private:
  /// What the eigenvectors of a step are compared with: those `lag` measured steps before, or those of the reference step.
  struct Comparison {
    std::int64_t lag = 0;  ///< 0: the reference step
    int count = 0;         ///< vectors that are there
  };
  static std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }
  static std::string suffix(const Comparison& c) { return c.lag > 0 ? "lag" + number_text(c.lag) : "ref"; }

  void columns_of(const Comparison& c, std::vector<Column>& out) const {
    const std::string end = "_" + suffix(c);
    const std::string of = c.lag == 0   ? "step " + number_text(settings_.reference_step)
                           : c.lag == 1 ? "the measured step before"
                                        : number_text(c.lag) + " measured steps before";
    for (const bool matched : {true, false})
      for (std::size_t i = 1; i <= size(k_); ++i)
        out.push_back(
            {(matched ? "overlap_" : "index_overlap_") + number_text(i) + end,
             "",
             "|cosine| of " + vector_name(i) + " with the eigenvector of " + of +
                 (matched ? " with which it is matched, by largest overlap" : " that has the same index"),
             {.panel = matched ? "overlap of eigenvectors, matched" : "overlap of eigenvectors of equal index",
              .heat_map = "with those of " + of,
              .label = vector_name(i)}});
    const std::string span = "the span of u₁ … " + vector_name(size(k_)) + " to that of " + of;
    out.push_back({"similarity" + end,
                   "",
                   "similarity cos(d/√k) of " + span + ", with the Grassmann distance d",
                   {.panel = "similarity of the leading subspace", .label = suffix(c)}});
    out.push_back(
        {"misalignment" + end,
         "",
         "1 − similarity of " + span,
         {.panel = "misalignment of the leading subspace", .scale = ChartScale::logarithmic, .label = suffix(c)}});
  }

  int count_at(const StepView& at) const { return static_cast<int>(std::min(at.seen.spectrum.top.size(), size(k_))); }
  ColumnSet set_of(View rows, int count) const {
    return {rows.data, layout_.extent(), layout_.extent(), count, dtype_};
  }
  View slot(std::int64_t i) const { return earlier_.view().part(i * k_ * layout_.extent(), {k_, layout_.extent()}); }
  ColumnSet earlier(const Comparison& c) const {
    if (c.lag == 0) return set_of(reference_.view(), static_cast<int>(reference_count_));
    const std::int64_t at = (next_ + depth_ - c.lag) % depth_;
    return set_of(slot(at), static_cast<int>(counts_[size(at)]));
  }
  /// Leaves ⟨rowᵢ of a, rowⱼ of b⟩ at j·k + i.
  void products(Device& device, const ColumnSet& a, const ColumnSet& b, Scalar to) {
    for (int j = 0; j < b.count; ++j) project(device, a, b.column(j), to + j * k_, scratch_.span<double>().data());
  }

  /// with: ⟨uᵢ, vⱼ⟩ at j·k + i. Cells: overlaps matched, overlaps by index, similarity, misalignment.
  void compare(std::size_t c, std::span<const double> now, std::span<const double> with, std::span<const double> then,
               std::span<Cell> cells) {
    const std::size_t k = size(k_), vectors = size(count_), others = size(comparisons_[c].count);
    const std::span<double> overlaps = std::span(overlaps_).subspan(c * k * k, k * k);
    std::ranges::fill(overlaps, 0);
    for (std::size_t i = 0; i < vectors; ++i)
      for (std::size_t j = 0; j < others; ++j) overlaps[i * k + j] = std::abs(with[j * k + i]);
    match(overlaps, vectors, others);
    for (std::size_t i = 0; i < vectors; ++i) {
      if (matches_[i] < others) cells[i] = overlaps[i * k + matches_[i]];
      if (i < others) cells[k + i] = overlaps[i * k + i];
    }
    if (vectors < k || others < k) return;
    const SubspaceComparison* const angles = angles_.compare(then, with, now);
    if (!angles) return;
    cells[2 * k] = angles->similarity;
    cells[2 * k + 1] = angles->misalignment;
  }

  /// Pairs off: the largest overlap first, then the largest among the rest. A vector without a partner gets k.
  void match(std::span<const double> overlaps, std::size_t vectors, std::size_t others) {
    const std::size_t k = size(k_);
    std::ranges::fill(matches_, k);
    std::ranges::fill(taken_, char{0});
    for (std::size_t pairs = 0; pairs < std::min(vectors, others); ++pairs) {
      double largest = -1;
      std::size_t row = 0, column = 0;
      for (std::size_t i = 0; i < vectors; ++i)
        for (std::size_t j = 0; j < others; ++j)
          if (matches_[i] == k && !taken_[j] && overlaps[i * k + j] > largest)
            largest = overlaps[i * k + j], row = i, column = j;
      if (largest < 0) return;
      matches_[row] = column;
      taken_[column] = 1;
    }
  }

  RotationSettings settings_;
  Device device_;
  ParameterLayout layout_;
  Dtype dtype_;
  std::vector<Layer> layers_;
  std::int64_t k_, depth_;
  std::vector<Comparison> comparisons_;
  Array earlier_;                             // [depth, k, extent], a ring whose oldest entry is `next_`
  std::vector<std::int64_t> steps_, counts_;  // of each entry: its step, and how many vectors it has
  std::int64_t next_ = 0;
  Array reference_;
  std::int64_t reference_count_ = 0;
  Array squares_, matrices_;
  Buffer scratch_;
  ComparisonOfProducts angles_;
  std::vector<double> overlaps_;
  std::vector<std::size_t> matches_;
  std::vector<char> taken_;
  int count_ = 0;  // eigenvectors of the last step that was due; 0: none
};

std::optional<OptionConflict> conflict_of(const Options& o, const MeasurementSetting& run) {
  if (o.integer("top") > run.top)
    return OptionConflict{"top", "expected at most measure.top = " + number_text(run.top) + ", or 0 for all, got " +
                                     number_text(o.integer("top"))};
  std::vector<std::int64_t> lags = o.integers("lags");
  std::ranges::sort(lags);
  if (const auto twice = std::ranges::adjacent_find(lags); twice != lags.end())
    return OptionConflict{"lags", "expected each number once, got " + number_text(*twice) + " twice"};
  const std::int64_t reference = o.integer("reference_step");
  if (reference >= 0 && reference % run.steps_between != 0)
    return OptionConflict{"reference_step",
                          "expected a multiple of " + number_text(run.steps_between) +
                              ", the steps between two measurements of the spectrum, or -1 for none, got " +
                              number_text(reference)};
  if (reference >= run.steps)
    return OptionConflict{"reference_step", "expected a step before training.steps = " + number_text(run.steps) +
                                                ", or -1 for none, got " + number_text(reference)};
  return {};
}

}  // namespace

MeasurementKind rotation() {
  return {.name = "rotation",
          .meaning = "rotation of the leading eigenvectors and of their span, and the gradient's alignment with them",
          .needs_spectrum = true,
          .needs_lambda_1 = true,
          .options = {integer_option("top", 0, {0, 50}, "leading eigenvectors; 0: all that are measured"),
                      integers_option("lags", {1, 2, 3, 4}, {.least = 1, .most = 100}, 0, 16,
                                      "how many measured steps lie between the eigenvectors that are compared"),
                      integer_option("reference_step", -1, {.least = -1},
                                     "a step with which all later ones are compared; -1: none"),
                      flag_option("matrices", false, "whether all overlaps are written to files")},
          .conflict = conflict_of,
          .make = [](const MeasurementContext& c, const Options& o) -> std::unique_ptr<Measurement> {
            const CountedPart part(c.device, "the eigenvectors of earlier steps for measure.rotation");
            RotationSettings s{.top = o.integer("top") > 0 ? o.integer("top") : std::max(c.top, 1),
                               .lags = o.integers("lags"),
                               .reference_step = o.integer("reference_step"),
                               .matrices = o.flag("matrices")};
            std::ranges::sort(s.lags);
            return std::make_unique<Rotation>(c, std::move(s));
          }};
}

}  // namespace brink::measurements
