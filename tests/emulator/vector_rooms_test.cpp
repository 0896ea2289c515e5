// SPDX-License-Identifier: MIT
// The CUDA twins of the vector kernels against the CPU's, byte for byte, where the table of cases does not reach: unaligned
// memory, work in place, columns with gaps, every path that depends on the size, more leaves than a tree takes at once.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "kernels/basis/basis.h"
#include "kernels/broadcast/broadcast.h"
#include "kernels/cuda/context.h"
#include "kernels/index/index.h"
#include "kernels/loss/loss.h"
#include "kernels/map/map.h"
#include "kernels/memory.h"
#include "kernels/norm/norm.h"
#include "kernels/random/random.h"
#include "kernels/reduce/reduce.cuh"
#include "kernels/reduce/reduce.h"
#include "tests/emulator/emulated_runtime.h"
#include "tests/emulator/emulator.h"
#include "tests/emulator/fake_runtime.h"
#include "tests/support/numbers.h"

using namespace brink;
using std::int64_t;

namespace {

/// A device, the memory a case takes from it, and the bytes of its results.
class Side {
 public:
  Side(const Device& d, int64_t offset) : device(d), offset_(offset) {}
  Device device;
  std::vector<unsigned char> bytes;

  /// Memory that starts `offset` elements after an aligned address, followed by zeros.
  View fresh(Shape shape, Dtype dtype) {
    arrays_.emplace_back(Shape{(shape.elements() + offset_) * size_of(dtype) + zeros_behind}, Dtype::u8, device);
    set_zero(device, arrays_.back().view());
    return {static_cast<char*>(arrays_.back().view().data) + offset_ * size_of(dtype), shape, dtype};
  }
  template <class T>
  View put(const std::vector<T>& from, Shape shape) {
    const View to = fresh(shape, dtype_of<T>());
    copy(device, to, view_of(from.data(), shape));
    synchronize(device);
    return to;
  }
  template <class T>
  View numbers(std::uint64_t seed, Shape shape) {
    return put(support::numbers<T>(seed, static_cast<std::size_t>(shape.elements())), shape);
  }
  /// The bytes of v and of what follows it.
  void result(const View& v) {
    const Array host = to_host(device, {v.data, Shape{v.bytes() + zeros_behind}, Dtype::u8});
    const auto all = host.span<unsigned char>();
    bytes.insert(bytes.end(), all.begin(), all.end());
  }
  void result(double v) {
    const auto* const p = reinterpret_cast<const unsigned char*>(&v);
    bytes.insert(bytes.end(), p, p + sizeof v);
  }
  double* scratch(int64_t n, int columns) {
    scratch_.resize(static_cast<std::size_t>(cpu::project_scratch(n, columns)));
    return scratch_.data();
  }

 private:
  static constexpr int64_t zeros_behind = 64;
  int64_t offset_;
  std::vector<Array> arrays_;
  std::vector<double> scratch_;
};

/// body(side, type) on the CPU and, under a few schedules, on the emulated device; the results must have equal bytes.
template <class Body>
void same_on_both(const Body& body, const std::vector<int64_t>& offsets = {0, 1}) {
  cuda::emulated_runtime().set_protected(false);  // the rows of the table show that no host function accesses it
  static cuda::Context context;
  const auto in_type = [&]<class T>(T zero) {
    for (const int64_t offset : offsets) {
      CAPTURE(sizeof(T));
      CAPTURE(offset);
      Side host({}, offset);
      body(host, zero);
      for (const std::uint64_t schedule : {0, 1, 2}) {
        emulator::set_schedule(schedule);
        Side gpu({Where::cuda, nullptr, &context}, offset);
        body(gpu, zero);
        REQUIRE(gpu.bytes.size() == host.bytes.size());
        CHECK(gpu.bytes == host.bytes);
      }
      emulator::set_schedule(0);
    }
  };
  in_type(float{});
  in_type(double{});
}

std::vector<std::int32_t> whole_numbers(std::uint64_t seed, int64_t n, int64_t bound) {
  std::vector<std::int32_t> out;
  for (int64_t i = 0; i < n; ++i)
    out.push_back(static_cast<std::int32_t>((support::uniform(seed, static_cast<std::uint64_t>(i)) + 1) / 2 *
                                            static_cast<double>(bound)));
  return out;
}

ColumnSet columns_of(const View& v, int64_t n, int64_t stride, int count) {
  return {v.data, n, stride, count, v.dtype};
}

}  // namespace

