// SPDX-License-Identifier: MIT
#include "tools/report/chart_data.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string_view>

#include "tools/report/series.h"
#include "tools/report/text.h"

namespace brink::report {
namespace {

std::string number(std::optional<double> v, int digits) {
  return !v ? std::string("null") : std::isfinite(*v) ? rounded(*v, digits) : "\"not finite\"";
}

std::string finite_number(std::optional<double> v, int digits) {
  return v && std::isfinite(*v) ? rounded(*v, digits) : "null";
}

/// Not certified: a negative sign, or false if there is no finite residual to put it on.
std::string residual_text(const Run& run, int lambda, std::size_t row) {
  const auto v = run.eigenvalue(lambda, row);
  if (!v) return "null";
  if (v->certified) return number(v->residual, 2);
  return v->residual > 0 && std::isfinite(v->residual) ? "-" + number(v->residual, 2) : std::string("false");
}

/// A JSON string that is safe inside <script>, in HTML and in XML.
std::string quoted(const std::string& name) {
  std::string out = "\"";
  for (const char c : name) {
    const auto code = static_cast<unsigned char>(c);
    if (code >= 0x20 && code != 0x7F && std::string_view("<>&\"'\\").find(c) == std::string_view::npos) {
      out += c;
      continue;
    }
    out += "\\u00";
    out += "0123456789abcdef"[code >> 4];
    out += "0123456789abcdef"[code & 15];
  }
  return out + "\"";
}

class Lists {
 public:
  Lists(const Run& run, std::size_t most_rows)
      : run_(run), stride_(std::max<std::size_t>(1, (run.step.size() + most_rows - 1) / most_rows)) {}

  template <class Cell>
  void add(const std::string& name, Cell&& cell) {
    text_ += std::string(text_.empty() ? "" : ",") + "\n" + quoted(name) + ":[";
    for (std::size_t row = 0; row < run_.step.size(); row += stride_) text_ += (row > 0 ? "," : "") + cell(row);
    text_ += "]";
  }
  const std::string& text() const { return text_; }

 private:
  const Run& run_;
  std::size_t stride_;
  std::string text_;
};

std::string data_of(const Run& run, std::size_t most_rows) {
  Lists lists(run, most_rows);
  lists.add("step", [&](std::size_t row) { return shortest(run.step[row]); });
  if (!run.time.empty()) lists.add("time", [&](std::size_t row) { return rounded(run.time[row], 5); });
  std::set<std::string> done;
  for (int k = 0; k <= std::min(run.top, 5); ++k) {
    const std::string value = "lambda_" + column_suffix(k), residual = "residual_" + column_suffix(k);
    if (!run.measured(value)) continue;
    lists.add(value, [&](std::size_t row) { return number(run.at(value, row), 5); });
    lists.add(residual, [&](std::size_t row) { return residual_text(run, k, row); });
    done.insert({value, residual});
    const std::string bound = bound_column(k);
    if (!bound.empty() && run.measured(bound) && done.insert(bound).second)
      lists.add(bound, [&](std::size_t row) { return finite_number(run.at(bound, row), 5); });
  }
  for (const brink::Column& column : run.schema) {
    const bool of_hessian = column.name.starts_with("lambda_") && !column.name.starts_with("lambda_eff");
    if (column.chart.panel.empty() || of_hessian) continue;
    for (const std::string& name : {column.name, column.chart.error}) {
      if (name.empty() || !run.measured(name) || !done.insert(name).second) continue;
      lists.add(name, [&](std::size_t row) { return number(run.at(name, row), 5); });
    }
  }
  const auto edge = threshold_series(run, 0, "", "").points;
  if (std::any_of(edge.begin(), edge.end(), [&](const Point& p) { return p.y != edge.front().y; }))
    if (done.insert("threshold").second)
      lists.add("threshold", [&](std::size_t row) { return number(run.threshold(row), 5); });
  if (run.measured("lambda_1")) {
    lists.add("relative_residual", [&](std::size_t row) { return number(relative_residual(run, row), 2); });
    if (!edge.empty())
      lists.add("relative_sharpness", [&](std::size_t row) {
        const auto v = run.at("lambda_1", row), limit = run.threshold(row);
        return v && limit && *limit > 0 ? number(*v / *limit, 4) : std::string("null");
      });
  }
  return lists.text();
}

}  // namespace

std::string chart_data(std::span<const Run> runs) {
  const std::size_t most_rows = runs.size() <= 8 ? 2000 : 500;
  std::string out = "{";
  for (std::size_t i = 0; i < runs.size(); ++i)
    out += std::string(i > 0 ? ",\n" : "\n") + "\"" + std::to_string(i) + "\":{" + data_of(runs[i], most_rows) + "}";
  return out + "\n}";
}

}  // namespace brink::report
