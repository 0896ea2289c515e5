// SPDX-License-Identifier: MIT
// The rows of the maps that update rules are made of.
#include <array>
#include <cmath>
#include <utility>

#include "kernels/map/map.h"
#include "tests/cases/rows.h"
#include "tests/reference/update_reference.h"

namespace brink::cases {

namespace {

using reference::Denominator, reference::moving_average, reference::stepped;

/// The row of map<F> with these constants. inputs: how the values of each are made. plain: the outputs of one element, as an array, from
/// its inputs: [](auto x, auto g) { … }.
template <class F, class Plain, class... Constant>
Row update_row(const std::string& name, const std::vector<Values>& inputs, Plain plain, Constant... constants) {
  const auto rectangle = [](int size) { return Shape{at(size).s * 200, at(size).n}; };
  return {.name = name,
          .kernels = {"map"},
          .functors = {functor_index<F>()},
          .sizes = number_of_extents,
          .inputs =
              [=](int size) {
                std::vector<In> in;
                for (const Values v : inputs) in.push_back({rectangle(size), v});
                return in;
              },
          .attributes = none,
          .reference = {},
          .references =
              [=](Views in, Views out, const Attributes&) {
                with_real(out[0].dtype, [&]<class T>(T) {
                  for (std::int64_t i = 0; i < out[0].shape.elements(); ++i) {
                    const std::array<T, outputs_of<F>> element = [&]<std::size_t... k>(std::index_sequence<k...>) {
                      return plain(in[k].as<T>()[i]...);
                    }
                    (std::make_index_sequence<F::arity>{});
                    for (std::size_t k = 0; k < element.size(); ++k) out[k].as<T>()[i] = element[k];
                  }
                });
              },
          .output =
              [=](int size, Dtype dtype) {
                return ValueType{rectangle(size), dtype};
              },
          .run_several = [=](Device& d, Views out, Views in, int) { map<F>(d, out, in, constants...); },
          .outputs = outputs_of<F>};
}

}  // namespace

std::vector<Row> update_rows() {
  using enum Values;
  return {
      update_row<Descend>(
          "descend", {real, real}, []<class T>(T x, T g) { return std::array{stepped(x, g, 0.1)}; }, 0.1),
      update_row<DecayedDescent>(
          "decayed descent", {real, real}, []<class T>(T x, T g) { return std::array{stepped(x, g, 0.1, 0.03)}; }, 0.1,
          0.03),
      update_row<NoiseScaledDescent>(
          "noise-scaled descent", {real, real, real},
          []<class T>(T x, T g, T batch) {
            const T noise = static_cast<T>(0.75) * static_cast<T>(g - batch), mixed = g - noise;
            return std::array{stepped(x, mixed, 0.1, 0.03)};
          },
          0.1, 0.03, 0.75),
      update_row<Adaptive>(
          "adaptive", {real, real, positive, real},
          []<class T>(T x, T m, T moment, T g) {
            const T mean = moving_average(m, g, 0.9), square = moving_average(moment, static_cast<T>(g * g), 0.99);
            const T unbiased_mean = mean / static_cast<T>(0.19), unbiased = square / static_cast<T>(0.5);
            const T direction = unbiased_mean / Denominator{1e-3, 2.0, 0.7}(unbiased);
            return std::array{stepped(x, direction, 0.1, 0.03), mean, square};
          },
          0.1, 0.9, 0.99, 0.19, 0.5, 2.0, 0.7, 1e-3, 0.03),
      update_row<RootMeanSquare>(
          "root mean square", {real, positive, real},
          []<class T>(T x, T moment, T g) {
            const T square = moving_average(moment, static_cast<T>(g * g), 0.99);
            const T unbiased = square / static_cast<T>(0.5), direction = g / Denominator{1e-3, 0.5, 5.0}(unbiased);
            return std::array{stepped(x, direction, 0.1), square};
          },
          0.1, 0.99, 0.5, 0.5, 5.0, 1e-3, 0.0),
      update_row<RootMoment>(
          "root of the second moment", {positive, real},
          []<class T>(T moment, T g) {
            return std::array<T, 1>{
                std::sqrt(moving_average(moment, static_cast<T>(g * g), 0.99) / static_cast<T>(0.5))};
          },
          0.99, 0.5),
      update_row<InverseRoot>(
          "inverse root", {positive, real},
          []<class T>(T moment, T g) {
            const T unbiased = moving_average(moment, static_cast<T>(g * g), 0.99) / static_cast<T>(0.5);
            const T p = static_cast<T>(0.19) * Denominator{1e-3, 2.0, 0.7}(unbiased);
            return std::array<T, 1>{T(1) / std::sqrt(p)};
          },
          0.99, 0.19, 0.5, 2.0, 0.7, 1e-3),
      update_row<Momentum>(
          "momentum", {real, real, real},
          []<class T>(T x, T v, T g) {
            const T kept = static_cast<T>(0.9) * v, velocity = kept + g;
            return std::array{stepped(x, velocity, 0.1, 0.03), velocity};
          },
          0.1, 0.9, 0.03),
  };
}

}  // namespace brink::cases