TEST_CASE("map: every functor, tails, in place; fill") {
  for (const int64_t n : {0, 1, 2, 3, 4, 5, 1023, 4099})
    same_on_both([&]<class T>(Side& s, T) {
      [&]<std::size_t... i>(std::index_sequence<i...>) {
        const auto one = [&]<class F>(F) {
          std::vector<View> in, out;
          for (int k = 0; k < F::arity; ++k) in.push_back(s.numbers<T>(static_cast<std::uint64_t>(k + 1), {n}));
          for (int k = 0; k < outputs_of<F>; ++k) out.push_back(s.fresh({n}, dtype_of<T>()));
          const auto run = [&]<std::size_t... c>(std::index_sequence<c...>) {
            map<F>(s.device, out, in, (0.3 + static_cast<double>(c))...);
          };
          constexpr std::make_index_sequence<static_cast<std::size_t>(constants_of<F>)> constants;
          run(constants);
          for (const View& v : out) s.result(v);
          std::copy_n(in.begin(), std::min(in.size(), out.size()), out.begin());  // in place
          run(constants);
          for (const View& v : out) s.result(v);
        };
        (one(std::tuple_element_t<i, Functors>{}), ...);
      }
      (std::make_index_sequence<std::tuple_size_v<Functors>>{});
      const View out = s.fresh({n}, dtype_of<T>());
      fill(s.device, out, 0.1);
      s.result(out);
    });
}

TEST_CASE("broadcasts between a matrix and a row or a column") {
  for (const auto& [rows, n] : {std::pair<int64_t, int64_t>{1, 1}, {3, 4}, {129, 32}, {7, 10}, {2, 300}, {1001, 6}})
    same_on_both([&, rows = rows, n = n]<class T>(Side& s, T) {
      const Dtype t = dtype_of<T>();
      const View x = s.numbers<T>(1, {rows, n}), b = s.numbers<T>(2, {n}), r = s.numbers<T>(3, {rows, 1});
      const View c = s.numbers<double>(4, {}), out = s.fresh({rows, n}, t), wide = s.fresh({rows, n + 5}, t);
      const View narrow = s.fresh({rows, n / 2}, t), column = s.fresh({rows, 1}, t);
      const auto each = [&](const View& v, auto kernel) {
        kernel();
        s.result(v);
      };
      each(out, [&] { add_row(s.device, out, x, b); });
      each(out, [&] { broadcast_row(s.device, out, b); });
      each(out, [&] { broadcast_column(s.device, out, r); });
      each(column, [&] { sum_columns(s.device, column, x); });
      each(wide, [&] { pad_columns(s.device, wide, x, 3); });
      each(narrow, [&] { slice_columns(s.device, narrow, x, n - n / 2); });
      each(out, [&] { scale_by(s.device, out, c, x); });
      each(x, [&] { add_row(s.device, x, x, b); });
      each(x, [&] { scale_by(s.device, x, c, x); });
    });
}

TEST_CASE("index: one_hot, gather_rows of any width, count_correct with ties and NaN") {
  for (const int64_t rows : {1, 5, 300})
    for (const int64_t n : {1, 3, 8, 12, 16, 33})
      same_on_both([&]<class T>(Side& s, T) {
        const View labels = s.put(whole_numbers(1, rows, n), {rows}), hot = s.fresh({rows, n}, dtype_of<T>());
        one_hot(s.device, hot, labels);
        s.result(hot);
        std::vector<unsigned char> pixels(static_cast<std::size_t>(rows * n));
        for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<unsigned char>(i * 7);
        const View from = s.put(pixels, {rows, n}), chosen = s.put(whole_numbers(2, 2 * rows, rows), {2 * rows});
        const View bytes = s.fresh({2 * rows, n}, Dtype::u8), reals = s.fresh({2 * rows, n}, dtype_of<T>());
        gather_rows(s.device, bytes, from, chosen);
        gather_rows(s.device, reals, hot, chosen);
        s.result(bytes);
        s.result(reals);
        std::vector<T> f = support::numbers<T>(3, static_cast<std::size_t>(rows * n));
        for (std::size_t i = 0; i < f.size(); ++i) {
          f[i] = std::floor(f[i] * 4);
          if (i % 17 == 5) f[i] = std::numeric_limits<T>::quiet_NaN();
        }
        const View correct = s.fresh({}, Dtype::f64);
        count_correct(s.device, correct, s.put(f, {rows, n}), labels);
        s.result(correct);
      });
}

