// SPDX-License-Identifier: MIT
#include "training/digest.h"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <memory>

#include "training/io/text.h"

namespace brink {

namespace {

static_assert(std::endian::native == std::endian::little, "digests are over little-endian bytes");

template <class T>
void update(XXH3_state_t* state, std::span<const T> values) {
  if constexpr (std::is_floating_point_v<T>) {
    std::array<T, 2048> clean;
    for (std::size_t at = 0; at < values.size(); at += clean.size()) {
      const auto piece = values.subspan(at, std::min(clean.size(), values.size() - at));
      for (std::size_t i = 0; i < piece.size(); ++i)
        clean[i] = piece[i] != piece[i] ? std::numeric_limits<T>::quiet_NaN() : piece[i];
      XXH3_128bits_update(state, clean.data(), piece.size_bytes());
    }
  } else {
    XXH3_128bits_update(state, values.data(), values.size_bytes());
  }
}

}  // namespace

std::string digest(std::span<const View> parameters) {
  const std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state(XXH3_createState(), &XXH3_freeState);
  if (!state) throw std::bad_alloc();
  XXH3_128bits_reset(state.get());
  for (const View& v : parameters) {
    switch (v.dtype) {
      case Dtype::f32: update<float>(state.get(), v.span<float>()); break;
      case Dtype::f64: update<double>(state.get(), v.span<double>()); break;
      case Dtype::i32: update<std::int32_t>(state.get(), v.span<std::int32_t>()); break;
      case Dtype::u8: update<std::uint8_t>(state.get(), v.span<std::uint8_t>()); break;
    }
  }
  const XXH128_hash_t h = XXH3_128bits_digest(state.get());
  return hex_text(h.high64) + hex_text(h.low64);
}

std::string digest_of(const ParameterLayout& layout, View vector) {
  std::vector<View> parameters;
  for (int i = 0; i < layout.size(); ++i) parameters.push_back(layout.view(vector, i));
  return digest(parameters);
}

}  // namespace brink
