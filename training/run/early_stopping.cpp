// SPDX-License-Identifier: MIT
#include "training/run/early_stopping.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <string_view>

#include "training/io/text.h"

namespace brink {

namespace {

constexpr std::array<std::string_view, 5> wanted{"loss", "train_accuracy", "test_loss", "test_accuracy", "lambda_1"};

std::vector<std::string_view> cells_of(std::string_view line) {
  std::vector<std::string_view> out;
  for (std::size_t end = line.find(','); end != std::string_view::npos; end = line.find(',')) {
    out.push_back(line.substr(0, end));
    line.remove_prefix(end + 1);
  }
  out.push_back(line);
  return out;
}

}  // namespace

std::optional<EarlyStopping> early_stopping(const std::string& metrics_csv) {
  std::ifstream file(metrics_csv, std::ios::binary);
  std::string header, line;
  if (!std::getline(file, header)) return {};
  const std::vector<std::string_view> names = cells_of(header);
  const auto index = [&](std::string_view name) {
    return static_cast<std::size_t>(std::ranges::find(names, name) - names.begin());
  };
  const std::size_t test_loss = index("test_loss");
  if (test_loss == names.size()) return {};
  std::optional<EarlyStopping> out;
  double least = 0;
  while (std::getline(file, line)) {
    const std::vector<std::string_view> cells = cells_of(line);
    if (cells.size() != names.size()) continue;
    const auto step = parse_number<std::int64_t>(cells[0]);
    const auto loss = parse_number<double>(cells[test_loss]);
    if (!step || !loss || std::isnan(*loss)) continue;
    EarlyStopping::At at{*step, {}};
    for (const std::string_view name : wanted)
      if (const std::size_t i = index(name); i < cells.size())
        if (const auto x = parse_number<double>(cells[i])) at.metrics.emplace_back(name, *x);
    if (!out || *loss < least) {
      least = *loss;
      out = EarlyStopping{at, at, {}};
      continue;
    }
    if (!out->reversal && *loss > least) out->reversal = *step;
    out->end = std::move(at);
  }
  return out;
}

}  // namespace brink
