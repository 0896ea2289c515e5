// SPDX-License-Identifier: MIT
// Normalisation and affine passes that finish their elements, on every instruction set.
#include <doctest/doctest.h>

#include <vector>

#include "kernels/epilogue/apply.h"
#include "kernels/isa.h"
#include "kernels/memory.h"
#include "kernels/norm/norm.h"
#include "tests/support/networks.h"

using namespace brink;

namespace {

template <class T>
Array values(Shape shape, std::uint32_t seed) {
  Array out(shape, dtype_of<T>());
  for (T& x : out.span<T>()) {
    seed = seed * 1664525U + 1013904223U;
    x = static_cast<T>(static_cast<std::int32_t>(seed)) * static_cast<T>(0x1p-31);
  }
  return out;
}

struct Normed {
  Shape x;
  std::int64_t group;
};
// Channels fewer than a vector, ragged and whole; a short last group; more than a strip of 2048 elements.
const Normed normed[] = {
    {{5, 3, 2, 3}, 2}, {{7, 9, 9, 16}, 3}, {{3, 33, 17, 40}, 2}, {{70, 5}, 32}, {{2, 2, 2, 2100}, 2}};

template <class T>
View rows_of(const Array& x) {
  const std::int64_t n = x.view().shape[x.view().shape.rank - 1];
  return {x.view().data, {x.view().shape.elements() / n, n}, dtype_of<T>()};
}

/// run(out, epilogue) with an epilogue, and run without one followed by the kernels of which the epilogue consists.
template <class T, class Run>
void check(const Shape& shape, const Run& run) {
  const Isa before = isa();
  const Array bias = values<T>({shape[shape.rank - 1]}, 11), open = values<T>(shape, 12);
  for (const Isa set : available_isas())
    for (int kind = 0; kind < 6; ++kind) {
      CAPTURE(name_of(set));
      CAPTURE(kind);
      set_isa(set);
      Epilogue e{
          .bias = kind % 2 ? bias.view() : View{}, .gate = kind / 2 == 2 ? open.view() : View{}, .relu = kind / 2 == 1};
      const Array expected(shape, dtype_of<T>()), found(shape, dtype_of<T>());
      Device d;
      run(d, expected.view(), nullptr);
      apply(d, rows_of<T>(expected), e);
      run(d, found.view(), &e);
      CHECK(support::same_bytes(found.view(), expected.view()));
    }
  set_isa(before);
}

}  // namespace

TEST_CASE_TEMPLATE("passes over ghost groups that finish their elements write what separate kernels would", T, float,
                   double) {
  for (const Normed& n : normed) {
    const std::int64_t channels = n.x[n.x.rank - 1], groups = (n.x[0] + n.group - 1) / n.group;
    const Array x = values<T>(n.x, 1), gamma = values<T>({channels}, 2), beta = values<T>({channels}, 3),
                hat(n.x, dtype_of<T>()), inverse({groups, channels}, dtype_of<T>()),
                mean({groups, channels}, dtype_of<T>()), deviation({groups, channels}, dtype_of<T>());
    check<T>(n.x, [&](Device& d, View y, const Epilogue* e) {
      const View out[] = {y, hat.view(), inverse.view(), mean.view(), deviation.view()};
      ghost_norm(d, out, x.view(), gamma.view(), beta.view(), n.group, 1e-5, {}, e);
    });
    for (const std::size_t pairs : {1, 2, 5})
      for (const std::size_t bias : {0, 1}) {
        std::vector<Array> memory;
        std::vector<View> terms;
        for (std::size_t i = 0; i < 2 * pairs + bias; ++i) {
          const bool wide = i % 2 == 0 && i < 2 * pairs;
          memory.push_back(values<T>(wide ? n.x : Shape{groups, channels}, static_cast<std::uint32_t>(20 + i)));
          terms.push_back(memory.back().view());
        }
        check<T>(n.x, [&](Device& d, View y, const Epilogue* e) { group_affine(d, y, terms, n.group, e); });
      }
  }
}
