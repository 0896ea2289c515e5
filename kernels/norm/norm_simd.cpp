// SPDX-License-Identifier: MIT
// The sums and passes of norm.h, compiled once per instruction set.
// Channels are the outermost loop, in blocks of a few registers, whose chains stay in registers over a panel's rows. A block's
// panels join the tree in a binary counter, so nothing is allocated. The passes that write read their few coefficients from the
// first-level cache.
#include <cmath>

#include "kernels/isa.h"
#include "kernels/norm/norm_isa.h"
#include "kernels/widen.h"

namespace brink::cpu {
namespace {

using std::int64_t;

/// T over panels for K vectors of channels at once; as TreeCounter (kernels/reduce/tree.h).
template <class V, int K>
class VectorCounter {
 public:
  [[gnu::always_inline]] void push(V* x) {
    int level = 0;
    for (; (count_ >> level & 1) != 0; ++level)
      for (int k = 0; k < K; ++k) x[k] = slot_[level][k] + x[k];
    for (int k = 0; k < K; ++k) slot_[level][k] = x[k];
    ++count_;
  }
  [[gnu::always_inline]] void total(V* x) const {
    int level = 0;
    while ((count_ >> level & 1) == 0) ++level;
    for (int k = 0; k < K; ++k) x[k] = slot_[level][k];
    for (++level; count_ >> level != 0; ++level)
      if ((count_ >> level & 1) != 0)
        for (int k = 0; k < K; ++k) x[k] = slot_[level][k] + x[k];
  }

