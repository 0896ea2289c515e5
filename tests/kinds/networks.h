// SPDX-License-Identifier: MIT
// A row for each network of the list: a small problem, the number of its parameters counted by hand, and its frozen run.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace kinds {

struct NetworkRow {
  std::string name;
  std::vector<std::string>
      settings;             ///< of [model] and [data]: a few groups of samples with a short last one, and small widths
  std::int64_t parameters;  ///< counted by hand
  std::string metrics;      ///< XXH3-64 of metrics.csv of the run of networks_test.cpp
  std::vector<std::string> losses{"cross_entropy", "mse"};  ///< those that it takes; the frozen run has the first one
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
       "f9c659ebc51f4334"},
      {"alexnet", pictures({"model.filters=2", "model.dense=[5]"}),
       (75 * 2 + 2) + (50 * 2 + 2) + (7 * 7 * 2 * 5 + 5) + (5 * 10 + 10), "c3be0b68a910d729"},
      {"vgg", pictures({"model.channels=[2,3]", "model.ghost_batch=16"}),
       (27 * 2 + 2 * 18 * 2 + 3 * 4) + (18 * 3 + 2 * 27 * 3 + 3 * 6) + (8 * 8 * 3 * 10 + 10), "3cc08981855ed7df"},
      {"resnet20", pictures({"model.widths=[2,2,3]", "model.ghost_batch=16"}),
       (27 * 2 + 4) + 12 * (18 * 2 + 4) + (18 * 3 + 6) + 5 * (27 * 3 + 6) + (3 * 10 + 10), "63b2fe13d79a8014"},
      {"lenet", pictures({"model.filters=[2,3]", "model.dense=[5,4]"}),
       (75 * 2 + 2) + (50 * 3 + 3) + (8 * 8 * 3 * 5 + 5) + (5 * 4 + 4) + (4 * 10 + 10), "fc816ef682db2af4"},
      {"dln", {"model.start=[1.5,0.5,0.8]", "model.target=1"}, 3, "f1eeb986fde2b093"},
      {"valley", {"model.start=[1,0.5,-2]", "model.curvatures=[20,1,0.5]"}, 3, "28d9e6bd1239d352", {"mse"}},
  };
  return all;
}

}  // namespace kinds
