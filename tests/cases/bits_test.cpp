// SPDX-License-Identifier: MIT
// Every row of the table against its plain loops, byte for byte: instruction sets, threads, poisoned memory, precisions.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/isa.h"
#include "tests/cases/case.h"

using namespace brink;

namespace {

/// Runs a row on its kernel. Scratch and output start poisoned.
std::vector<Array> run(const cases::Row& row, int size, Dtype dtype, Device& device, std::span<const View> in) {
  const std::vector<ValueType> out_types = cases::output_types(row, size, dtype, in);
  std::vector<Array> out = cases::make_outputs(out_types);
  std::vector<ValueType> types;
  for (const View& v : in) types.push_back({v.shape, v.dtype});
  const bool scratched = row.primitive && row.primitive->scratch;
  const Array scratch(
      Shape{scratched ? row.primitive->scratch(types, out_types, row.attributes(size), device.where) : 0}, Dtype::u8);
  cases::run(device, row, cases::views(out), in, scratch.view(), size);
  return out;
}

bool same_bytes(const Array& a, const Array& b) {
  return std::memcmp(a.view().data, b.view().data, static_cast<std::size_t>(a.view().bytes())) == 0;
}
bool same_bytes(const std::vector<Array>& a, const std::vector<Array>& b) {
  return std::ranges::equal(a, b, [](const Array& x, const Array& y) { return same_bytes(x, y); });
}

}  // namespace

TEST_CASE(
    "every kernel equals its plain loops to the last bit, on every instruction set and thread count, whatever was in "
    "memory") {
  const Isa chosen = isa();
  for (const cases::Row& row : cases::table())
    for (const Dtype dtype : {Dtype::f32, Dtype::f64})
      for (int size = 0; size < row.sizes; ++size) {
        CAPTURE(row.name);
        CAPTURE(size);
        CAPTURE(name_of(dtype));
        const std::vector<Array> inputs = cases::make_inputs(row, size, dtype, false);
        const std::vector<View> in = cases::views(inputs);
        const std::vector<ValueType> types = cases::output_types(row, size, dtype, in);
        if (dtype == Dtype::f64 && types[0].dtype == Dtype::f32) continue;  // a row whose attributes name float32
        const std::vector<Array> expected = cases::make_outputs(types);
        cases::run_reference(row, size, in, cases::views(expected));
        for (const Isa i : available_isas()) {
          set_isa(i);
          CAPTURE(name_of(i));
          for (const int threads : {1, 3}) {
            ThreadPool pool(threads);
            Device device{Where::cpu, &pool, nullptr};
            for (const Poison p : {Poison::zero, Poison::ones, Poison::nan}) {
              set_poison(p);
              REQUIRE(same_bytes(run(row, size, dtype, device, in), expected));
            }
            set_poison(Poison::zero);
          }
        }
        set_isa(chosen);
      }
}

TEST_CASE("the comparison sees a chain cut in two") {
  const auto& rows = cases::table();
  const auto row = std::find_if(rows.begin(), rows.end(), [](const auto& r) { return r.name == "matmul"; });
  const int size = row->sizes - 1;
  const std::vector<Array> inputs = cases::make_inputs(*row, size, Dtype::f32, false);
  const std::vector<View> in = cases::views(inputs);
  Device device;
  const std::vector<Array> outputs = run(*row, size, Dtype::f32, device, in);
  const Array& whole = outputs[0];
  const std::int64_t m = in[0].shape[0], k = in[0].shape[1], n = in[1].shape[1];
  bool differs = false;
  for (std::int64_t i = 0; i < m; ++i)
    for (std::int64_t j = 0; j < n; ++j) {
      float half[2] = {0, 0};
      for (std::int64_t q = 0; q < k; ++q)
        half[q >= k / 2] = std::fma(in[0].as<float>()[i * k + q], in[1].as<float>()[q * n + j], half[q >= k / 2]);
      differs = differs || half[0] + half[1] != whole.span<float>()[static_cast<std::size_t>(i * n + j)];
    }
  CHECK(differs);
}
