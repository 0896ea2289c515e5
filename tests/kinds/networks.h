// SPDX-License-Identifier: MIT
// A row for each network of the list: a small problem, the number of its parameters by hand, and its frozen run.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace kinds {

struct NetworkRow {
  std::string name;
  std::vector<std::string>
      settings;             ///< of [model] and [data]: a few groups of samples with a short last one, and small widths
  std::int64_t parameters;  ///< by hand
  std::string metrics;      ///< XXH3-64 of metrics.csv of the run of networks_test.cpp
};

inline const std::vector<NetworkRow>& network_rows() {
  // 32×32×3 pictures of ten classes: 70 are three groups of 32, the last one short, or five ghost groups of 16.
  const auto pictures = [](std::vector<std::string> model) {
    for (const char* s : {"data.name=synthetic-cifar", "data.train=70", "data.test=20"}) model.emplace_back(s);
    return model;
  };
  static const std::vector<NetworkRow> all{
      {"mlp",
       {"data.train=300", "data.test=100", "model.hidden=[8,6]", "model.activation=gelu"},
       784 * 8 + 8 + 8 * 6 + 6 + 6 * 4 + 4,
       "157e96836637edac"},
      {"alexnet", pictures({"model.filters=2", "model.dense=[5]"}),
       (75 * 2 + 2) + (50 * 2 + 2) + (7 * 7 * 2 * 5 + 5) + (5 * 10 + 10), "3f88aca3282ba14e"},
      {"vgg", pictures({"model.channels=[2,3]", "model.ghost_batch=16"}),
       (27 * 2 + 2 * 18 * 2 + 3 * 4) + (18 * 3 + 2 * 27 * 3 + 3 * 6) + (8 * 8 * 3 * 10 + 10), "5cf9e1c1fb979ea1"},
      {"resnet20", pictures({"model.widths=[2,2,3]", "model.ghost_batch=16"}),
       (27 * 2 + 4) + 12 * (18 * 2 + 4) + (18 * 3 + 6) + 5 * (27 * 3 + 6) + (3 * 10 + 10), "95b86a0393375176"},
      {"lenet", pictures({"model.filters=[2,3]", "model.dense=[5,4]"}),
       (75 * 2 + 2) + (50 * 3 + 3) + (8 * 8 * 3 * 5 + 5) + (5 * 4 + 4) + (4 * 10 + 10), "53bdce30a2a2b5dd"},
      {"dln", {"model.start=[1.5,0.5,0.8]", "model.target=1"}, 3, "04192ee6b486851e"},
  };
  return all;
}

}  // namespace kinds
