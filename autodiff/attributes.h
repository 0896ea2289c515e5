// SPDX-License-Identifier: MIT
// The settings of an operation beside its inputs, stored as a value whose type only the operation's primitive knows.
#pragma once

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <new>
#include <string>
#include <tuple>
#include <type_traits>

namespace brink {

namespace attributes {

/// The words that represent a field. Numbers are compared bit for bit: −0 differs from +0, and a NaN equals itself.
template <class F>
requires std::is_integral_v<F> || std::is_enum_v<F>
constexpr std::array<std::uint64_t, 1> words_of(F x) { return {static_cast<std::uint64_t>(x)}; }
constexpr std::array<std::uint64_t, 1> words_of(double x) { return {std::bit_cast<std::uint64_t>(x)}; }
template <std::size_t n>
constexpr std::array<std::uint64_t, n> words_of(const std::array<std::int64_t, n>& x) {
  return std::bit_cast<std::array<std::uint64_t, n>>(x);
}

/// A struct of settings: `fields()` is a tuple of all its members, and `describe()` is their text for readers: "stride 2".
template <class A>
concept Settings = std::is_trivially_copyable_v<A> && requires(const A& a) {
  std::apply([](const auto&... field) { (words_of(field), ...); }, a.fields());
  { a.describe() } -> std::same_as<std::string>;
};

/// Whether fields() can name every member: the named members fill the struct except for padding at the end.
template <Settings A>
consteval bool names_every_member() {
  return []<class... F>(std::type_identity<std::tuple<F...>>) {
    return sizeof(A) < (sizeof(std::remove_cvref_t<F>) + ... + 0) + alignof(A);
  }(std::type_identity<decltype(std::declval<const A&>().fields())>{});
}

/// f(word) for every word of every field, in order.
template <Settings A, class F>
void for_words(const A& a, const F& f) {
  std::apply(
      [&](const auto&... field) {
        const auto one = [&](const auto& words) {
          for (const std::uint64_t w : words) f(w);
        };
        (one(words_of(field)), ...);
      },
      a.fields());
}

/// A hash that joins another word to one.
constexpr std::uint64_t join(std::uint64_t hash, std::uint64_t word) {
  hash = (hash ^ word) * 0x9e3779b97f4a7c15;
  return hash ^ (hash >> 32);
}

}  // namespace attributes

/// Any struct of settings, or none, as a small value: copying and reading it allocates nothing.
class Attributes {
 public:
  Attributes() = default;
  template <attributes::Settings A>
  Attributes(const A& a) : kind_(&kind_of<A>) {
    static_assert(sizeof(A) <= capacity && alignof(A) <= alignof(std::uint64_t), "settings are small plain data");
    static_assert(attributes::names_every_member<A>(), "fields() names every member; members are ordered by size");
    new (value_.data()) A(a);
  }

  /// The struct if it is an A, otherwise null.
  template <attributes::Settings A>
  const A* get_if() const {
    return kind_ == &kind_of<A> ? std::launder(reinterpret_cast<const A*>(value_.data())) : nullptr;
  }
  /// The struct, which must be an A. Throws std::logic_error.
  template <attributes::Settings A>
  const A& as() const {
    const A* const a = get_if<A>();
    if (!a) refuse();
    return *a;
  }

  std::size_t hash() const;
  friend bool operator==(const Attributes&, const Attributes&);
  /// A text such as " {stride 2}"; empty if there is nothing to describe.
  friend std::string to_string(const Attributes&);

 private:
  static constexpr std::size_t capacity = 64;
  struct Kind {
    bool (*equal)(const void*, const void*);
    std::uint64_t (*hash)(const void*);
    std::string (*describe)(const void*);
  };
  template <class A>
  static bool equal(const void* a, const void* b) {
    std::array<std::uint64_t, capacity / sizeof(std::uint64_t) * 2> words{};
    std::size_t count = 0, at = 0;
    bool same = true;
    attributes::for_words(*static_cast<const A*>(a), [&](std::uint64_t w) { words[count++] = w; });
    attributes::for_words(*static_cast<const A*>(b), [&](std::uint64_t w) { same = same && words[at++] == w; });
    return same;
  }
  template <class A>
  static std::uint64_t hash(const void* a) {
    std::uint64_t h = 0;
    attributes::for_words(*static_cast<const A*>(a), [&](std::uint64_t w) { h = attributes::join(h, w); });
    return h;
  }
  template <class A>
  static std::string describe(const void* a) {
    return static_cast<const A*>(a)->describe();
  }
  template <class A>
  static constexpr Kind kind_of{&equal<A>, &hash<A>, &describe<A>};
  [[noreturn]] static void refuse();

  const Kind* kind_ = nullptr;
  alignas(std::uint64_t) std::array<std::byte, capacity> value_{};
};

}  // namespace brink
