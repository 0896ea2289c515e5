// SPDX-License-Identifier: MIT
// Ten classes of 32×32 colour pictures that need no file: line figures in one random colour on a shaded ground of another,
// moved, rotated, stretched, drawn part of the way towards another class, with a stray stroke and grain.
// Colours are independent of the class, and figures may be lighter or darker than the ground. So the mean picture of a class is
// nearly flat, and a linear classifier stays near chance. Arithmetic as in synthetic.cpp.
#include <algorithm>
#include <array>
#include <cmath>

#include "kernels/random/random.h"
#include "training/data/dataset.h"
#include "training/data/kind.h"
#include "training/io/text.h"

namespace brink {

namespace {

constexpr std::int64_t side = 32, channels = 3, classes = 10;
constexpr std::int64_t pixels = side * side, noise_numbers = 4 * channels * pixels, recipe_numbers = 32;

enum Part : std::uint32_t { recipe_part = 0, noise_part = 1, parts = 2 };
/// Splits 0 and 1 of the stream belong to synthetic.cpp.
constexpr std::uint32_t first_split = 2;

/// Distance from the segment (x0, y0)–(x1, y1).
double segment(double u, double v, double x0, double y0, double x1, double y1) {
  const double dx = x1 - x0, dy = y1 - y0;
  const double along = ((u - x0) * dx + (v - y0) * dy) / (dx * dx + dy * dy);
  const double t = along < 0.0 ? 0.0 : along > 1.0 ? 1.0 : along;
  const double ex = u - (x0 + t * dx), ey = v - (y0 + t * dy);
  return std::sqrt(ex * ex + ey * ey);
}

/// Distance from figure k of radius 1: ring, square, triangle, plus, lozenge, saltire, T, L, two bars, arch.
double distance(std::int64_t k, double u, double v) {
  const double a = std::fabs(u), b = std::fabs(v), ring = std::fabs(std::sqrt(u * u + v * v) - 0.9);
  switch (k) {
    case 0: return ring;
    case 1: return std::fabs(std::max(a, b) - 0.8);
    case 2: return std::fabs(std::max(v, 0.866 * a - 0.5 * v) - 0.55);
    case 3: return std::min(segment(a, v, 0, 0, 1, 0), segment(u, b, 0, 0, 0, 1));
    case 4: return std::fabs(0.707 * (a + b) - 0.7);
    case 5: return segment(a, b, 0, 0, 0.75, 0.75);
    case 6: return std::min(segment(a, v, 0, -0.8, 0.85, -0.8), segment(u, v, 0, -0.8, 0, 0.9));
    case 7: return std::min(segment(u, v, -0.6, -0.9, -0.6, 0.8), segment(u, v, -0.6, 0.8, 0.75, 0.8));
    case 8: return segment(a, b, 0, 0.55, 0.85, 0.55);
    default: return v < 0.1 ? ring : segment(a, v, 0.9, 0.1, 0.9, 0.9);
  }
}

double clamp01(double x) { return x < 0.0 ? 0.0 : x > 1.0 ? 1.0 : x; }

struct Recipe {
  std::int64_t shape, other;
  double radius, x, y, cosine, sine, stretch, stroke, mix;
  std::array<double, channels> ink, paper, slope_x, slope_y;
  std::array<double, 4> stray;  // ends of the stray line

