// SPDX-License-Identifier: MIT
#include "models/options.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace brink {

namespace {

std::string text_of(double x) {
  char out[40];
  return {out, std::to_chars(out, out + sizeof out, x).ptr};
}

std::string expected_integer(IntegerRange r) {
  if (r.most == std::numeric_limits<std::int64_t>::max()) return "an integer of at least " + std::to_string(r.least);
  return "an integer from " + std::to_string(r.least) + " to " + std::to_string(r.most);
}

std::string expected_real(const RealRange& r) {
  std::string out = r.infinite ? "a number" : "a finite number";
  const char* join = " ";
  const auto add = [&](const char* words, std::optional<double> bound) {
    if (!bound) return;
    out += join + std::string(words) + " " + text_of(*bound);
    join = " and ";
  };
  add("of at least", r.least);
  add("above", r.above);
  add("of at most", r.most);
  add("below", r.below);
  return out;
}

std::function<bool(double)> in(IntegerRange r) {
  return [r](double x) { return x >= static_cast<double>(r.least) && x <= static_cast<double>(r.most); };
}
std::function<bool(double)> in(const RealRange& r) {
  return [r](double x) {
    return !std::isnan(x) && (r.infinite || std::isfinite(x)) && !(r.least && x < *r.least) &&
           !(r.above && x <= *r.above) && !(r.most && x > *r.most) && !(r.below && x >= *r.below);
  };
}

std::string one_of(const std::vector<std::string_view>& choices) {
  std::string out;
  for (std::size_t i = 0; i < choices.size(); ++i)
    out += (i == 0 ? "\"" : i + 1 == choices.size() ? " or \"" : ", \"") + std::string(choices[i]) + '"';
  return out;
}

template <class T>
std::optional<OptionError> check_list(const Option& o, const std::vector<T>& list) {
  if (list.size() < o.fewest)
    return OptionError{"expected at least " + std::to_string(o.fewest) + (o.fewest == 1 ? " entry" : " entries")};
  if (list.size() > o.most) return OptionError{"expected at most " + std::to_string(o.most) + " entries"};
  for (std::size_t i = 0; i < list.size(); ++i)
    if (!o.accepts(static_cast<double>(list[i]))) return OptionError{"expected " + o.expected, i};
  return {};
}

}  // namespace

Option integer_option(std::string_view name, std::int64_t standard, IntegerRange r, std::string meaning) {
  return {.name = name,
          .standard = standard,
          .expected = expected_integer(r),
          .meaning = std::move(meaning),
          .accepts = in(r)};
}
Option real_option(std::string_view name, double standard, RealRange r, std::string meaning) {
  return {.name = name,
          .standard = standard,
          .expected = expected_real(r),
          .meaning = std::move(meaning),
          .accepts = in(r)};
}
Option text_option(std::string_view name, std::string expected, std::string meaning) {
  return {.name = name, .standard = std::string(), .expected = std::move(expected), .meaning = std::move(meaning)};
}
Option flag_option(std::string_view name, bool standard, std::string meaning) {
  return {.name = name, .standard = standard, .expected = "true or false", .meaning = std::move(meaning)};
}
Option choice_option(std::string_view name, std::string_view standard, std::vector<std::string_view> choices,
                     std::string meaning) {
  std::string expected = one_of(choices);
  return {.name = name,
          .standard = std::string(standard),
          .expected = std::move(expected),
          .meaning = std::move(meaning),
          .choices = std::move(choices)};
}
Option integers_option(std::string_view name, std::vector<std::int64_t> standard, IntegerRange r, std::size_t fewest,
                       std::size_t most, std::string meaning) {
  return {.name = name,
          .standard = std::move(standard),
          .expected = expected_integer(r),
          .meaning = std::move(meaning),
          .accepts = in(r),
          .fewest = fewest,
          .most = most};
}
Option reals_option(std::string_view name, std::vector<double> standard, RealRange r, std::size_t fewest,
                    std::size_t most, std::string meaning) {
  return {.name = name,
          .standard = std::move(standard),
          .expected = expected_real(r),
          .meaning = std::move(meaning),
          .accepts = in(r),
          .fewest = fewest,
          .most = most};
}

std::optional<OptionError> check(const Option& o, const OptionValue& v) {
  if (v.index() != o.standard.index()) return OptionError{"expected " + o.expected};
  return std::visit(
      [&]<class T>(const T& x) -> std::optional<OptionError> {
        if constexpr (std::is_same_v<T, std::vector<std::int64_t>> || std::is_same_v<T, std::vector<double>>) {
          return check_list(o, x);
        } else if constexpr (std::is_same_v<T, std::string>) {
          if (x.find('\0') != std::string::npos ||
              (!o.choices.empty() && std::ranges::find(o.choices, x) == o.choices.end()))
            return OptionError{"expected " + o.expected};
        } else if (o.accepts && !o.accepts(static_cast<double>(x))) {
          return OptionError{"expected " + o.expected};
        }
        return {};
      },
      v);
}

Options::Options(std::span<const Option> declared) : declared_(declared) {
  for (const Option& o : declared_) values_.push_back(o.standard);
}

std::size_t Options::index(std::string_view name) const {
  for (std::size_t i = 0; i < declared_.size(); ++i)
    if (declared_[i].name == name) return i;
  throw std::logic_error("option '" + std::string(name) + "' was not declared");
}

bool Options::has(std::string_view name) const {
  return std::ranges::find(declared_, name, &Option::name) != declared_.end();
}

void Options::set(std::string_view name, OptionValue value) {
  const std::size_t i = index(name);
  if (const auto wrong = check(declared_[i], value))
    throw std::invalid_argument(std::string(name) + ": " + wrong->expected);
  values_[i] = std::move(value);
}

}  // namespace brink