 private:
  V slot_[48][K];
  std::uint64_t count_ = 0;
};

/// The rows of a panel, and the first channel of a block.
struct Part {
  int64_t begin, end, channels, first;
};

// What a sum over rows adds up. `wide` adds K vectors of channels, `one` a single channel.
template <class Isa, class T>
struct Sum {
  const T* x;
  template <int K>
  [[gnu::always_inline]] void wide(const Part& p, Wide<Isa>* acc) const {
    for (int64_t r = p.begin; r < p.end; ++r)
      for (int k = 0; k < K; ++k) acc[k] = acc[k] + widen<Isa>(x + r * p.channels + p.first + k * lanes<Isa, double>);
  }
  [[gnu::always_inline]] double one(const Part& p) const {
    double acc = 0;
    for (int64_t r = p.begin; r < p.end; ++r) acc = acc + static_cast<double>(x[r * p.channels + p.first]);
    return acc;
  }
};

template <class Isa, class T>
struct Dot {
  std::span<const View> factors;
  const T* of(std::size_t i) const { return static_cast<const T*>(factors[i].data); }
  template <int K>
  [[gnu::always_inline]] void wide(const Part& p, Wide<Isa>* acc) const {
    for (std::size_t i = 0; i + 1 < factors.size(); i += 2) {
      const T *const a = of(i) + p.first, *const b = of(i + 1) + p.first;
      for (int64_t r = p.begin; r < p.end; ++r)
        for (int k = 0; k < K; ++k) {
          const int64_t at = r * p.channels + k * lanes<Isa, double>;
          acc[k] = fma_of<Isa, T>(widen<Isa>(a + at), widen<Isa>(b + at), acc[k]);
        }
    }
  }
  [[gnu::always_inline]] double one(const Part& p) const {
    double acc = 0;
    for (std::size_t i = 0; i + 1 < factors.size(); i += 2)
      for (int64_t r = p.begin; r < p.end; ++r) {
        const int64_t at = r * p.channels + p.first;
        acc = fma_of_scalar<T>(of(i)[at], of(i + 1)[at], acc);
      }
    return acc;
  }
};

template <class Isa, class T>
struct Squares {
  const T* x;
  const T* mean;  // of this group
  template <int K>
  [[gnu::always_inline]] void wide(const Part& p, Wide<Isa>* acc) const {
    Wide<Isa> m[K];
    for (int k = 0; k < K; ++k) m[k] = widen<Isa>(mean + p.first + k * lanes<Isa, double>);
    for (int64_t r = p.begin; r < p.end; ++r)
      for (int k = 0; k < K; ++k) {
        const Wide<Isa> d = widen<Isa>(x + r * p.channels + p.first + k * lanes<Isa, double>) - m[k];
        acc[k] = fma(d, d, acc[k]);
      }
  }
  [[gnu::always_inline]] double one(const Part& p) const {
    double acc = 0;
    for (int64_t r = p.begin; r < p.end; ++r) {
      const double d = static_cast<double>(x[r * p.channels + p.first]) - static_cast<double>(mean[p.first]);
      acc = __builtin_fma(d, d, acc);
    }
    return acc;
  }
};

/// Totals of K·lanes channels of one group.
template <class Isa, int K, class Terms>
void total_block(const Panels& panels, int64_t first_row, int64_t channels, int64_t first, const Terms& terms,
                 double* total) {
  VectorCounter<Wide<Isa>, K> counter;
  Wide<Isa> acc[K];
  for (int64_t p = 0; p < panels.count(); ++p) {
    const Panels::Rows r = panels.rows(p);
    for (int k = 0; k < K; ++k) acc[k] = Wide<Isa>{};
    terms.template wide<K>(Part{first_row + r.begin, first_row + r.end, channels, first}, acc);
    counter.push(acc);
  }
  counter.total(acc);
  for (int k = 0; k < K; ++k) store(total + k * wide<Isa>, acc[k]);
}

template <class Terms>
double total_one(const Panels& panels, int64_t first_row, int64_t channels, int64_t first, const Terms& terms) {
  VectorCounter<double, 1> counter;
  double acc = 0;
  for (int64_t p = 0; p < panels.count(); ++p) {
    const Panels::Rows r = panels.rows(p);
    acc = terms.one(Part{first_row + r.begin, first_row + r.end, channels, first});
    counter.push(&acc);
  }
  counter.total(&acc);
  return acc;
}

/// done(c, total) for every channel of group g.
template <class Isa, class Terms, class Done>
void totals(const GroupedRows& rows, int64_t g, const Terms& terms, const Done& done) {
  constexpr int w = wide<Isa>;
  const Panels panels = rows.panels_of(g);
  const int64_t first_row = rows.first_row(g), n = rows.channels;
  int64_t c = 0;
  const auto block = [&]<int K>(std::integral_constant<int, K>) {
    for (; c + K * w <= n; c += K * w) {
      double total[K * w];
      total_block<Isa, K>(panels, first_row, n, c, terms, total);
      for (int i = 0; i < K * w; ++i) done(c + i, total[i]);
    }
  };
  block(std::integral_constant<int, 4>{});
  block(std::integral_constant<int, 2>{});
  block(std::integral_constant<int, 1>{});
  for (; c < n; ++c) done(c, total_one(panels, first_row, n, c, terms));
}

/// f(c, exist) for every vector of a row, of which `exist` lanes exist.
template <class Isa, class T, class F>
[[gnu::always_inline]] inline void over_row(int64_t channels, const F& f) {
  constexpr int w = lanes<Isa, T>;
  int64_t c = 0;
  for (; c + w <= channels; c += w) f(c, std::integral_constant<bool, true>{});
  if (c < channels) f(c, std::integral_constant<bool, false>{});
}

/// f(first, last) for strips of the rows of group g, small enough to stay in the first-level cache.
template <class F>
[[gnu::always_inline]] inline void over_strips(const GroupedRows& rows, int64_t g, const F& f) {
  constexpr int64_t strip_elements = 2048;
  const int64_t step = strip_elements / rows.channels + 1, end = rows.first_row(g) + rows.rows_of(g);
  for (int64_t first = rows.first_row(g); first < end; first += step) f(first, first + step < end ? first + step : end);
}

/// acc = b or x₁r₁ (or the present value of out: `onto`), then `pairs` fused multiply–adds, for the rows of one group.
template <class Isa, class T, int pairs, bool bias, bool onto>
void affine_rows(int64_t rows, int64_t channels, const T* const* x, const T* const* r, const T* b, T* out) {
  using V = Vec<Isa, T>;
  for (int64_t i = 0; i < rows; ++i)
    over_row<Isa, T>(channels, [&](int64_t c, auto whole) {
      const auto exist = static_cast<int>(channels - c);
      const auto get = [&](const T* p) {
        if constexpr (whole)
          return load<V>(p);
        else
          return load_first<V>(p, exist);
      };
      const int64_t at = i * channels + c;
      V acc;
      int first = 0;
      if constexpr (onto) {
        acc = get(out + at);
      } else if constexpr (bias) {
        acc = get(b + c);
      } else {
        acc = get(x[0] + at) * get(r[0] + c);
        first = 1;
      }
      for (int p = first; p < pairs; ++p) acc = fma(get(x[p] + at), get(r[p] + c), acc);
      if constexpr (whole)
        store(out + at, acc);
      else
        store_first(out + at, acc, exist);
    });
}

template <class Isa, class T, bool bias, bool onto>
void affine_pairs(int pairs, int64_t rows, int64_t channels, const T* const* x, const T* const* r, const T* b, T* out) {
  switch (pairs) {
    case 1: return affine_rows<Isa, T, 1, bias, onto>(rows, channels, x, r, b, out);
    case 2: return affine_rows<Isa, T, 2, bias, onto>(rows, channels, x, r, b, out);
    case 3: return affine_rows<Isa, T, 3, bias, onto>(rows, channels, x, r, b, out);
    default: return affine_rows<Isa, T, 4, bias, onto>(rows, channels, x, r, b, out);
  }
}

}  // namespace

template <class Isa, class T>
void group_sum_isa(const GroupedRows& rows, const T* x, T* out) {
  for (int64_t g = 0; g < rows.groups(); ++g)
    totals<Isa>(rows, g, Sum<Isa, T>{x},
                [&](int64_t c, double total) { out[g * rows.channels + c] = static_cast<T>(total); });
}

template <class Isa, class T>
void group_dot_isa(const GroupedRows& rows, std::span<const View> factors, T* out) {
  for (int64_t g = 0; g < rows.groups(); ++g)
    totals<Isa>(rows, g, Dot<Isa, T>{factors},
                [&](int64_t c, double total) { out[g * rows.channels + c] = static_cast<T>(total); });
}

template <class Isa, class T>
void ghost_norm_isa(const GroupedRows& rows, const GhostNormCall<T>& call) {
  using V = Vec<Isa, T>;
  const int64_t n = rows.channels;
  for (int64_t g = 0; g < rows.groups(); ++g) {
    const auto values = static_cast<double>(rows.rows_of(g));
    T *const mean = call.mean + g * n, *const inverse = call.inverse + g * n, *const deviation = call.deviation + g * n;
    totals<Isa>(rows, g, Sum<Isa, T>{call.x},
                [&](int64_t c, double total) { mean[c] = static_cast<T>(total / values); });
    totals<Isa>(rows, g, Squares<Isa, T>{call.x, mean}, [&](int64_t c, double total) {
      const double root = std::sqrt(total / values + call.epsilon);
      deviation[c] = static_cast<T>(root);
      inverse[c] = static_cast<T>(1.0 / root);
    });
    over_strips(rows, g, [&](int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i)
        over_row<Isa, T>(n, [&](int64_t c, auto whole) {
          const auto exist = static_cast<int>(n - c);
          const auto get = [&](const T* p) {
            if constexpr (whole)
              return load<V>(p);
            else
              return load_first<V>(p, exist);
          };
          const auto put = [&](T* p, V v) {
            if constexpr (whole)
              store(p, v);
            else
              store_first(p, v, exist);
          };
          const V normalised = (get(call.x + i * n + c) - get(mean + c)) * get(inverse + c);
          put(call.normalised + i * n + c, normalised);
          put(call.y + i * n + c, fma(normalised, get(call.gamma + c), get(call.beta + c)));
        });
      finish_rows<Isa>(call.finish, first, last, n, call.y);
    });
  }
}

