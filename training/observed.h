// SPDX-License-Identifier: MIT
// What is known on the host about a step of training: what the loop needs for its decisions, and what every measurement may use.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <vector>

#include "spectral/tracker.h"

namespace brink {

/// One eigenvalue with its certificate: some eigenvalue of the Hessian lies within `residual` of it.
struct Eigenvalue {
  double value = 0, residual = 0;
};

/// Whether an eigenvalue counts as certified.
inline bool is_certified(double residual, double scale, double tolerance) { return residual <= tolerance * scale; }

/// What stands behind the eigenvalues of a row, beside the residuals, which are always true.
enum class Certificate : std::uint8_t {
  none,      ///< some residual is above what measure.accuracy asks for
  residual,  ///< every eigenvalue has another one within measure.tolerance · scale
  estimate,  ///< the residuals are above that, but λ₁'s error is estimated to be below it (measure.accuracy = "value")
  two_sided  ///< moreover, no eigenvalue is above λ₁ + measure.tolerance · scale, with the stated probability
};
inline std::string_view name_of(Certificate);

/// The tracked ends of the Hessian's spectrum.
struct Spectrum {
  std::vector<Eigenvalue> top, bottom;  ///< descending; ascending
  double scale = 0;                     ///< max|θⱼ|, the largest Ritz value in magnitude
  bool converged = false;               ///< every residual ≤ tolerance · scale
  bool redone = false;  ///< warm and cold start disagreed; the reported values are those nearer the ends
  std::optional<Disagreement> disagreement;  ///< the eigenvalue on which they disagreed, if they did
  double asymmetry = 0;                      ///< |uᵀHv − vᵀHu| of the unit Ritz vectors of the two ends
  bool symmetric = true;                     ///< whether rounding explains the asymmetry
  SpectrumBounds bounds;                     ///< of all eigenvalues, with the probability of measure.certify
  Certificate certificate = Certificate::none;
  double top_gap = 0;  ///< λ₁ minus the next Ritz value, which need not have converged
};

/// The eigenvalues above the threshold, where as many are measured as it takes (measure.track_above).
struct UnstableCount {
  std::int64_t count = 0;
  bool complete =
      false;  ///< whether every eigenvalue above track_above · threshold is certified and among the measured ones
};

/// What decides about stability: λ₁(P^(−½) H P^(−½)), P the preconditioner of the coming update. It is λ₁ itself where the rule has none.
struct EffectiveSharpness {
  double value = 0, residual = 0;
  double scale = 0;     ///< as that of Spectrum, of the preconditioned Hessian
  bool redone = false;  ///< as that of Spectrum
  std::optional<Disagreement> disagreement;
  double asymmetry = 0;  ///< as those of Spectrum, of the preconditioned Hessian
  bool symmetric = true;
};

/// Measured at θ_t, before update t. Numbers that are still in flight are NaN.
struct Observed {
  std::int64_t step = 0;
  double learning_rate = 0;
  double threshold = 0;  ///< the effective sharpness above which the next update is unstable
  double loss = 0;       ///< mean over the training samples
  double correct = 0;    ///< training samples answered correctly, in the same pass
  double gradient_norm = 0;
  double test_loss = 0,
         test_correct = 0;  ///< as `loss` and `correct`, of the test samples in evaluation mode; NaN without any
  std::optional<double> batch_loss;  ///< mean over the minibatch of the update that follows, once it is known
  bool whole = false;                ///< whether loss and gradient are or will be known: those of all training samples
  bool measured = false;             ///< whether `spectrum` holds values of this step
  Spectrum spectrum;
  std::optional<EffectiveSharpness> effective;  ///< absent if it was not measured
  std::optional<double> surplus;                ///< of the effective sharpness over the threshold; absent like that
  std::optional<UnstableCount> unstable;        ///< absent where the number of measured eigenvalues is fixed
  std::vector<std::int64_t> branches;           ///< of the largest eigenvalues' eigenvectors; empty like that
  std::optional<std::int64_t> projected;        ///< unstable eigenvectors of a projected update, once it has been made
  int products = 0;                             ///< Hessian–vector products
  double gradient_ms = 0, spectrum_ms = 0, products_ms = 0, evaluation_ms = 0;

  /// Starts a new step: nothing is known. The memory of the lists is kept.
  void begin(std::int64_t at, double rate, double unstable_above);
};

inline std::string_view name_of(Certificate c) {
  switch (c) {
    case Certificate::residual: return "residual";
    case Certificate::estimate: return "estimate";
    case Certificate::two_sided: return "two-sided";
    default: return "none";
  }
}

inline void Observed::begin(std::int64_t at, double rate, double unstable_above) {
  constexpr double in_flight = std::numeric_limits<double>::quiet_NaN();
  step = at;
  learning_rate = rate;
  threshold = unstable_above;
  loss = correct = gradient_norm = test_loss = test_correct = in_flight;
  batch_loss.reset();
  whole = measured = false;
  spectrum.top.clear();
  spectrum.bottom.clear();
  spectrum.scale = spectrum.asymmetry = 0;
  spectrum.converged = spectrum.redone = false;
  spectrum.disagreement.reset();
  spectrum.bounds = {};
  spectrum.symmetric = true;
  spectrum.certificate = Certificate::none;
  spectrum.top_gap = 0;
  effective.reset();
  surplus.reset();
  unstable.reset();
  branches.clear();
  projected.reset();
  products = 0;
  gradient_ms = spectrum_ms = products_ms = evaluation_ms = 0;
}

}  // namespace brink
