// SPDX-License-Identifier: MIT
// Derivatives of orders 1 to 4 of GhostBatchNorm and of the cross-entropy along lines. Written by taylor_series.py with mpmath.
#pragma once

#include <array>

namespace reference {

/// One channel of one ghost group of three values; the slopes are those of the line along which everything is differentiated.
struct NormLine {
  std::array<double, 3> x, x_slope, x_other, target;
  double gamma, gamma_slope, gamma_other, beta, beta_slope, beta_other, epsilon;
  std::array<std::array<double, 3>, 4> y;  ///< orders 1 to 4 of each value
  std::array<double, 4> half_square;       ///< of ½ Σ (y − target)²
  double mixed;                            ///< its third derivative along slope, slope and other
};
inline constexpr NormLine norm_line{
    {1.0, -0.5, 2.0},
    {0.5, 1.0, -0.75},
    {-1.0, 0.25, 0.5},
    {0.5, -1.0, 0.25},
    1.25,
    0.5,
    -0.25,
    -0.5,
    0.25,
    0.75,
    0.25,
    {{{0.6953537506371887, -0.3043645554534344, 0.35901080481624564},
      {0.6800773640211507, 0.2306585099257958, -0.9107358739469464},
      {0.9101294671107418, 0.8620453827335188, -1.7721748498442607},
      {1.064195408038277, 2.6964948472860244, -3.760690255324301}}},
    {-0.08783589295390815, -0.5514926961863904, -2.276134730522754, -2.4620063681226343},
    -0.27402996475770813};

/// The cross-entropy of four logits, offsets with the margin added to class `leading`, along the direction line_v.
struct EntropyLine {
  double margin;
  std::array<std::array<double, 4>, 2> derivatives;  ///< of the labels `leading` and `wrong`, orders 1 to 4
};
inline constexpr int line_leading = 2, line_wrong = 0;
inline constexpr std::array<double, 4> line_offsets{0.25, -1.5, 0.75, 0.75}, line_v{0.5, -1.0, 0.75, 2.0};
inline constexpr std::array<EntropyLine, 6> entropy_lines{{
    {1.0,
     {{{0.20629232897871377, 0.3915521398173298, 0.06011909687239473, 0.1634123290556258},
       {0.4562923289787138, 0.3915521398173298, 0.06011909687239473, 0.1634123290556258}}}},
    {5.0,
     {{{0.00608771457360219, 0.01277354523653133, 0.008950656969025335, 0.022152678733855853},
       {0.2560877145736022, 0.01277354523653133, 0.008950656969025335, 0.022152678733855853}}}},
    {20.0,
     {{{1.8837268161658586e-09, 3.963996801791777e-09, 2.8418649701526793e-09, 7.074507700636419e-09},
       {0.25000000188372684, 3.963996801791777e-09, 2.8418649701526793e-09, 7.074507700636419e-09}}}},
    {50.0,
     {{{1.7627205384172293e-22, 3.7093587684947164e-22, 2.6593101222500666e-22, 6.620057662779725e-22},
       {0.25, 3.7093587684947164e-22, 2.6593101222500666e-22, 6.620057662779725e-22}}}},
    {100.0,
     {{{3.3998469704751066e-44, 7.15442516077781e-44, 5.129143993978724e-44, 1.2768435210598764e-43},
       {0.25, 7.15442516077781e-44, 5.129143993978724e-44, 1.2768435210598764e-43}}}},
    {300.0,
     {{{4.705036413876919e-131, 9.900984130798336e-131, 7.098204558399753e-131, 1.7670193139810692e-130},
       {0.25, 9.900984130798336e-131, 7.098204558399753e-131, 1.7670193139810692e-130}}}},
}};

}  // namespace reference