  Recipe(std::int64_t label, std::span<const double> u) : shape(label) {
    const auto between = [&u](std::size_t i, double low, double high) { return low + (high - low) * u[i]; };
    const double middle = 0.5 * (side - 1);
    radius = between(0, 8.5, 12.5);
    x = middle + between(1, -3.0, 3.0);
    y = middle + between(2, -3.0, 3.0);
    const double t = between(3, -0.12, 0.12),
                 scale = 1.0 / (1.0 + t * t);  // as in synthetic.cpp: a rotation by 2·atan(t)
    cosine = (1.0 - t * t) * scale;
    sine = (t + t) * scale;
    stretch = between(4, 0.85, 1.15);
    stroke = between(5, 1.0, 2.0);
    other = (label + 1 + static_cast<std::int64_t>(9.0 * u[6])) % classes;
    mix = 0.5 * (u[7] * std::sqrt(u[7]));
    const double contrast = (u[8] < 0.5 ? -1.0 : 1.0) * between(9, 0.2, 0.45);
    for (std::size_t c = 0; c < channels; ++c) {
      paper[c] = between(10 + c, 0.35, 0.65);
      ink[c] = paper[c] + contrast * between(13 + c, 0.4, 1.0);
      slope_x[c] = between(16 + c, -0.15, 0.15);
      slope_y[c] = between(19 + c, -0.15, 0.15);
    }
    for (std::size_t i = 0; i < stray.size(); ++i) stray[i] = between(22 + i, 0.0, side - 1.0);
  }
};

/// `noise`: four uniform numbers a value, whose sum is nearly normal. `out`: channel by channel.
void draw(const Recipe& q, std::span<const double> noise, std::uint8_t* out) {
  constexpr double middle = 0.5 * (side - 1);
  for (std::int64_t row = 0; row < side; ++row) {
    for (std::int64_t column = 0; column < side; ++column) {
      const double px = static_cast<double>(column), py = static_cast<double>(row), dx = px - q.x, dy = py - q.y;
      const double u = (q.cosine * dx + q.sine * dy) * q.stretch / q.radius,
                   v = (q.cosine * dy - q.sine * dx) / (q.stretch * q.radius);
      const double d = q.radius * ((1.0 - q.mix) * distance(q.shape, u, v) + q.mix * distance(q.other, u, v));
      const double figure = clamp01(0.5 - (d - q.stroke));
      const double line = clamp01(0.5 - (segment(px, py, q.stray[0], q.stray[1], q.stray[2], q.stray[3]) - 0.6));
      const double covered = std::max(figure, 0.7 * line);
      for (std::size_t c = 0; c < channels; ++c) {
        const double paper =
            q.paper[c] + q.slope_x[c] * ((px - middle) / middle) + q.slope_y[c] * ((py - middle) / middle);
        const std::size_t i =
            4 * (c * static_cast<std::size_t>(pixels) + static_cast<std::size_t>(row * side + column));
        const double grain = ((noise[i] + noise[i + 1]) + (noise[i + 2] + noise[i + 3])) - 2.0;
        const double value = clamp01((paper * (1.0 - covered) + q.ink[c] * covered) + 0.06 * grain);
        out[c * static_cast<std::size_t>(pixels) + static_cast<std::size_t>(row * side + column)] =
            static_cast<std::uint8_t>(std::floor(255.0 * value + 0.5));
      }
    }
  }
}

/// Picture i is of class (i + i/10) mod 10 and depends on (seed, split, i) alone. With this order neither groups of a power of
/// two nor groups of ten see the classes in a single order.
Records draw_all(std::int64_t samples, std::int64_t seed, std::uint32_t split) {
  Records out{{side, side, channels}, {}, {}};
  out.pixels.resize(static_cast<std::size_t>(samples * pixels * channels));
  out.labels.resize(static_cast<std::size_t>(samples));
  const auto key = [&](Part part) {
    return RandomKey(static_cast<std::uint64_t>(seed), Stream::synthetic_data, (first_split + split) * parts + part);
  };
  Device device;
  std::array<double, recipe_numbers> recipe;
  std::vector<double> noise(noise_numbers);
  for (std::int64_t i = 0; i < samples; ++i) {
    const std::int64_t label = (i + i / classes) % classes;
    cpu::fill_uniform(device, view_of(recipe.data(), {recipe_numbers}), key(recipe_part), i * recipe_numbers);
    cpu::fill_uniform(device, view_of(noise.data(), {noise_numbers}), key(noise_part), i * noise_numbers);
    out.labels[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(label);
    draw(Recipe(label, recipe), noise, out.pixels.data() + i * pixels * channels);
  }
  return out;
}

}  // namespace

DataPair make_synthetic_cifar(std::int64_t train, std::int64_t test, std::int64_t seed, Dtype dtype) {
  DataPair out = normalise(draw_all(train, seed, 0), draw_all(test, seed, 1), classes, dtype);
  out.provenance = "synthetic colour figures of ten shapes, seed " + number_text(seed);
  return out;
}

namespace data_sets {

DataKind synthetic_cifar() {
  return {.name = "synthetic-cifar",
          .picture = {32, 32, 3},
          .classes = 10,
          .train = 1000,
          .test = 1000,
          .load = [](const DataRequest& r, const Options&) {
            return make_synthetic_cifar(r.train, r.test, r.seed, r.dtype);
          }};
}

}  // namespace data_sets

}  // namespace brink
