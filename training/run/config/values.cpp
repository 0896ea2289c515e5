// SPDX-License-Identifier: MIT
#include "training/run/config/values.h"

#include <type_traits>

#include "training/io/text.h"

namespace brink::config {

std::string real_text(double x) {
  std::string out = number_text(x);
  if (out.find_first_not_of("-0123456789") == std::string::npos) out += ".0";
  return out;
}

std::string quote(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      out += "\\u00" + hex_text(static_cast<unsigned char>(c)).substr(14);
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string describe(const toml::node& node) {
  if (const auto* s = node.as_string()) return "the string " + quote(s->get());
  if (const auto* i = node.as_integer()) return "the integer " + number_text(i->get());
  if (const auto* x = node.as_floating_point()) return "the float " + real_text(x->get());
  if (const auto* b = node.as_boolean()) return b->get() ? "the boolean true" : "the boolean false";
  if (const auto* a = node.as_array()) return a->empty() ? "an empty array" : "an array";
  if (node.is_table()) return "a table";
  return "a date or time";
}

std::string expected(std::string_view what, const toml::node& got) {
  return "expected " + std::string(what) + ", got " + describe(got);
}

std::string one_of(std::span<const std::string_view> words) {
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i)
    out += (i == 0 ? "" : i + 1 == words.size() ? " or " : ", ") + quote(words[i]);
  return out;
}

std::optional<double> as_real(const toml::node& node) {
  if (node.is_integer() || node.is_floating_point()) return node.value<double>();
  return std::nullopt;
}

namespace {

template <class T>
struct IsList : std::false_type {};
template <class T>
struct IsList<std::vector<T>> : std::true_type {};

template <class T>
std::optional<T> scalar(const toml::node& node) {
  if constexpr (std::is_same_v<T, double>)
    return as_real(node);
  else
    return node.value_exact<T>();
}

}  // namespace

std::string text_of(const OptionValue& value) {
  return std::visit(
      []<class T>(const T& x) -> std::string {
        if constexpr (std::is_same_v<T, bool>) {
          return x ? "true" : "false";
        } else if constexpr (std::is_same_v<T, std::int64_t>) {
          return number_text(x);
        } else if constexpr (std::is_same_v<T, double>) {
          return real_text(x);
        } else if constexpr (std::is_same_v<T, std::string>) {
          return quote(x);
        } else {
          std::string out = "[";
          for (const auto& item : x) out += (out.size() > 1 ? ", " : "") + text_of(OptionValue(item));
          return out + "]";
        }
      },
      value);
}

Problem read(const Option& option, const toml::node& node, OptionValue& out) {
  return std::visit(
      [&]<class T>(const T&) -> Problem {
        if constexpr (IsList<T>::value) {
          const toml::array* array = node.as_array();
          toml::array alone;
          if (option.number_is_list && as_real(node)) {
            node.visit([&](const auto& n) { alone.push_back(n); });
            array = &alone;
          }
          if (!array)
            return expected((option.number_is_list ? option.expected + ", or a list of such"
                                                   : "a list, each entry " + option.expected),
                            node);
          T list;
          for (const toml::node& item : *array) {
            const auto x = scalar<typename T::value_type>(item);
            if (!x) return "entry " + number_text(list.size() + 1) + ": " + expected(option.expected, item);
            list.push_back(*x);
          }
          const std::size_t entries = list.size();
          OptionValue value(std::move(list));
          if (const auto wrong = check(option, value)) {
            if (wrong->entry)
              return "entry " + number_text(*wrong->entry + 1) + ": " + wrong->expected + ", got " +
                     describe(*array->get(*wrong->entry));
            return wrong->expected + ", got " + number_text(entries);
          }
          out = std::move(value);
        } else {
          const auto x = scalar<T>(node);
          if (!x) return expected(option.expected, node);
          OptionValue value(*x);
          if (check(option, value)) return expected(option.expected, node);
          out = std::move(value);
        }
        return {};
      },
      option.standard);
}

}  // namespace brink::config
