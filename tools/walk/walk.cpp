// SPDX-License-Identifier: MIT
#include "tools/walk/walk.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <mutex>
#include <stdexcept>
#include <string>

#include "kernels/map/map.h"
#include "kernels/random/philox.h"
#include "kernels/random/random.h"

namespace brink::walk {

namespace {

constexpr std::int64_t tile = 4096;
/// The second word of a random key.
enum Draw : std::uint32_t { signs, parts, starts, noises };
constexpr std::int64_t signs_a_word = 64;

void expect(bool holds, const char* what) {
  if (!holds) throw std::invalid_argument("[walk] expected " + std::string(what));
}

void check(const Options& o) {
  expect(o.paths >= 1 && o.steps >= 0 && o.every >= 1 && o.bins >= 1 && o.kept >= 0,
         "at least one path, bin and step between snapshots");
  expect(is_step_size(o.h), "a step size with finite floor, height and slope, the first two of at least 0");
  expect(!o.start.empty(), "at least one part of the start");
  for (const Part& p : o.start)
    expect(std::isfinite(p.mean) && std::isfinite(p.deviation) && p.deviation >= 0 && std::isfinite(p.weight) &&
               p.weight > 0,
           "parts of the start with a finite mean, a deviation of at least 0 and a weight above 0");
  for (const double level : o.levels) expect(level > 0 && level <= 1, "levels of quantiles above 0 and at most 1");
  if (o.coupling)
    expect(std::isfinite(o.coupling->gain + o.coupling->boundary + o.coupling->noise) && o.coupling->gain >= 0 &&
               o.coupling->noise >= 0,
           "a finite coupling with a gain and a noise of at least 0");
}

class Walk {
 public:
  Walk(const Options& o, Device& device) : o_(o), device_(device), n_(o.paths) {
    start_.resize(size());
    if (o_.coupling) absorbed_.resize(size());
    sums_.resize(static_cast<std::size_t>((n_ + tile - 1) / tile));
    over_tiles([&](std::int64_t begin, std::int64_t end) { draw_start(begin, end); });
    x_ = start_;
  }

  void advance(std::int64_t from, std::int64_t to) {
    over_tiles([&](std::int64_t begin, std::int64_t end) { advance_tile(from, to, begin, end); });
  }

  Snapshot snapshot(std::int64_t step) {
    Snapshot out;
    out.step = step;
    moments(out);
    distribution(out);
    out.kept.assign(x_.begin(), x_.begin() + std::min(o_.kept, n_));
    return out;
  }

 private:
  std::size_t size() const { return static_cast<std::size_t>(n_); }
  double* at(std::vector<double>& v, std::int64_t i) const { return v.data() + i; }

  template <class Body>
  void over_tiles(Body body) {
    parallel_for(device_, n_, tile, 0, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t first = begin; first < end; first += tile) body(first, std::min(first + tile, end));
    });
  }

  RandomKey key(std::int64_t first, Draw draw) const {
    return {o_.seed, Stream::walk, static_cast<std::uint32_t>(first), draw};
  }

  void draw_start(std::int64_t begin, std::int64_t end) {
    double total = 0;
    for (const Part& p : o_.start) total += p.weight;
    for (std::int64_t i = begin; i < end; ++i) {
      const Part* part = o_.start.data();
      if (o_.start.size() > 1) {
        double left = total * uniform_at(key(0, parts), i);
        while (part != &o_.start.back() && (left -= part->weight) >= 0) ++part;
      }
      const double z = part->deviation > 0 ? part->deviation * normal_at(key(0, starts), i) : 0;
      *at(start_, i) = part->mean + z;
    }
  }

