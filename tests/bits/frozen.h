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
      {"mlp", with(mlp, {"training.steps=120", "training.learning_rate=0.3"}), "a2a2908346820120", "d6ed84c133f422d5"},
      {"mlp, float64", with(mlp, {"training.steps=60", "training.learning_rate=0.3", "run.precision=float64"}),
       "6d48f9f790748c62", "e4ff398f9d1ba46f"},
      {"mlp, squared loss, tanh",
       with(mlp, {"training.steps=40", "training.loss=mse", "model.activation=tanh", "measure.top=3"}),
       "9d5e599a740e0e2e", "a46d0bd894980e0e"},
      {"mlp, λ every 3 steps, chunks",
       with(mlp, {"training.steps=40", "measure.every=3", "measure.cold_check=4", "run.chunk=128"}), "0c6d336c2743c74c",
       "3257d8397774c02d"},
      {"mlp, no λ", with(mlp, {"training.steps=20", "measure.top=0", "measure.bottom=0", "model.init=he"}),
       "ae52da79f303ee2d", "5c6e1ef772038333"},
      {"mlp, diverged", with(mlp, {"training.steps=60", "training.learning_rate=80"}), "d2928f35e6c37aae",
       "19efae4dc9e19f86"},
      {"mlp, limit of the loss",
       with(mlp, {"training.steps=60", "training.learning_rate=30", "training.divergence_loss=4"}), "59b45f6a4201e103",
       "dddc2e15eafa3d98"},
      {"dln, cross-entropy",
       {"model.name=dln", "model.start=[3.0,2.0]", "model.target=1", "training.steps=40", "training.learning_rate=0.7"},
       "779a85b52c1038bf",
       "5c6e1ef772038333"},
      {"dln, squared loss, float64",
       {"model.name=dln", "model.start=[2.5,0.5,1.0]", "training.loss=mse", "training.steps=40",
        "run.precision=float64"},
       "b9198c1ace4aeca9",
       "5c6e1ef772038333"},
      {"alexnet", with(pictures, {"model.name=alexnet", "model.filters=3", "model.dense=[8,6]", "training.steps=3"}),
       "7454f719f4b4a1f3", "9788a5ae8c79e763"},
      {"alexnet, squared loss, float64",
       with(pictures, {"model.name=alexnet", "model.filters=3", "model.dense=[8]", "training.steps=2",
                       "training.loss=mse", "run.precision=float64"}),
       "7c682e8dd4e19d08", "8cb5955d3e24a76f"},
      {"vgg, groups kept, chunks",
       with(pictures,
            {"model.name=vgg", "model.channels=[4,5]", "training.steps=4", "model.ghost_batch=16", "run.chunk=32"}),
       "1a4f60158ed89fba", "b87d94af37ead8a1"},
      {"vgg, groups joined, float64",
       with(pictures, {"model.name=vgg", "model.channels=[4,5]", "training.steps=3", "model.ghost_batch=16",
                       "model.short_group=join", "run.precision=float64"}),
       "0cbb36062673c839", "f5cf1fbd1ab00a27"},
      {"vgg, evaluation mode",
       with(pictures, {"model.name=vgg", "model.channels=[4,5]", "training.steps=3", "model.norm_mode=evaluation"}),
       "459c1697663c7592", "25a3938b53aa2088"},
      {"resnet20",
       with(pictures, {"model.name=resnet20", "model.widths=[2,3,4]", "training.steps=2", "measure.budget=40"}),
       "6718e8d938bc1872", "5c6e1ef772038333"},
  };
  return all;
}

}  // namespace support
