// SPDX-License-Identifier: MIT
// Makes the keys of config.toml from members of the config: how they are read, checked and printed.
#pragma once

#include <algorithm>
#include <limits>
#include <utility>

#include "training/io/text.h"
#include "training/run/config/key.h"

namespace brink::config {

inline constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
inline constexpr const char* measure_table = "measure.";

/// A member of one of the config's tables.
template <class Table, class Member>
auto at(Table Config::*table, Member Table::*member) {
  return [=](Config& c) -> Member& { return c.*table.*member; };
}
/// The same, for a config that is not changed.
template <class Field>
const auto& peek(Field field, const Config& c) {
  return field(const_cast<Config&>(c));
}

/// A key of an option's type; the option says what is accepted.
template <class Field>
Key key(std::string table, Option option, Field field) {
  Key out{std::move(table), std::string(option.name), {}, {}};
  out.text = std::holds_alternative<std::string>(option.standard);
  out.print = [=](const Config& c) { return text_of(OptionValue(peek(field, c))); };
  out.set = [=, option = std::move(option)](Config& c, const toml::node& v) -> Problem {
    OptionValue value;
    Problem problem = read(option, v, value);
    if (!problem) field(c) = std::get<std::remove_cvref_t<decltype(field(c))>>(value);
    return problem;
  };
  return out;
}

/// A key whose value is a word for a value of E.
template <class E, class Field>
Key choice(std::string table, std::string name, std::vector<std::pair<std::string_view, E>> choices, Field field) {
  return {std::move(table), std::move(name),
          [=](Config& c, const toml::node& v) -> Problem {
            const auto x = v.value_exact<std::string>();
            std::vector<std::string_view> words;
            for (const auto& [text, value] : choices) {
              if (x && text == *x) return field(c) = value, Problem{};
              words.push_back(text);
            }
            return expected(one_of(words), v);
          },
          [=](const Config& c) {
            return quote(std::ranges::find(choices, peek(field, c), &std::pair<std::string_view, E>::second)->first);
          },
          true};
}

/// An integer of at least 1, or `word`, which is stored as 0.
template <class Field>
Key integer_or(std::string table, std::string name, std::string_view word, std::int64_t high, Field field) {
  const std::string range = high == most ? "an integer of at least 1" : "an integer from 1 to " + number_text(high);
  return {std::move(table),
          std::move(name),
          [=](Config& c, const toml::node& v) -> Problem {
            if (v.value_exact<std::string>() == std::string(word)) return field(c) = 0, Problem{};
            const auto x = v.value_exact<std::int64_t>();
            if (!x || *x < 1 || *x > high) return expected(range + " or " + quote(word), v);
            field(c) = *x;
            return {};
          },
          [=](const Config& c) { return peek(field, c) == 0 ? quote(word) : number_text(peek(field, c)); },
          false,
          false};
}

/// Common names of networks, with the keys that make them.
inline std::string hint(std::span<const NetworkKind> kinds, std::string_view text) {
  for (const NetworkKind& k : kinds)
    for (const auto& [name, keys] : k.known_as)
      if (name == text) return "; " + quote(name) + " is " + quote(k.name) + " with " + std::string(keys);
  return {};
}
template <class Kind>
std::string hint(std::span<const Kind>, std::string_view) {
  return {};
}

/// The key that chooses one kind of a list by its name.
template <class Kind, class Field>
Key kind_key(std::string table, std::string name, std::span<const Kind> kinds, Field field) {
  Key out{std::move(table), std::move(name), {}, {}, true, true, true};
  out.set = [=](Config& c, const toml::node& v) -> Problem {
    const auto text = v.value_exact<std::string>();
    const Kind* kind = text ? find_kind(kinds, *text) : nullptr;
    if (kind) return field(c) = Chosen<Kind>(*kind), Problem{};
    std::vector<std::string_view> names;
    for (const Kind& k : kinds) names.push_back(k.name);
    return expected(one_of(names), v) + (text ? hint(kinds, *text) : std::string());
  };
  out.print = [=](const Config& c) { return quote(peek(field, c).kind->name); };
  return out;
}

/// The keys that a chosen kind owns.
template <class Find>
void append_options(std::vector<Key>& out, const std::string& table, std::span<const Option> options, Find find) {
  for (const Option& option : options) {
    Key k{table, std::string(option.name), {}, {}};
    k.text = std::holds_alternative<std::string>(option.standard);
    k.set = [=](Config& c, const toml::node& v) -> Problem {
      OptionValue value;
      Problem problem = read(option, v, value);
      if (!problem) find(c).set(option.name, std::move(value));
      return problem;
    };
    k.print = [=](const Config& c) { return text_of(peek(find, c).value(option.name)); };
    out.push_back(std::move(k));
  }
}

/// A key that may be absent, and is not written then.
template <class Field>
Key optional_key(std::string table, Option option, Field field) {
  Key out{std::move(table), std::string(option.name), {}, {}};
  out.print = [=](const Config& c) { return peek(field, c) ? text_of(OptionValue(*peek(field, c))) : std::string(); };
  out.set = [=, option = std::move(option)](Config& c, const toml::node& v) -> Problem {
    OptionValue value;
    Problem problem = read(option, v, value);
    if (!problem) field(c) = std::get<typename std::remove_cvref_t<decltype(field(c))>::value_type>(value);
    return problem;
  };
  return out;
}

inline Key without_hash(Key k) {
  k.hashed = false;
  return k;
}

/// The path of a file or a folder; empty, and then not written, if there is none.
template <class Field>
Key path(std::string table, std::string name, std::string_view what, bool hashed, Field field) {
  return {std::move(table),
          std::move(name),
          [=](Config& c, const toml::node& v) -> Problem {
            const auto x = v.value_exact<std::string>();
            if (!x || x->empty() || x->find('\0') != std::string::npos)
              return expected("the path of a " + std::string(what), v);
            field(c) = *x;
            return {};
          },
          [=](const Config& c) { return peek(field, c).empty() ? std::string() : quote(peek(field, c)); },
          true,
          hashed};
}

/// The keys of [measure] and of the tables of measurements (measure_keys.cpp).
void append_measure(std::vector<Key>& out, const Config&);

}  // namespace brink::config
