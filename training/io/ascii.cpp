// SPDX-License-Identifier: MIT
#include "training/io/ascii.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <utility>

namespace brink {

namespace {

constexpr std::pair<std::string_view, std::string_view> signs[] = {
    {"α", "alpha"}, {"β", "beta"},  {"γ", "gamma"},  {"δ", "delta"}, {"Δ", "Delta"}, {"ε", "epsilon"}, {"η", "eta"},
    {"θ", "theta"}, {"κ", "kappa"}, {"λ", "lambda"}, {"μ", "mu"},    {"ν", "nu"},    {"π", "pi"},      {"σ", "sigma"},
    {"Σ", "sum"},   {"φ", "phi"},   {"∇", "grad "},  {"∂", "d"},     {"√", "sqrt"},  {"∞", "inf"},     {"×", "x"},
    {"÷", "/"},     {"·", "*"},     {"±", "+-"},     {"−", "-"},     {"–", "-"},     {"…", "..."},     {"≤", "<="},
    {"≥", ">="},    {"≠", "!="},    {"≈", "~"},      {"←", "<-"},    {"→", "->"},    {"‖", "||"},      {"⟨", "<"},
    {"⟩", ">"},     {"ᵀ", "^T"},    {"½", "1/2"},    {"¼", "1/4"},   {"¹", "^1"},    {"²", "^2"},      {"³", "^3"},
    {"⁴", "^4"},    {"⁻", "^-"},    {"⁰", "0"},      {"○", "o"},     {"“", "\""},    {"”", "\""},      {"⌊", "floor("},
    {"⌋", ")"},
};
constexpr std::pair<std::string_view, char> subscripts[] = {{"₀", '0'}, {"₁", '1'}, {"₂", '2'}, {"₃", '3'}, {"₄", '4'},
                                                            {"₅", '5'}, {"₆", '6'}, {"₇", '7'}, {"₈", '8'}, {"₉", '9'},
                                                            {"ₙ", 'n'}, {"ᵢ", 'i'}, {"ₜ", 't'}, {"ⱼ", 'j'}, {"₋", '-'}};

std::size_t length_of(unsigned char first) { return first < 0xC0 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4; }

}  // namespace

bool wants_ascii() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') continue;
    std::string text = value;
    std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    return text.find("UTF-8") == std::string::npos && text.find("UTF8") == std::string::npos;
  }
  return false;
}

std::string as_ascii(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  bool in_subscript = false;
  while (!text.empty()) {
    const std::string_view c = text.substr(0, length_of(static_cast<unsigned char>(text.front())));
    text.remove_prefix(c.size());
    const auto* const low = std::ranges::find(subscripts, c, &std::pair<std::string_view, char>::first);
    if (low != std::end(subscripts)) {
      if (!std::exchange(in_subscript, true)) out += '_';
      out += low->second;
      continue;
    }
    in_subscript = false;
    const auto* const sign = c.size() == 1
                                 ? std::end(signs)
                                 : std::ranges::find(signs, c, &std::pair<std::string_view, std::string_view>::first);
    out += sign == std::end(signs) ? c : sign->second;
  }
  return out;
}

}  // namespace brink
