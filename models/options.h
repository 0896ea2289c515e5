// SPDX-License-Identifier: MIT
// The keys that a network, an update rule, a data set or a measurement owns (name, default, range, meaning), and the values
// that a user chose.
// Values are found by name and not by member, so that the owner of keys is one source file.
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace brink {

using OptionValue =
    std::variant<bool, std::int64_t, double, std::string, std::vector<std::int64_t>, std::vector<double>>;

/// One key. Its type is that of `standard`.
struct Option {
  std::string_view name;
  OptionValue standard;  ///< the default
  std::string expected;  ///< what an error message asks for, "an integer from 1 to 65536"; for a list, of each entry
  std::string meaning;   ///< one line for the documentation
  std::vector<std::string_view> choices = {};  ///< allowed texts; empty: any
  std::function<bool(double)> accepts = {};    ///< checks a number or each entry of a list; empty: all are accepted
  std::size_t fewest = 0, most = 0;            ///< number of entries of a list
  bool number_is_list = false;                 ///< a number alone is a list of one entry
};

/// least ≤ x ≤ most.
struct IntegerRange {
  std::int64_t least = 0, most = std::numeric_limits<std::int64_t>::max();
};
/// All given bounds hold. Infinity is allowed only if `infinite` is true.
struct RealRange {
  std::optional<double> least = {}, above = {}, most = {}, below = {};
  bool infinite = false;
};

Option integer_option(std::string_view name, std::int64_t standard, IntegerRange, std::string meaning);
Option real_option(std::string_view name, double standard, RealRange, std::string meaning);
/// Any text without a NUL character; "" at first, which means none.
Option text_option(std::string_view name, std::string expected, std::string meaning);
Option flag_option(std::string_view name, bool standard, std::string meaning);
/// An option whose value is one of a few words.
Option choice_option(std::string_view name, std::string_view standard, std::vector<std::string_view> choices,
                     std::string meaning);
/// An option whose value is a list with `fewest` to `most` entries.
Option integers_option(std::string_view name, std::vector<std::int64_t> standard, IntegerRange, std::size_t fewest,
                       std::size_t most, std::string meaning);
Option reals_option(std::string_view name, std::vector<double> standard, RealRange, std::size_t fewest,
                    std::size_t most, std::string meaning);

/// What is wrong with a value of the option's type, as the part of a sentence after the key's name: "expected …"; nothing if it
/// is accepted. `entry` is the index of the wrong entry.
struct OptionError {
  std::string expected;
  std::optional<std::size_t> entry = {};
};
std::optional<OptionError> check(const Option&, const OptionValue&);

/// A conflict between options each of which is accepted by itself.
struct OptionConflict {
  std::string option;   ///< the option's name
  std::string message;  ///< the rest of the sentence: "expected …"
};

/// A value for each option of a list. A name that is not in the list is a programming error: std::logic_error.
class Options {
 public:
  Options() = default;
  /// All options have their defaults. `declared` must outlive this object.
  explicit Options(std::span<const Option> declared);

  bool flag(std::string_view name) const { return get<bool>(name); }
  std::int64_t integer(std::string_view name) const { return get<std::int64_t>(name); }
  double real(std::string_view name) const { return get<double>(name); }
  const std::string& text(std::string_view name) const { return get<std::string>(name); }
  const std::vector<std::int64_t>& integers(std::string_view name) const {
    return get<std::vector<std::int64_t>>(name);
  }
  const std::vector<double>& reals(std::string_view name) const { return get<std::vector<double>>(name); }

  /// Throws std::invalid_argument if the value is not accepted.
  void set(std::string_view name, OptionValue);
  bool has(std::string_view name) const;
  std::span<const Option> declared() const { return declared_; }
  const OptionValue& value(std::string_view name) const { return values_[index(name)]; }
  /// Whether the values are equal, of the same list of options.
  friend bool operator==(const Options& a, const Options& b) { return a.values_ == b.values_; }

 private:
  template <class T>
  const T& get(std::string_view name) const {
    const T* x = std::get_if<T>(&value(name));
    if (!x) throw std::logic_error("option '" + std::string(name) + "' has another type");
    return *x;
  }
  std::size_t index(std::string_view name) const;

  std::span<const Option> declared_;
  std::vector<OptionValue> values_;
};

/// One kind of a list, with its options. Kind: a struct with `name` and `options`.
template <class Kind>
struct Chosen {
  const Kind* kind;
  Options options;
  // NOLINTNEXTLINE(google-explicit-constructor): a kind alone is a choice with its defaults
  Chosen(const Kind& k) : kind(&k), options(k.options) {}
  friend bool operator==(const Chosen& a, const Kind& k) { return a.kind == &k; }
};

/// Null if no kind of the list has that name.
template <class Kind>
const Kind* find_kind(std::span<const Kind> kinds, std::string_view name) {
  for (const Kind& k : kinds)
    if (k.name == name) return &k;
  return nullptr;
}

}  // namespace brink
