// SPDX-License-Identifier: MIT
// Some rows of a network's data, as a list of indices and as arrays of their own, and the bits of a pass over either.
#pragma once

#include <cstring>
#include <span>
#include <vector>

#include "tests/support/networks.h"

namespace support {

/// Loss, right answers, gradient and a product; of the product the rows are what `linearised` leaves.
inline Bits pass_over(brink::Device& device, const Network& n, brink::Gradient& gradient, brink::Hvp& hvp,
                      const auto& linearised) {
  Bits out;
  const Placed on(device, n);
  const auto vector = [&] { return n.objective.layout.make_vector(n.options.dtype, device); };
  const brink::Array a = vector(), b = vector(), product = vector();
  const brink::LossAndCorrect found = gradient.evaluate(on.theta.view(), a.view());
  out.add("loss", found.loss);
  out.add("correct", found.correct);
  out.add("gradient", brink::to_host(device, a.view()).view());
  out.add("loss of linearize", hvp.linearize_at(on.theta.view(), b.view()).loss);
  out.add("gradient of linearize", brink::to_host(device, b.view()).view());
  linearised();
  hvp.apply(on.v.view(), product.view());
  out.add("product", brink::to_host(device, product.view()).view());
  return out;
}
inline Bits pass_over(brink::Device& device, const Network& n, const brink::Batch& batch,
                      const brink::BatchOptions& options) {
  brink::Gradient gradient(device, n.objective, batch, options);
  brink::Hvp hvp(device, n.objective, batch, options);
  return pass_over(device, n, gradient, hvp, [] {});
}

/// `samples` rows of the network's, in no order, some of them several times.
struct Minibatch {
  Minibatch(const Network& network, std::int64_t samples, std::uint64_t seed) : n(network) {
    for (std::int64_t i = 0; i < samples; ++i)
      rows.push_back(static_cast<std::int32_t>((uniform(seed, static_cast<std::uint64_t>(i)) + 1) / 2 *
                                               static_cast<double>(n.options.samples)));
  }
  /// Of a pass over arrays of these rows, in one block of one thread.
  Bits stored() const {
    const auto samples = static_cast<std::int64_t>(rows.size());
    const auto chosen = [&](const brink::View& from) {
      brink::Shape shape = from.shape;
      shape.extent[0] = samples;
      brink::Array out(shape, from.dtype);
      const std::int64_t bytes = shape.row_elements() * brink::size_of(from.dtype);
      for (std::int64_t i = 0; i < samples; ++i)
        std::memcpy(static_cast<char*>(out.view().data) + i * bytes,
                    static_cast<const char*>(from.data) + rows[static_cast<std::size_t>(i)] * bytes,
                    static_cast<std::size_t>(bytes));
      return out;
    };
    brink::Device device;
    const brink::Array x = chosen(n.x.view()), labels = chosen(n.labels.view());
    return pass_over(device, n, {x.view(), labels.view()}, {samples, 0});
  }

  const Network& n;
  std::vector<std::int32_t> rows;
};

/// Gradient and product over the rows that a list names, which changes from pass to pass.
class ListedPass {
 public:
  ListedPass(brink::Device& device, const Network& n, bool made, std::int64_t length,
             const brink::BatchOptions& options)
      : device_(device),
        n_(n),
        on_(device, n),
        data_(n, on_, made),
        list_(device, length, n.options.samples),
        gradient_(device, n.objective, data_.batch().chosen_by(list_), options),
        hvp_(device, n.objective, data_.batch().chosen_by(list_), options) {}
  Bits run(std::span<const std::int32_t> rows) { return run(rows, rows); }
  /// The list is another one before the product is asked for.
  Bits run(std::span<const std::int32_t> rows, std::span<const std::int32_t> after) {
    list_.set(device_, rows);
    return pass_over(device_, n_, gradient_, hvp_, [&] { list_.set(device_, after); });
  }

 private:
  brink::Device device_;
  const Network& n_;
  Placed on_;
  BoundData data_;
  brink::RowList list_;
  brink::Gradient gradient_;
  brink::Hvp hvp_;
};

}  // namespace support