TEST_CASE("losses: classes beside the width of a slice, groups beside what a block takes at once") {
  for (const int64_t rows : {1, 33, 129, 300})
    for (const int64_t n : {1, 10, 16, 17, 40, 65})
      for (const int64_t group : {7, 128, 300})
        same_on_both(
            [&]<class T>(Side& s, T) {
              const View f = s.numbers<T>(1, {rows, n}), g = s.numbers<T>(2, {rows, n});
              const View labels = s.put(whole_numbers(3, rows, n), {rows});
              const View delta = s.fresh({rows, n}, dtype_of<T>()), p = s.fresh({rows, n}, dtype_of<T>()),
                         out = s.fresh({}, Dtype::f64);
              const auto sum = [&](auto kernel) {
                kernel();
                s.result(out);
              };
              sum([&] { cross_entropy(s.device, out, f, labels, group); });
              sum([&] { half_sum_of_squares(s.device, out, f, group); });
              sum([&] { sample_dot(s.device, out, std::vector<View>{f, g}, group); });
              sum([&] { sample_dot(s.device, out, std::vector<View>{f, g, g, g, g, f}, group); });
              cross_entropy_gradient(s.device, delta, p, f, labels);
              s.result(delta);
              s.result(p);
              for (auto kernel : {minus_leading, balance_leading}) {
                kernel(s.device, delta, g, p);
                s.result(delta);
              }
            },
            {1});
}

TEST_CASE("losses over more groups than a tree takes at once") {
  same_on_both(
      [&]<class T>(Side& s, T) {
        const View d = s.numbers<T>(1, {65536 + 300, 1}), out = s.fresh({}, Dtype::f64);
        half_sum_of_squares(s.device, out, d, 1);
        s.result(out);
      },
      {0});
}

TEST_CASE("sum, dot, norm: tiles, batches of loads, trees of two and three levels") {
  for (const int64_t n : {0, 1, 31, 33, 511, 512, 513, 4095, 4096, 4097, 4096 * 33 + 5, 4096 * 1025 + 1})
    same_on_both(
        [&]<class T>(Side& s, T) {
          const View a = s.numbers<T>(1, {n}), b = s.numbers<T>(2, {n});
          s.result(sum(s.device, a));
          s.result(dot(s.device, a, b));
          s.result(norm(s.device, b));
        },
        n > 100000 ? std::vector<int64_t>{0} : std::vector<int64_t>{0, 1});
}

TEST_CASE("a tree over more float32 leaves than fit at once adds them as float32") {
  cuda::Context gpu;
  Device d{Where::cuda, nullptr, &gpu};
  const auto leaves = 2 * cuda::tiles_at_once + 300;
  const std::vector<float> x = support::numbers<float>(1, static_cast<std::size_t>(leaves));
  const Array there = to_device(d, view_of(x.data(), {leaves}));
  Scalars s(d, 1);
  cuda::tree_of_blocks<float>(d, leaves, 1.0, s[0].at, [&](int64_t first, int64_t count, float* partials) {
    gpu.copy(partials, there.view().as<float>() + first, count * int64_t{sizeof(float)});
  });
  TreeCounter<float> narrow;
  TreeCounter<double> wide;
  for (const float v : x) {
    narrow.push(v);
    wide.push(static_cast<double>(v));
  }
  CHECK(s.read(0, 1)[0] == static_cast<double>(narrow.total()));
  CHECK(static_cast<float>(wide.total()) != narrow.total());  // control: the type shows
}