  void advance_tile(std::int64_t from, std::int64_t to, std::int64_t begin, std::int64_t end) {
    Device serial;
    std::array<double, tile> argument, logistic;
    std::array<std::uint64_t, tile> words;
    double* x = at(x_, begin);
    const auto n = static_cast<std::size_t>(end - begin);
    const View a = view_of(argument.data(), {end - begin}), l = view_of(logistic.data(), {end - begin});
    for (std::int64_t t = from; t < to; ++t) {
      if (t == from || t % signs_a_word == 0) draw_signs(t / signs_a_word, begin, end, words);
      if (o_.coupling) {
        const Coupling& c = *o_.coupling;
        if (c.noise > 0)
          fill_normal(serial, a, key(t, noises), c.noise, begin);
        else
          fill(serial, a, 0);
        for (std::size_t i = 0; i < n; ++i) {
          argument[i] += c.gain * (x[i] - c.boundary);
          if (!(argument[i] > 0)) absorbed_[static_cast<std::size_t>(begin) + i] = 1;
        }
        map<Scale>(serial, a, a, o_.h.slope);
      } else {
        map<Scale>(serial, a, view_of(x, {end - begin}), o_.h.slope);
      }
      map<Logistic>(serial, l, a);
      for (std::size_t i = 0; i < n; ++i) {
        const double h = o_.h.floor + o_.h.height * logistic[i];
        const double step = (words[i] >> (t % signs_a_word) & 1) != 0 ? h : -h;
        if (!o_.coupling || absorbed_[static_cast<std::size_t>(begin) + i] == 0) x[i] += step;
      }
    }
  }

  /// A word for each path of the tile, whose first bit begins a tile of an even number of paths.
  void draw_signs(std::int64_t word, std::int64_t begin, std::int64_t end, std::array<std::uint64_t, tile>& out) const {
    const RandomKey k = key(word, signs);
    for (std::int64_t i = begin; i < end; i += 2) {
      const TwoWords w = random_words(k, static_cast<std::uint64_t>(i / 2));
      const auto at = static_cast<std::size_t>(i - begin);
      out[at] = w.first;
      if (i + 1 < end) out[at + 1] = w.second;
    }
  }

  struct Sums {
    double first = 0, second = 0, third = 0;
  };
  /// Of a function of x, over each tile in order, then over the tiles in order.
  template <class Term>
  Sums sum(Term term) {
    over_tiles([&](std::int64_t begin, std::int64_t end) {
      Sums s;
      for (std::int64_t i = begin; i < end; ++i) term(s, *at(x_, i));
      sums_[static_cast<std::size_t>(begin / tile)] = s;
    });
    Sums out;
    for (const Sums& s : sums_) out.first += s.first, out.second += s.second, out.third += s.third;
    return out;
  }

  void moments(Snapshot& out) {
    const auto n = static_cast<double>(n_);
    // About a value among them: the rounding of the mean is that of the distances.
    const double origin = x_[0];
    out.mean = origin + sum([&](Sums& s, double x) { s.first += x - origin; }).first / n;
    const Sums centred = sum([mean = out.mean](Sums& s, double x) {
      const double d = x - mean;
      s.second += d * d;
      s.third += d * d * d;
    });
    out.variance = centred.second / n;
    if (out.variance > 0) out.skewness = centred.third / n / (out.variance * std::sqrt(out.variance));
  }

