// SPDX-License-Identifier: MIT
// The table of cases, with the rows of elementwise primitives. A new primitive or kernel needs one row here or in a file beside
// it (rows.h); without it completeness_test.cpp fails.
#include <algorithm>
#include <limits>
#include <numeric>

#include "autodiff/primitives/elementwise.h"
#include "autodiff/primitives/gelu.h"
#include "autodiff/primitives/softplus.h"
#include "kernels/map/map.h"
#include "tests/cases/rows.h"

namespace brink::cases {

namespace {

template <class F, class... More>
Row map_row(const std::string& name, const Primitive& p, const std::vector<Values>& inputs,
            const std::function<Attributes(int)>& attributes = none) {
  return {.name = name,
          .primitive = &p,
          .kernels = {"map"},
          .functors = {functor_index<F>()},
          .sizes = number_of_extents,
          .inputs =
              [inputs](int size) {
                std::vector<In> in;
                for (const Values v : inputs) in.push_back({{at(size).s, at(size).n}, v});
                return in;
              },
          .attributes = attributes,
          .reference =
              [](Views in, const View& out, const Attributes& a) {
                const auto* factor = a.get_if<ScaleAttributes>();
                [[maybe_unused]] const F f = make_functor<F>(factor ? &factor->value : nullptr);
                with_real(out.dtype, [&]<class T>(T) {
                  for (std::int64_t i = 0; i < out.shape.elements(); ++i) {
                    if constexpr (F::arity == 1)
                      out.as<T>()[i] = f(in[0].as<T>()[i]);
                    else if constexpr (F::arity == 2)
                      out.as<T>()[i] = f(in[0].as<T>()[i], in[1].as<T>()[i]);
                  }
                });
              }};
}

/// Of an elementwise function's expansion: x, x₁ … x₄ to y₁ … y₄.
template <class F>
Row expansion_row(const std::string& name, const Primitive& p) {
  Row row = map_row<F>(name, p, std::vector<Values>(F::arity, Values::real));
  row.reference = {};
  row.references = [](Views in, Views out, const Attributes&) {
    with_real(out[0].dtype, [&]<class T>(T) {
      for (std::int64_t i = 0; i < out[0].shape.elements(); ++i) {
        const auto at = [&](std::size_t k) { return in[k].as<T>()[i]; };
        const auto y = F{}(at(0), at(1), at(2), at(3), at(4));
        for (std::size_t k = 0; k < out.size(); ++k) out[k].as<T>()[i] = y.v[k];
      }
    });
  };
  return row;
}

std::vector<Row> elementwise_rows() {
  using enum Values;
  return {
      map_row<Add>("add", add_p, {real, real}),
      map_row<Subtract>("sub", sub_p, {real, real}),
      map_row<Multiply>("mul", mul_p, {real, real}),
      map_row<Scale>("scale", scale_p, {real}, [](int) { return ScaleAttributes{-1.7}; }),
      map_row<Relu>("relu", relu_p, {real}),
      map_row<Gate>("gate", gate_p, {positive, real}),
      map_row<Tanh>("tanh", tanh_p, {real}),
      map_row<OneMinusSquare>("one_minus_square", one_minus_square_p, {real}),
      map_row<Softplus>("softplus", softplus_p, {real}),
      map_row<Logistic>("logistic", logistic_p, {real}),
      map_row<Gelu>("gelu", gelu_p, {real}),
      map_row<NormalCdf>("normal_cdf", normal_cdf_p, {real}),
      map_row<NormalDensity>("normal_density", normal_density_p, {real}),
      expansion_row<TanhSeries>("tanh_series", tanh_series_p),
      expansion_row<OneMinusSquareSeries>("one_minus_square_series", one_minus_square_series_p),
      expansion_row<SoftplusSeries>("softplus_series", softplus_series_p),
      expansion_row<LogisticSeries>("logistic_series", logistic_series_p),
      expansion_row<GeluSeries>("gelu_series", gelu_series_p),
      expansion_row<NormalCdfSeries>("normal_cdf_series", normal_cdf_series_p),
      expansion_row<NormalDensitySeries>("normal_density_series", normal_density_series_p),
      {.name = "cast",
       .primitive = &cast_p,
       .kernels = {"cast"},
       .sizes = number_of_extents,
       .inputs =
           [](int size) {
             return std::vector<In>{{{at(size).s, at(size).n}}};
           },
       .attributes = [](int) { return CastAttributes{Dtype::f64}; },
       .reference =
           [](Views in, const View& out, const Attributes&) {
             with_real(in[0].dtype, [&]<class T>(T) { std::ranges::copy(in[0].span<T>(), out.as<double>()); });
           }},
      {.name = "constant",
       .primitive = &constant_p,
       .kernels = {"fill"},
       .sizes = 2,
       .inputs = [](int) { return std::vector<In>{}; },
       .attributes =
           [](int size) {
             return Constant{0.1, {size + 1, 3, 1, 1, 1}, 2, Dtype::f32};
           },
       .reference = [](Views, const View& out, const Attributes&) { std::ranges::fill(out.span<float>(), 0.1F); }},
  };
}

}  // namespace

const std::vector<Row>& table() {
  static const std::vector<Row> rows = [] {
    std::vector<Row> all;
    for (auto part : {elementwise_rows(), dense_rows(), conv_rows(), loss_rows(), norm_rows(), pool_rows(),
                      update_rows(), vector_rows()})
      all.insert(all.end(), part.begin(), part.end());
    return all;
  }();
  return rows;
}

std::vector<Array> make_inputs(const Row& row, int size, Dtype dtype, bool smooth) {
  std::vector<Array> out;
  std::uint32_t state = 2463534242U + static_cast<std::uint32_t>(size);
  const auto next = [&] {  // xorshift: test values only
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
  };
  for (const In& in : row.inputs(size)) {
    const Dtype type = in.dtype == Dtype::f32 ? dtype : in.dtype;
    Array a(in.shape, type);
    if (type == Dtype::i32) {
      for (std::int32_t& x : a.span<std::int32_t>())
        x = static_cast<std::int32_t>(next() % static_cast<std::uint32_t>(in.bound));
    } else {
      with_real(type, [&]<class T>(T) {
        const auto n = static_cast<std::uint64_t>(a.view().shape.elements());
        std::uint64_t step = n * 618 / 1000 + 1;  // about the golden ratio: neighbours are far apart
        while (std::gcd(step, n) != 1) ++step;
        std::uint64_t i = 0;
        for (T& x : a.span<T>()) {
          if (smooth && (in.values == Values::distinct || in.values == Values::some_nan)) {
            x = static_cast<T>(4.0 * static_cast<double>(i++ * step % n) / static_cast<double>(n) - 1.9);
            continue;
          }
          const std::uint32_t r = next();
          const double size_one = (r % 20011 + 1) / 20011.0;  // in (0, 1]
          double value = 0.1 + 1.9 * size_one;
          if (r & 0x100000) value = -value;
          if (!smooth && r % 13 == 0) value = 0;
          if (!smooth && r % 17 == 0) value = -0.0;
          if (!smooth && in.values == Values::positive && value < 0) value = 0;
          if (in.values == Values::some_nan && r % 7 == 0)
            value = r & 0x200000 ? -std::numeric_limits<double>::quiet_NaN() : std::numeric_limits<double>::quiet_NaN();
          x = static_cast<T>(value);
        }
      });
    }
    out.push_back(std::move(a));
  }
  return out;
}

std::vector<View> views(const std::vector<Array>& arrays) {
  std::vector<View> out;
  for (const Array& a : arrays) out.push_back(a.view());
  return out;
}

std::vector<ValueType> output_types(const Row& row, int size, Dtype dtype, std::span<const View> in) {
  if (!row.primitive) return std::vector(static_cast<std::size_t>(row.outputs), row.output(size, dtype));
  std::vector<ValueType> types;
  for (const View& v : in) types.push_back({v.shape, v.dtype});
  return row.primitive->shape(types, row.attributes(size));
}

std::vector<Array> make_outputs(std::span<const ValueType> types) {
  std::vector<Array> out;
  for (const ValueType& t : types) out.emplace_back(t.shape, t.dtype);
  return out;
}

void run(Device& device, const Row& row, std::span<const View> out, std::span<const View> in, const View& scratch,
         int size) {
  if (row.primitive)
    row.primitive->run(device, {in, out, scratch, row.attributes(size)});
  else if (row.run_several)
    row.run_several(device, out, in, size);
  else
    row.run(device, out[0], in, size);
}

void run_reference(const Row& row, int size, std::span<const View> in, std::span<const View> out) {
  if (row.references)
    row.references(in, out, row.attributes(size));
  else
    row.reference(in, out[0], row.attributes(size));
}

}  // namespace brink::cases
