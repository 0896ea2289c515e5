// SPDX-License-Identifier: MIT
// Small runs of `train` whose files are frozen. A change that alters a byte of them is marked **bits** in CHANGELOG.md and
// updates the digests in frozen_test.cpp.
#pragma once

#include <string>
#include <vector>

namespace support {

struct FrozenRun {
  const char* name;
  std::vector<std::string> sets;
  const char* metrics;  ///< XXH3-64 of metrics.csv
  const char* events;   ///< XXH3-64 of events.csv
};

inline const std::vector<FrozenRun>& frozen_runs() {
  static const std::vector<std::string> mlp{"data.train=200", "data.test=100", "model.hidden=[16,12]"},
      pictures{"data.name=synthetic-cifar", "data.train=70", "data.test=20"};
  const auto with = [](std::vector<std::string> a, const std::vector<std::string>& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
  };
  static const std::vector<FrozenRun> all{
      {"mlp", with(mlp, {"training.steps=120", "training.learning_rate=0.3"}), "0fa079ce149d169d", "a6fea95d5a1ed1df"},
      {"mlp, float64", with(mlp, {"training.steps=60", "training.learning_rate=0.3", "run.precision=float64"}),
       "376a4563634b28b4", "e4ff398f9d1ba46f"},
      {"mlp, squared loss, tanh",
       with(mlp, {"training.steps=40", "training.loss=mse", "model.activation=tanh", "measure.top=3"}),
       "8f53c05e91664ad4", "a6598383ebd11dc5"},
      {"mlp, λ every 3 steps, chunks",
       with(mlp, {"training.steps=40", "measure.every=3", "measure.cold_check=4", "run.chunk=128"}), "3716208fe30920f7",
       "3257d8397774c02d"},
      {"mlp, no λ", with(mlp, {"training.steps=20", "measure.top=0", "measure.bottom=0", "model.init=he"}),
       "8368f2b723d50234", "5c6e1ef772038333"},
      {"mlp, diverged", with(mlp, {"training.steps=60", "training.learning_rate=80"}), "b44780ca00dc0081",
       "8889172083d490a1"},
      {"mlp, limit of the loss",
       with(mlp, {"training.steps=60", "training.learning_rate=30", "training.divergence_loss=4"}), "6fd725f3cd2a702e",
       "dddc2e15eafa3d98"},
      {"dln, cross-entropy",
       {"model.name=dln", "model.start=[3.0,2.0]", "model.target=1", "training.steps=40", "training.learning_rate=0.7"},
       "d131fe25cefaa4b8",
       "5c6e1ef772038333"},
      {"dln, squared loss, float64",
       {"model.name=dln", "model.start=[2.5,0.5,1.0]", "training.loss=mse", "training.steps=40",
        "run.precision=float64"},
       "f0890f06e39eff3b",
       "5c6e1ef772038333"},
      {"alexnet", with(pictures, {"model.name=alexnet", "model.filters=3", "model.dense=[8,6]", "training.steps=3"}),
       "c6a0e285e1b9ccb4", "9788a5ae8c79e763"},
      {"alexnet, squared loss, float64",
       with(pictures, {"model.name=alexnet", "model.filters=3", "model.dense=[8]", "training.steps=2",
                       "training.loss=mse", "run.precision=float64"}),
       "249f4f8b1253ff14", "8cb5955d3e24a76f"},
      {"vgg, groups kept, chunks",
       with(pictures,
            {"model.name=vgg", "model.channels=[4,5]", "training.steps=4", "model.ghost_batch=16", "run.chunk=32"}),
       "3a67a9d721bc6cc9", "b87d94af37ead8a1"},
      {"vgg, groups joined, float64",
       with(pictures, {"model.name=vgg", "model.channels=[4,5]", "training.steps=3", "model.ghost_batch=16",
                       "model.short_group=join", "run.precision=float64"}),
       "3d6665b8a8924966", "f5cf1fbd1ab00a27"},
      {"vgg, evaluation mode",
       with(pictures, {"model.name=vgg", "model.channels=[4,5]", "training.steps=3", "model.norm_mode=evaluation"}),
       "91ba5336eb3c9c9a", "25a3938b53aa2088"},
      {"resnet20",
       with(pictures, {"model.name=resnet20", "model.widths=[2,3,4]", "training.steps=2", "measure.budget=40"}),
       "d795d686bdba2717", "5c6e1ef772038333"},
  };
  return all;
}

}  // namespace support
