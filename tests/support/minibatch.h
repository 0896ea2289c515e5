// SPDX-License-Identifier: MIT
// Some rows of a network's data, as a list of indices and as arrays of their own, and the bits of a pass over either.
#pragma once

#include <cstring>
#include <span>
#include <vector>

#include "tests/support/networks.h"

namespace support {

/// Loss, right answers, gradient and a product over a batch, into vectors that stay where they are.
class BatchPass {
 public:
  BatchPass(brink::Device& device, const Network& n, const brink::Batch& batch, const brink::BatchOptions& options)
      : device_(device),
        on_(device, n),
        gradient_(vector_of(n)),
        other_gradient_(vector_of(n)),
        product_(vector_of(n)),
        gradient_of_(device, n.objective, batch, options),
        hvp_(device, n.objective, batch, options) {}
  /// `before_product` is called between linearisation and product.
  template <class Call>
  Bits run(const Call& before_product) {
    Bits out;
    const auto add = [&](const char* name, const brink::Array& vector) {
      out.add(name, brink::to_host(device_, vector.view()).view());
    };
    const brink::LossAndCorrect found = gradient_of_.evaluate(on_.theta.view(), gradient_.view());
    out.add("loss", found.loss);
    out.add("correct", found.correct);
    add("gradient", gradient_);
    out.add("loss of linearize", hvp_.linearize_at(on_.theta.view(), other_gradient_.view()).loss);
    add("gradient of linearize", other_gradient_);
    before_product();
    hvp_.apply(on_.v.view(), product_.view());
    add("product", product_);
    return out;
  }
  Bits run() {
    return run([] {});
  }

 private:
  brink::Array vector_of(const Network& n) { return n.objective.layout.make_vector(n.options.dtype, device_); }

  brink::Device device_;
  Placed on_;
  brink::Array gradient_, other_gradient_, product_;
  brink::Gradient gradient_of_;
  brink::Hvp hvp_;
};

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
    return BatchPass(device, n, {x.view(), labels.view()}, {samples, 0}).run();
  }

  const Network& n;
  std::vector<std::int32_t> rows;
};

/// Such a pass over the rows that a list names, which changes from run to run.
class ListedPass {
 public:
  ListedPass(brink::Device& device, const Network& n, bool made, std::int64_t length,
             const brink::BatchOptions& options)
      : device_(device),
        on_(device, n),
        data_(n, on_, made),
        list_(device, length, n.options.samples),
        pass_(device, n, data_.batch().chosen_by(list_), options) {}
  Bits run(std::span<const std::int32_t> rows) { return run(rows, rows); }
  /// The list is another one before the product is asked for.
  Bits run(std::span<const std::int32_t> rows, std::span<const std::int32_t> after) {
    list_.set(device_, rows);
    return pass_.run([&] { list_.set(device_, after); });
  }

 private:
  brink::Device device_;
  Placed on_;
  BoundData data_;
  brink::RowList list_;
  BatchPass pass_;
};

}  // namespace support