  void distribution(Snapshot& out) {
    std::mutex joining;
    out.lowest = std::numeric_limits<double>::infinity();
    out.highest = -out.lowest;
    parallel_for(device_, n_, tile, 0, [&](std::int64_t begin, std::int64_t end) {
      double lowest = std::numeric_limits<double>::infinity(), highest = -lowest;
      std::int64_t below = 0, absorbed = 0;
      for (std::int64_t i = begin; i < end; ++i) {
        lowest = std::min(lowest, *at(x_, i));
        highest = std::max(highest, *at(x_, i));
        below += *at(x_, i) < *at(start_, i);
        if (o_.coupling) absorbed += absorbed_[static_cast<std::size_t>(i)];
      }
      const std::lock_guard lock(joining);
      out.lowest = std::min(out.lowest, lowest);
      out.highest = std::max(out.highest, highest);
      out.below_start += below;
      out.absorbed += absorbed;
    });
    const double per_width = out.highest > out.lowest ? o_.bins / (out.highest - out.lowest) : 0;
    const auto bin_of = [&, lowest = out.lowest](double x) {
      return std::min(static_cast<std::int64_t>((x - lowest) * per_width), std::int64_t{o_.bins} - 1);
    };
    out.counts.assign(static_cast<std::size_t>(o_.bins), 0);
    parallel_for(device_, n_, tile, 0, [&](std::int64_t begin, std::int64_t end) {
      std::vector<std::int64_t> counts(out.counts.size(), 0);
      for (std::int64_t i = begin; i < end; ++i) ++counts[static_cast<std::size_t>(bin_of(*at(x_, i)))];
      const std::lock_guard lock(joining);
      for (std::size_t b = 0; b < counts.size(); ++b) out.counts[b] += counts[b];
    });
    quantiles(out, bin_of);
  }

  /// The bin of each quantile is known from the counts, so only the elements of those bins are sorted.
  template <class BinOf>
  void quantiles(Snapshot& out, BinOf bin_of) {
    std::vector<std::int64_t> ranks;
    for (const double level : o_.levels)
      ranks.push_back(
          std::clamp<std::int64_t>(static_cast<std::int64_t>(std::ceil(level * static_cast<double>(n_))), 1, n_) - 1);
    std::vector<std::int64_t> before(out.counts.size() + 1, 0);
    for (std::size_t b = 0; b < out.counts.size(); ++b) before[b + 1] = before[b] + out.counts[b];
    std::vector<std::size_t> bins;
    std::vector<std::vector<double>> elements(out.counts.size());
    for (const std::int64_t rank : ranks)
      bins.push_back(
          static_cast<std::size_t>(std::upper_bound(before.begin(), before.end(), rank) - before.begin() - 1));
    for (const std::size_t b : bins) elements[b].reserve(static_cast<std::size_t>(out.counts[b]));
    for (const double x : x_)
      if (auto& wanted = elements[static_cast<std::size_t>(bin_of(x))]; wanted.capacity() > 0) wanted.push_back(x);
    for (std::size_t q = 0; q < ranks.size(); ++q) {
      auto& in_bin = elements[bins[q]];
      const auto nth = in_bin.begin() + (ranks[q] - before[bins[q]]);
      std::ranges::nth_element(in_bin, nth);
      out.quantiles.push_back(*nth);
    }
  }

  const Options& o_;
  Device& device_;
  std::int64_t n_;
  std::vector<double> start_, x_;
  std::vector<std::uint8_t> absorbed_;
  std::vector<Sums> sums_;
};

}  // namespace

bool is_step_size(const StepSize& h) {
  return h.floor >= 0 && h.height >= 0 && std::isfinite(h.floor) && std::isfinite(h.height) && std::isfinite(h.slope);
}

std::int64_t memory_bytes(const Options& o) {
  const std::int64_t regular = o.steps / o.every;
  const double snapshots = 2 + static_cast<double>(regular),
               each = static_cast<double>(o.bins) + static_cast<double>(std::min(o.kept, o.paths)) +
                      static_cast<double>(o.levels.size()),
               path = 2 * sizeof(double) + (o.coupling ? 1 : 0);
  return static_cast<std::int64_t>(
      std::min(path * static_cast<double>(o.paths) + 2 * sizeof(double) * each * snapshots, 0x1p62));
}

std::vector<Snapshot> simulate(const Options& o, Device& device) {
  check(o);
  Walk walk(o, device);
  std::vector<Snapshot> out{walk.snapshot(0)};
  for (std::int64_t t = 0; t < o.steps;) {
    const std::int64_t next = std::min(t + o.every, o.steps);
    walk.advance(t, next);
    out.push_back(walk.snapshot(t = next));
  }
  return out;
}

}  // namespace brink::walk
