// SPDX-License-Identifier: MIT
#include "training/data/dataset.h"

#include <algorithm>

namespace brink {

Dataset make_dataset(std::shared_ptr<const PictureRows> rows, Shape picture, std::int64_t classes, Keep keep) {
  Dataset out;
  const std::int64_t samples = rows->shape()[0];
  out.picture = picture;
  out.classes = classes;
  out.labels = Array({samples}, Dtype::i32);
  for (std::int64_t i = 0; i < samples; ++i)
    out.labels.span<std::int32_t>()[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(rows->label_of(i));
  if (keep == Keep::array) {
    out.x = Array(rows->shape(), rows->dtype());
    rows->fill(0, samples, out.x.view().data);
  }
  out.checksum = rows->checksum();
  out.rows = std::move(rows);
  return out;
}

DataPair normalise(Records train, Records test, std::int64_t classes, Dtype dtype) {
  DataPair out;
  out.normalisation = moments(train);
  const auto make = [&](Records& r) {
    const Shape picture = r.picture;
    const std::int64_t samples = r.size();
    auto records = std::make_shared<const Records>(std::move(r));
    return make_dataset(std::make_shared<const PictureRows>(std::move(records), out.normalisation, dtype, samples),
                        picture, classes, Keep::array);
  };
  out.train = make(train);
  out.test = make(test);
  return out;
}

GroupMix mix_of_groups(const Dataset& data, std::int64_t group) {
  const auto labels = data.labels.span<std::int32_t>();
  GroupMix out{data.samples() / group, data.classes, 0, 0};
  std::vector<std::int64_t> count(static_cast<std::size_t>(data.classes));
  std::int64_t classes = 0;
  for (std::int64_t g = 0; g < out.groups; ++g) {
    std::ranges::fill(count, 0);
    for (std::int64_t i = g * group; i < (g + 1) * group; ++i)
      ++count[static_cast<std::size_t>(labels[static_cast<std::size_t>(i)])];
    const std::int64_t distinct = data.classes - std::ranges::count(count, 0);
    out.fewest_classes = std::min(out.fewest_classes, distinct);
    out.largest_share = std::max(out.largest_share, *std::ranges::max_element(count));
    classes += distinct;
  }
  if (out.groups > 0) out.mean_classes = static_cast<double>(classes) / static_cast<double>(out.groups);
  return out;
}

}  // namespace brink
