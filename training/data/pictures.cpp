// SPDX-License-Identifier: MIT
#include "training/data/pictures.h"

#include <xxhash.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/random/random.h"
#include "training/io/text.h"

namespace brink {

void RecordSum::add(std::span<const std::uint8_t> record) {
  const XXH128_hash_t h = XXH3_128bits(record.data(), record.size());
  low_ += h.low64;
  high_ += h.high64 + (low_ < h.low64);
}

std::string RecordSum::text() const { return hex_text(high_) + hex_text(low_); }

std::string records_checksum(const Records& records) {
  RecordSum sum;
  std::vector<std::uint8_t> record(static_cast<std::size_t>(records.picture.elements()) + 1);
  for (std::int64_t i = 0; i < records.size(); ++i) {
    record[0] = records.labels[static_cast<std::size_t>(i)];
    std::memcpy(record.data() + 1, records.picture_of(i).data(), record.size() - 1);
    sum.add(record);
  }
  return sum.text();
}

Normalisation moments(const Records& records) {
  const std::int64_t channels = records.picture[2], plane = records.picture[0] * records.picture[1];
  Normalisation out;
  for (std::int64_t c = 0; c < channels; ++c) {
    // Integer sums are exact, so their order does not matter.
    std::array<std::int64_t, 256> count{};
    for (std::int64_t i = 0; i < records.size(); ++i)
      for (const std::uint8_t p :
           records.picture_of(i).subspan(static_cast<std::size_t>(c * plane), static_cast<std::size_t>(plane)))
        ++count[p];
    const auto n = static_cast<double>(records.size() * plane);
    std::int64_t sum = 0;
    for (std::size_t p = 0; p < 256; ++p) sum += count[p] * static_cast<std::int64_t>(p);
    const double mean = static_cast<double>(sum) / n / 255.0;
    double squares = 0;
    for (std::size_t p = 0; p < 256; ++p) {
      const double d = static_cast<double>(p) / 255.0 - mean;
      squares += static_cast<double>(count[p]) * (d * d);
    }
    const double deviation = std::sqrt(squares / n);
    out.mean.push_back(mean);
    out.deviation.push_back(deviation > 0 ? deviation : 1.0);
  }
  return out;
}

Augmentation draw_augmentation(std::int64_t seed, std::int64_t sample) {
  const RandomKey key(static_cast<std::uint64_t>(seed), Stream::augmentation);
  const auto number = static_cast<std::int64_t>(Augmentation::possibilities * uniform_at(key, sample));
  return {number / 2 / Augmentation::places, number / 2 % Augmentation::places, number % 2 == 1};
}

PictureRows::PictureRows(std::shared_ptr<const Records> records, const Normalisation& n, Dtype dtype,
                         std::int64_t samples, std::optional<std::int64_t> seed)
    : records_(std::move(records)),
      counted_(records_->bytes()),
      samples_(samples),
      seed_(seed),
      values_({records_->picture[2], 256}, dtype) {
  with_real(dtype, [&](auto zero) {
    using T = decltype(zero);
    for (std::size_t c = 0; c < n.mean.size(); ++c)
      for (std::size_t p = 0; p < 256; ++p)
        values_.span<T>()[256 * c + p] = static_cast<T>((static_cast<double>(p) / 255.0 - n.mean[c]) / n.deviation[c]);
  });
}

Augmentation PictureRows::augmentation_of(std::int64_t row) const {
  return seed_ && row >= records_->size() ? draw_augmentation(*seed_, row) : Augmentation{};
}

std::int64_t PictureRows::label_of(std::int64_t row) const {
  return records_->labels[static_cast<std::size_t>(row % records_->size())];
}

template <class T>
void PictureRows::write_row(std::int64_t row, T* out) const {
  const std::int64_t height = records_->picture[0], width = records_->picture[1], channels = records_->picture[2];
  const std::uint8_t* pixels = records_->picture_of(row % records_->size()).data();
  const Augmentation a = augmentation_of(row);
  // Column w shows column w + shift of the picture, or column width − 1 − w + shift if mirrored.
  const std::int64_t shift = a.left - Augmentation::padding, direction = a.flip ? -1 : 1;
  const std::int64_t first = a.flip ? width - 1 + shift : shift;
  const std::int64_t begin = std::clamp<std::int64_t>(a.flip ? shift : -shift, 0, width);
  const std::int64_t end = std::clamp<std::int64_t>(width - (a.flip ? -shift : shift), begin, width);
  for (std::int64_t h = 0; h < height; ++h, out += width * channels) {
    const std::int64_t from = h + a.top - Augmentation::padding;
    if (from < 0 || from >= height) {
      std::fill(out, out + width * channels, T(0));
      continue;
    }
    std::fill(out, out + begin * channels, T(0));
    std::fill(out + end * channels, out + width * channels, T(0));
    for (std::int64_t c = 0; c < channels; ++c) {
      const T* value = values_.view().as<T>() + 256 * c;
      const std::uint8_t* line = pixels + (c * height + from) * width;
      for (std::int64_t w = begin; w < end; ++w) out[w * channels + c] = value[line[first + direction * w]];
    }
  }
}

void PictureRows::fill(std::int64_t first, std::int64_t count, void* out) const {
  with_real(dtype(), [&](auto zero) {
    using T = decltype(zero);
    for (std::int64_t i = 0; i < count; ++i)
      write_row(first + i, static_cast<T*>(out) + i * records_->picture.elements());
  });
}

std::string PictureRows::checksum() const {
  if (!seed_) return records_checksum(*records_);
  RecordSum sum;
  std::vector<std::uint8_t> record(static_cast<std::size_t>(records_->picture.elements()) + 2);
  for (std::int64_t row = 0; row < samples_; ++row) {
    const auto pixels = records_->picture_of(row % records_->size());
    record.front() = static_cast<std::uint8_t>(label_of(row));
    std::memcpy(record.data() + 1, pixels.data(), pixels.size());
    record.back() = augmentation_of(row).code();
    sum.add(record);
  }
  return sum.text();
}

}  // namespace brink
