// SPDX-License-Identifier: MIT
#include "training/measurements/line.h"

#include "autodiff/transform.h"
#include "kernels/basis/basis.h"
#include "kernels/map/map.h"
#include "kernels/reduce/reduce.h"

namespace brink {

LossOnLines::LossOnLines(const MeasurementContext& c, const Objective& precise)
    : device_(c.device),
      layout_(precise.layout),
      dtype_(precise.dtype),
      loss_(
          c.device, precise, [&](std::int64_t samples) { return first_output(precise.loss(samples)); }, c.train,
          c.batch, {1}, "loss"),
      theta_(vector()),
      moved_(vector()) {}

void LossOnLines::begin(Device& device, View theta) { cast(device, theta_.view(), theta); }

void LossOnLines::normalise(Device& device, View v, View unit, Scalar scratch) {
  cast(device, unit, v);
  norm(device, unit, scratch);
  map_scalars(device, scratch, 1, Quotient{1, 1}, scratch);
  scale(device, unit, scratch, unit);
}

View LossOnLines::move(Device& device, double distance, View unit) {
  map<Descend>(device, moved_.view(), {theta_.view(), unit}, -distance);
  return moved_.view();
}

void LossOnLines::loss(Device& device, double distance, View unit, Scalar total) {
  loss_.enqueue(move(device, distance, unit), {}, {}, total);
}

void LossOnLines::loss(Device& device, double first, View u, double second, View w, Scalar total) {
  const View moved = move(device, first, u);
  map<Descend>(device, moved, {moved, w}, -second);
  loss_.enqueue(moved, {}, {}, total);
}

double LossOnLines::mean(double total) const {
  loss_.divide({&total, 1});
  return total;
}

}  // namespace brink
