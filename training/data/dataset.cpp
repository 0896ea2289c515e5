// SPDX-License-Identifier: MIT
#include "training/data/dataset.h"

#include <xxhash.h>

#include <array>
#include <cmath>
#include <cstring>

#include "training/text.h"

namespace brink {

namespace {

struct Moments {
  double mean, deviation;
};

/// Integer sums are exact, so neither their order nor their number matters. Var = Σ(p − p̄)² / n with the deviations
/// from the mean in float64 over the histogram of the 256 values.
Moments moments(const std::vector<std::uint8_t>& pixels) {
  std::array<std::int64_t, 256> count{};
  for (const std::uint8_t p : pixels) ++count[p];
  const auto n = static_cast<double>(pixels.size());
  std::int64_t sum = 0;
  for (std::size_t p = 0; p < 256; ++p) sum += count[p] * static_cast<std::int64_t>(p);
  const double mean = static_cast<double>(sum) / n / 255.0;
  double squares = 0;
  for (std::size_t p = 0; p < 256; ++p) {
    const double d = static_cast<double>(p) / 255.0 - mean;
    squares += static_cast<double>(count[p]) * (d * d);
  }
  const double deviation = std::sqrt(squares / n);
  return {mean, deviation > 0 ? deviation : 1.0};
}

Dataset convert(const Records& r, std::int64_t classes, Moments m, Dtype dtype) {
  Dataset out;
  out.picture = r.picture;
  out.classes = classes;
  out.x = Array({r.size(), r.picture.elements()}, dtype);
  out.labels = Array({r.size()}, Dtype::i32);
  for (std::size_t i = 0; i < r.labels.size(); ++i) out.labels.span<std::int32_t>()[i] = r.labels[i];
  with_real(dtype, [&](auto zero) {
    using T = decltype(zero);
    std::array<T, 256> value;
    for (std::size_t p = 0; p < 256; ++p)
      value[p] = static_cast<T>((static_cast<double>(p) / 255.0 - m.mean) / m.deviation);
    const auto x = out.x.template span<T>();
    for (std::size_t i = 0; i < r.pixels.size(); ++i) x[i] = value[r.pixels[i]];
  });
  out.checksum = records_checksum(r);
  return out;
}

}  // namespace

std::string records_checksum(const Records& records) {
  std::uint64_t low = 0, high = 0;
  std::vector<std::uint8_t> record(static_cast<std::size_t>(records.picture.elements()) + 1);
  for (std::int64_t i = 0; i < records.size(); ++i) {
    record[0] = records.labels[static_cast<std::size_t>(i)];
    std::memcpy(record.data() + 1, records.picture_of(i).data(), record.size() - 1);
    const XXH128_hash_t h = XXH3_128bits(record.data(), record.size());
    low += h.low64;
    high += h.high64 + (low < h.low64);
  }
  return hex_text(high) + hex_text(low);
}

DataPair normalise(const Records& train, const Records& test, std::int64_t classes, Dtype dtype) {
  const Moments m = moments(train.pixels);
  return {convert(train, classes, m, dtype), convert(test, classes, m, dtype), m.mean, m.deviation, {}};
}

DataPair load_data(const Config& c) {
  if (c.data.name == DataName::fmnist4)
    return load_fashion_mnist(c.data.directory, 4, c.data.train, c.data.test, c.run.precision);
  return make_synthetic(c.data.train, c.data.test, c.data.seed, c.run.precision);
}

}  // namespace brink
