// SPDX-License-Identifier: MIT
// The rows of the maps that update rules are made of.
#include <algorithm>
#include <cmath>

#include "kernels/map/map.h"
#include "tests/cases/rows.h"

namespace brink::cases {

namespace {

/// βa + (1 − β)b, each product and the sum rounded.
template <class T>
T plain_average(T a, T b, double beta) {
  const T kept = static_cast<T>(beta) * a, added = static_cast<T>(1 - beta) * b;
  return kept + added;
}
/// min(√min(ν, clip_moment), clip_root) + 0.001 as a library's minimum gives it.
template <class T>
T plain_root(T moment, double clip_moment, double clip_root) {
  return std::min(std::sqrt(std::min(moment, static_cast<T>(clip_moment))), static_cast<T>(clip_root)) +
         static_cast<T>(1e-3);
}

ValueType rectangle(int size, Dtype dtype) { return {{at(size).s * 200, at(size).n}, dtype}; }
In like_output(int size, Values values = Values::real) { return {rectangle(size, Dtype::f32).shape, values}; }

}  // namespace

std::vector<Row> update_rows() {
  return {
      {.name = "descend",
       .kernels = {"map"},
       .functors = {functor_index<Descend>()},
       .sizes = number_of_extents,
       .inputs = [](int size) { return std::vector<In>(2, like_output(size)); },
       .attributes = none,
       .reference =
           [](Views in, const View& out, const Attributes&) {
             with_real(out.dtype, [&]<class T>(T) {
               for (std::int64_t i = 0; i < out.shape.elements(); ++i) {
                 const T step = static_cast<T>(0.1) * in[1].as<T>()[i];
                 out.as<T>()[i] = in[0].as<T>()[i] - step;
               }
             });
           },
       .output = rectangle,
       .run = [](Device& d, const View& out, Views in, int) { map<Descend>(d, out, in, 0.1); }},
      {.name = "decayed descent",
       .kernels = {"map"},
       .functors = {functor_index<DecayedDescent>()},
       .sizes = number_of_extents,
       .inputs = [](int size) { return std::vector<In>(2, like_output(size)); },
       .attributes = none,
       .reference =
           [](Views in, const View& out, const Attributes&) {
             with_real(out.dtype, [&]<class T>(T) {
               for (std::int64_t i = 0; i < out.shape.elements(); ++i) {
                 const T x = in[0].as<T>()[i], decay = static_cast<T>(0.03) * x,
                         step = static_cast<T>(0.1) * in[1].as<T>()[i];
                 const T kept = x - decay;
                 out.as<T>()[i] = kept - step;
               }
             });
           },
       .output = rectangle,
       .run = [](Device& d, const View& out, Views in, int) { map<DecayedDescent>(d, out, in, 0.1, 0.03); }},
      {.name = "adaptive",
       .kernels = {"map"},
       .functors = {functor_index<Adaptive>()},
       .sizes = number_of_extents,
       .inputs =
           [](int size) {
             return std::vector<In>{like_output(size), like_output(size), like_output(size, Values::positive),
                                    like_output(size)};
           },
       .attributes = none,
       .reference = {},
       .references =
           [](Views in, Views out, const Attributes&) {
             with_real(out[0].dtype, [&]<class T>(T) {
               for (std::int64_t i = 0; i < out[0].shape.elements(); ++i) {
                 const T x = in[0].as<T>()[i], g = in[3].as<T>()[i];
                 const T mean = plain_average(in[1].as<T>()[i], g, 0.9);
                 const T square = plain_average(in[2].as<T>()[i], static_cast<T>(g * g), 0.99);
                 const T unbiased_mean = mean / static_cast<T>(0.19), unbiased = square / static_cast<T>(0.5);
                 const T root = plain_root(unbiased, 2.0, 0.7), direction = unbiased_mean / root;
                 const T decay = static_cast<T>(0.03) * x, kept = x - decay, step = static_cast<T>(0.1) * direction;
                 out[0].as<T>()[i] = kept - step;
                 out[1].as<T>()[i] = mean;
                 out[2].as<T>()[i] = square;
               }
             });
           },
       .output = rectangle,
       .run_several = [](Device& d, Views out, Views in,
                         int) { map<Adaptive>(d, out, in, 0.1, 0.9, 0.99, 0.19, 0.5, 2.0, 0.7, 1e-3, 0.03); },
       .outputs = 3},
      {.name = "root mean square",
       .kernels = {"map"},
       .functors = {functor_index<RootMeanSquare>()},
       .sizes = number_of_extents,
       .inputs =
           [](int size) {
             return std::vector<In>{like_output(size), like_output(size, Values::positive), like_output(size)};
           },
       .attributes = none,
       .reference = {},
       .references =
           [](Views in, Views out, const Attributes&) {
             with_real(out[0].dtype, [&]<class T>(T) {
               for (std::int64_t i = 0; i < out[0].shape.elements(); ++i) {
                 const T x = in[0].as<T>()[i], g = in[2].as<T>()[i];
                 const T square = plain_average(in[1].as<T>()[i], static_cast<T>(g * g), 0.99);
                 const T unbiased = square / static_cast<T>(0.5), direction = g / plain_root(unbiased, 0.5, 5.0);
                 const T step = static_cast<T>(0.1) * direction;
                 out[0].as<T>()[i] = x - step;
                 out[1].as<T>()[i] = square;
               }
             });
           },
       .output = rectangle,
       .run_several = [](Device& d, Views out, Views in,
                         int) { map<RootMeanSquare>(d, out, in, 0.1, 0.99, 0.5, 0.5, 5.0, 1e-3, 0.0); },
       .outputs = 2},
      {.name = "root of the second moment",
       .kernels = {"map"},
       .functors = {functor_index<RootMoment>()},
       .sizes = number_of_extents,
       .inputs =
           [](int size) {
             return std::vector<In>{like_output(size, Values::positive), like_output(size)};
           },
       .attributes = none,
       .reference =
           [](Views in, const View& out, const Attributes&) {
             with_real(out.dtype, [&]<class T>(T) {
               for (std::int64_t i = 0; i < out.shape.elements(); ++i) {
                 const T g = in[1].as<T>()[i];
                 out.as<T>()[i] =
                     std::sqrt(plain_average(in[0].as<T>()[i], static_cast<T>(g * g), 0.99) / static_cast<T>(0.5));
               }
             });
           },
       .output = rectangle,
       .run = [](Device& d, const View& out, Views in, int) { map<RootMoment>(d, out, in, 0.99, 0.5); }},
      {.name = "inverse root",
       .kernels = {"map"},
       .functors = {functor_index<InverseRoot>()},
       .sizes = number_of_extents,
       .inputs =
           [](int size) {
             return std::vector<In>{like_output(size, Values::positive), like_output(size)};
           },
       .attributes = none,
       .reference =
           [](Views in, const View& out, const Attributes&) {
             with_real(out.dtype, [&]<class T>(T) {
               for (std::int64_t i = 0; i < out.shape.elements(); ++i) {
                 const T g = in[1].as<T>()[i];
                 const T unbiased = plain_average(in[0].as<T>()[i], static_cast<T>(g * g), 0.99) / static_cast<T>(0.5);
                 const T p = static_cast<T>(0.19) * plain_root(unbiased, 2.0, 0.7);
                 out.as<T>()[i] = T(1) / std::sqrt(p);
               }
             });
           },
       .output = rectangle,
       .run = [](Device& d, const View& out, Views in,
                 int) { map<InverseRoot>(d, out, in, 0.99, 0.19, 0.5, 2.0, 0.7, 1e-3); }},
      {.name = "momentum",
       .kernels = {"map"},
       .functors = {functor_index<Momentum>()},
       .sizes = number_of_extents,
       .inputs = [](int size) { return std::vector<In>(3, like_output(size)); },
       .attributes = none,
       .reference = {},
       .references =
           [](Views in, Views out, const Attributes&) {
             with_real(out[0].dtype, [&]<class T>(T) {
               for (std::int64_t i = 0; i < out[0].shape.elements(); ++i) {
                 const T kept = static_cast<T>(0.9) * in[1].as<T>()[i];
                 const T velocity = kept + in[2].as<T>()[i];
                 const T step = static_cast<T>(0.1) * velocity;
                 const T decay = static_cast<T>(0.03) * in[0].as<T>()[i];
                 out[0].as<T>()[i] = (in[0].as<T>()[i] - decay) - step;
                 out[1].as<T>()[i] = velocity;
               }
             });
           },
       .output = rectangle,
       .run_several = [](Device& d, Views out, Views in, int) { map<Momentum>(d, out, in, 0.1, 0.9, 0.03); },
       .outputs = 2},
  };
}

}  // namespace brink::cases
