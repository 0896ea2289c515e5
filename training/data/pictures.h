// SPDX-License-Identifier: MIT
// Raw records as files hold them, their identity, and the rows of normalised numbers that a network reads.
// Pixels stay bytes in the file's layout, channel by channel, until a row is needed, so a record's hash is that of the file's
// bytes.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "autodiff/batch/sources.h"
#include "kernels/counted_bytes.h"
#include "kernels/memory.h"

namespace brink {

/// Row i is label i, then its pixels.
struct Records {
  Shape picture;                     // [H, W, C]
  std::vector<std::uint8_t> pixels;  // [N, C, H, W]
  std::vector<std::uint8_t> labels;  // [N]

  std::int64_t size() const { return static_cast<std::int64_t>(labels.size()); }
  std::int64_t bytes() const { return static_cast<std::int64_t>(pixels.size() + labels.size()); }
  std::span<const std::uint8_t> picture_of(std::int64_t i) const {
    const auto n = static_cast<std::size_t>(picture.elements());
    return std::span(pixels).subspan(static_cast<std::size_t>(i) * n, n);
  }
};

/// The sum modulo 2^128 of the XXH3-128 hashes of records: the same in any order, and different if any bit differs or a record
/// is duplicated.
class RecordSum {
 public:
  /// Label byte, then pixels.
  void add(std::span<const std::uint8_t> record);
  /// 32 hexadecimal digits.
  std::string text() const;

 private:
  std::uint64_t low_ = 0, high_ = 0;
};
std::string records_checksum(const Records&);

/// The mean and the deviation of pixel/255, by channel.
struct Normalisation {
  std::vector<double> mean, deviation;
};
/// Mean and biased deviation of the pixels: exact sums, float64. A deviation of 0 becomes 1.
Normalisation moments(const Records&);

/// What augmentation does to one picture: pads it by 4 pixels on each side, cuts it out again at (top, left), then mirrors it
/// left to right or not. There are 162 possibilities.
struct Augmentation {
  static constexpr std::int64_t padding = 4, places = 2 * padding + 1, possibilities = 2 * places * places;
  std::int64_t top = padding, left = padding;  // 0 … 8; equal to padding: not moved
  bool flip = false;

  std::uint8_t code() const { return static_cast<std::uint8_t>((top * places + left) * 2 + flip); }
};
/// The augmentation of sample i: number ⌊162·u(i)⌋ in the order of code(), with u(i) element i of the stream `augmentation`.
Augmentation draw_augmentation(std::int64_t seed, std::int64_t sample);

/// Row i is picture i mod n of the n records, [H·W·C] with the channels innermost, normalised: (pixel/255 − mean)/deviation in
/// float64, rounded once. Rows from n on are augmented; what lies outside the picture is 0 after normalisation.
class PictureRows final : public RowMaker {
 public:
  /// Without a seed nothing is augmented and `samples` is n.
  PictureRows(std::shared_ptr<const Records>, const Normalisation&, Dtype, std::int64_t samples,
              std::optional<std::int64_t> seed = {});

  Shape shape() const override { return {samples_, records_->picture.elements()}; }
  Dtype dtype() const override { return values_.view().dtype; }
  void fill(std::int64_t first, std::int64_t count, void* out) const override;

  Augmentation augmentation_of(std::int64_t row) const;
  std::int64_t label_of(std::int64_t row) const;
  /// records_checksum; with augmentation, the sum over the rows of the hash of label, pixels and code().
  std::string checksum() const;

 private:
  template <class T>
  void write_row(std::int64_t row, T* out) const;

  std::shared_ptr<const Records> records_;
  CountedBytes counted_;  // the memory of the records
  std::int64_t samples_;
  std::optional<std::int64_t> seed_;
  Array values_;  // [C, 256]: the number for each byte
};

}  // namespace brink
