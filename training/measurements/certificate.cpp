// SPDX-License-Identifier: MIT
// What certifies the eigenvalues of a row: the scale of their residuals, whether all are certified, the asymmetry of the
// operator, and the bounds of the whole spectrum.
#include <string>

#include "training/measurements/kind.h"

namespace brink::measurements {

namespace {

class Certificate final : public Measurement {
 public:
  Certificate(bool counts, bool by_value) : counts_(counts), by_value_(by_value) {}
  std::vector<Column> columns() const override {
    std::vector<Column> out{
        {"scale",
         "",
         "largest Ritz value in magnitude: a value is certified where its residual ≤ measure.tolerance · scale",
         {}},
        {"converged", "", "1 where all eigenvalues of the row are as accurate as measure.accuracy asks", {}},
        {"redone", "", "1 where a cold check disagreed and the values that reach further out were recorded", {}},
        {"asymmetry",
         "",
         "|uᵀHv − vᵀHu| of the unit Ritz vectors of the two ends",
         {.panel = "asymmetry of the Hessian–vector product", .scale = ChartScale::symmetric_logarithmic}},
        {"lambda_1_upper",
         "",
         "no eigenvalue of the Hessian is larger, except with probability 1e-9 a random start",
         {}},
        {"lambda_min_lower",
         "",
         "no eigenvalue of the Hessian is smaller, except with probability 1e-9 a random start",
         {}},
        {"certificate", "text", "what stands behind the row: two-sided, residual, estimate or none", {}}};
    if (by_value_)
      out.push_back({"lambda_1_error",
                     "",
                     "estimate of the error of lambda_1: residual_1² over the gap to the next Ritz value",
                     {}});
    if (counts_) {
      out.push_back({"unstable_count",
                     "count",
                     "measured eigenvalues of the Hessian above the threshold",
                     {.panel = "unstable eigenvalues"}});
      out.push_back({"unstable_complete",
                     "",
                     "1 where every eigenvalue above measure.track_above times the threshold is certified and measured",
                     {}});
    }
    return out;
  }
  void deliver(const Observed& seen, std::span<const double>, std::span<Cell> cells) override {
    if (!seen.measured) return;
    cells[0] = seen.spectrum.scale;
    cells[1] = seen.spectrum.converged;
    cells[2] = seen.spectrum.redone;
    cells[3] = seen.spectrum.asymmetry;
    if (const SpectrumBounds& b = seen.spectrum.bounds; b.starts > 0) {
      cells[4] = b.upper;
      cells[5] = b.lower;
    }
    cells[6] = std::string(name_of(seen.spectrum.certificate));
    std::size_t next = 7;
    if (by_value_) {
      const std::vector<Eigenvalue>& top = seen.spectrum.top;
      if (!top.empty() && seen.spectrum.top_gap > 0)
        cells[next] = top[0].residual * top[0].residual / seen.spectrum.top_gap;
      ++next;
    }
    if (counts_ && seen.unstable) {
      cells[next] = seen.unstable->count;
      cells[next + 1] = seen.unstable->complete;
    }
  }

 private:
  bool counts_, by_value_;
};

}  // namespace

MeasurementKind certificate() {
  return {.name = "certificate",
          .meaning = "what certifies the eigenvalues",
          .always = true,
          .make = [](const MeasurementContext& c, const Options&) -> std::unique_ptr<Measurement> {
            return std::make_unique<Certificate>(c.tracks_above, c.by_value);
          }};
}

}  // namespace brink::measurements