TEST_CASE("project: one and four columns a warp, columns with gaps, several fetches") {
  const auto at = [](int64_t n, int count, int64_t gap) {
    same_on_both([&]<class T>(Side& s, T) {
      const ColumnSet q = columns_of(s.numbers<T>(1, {count * (n + gap)}), n, n + gap, count);
      std::vector<double> c(static_cast<std::size_t>(count));
      project(s.device, q, s.numbers<T>(2, {n}), c.data(), s.scratch(n, count));
      for (const double v : c) s.result(v);
      if (n > 0) {
        project(s.device, q, q.column(count - 1), c.data(), s.scratch(n, count));
        for (const double v : c) s.result(v);
      }
    });
  };
  at(0, 3, 5);
  at(100, 1, 0);
  at(4096 * 2 + 17, 5, 3);
  at(1, 5000, 0);
  at(4096 * 300 + 1, 11, 0);
}

TEST_CASE("subtract: no, few and many columns, with gaps and without, in place") {
  for (const int64_t n : {1, 4095, 4096, 4096 * 2 + 18})
    for (const int count : {0, 1, 2, 5, 300})
      for (const int64_t gap : {0, 2, 3})
        if (count < 300 || gap == 0)
          same_on_both([&]<class T>(Side& s, T) {
            const ColumnSet q = columns_of(s.numbers<T>(1, {count * (n + gap)}), n, n + gap, count);
            const View x = s.numbers<T>(2, {n}), w = s.fresh({n}, dtype_of<T>());
            const std::vector<double> c = support::numbers<double>(3, static_cast<std::size_t>(count));
            s.result(subtract(s.device, q, c.data(), x, w));
            s.result(w);
            s.result(subtract(s.device, q, c.data(), x, x));
            s.result(x);
          });
}

TEST_CASE(
    "recur: with and without an earlier column, more columns than partials hold at once, no wait but the reading") {
  const auto at = [](int64_t n, int count, int64_t gap, bool first) {
    same_on_both([&]<class T>(Side& s, T) {
      const ColumnSet q = columns_of(s.numbers<T>(1, {count * (n + gap)}), n, n + gap, count);
      const View p = s.numbers<T>(2, {n}), w = s.fresh({n}, dtype_of<T>());
      Scalars found(s.device, 4), c(s.device, count);
      recur(s.device, q, first, 0.3, p, w, found[0], c[0], s.scratch(n, count));
      for (const double v : found.read(1, 3)) s.result(v);
      s.result(w);
    });
  };
  for (const int64_t n : {1, 100, 4096 * 2 + 18}) {
    at(n, 1, 0, true);
    at(n, 2, 3, false);
    at(n, 5, 2, true);
    at(n, 129, 0, false);
  }
  at(1, 66000, 0, false);
  cuda::FakeRuntime fake;
  cuda::Context gpu;
  Device d{Where::cuda, nullptr, &gpu};
  const Array q({3, 64}, Dtype::f32, d), p({64}, Dtype::f32, d), w({64}, Dtype::f32, d);
  Scalars found(d, 4), c(d, 3);
  const std::int64_t before = fake.calls().synchronisations;
  recur(d, {q.view().data, 64, 64, 3, Dtype::f32}, false, 0.3, p.view(), w.view(), found[0], c[0], nullptr);
  CHECK(fake.calls().synchronisations == before);
  (void)found.read(1, 3);
  CHECK(fake.calls().synchronisations - before == 1);
}

TEST_CASE("combine: every number of outputs a thread and of warps an element, in place") {
  for (const int64_t n : {1, 65, 600})
    for (const int m : {1, 15, 33, 130})
      for (const int k : {1, 2, 4, 5, 8, 9, 16, 17, 32, 33, 64, 65, 128})
        same_on_both(
            [&]<class T>(Side& s, T) {
              const View all = s.numbers<T>(1, {m * (n + 3)}), out = s.fresh({k * n}, dtype_of<T>());
              const ColumnSet q = columns_of(all, n, n + 3, m);
              std::vector<double> coefficients = support::numbers<double>(2, static_cast<std::size_t>(m * k));
              combine(s.device, q, coefficients.data(), columns_of(out, n, n, k));
              std::ranges::fill(coefficients, 0.0);  // the call has copied them
              s.result(out);
              if (k > m) return;
              coefficients = support::numbers<double>(3, static_cast<std::size_t>(m * k));
              combine(s.device, q, coefficients.data(), q.range(0, k));
              for (int j = 0; j < m; ++j) s.result(q.column(j));
            },
            {1});
}

