// SPDX-License-Identifier: MIT
// The data set that needs no file: outlines of a circle, a square, a triangle and a cross, each bent, rotated, moved and shaded
// at random, and drawn part of the way towards another class. docs/experiments.md says how its difficulty was chosen.
// Only + − × ÷ √, comparisons and counter-based uniform numbers are used, so the pictures are the same bytes everywhere.
#include <algorithm>
#include <array>
#include <cmath>

#include "kernels/random/random.h"
#include "training/data/dataset.h"
#include "training/data/kind.h"
#include "training/io/text.h"

namespace brink {

namespace {

constexpr std::int64_t side = 28, classes = 4;
constexpr std::int64_t pixels = side * side, pixel_numbers = 4 * pixels, recipe_numbers = 16;

enum Part : std::uint32_t { recipe_part = 0, noise_part = 1, parts = 2 };

/// What a picture is drawn from, taken from uniform numbers in a fixed order.
struct Recipe {
  std::int64_t shape, other;
  double radius, x, y, cosine, sine, stretch, stroke, mix, ink, paper, slope_x, slope_y;

  Recipe(std::int64_t label, std::span<const double> u) : shape(label) {
    const auto between = [&u](std::size_t i, double low, double high) { return low + (high - low) * u[i]; };
    const double middle = 0.5 * (side - 1);
    radius = between(0, 6.5, 9.5);
    x = middle + between(1, -0.7, 0.7);
    y = middle + between(2, -0.7, 0.7);
    // A rotation by 2·atan(t) without a sine: the rational points of the circle.
    const double t = between(3, -0.1, 0.1), scale = 1.0 / (1.0 + t * t);
    cosine = (1.0 - t * t) * scale;
    sine = (t + t) * scale;
    stretch = between(4, 0.9, 1.1);
    stroke = between(5, 1.5, 3.0);
    other = (label + 1 + static_cast<std::int64_t>(3.0 * u[6])) % classes;
    mix = 0.54 * (u[7] * std::sqrt(u[7]));
    ink = between(8, 0.5, 1.0);
    paper = between(9, 0.0, 0.05);
    slope_x = between(10, -0.05, 0.05);
    slope_y = between(11, -0.05, 0.05);
  }
};

/// Distance from the centre line of shape `k` of radius r, in the shape's own coordinates.
double distance(std::int64_t k, double u, double v, double r) {
  const double a = std::fabs(u), b = std::fabs(v);
  switch (k) {
    case 0: return std::fabs(std::sqrt(u * u + v * v) - r);
    case 1: return std::fabs(std::max(a, b) - 0.89 * r);
    case 2: return std::fabs(std::max(v, 0.866 * a - 0.5 * v) - 0.6 * r);
    default: return std::max(std::min(a, b), std::max(a, b) - r);
  }
}

double clamp01(double x) { return x < 0.0 ? 0.0 : x > 1.0 ? 1.0 : x; }

/// `noise`: four uniform numbers a pixel, whose sum is nearly normal.
void draw(const Recipe& q, std::span<const double> noise, std::uint8_t* out) {
  for (std::int64_t row = 0; row < side; ++row) {
    for (std::int64_t column = 0; column < side; ++column) {
      const double dx = static_cast<double>(column) - q.x, dy = static_cast<double>(row) - q.y;
      const double u = (q.cosine * dx + q.sine * dy) * q.stretch, v = (q.cosine * dy - q.sine * dx) / q.stretch;
      const double d = (1.0 - q.mix) * distance(q.shape, u, v, q.radius) + q.mix * distance(q.other, u, v, q.radius);
      const double covered = clamp01(0.5 - (d - q.stroke));
      const double middle = 0.5 * (side - 1);
      const double paper = clamp01(q.paper + q.slope_x * ((static_cast<double>(column) - middle) / middle) +
                                   q.slope_y * ((static_cast<double>(row) - middle) / middle));
      const std::size_t i = 4 * static_cast<std::size_t>(row * side + column);
      const double grain = ((noise[i] + noise[i + 1]) + (noise[i + 2] + noise[i + 3])) - 2.0;
      const double value = clamp01((paper * (1.0 - covered) + q.ink * covered) + 0.06 * grain);
      out[row * side + column] = static_cast<std::uint8_t>(std::floor(255.0 * value + 0.5));
    }
  }
}

/// Picture i is of class i mod 4 and depends on (seed, split, i) alone.
Records draw_all(std::int64_t samples, std::int64_t seed, std::uint32_t split) {
  Records out{{side, side, 1}, {}, {}};
  out.pixels.resize(static_cast<std::size_t>(samples * pixels));
  out.labels.resize(static_cast<std::size_t>(samples));
  const RandomKey recipe_key(static_cast<std::uint64_t>(seed), Stream::synthetic_data, split * parts + recipe_part);
  const RandomKey noise_key(static_cast<std::uint64_t>(seed), Stream::synthetic_data, split * parts + noise_part);
  Device device;
  std::array<double, recipe_numbers> recipe;
  std::vector<double> noise(pixel_numbers);
  for (std::int64_t i = 0; i < samples; ++i) {
    cpu::fill_uniform(device, view_of(recipe.data(), {recipe_numbers}), recipe_key, i * recipe_numbers);
    cpu::fill_uniform(device, view_of(noise.data(), {pixel_numbers}), noise_key, i * pixel_numbers);
    out.labels[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(i % classes);
    draw(Recipe(i % classes, recipe), noise, out.pixels.data() + i * pixels);
  }
  return out;
}

}  // namespace

DataPair make_synthetic(std::int64_t train, std::int64_t test, std::int64_t seed, Dtype dtype) {
  DataPair out = normalise(draw_all(train, seed, 0), draw_all(test, seed, 1), classes, dtype);
  out.provenance = "synthetic outlines of four shapes, seed " + number_text(seed);
  return out;
}

namespace data_sets {

DataKind synthetic() {
  return {
      .name = "synthetic",
      .picture = {28, 28, 1},
      .classes = 4,
      .train = 1000,
      .test = 1000,
      .load = [](const DataRequest& r, const Options&) { return make_synthetic(r.train, r.test, r.seed, r.dtype); }};
}

}  // namespace data_sets

}  // namespace brink
