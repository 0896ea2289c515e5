// SPDX-License-Identifier: MIT
// Early stopping, found after the run: the recorded step with the least test loss, beside the last step (docs/method.md, "Completion and
// early stopping").
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace brink {

struct EarlyStopping {
  struct At {
    std::int64_t step = 0;
    std::vector<std::pair<std::string, double>> metrics;  // loss, accuracies, λ₁; those that the row has
  };
  At stop;                               // the first row with the least test loss
  At end;                                // the last row with a test loss
  std::optional<std::int64_t> reversal;  // the first row after it with a larger one; absent: there is none
};

/// Of a metrics.csv. Nothing if it has no column test_loss or no number in it.
std::optional<EarlyStopping> early_stopping(const std::string& metrics_csv);

}  // namespace brink
