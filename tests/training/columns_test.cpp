// SPDX-License-Identifier: MIT
// The description of the columns of metrics.csv is complete, and run.json carries it.
#include "training/columns.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "training/columns_json.h"
#include "training/records.h"

using namespace brink;

TEST_CASE("every cell of a row has a column that says what it is") {
  for (const std::int64_t top : {0, 1, 3})
    for (const bool evaluation : {false, true}) {
      const auto columns = fixed_columns(top, evaluation);
      std::string header, row;
      for (const Column& column : columns) header += (header.empty() ? "" : ",") + column.name;
      CHECK(metrics_header(top, evaluation) == header + "\n");
      append_row(row, MetricsRow{}, top, evaluation);
      CHECK(std::count(row.begin(), row.end(), ',') + 1 == static_cast<std::ptrdiff_t>(columns.size()));
      std::set<std::string> names;
      for (const Column& column : columns) {
        CAPTURE(column.name);
        CHECK(names.insert(column.name).second);
        CHECK(column.meaning.size() > 10);
      }
      for (const Column& column : columns)
        if (!column.chart.error.empty()) CHECK(names.contains(column.chart.error));
    }
}

TEST_CASE("run.json describes the columns that metrics.csv has") {
  Config config;
  config.measure.top = 2;
  const auto json = nlohmann::json::parse(run_json(config, RunRecord{}));
  std::string header;
  for (const Column& column : columns_from_json(json.at("columns")))
    header += (header.empty() ? "" : ",") + column.name;
  CHECK(header + "\n" == metrics_header(2));
}