template <class Isa, class T>
void group_affine_isa(const GroupedRows& rows, std::span<const View> terms, T* out, const Finish<T>& finish) {
  constexpr int at_once = 4;
  const int pairs = static_cast<int>(terms.size() / 2);
  const bool bias = terms.size() % 2 == 1;
  const int64_t n = rows.channels;
  for (int64_t g = 0; g < rows.groups(); ++g) {
    const T* const b = bias ? static_cast<const T*>(terms.back().data) + g * n : nullptr;
    over_strips(rows, g, [&](int64_t first, int64_t last) {
      for (int done = 0; done < pairs; done += at_once) {
        const int now = pairs - done < at_once ? pairs - done : at_once;
        const T *x[at_once], *r[at_once];
        for (int p = 0; p < now; ++p) {
          const auto i = static_cast<std::size_t>(2 * (done + p));
          x[p] = static_cast<const T*>(terms[i].data) + first * n;
          r[p] = static_cast<const T*>(terms[i + 1].data) + g * n;
        }
        const auto run = done > 0 ? affine_pairs<Isa, T, false, true>
                         : bias   ? affine_pairs<Isa, T, true, false>
                                  : affine_pairs<Isa, T, false, false>;
        run(now, last - first, n, x, r, b, out + first * n);
      }
      finish_rows<Isa>(finish, first, last, n, out);
    });
  }
}

template void group_sum_isa<ThisIsa, float>(const GroupedRows&, const float*, float*);
template void group_sum_isa<ThisIsa, double>(const GroupedRows&, const double*, double*);
template void group_dot_isa<ThisIsa, float>(const GroupedRows&, std::span<const View>, float*);
template void group_dot_isa<ThisIsa, double>(const GroupedRows&, std::span<const View>, double*);
template void ghost_norm_isa<ThisIsa, float>(const GroupedRows&, const GhostNormCall<float>&);
template void ghost_norm_isa<ThisIsa, double>(const GroupedRows&, const GhostNormCall<double>&);
template void group_affine_isa<ThisIsa, float>(const GroupedRows&, std::span<const View>, float*, const Finish<float>&);
template void group_affine_isa<ThisIsa, double>(const GroupedRows&, std::span<const View>, double*,
                                                const Finish<double>&);

}  // namespace brink::cpu