TEST_CASE("scale; largest_entry: sign kept, first of equals, NaN passed over, zeros, none") {
  for (const int64_t n : {0, 1, 2, 31, 257, 5000, 300001})
    same_on_both([&]<class T>(Side& s, T) {
      std::vector<T> x = support::numbers<T>(1, static_cast<std::size_t>(n));
      const View v = s.put(x, {n}), out = s.fresh({n}, dtype_of<T>());
      scale(s.device, v, -0.7, out);
      s.result(out);
      scale(s.device, v, 0, v);
      s.result(largest_entry(s.device, v));
      s.result(largest_entry(s.device, out));
      for (T& e : x) e = std::floor(e * 3);
      for (std::size_t i = 0; i < x.size(); i += 3) x[i] = std::numeric_limits<T>::quiet_NaN();
      for (std::size_t i = 0; i < x.size(); i += 7) x[i] = 2 * (i % 2 ? T(1) : T(-1));
      s.result(largest_entry(s.device, s.put(x, {n})));
      for (T& e : x) e = std::numeric_limits<T>::quiet_NaN();
      s.result(largest_entry(s.device, s.put(x, {n})));
    });
}

TEST_CASE("random numbers that begin and end inside a pair, far into a stream") {
  const RandomKey key(7, Stream::test, 3, 4);
  for (const int64_t n : {0, 1, 2, 3, 1000, 1001})
    for (const int64_t first : {int64_t{0}, int64_t{1}, int64_t{11}, (int64_t{1} << 34) - 3})
      same_on_both([&]<class T>(Side& s, T) {
        const View out = s.fresh({n}, dtype_of<T>());
        fill_normal(s.device, out, key, 1.5, first);
        s.result(out);
        fill_uniform(s.device, out, key, first);
        s.result(out);
      });
}

TEST_CASE("passes over ghost groups that finish their elements: channels in whole packs and not, a short last group") {
  for (const Shape& shape : {Shape{5, 3, 2, 3}, Shape{7, 4, 5, 16}, Shape{70, 8}, Shape{2, 9, 7, 12}})
    same_on_both([&](Side& s, auto type) {
      using T = decltype(type);
      const int64_t group = shape[0] == 70 ? 32 : 2, c = shape[shape.rank - 1], g = (shape[0] + group - 1) / group;
      const View x = s.numbers<T>(1, shape), open = s.numbers<T>(2, shape), other = s.numbers<T>(3, shape),
                 bias = s.numbers<T>(4, {c}), gamma = s.numbers<T>(5, {c}), beta = s.numbers<T>(6, {c}),
                 r = s.numbers<T>(7, {g, c}), q = s.numbers<T>(8, {g, c});
      const Array scratch({std::max<int64_t>(norm_scratch_bytes(s.device.where, shape, group), 1)}, Dtype::u8,
                          s.device);
      const View y = s.fresh(shape, dtype_of<T>()), hat = s.fresh(shape, dtype_of<T>()),
                 inverse = s.fresh({g, c}, dtype_of<T>()), mean = s.fresh({g, c}, dtype_of<T>()),
                 deviation = s.fresh({g, c}, dtype_of<T>());
      const View outputs[] = {y, hat, inverse, mean, deviation}, terms[] = {x, r, other, q, r}, short_terms[] = {x, r};
      for (int kind = 1; kind < 6; ++kind) {
        Epilogue e;
        if (kind % 2 == 1) e.bias = bias;
        e.relu = kind / 2 == 1;
        if (kind / 2 == 2) e.gate = open;
        ghost_norm(s.device, outputs, x, gamma, beta, group, 1e-5, scratch.view(), &e);
        s.result(y);
        s.result(hat);
        group_affine(s.device, y, terms, group, &e);
        s.result(y);
        group_affine(s.device, y, short_terms, group, &e);
        s.result(y);
      }
    });
}
