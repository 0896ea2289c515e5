// SPDX-License-Identifier: MIT
// The names of all streams of random numbers, and the key that selects one.
// The numbers of this table never change and are never reused; a new use takes a new number.
#pragma once

#include <cstdint>
#include <stdexcept>

namespace brink {

/// A stream, with the meaning of its words `first` and `second` in brackets.
enum class Stream : std::uint8_t {
  initialisation = 1,   // [ordinal of the parameter in parameter_order, 0]
  minibatch_order = 2,  // [epoch, 0]
  probe = 3,            // [step, number of the probe]
  lanczos_start = 4,    // [step, restart]
  tracker_noise = 5,    // [step, ordinal of the vector]
  augmentation = 6,     // [0, 0]; the element index comes from the sample's index
  synthetic_data = 7,   // [class or part of the recipe, 0]
  data_choice = 8,      // [class, 0]: which samples of a file are used
  data_order = 9,       // [0, 0]: the fixed order of the samples
  direction = 10,       // [step, number of the direction]: envelopes, slices and their cones
  surrogate = 11,       // [figure, repetition]: permutation tests and bootstraps
  measured_draw = 12,   // [step, number of the draw]: minibatches that measurements draw
  walk = 13,            // [step, or step/64 of signs | what: signs, part and place of the start, noise]
  test = 255,           // [anything, anything]
};

/// Selects one stream. Element i is a function of the key and of i alone.
struct RandomKey {
  std::uint64_t seed;
  Stream stream;
  std::uint32_t first;
  std::uint32_t second;  // < 2^24

  /// Throws std::out_of_range where second ≥ 2^24.
  constexpr RandomKey(std::uint64_t seed_, Stream stream_, std::uint32_t first_ = 0, std::uint32_t second_ = 0)
      : seed(seed_), stream(stream_), first(first_), second(second_) {
    if (second_ >= (1U << 24)) throw std::out_of_range("RandomKey: expected a second word below 2^24");
  }
};

}  // namespace brink
