// SPDX-License-Identifier: MIT
// Everything that a run remembers from one step to the next, part by part and by name. One visit serves the checkpoint that
// writes it, the resume or fork that reads it, and the digest that hashes it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "kernels/memory.h"

namespace brink {

/// Receives each part of a state. A reader overwrites what it receives; every other visitor leaves it unchanged.
class StateVisitor {
 public:
  virtual ~StateVisitor() = default;
  /// Whether the visitor restores a saved state, which overwrites the parts.
  virtual bool reads() const = 0;

  void tensor(std::string_view name, View v) { on_tensor(prefix_ + std::string(name), v); }
  void number(std::string_view name, std::int64_t& x) { on_value(prefix_ + std::string(name), &x); }
  void number(std::string_view name, double& x) { on_value(prefix_ + std::string(name), &x); }
  void text(std::string_view name, std::string& x) { on_value(prefix_ + std::string(name), &x); }
  void list(std::string_view name, std::vector<std::int64_t>& x) { on_value(prefix_ + std::string(name), &x); }
  /// A number of an integral or enumeration type that fits into 64 bits.
  template <class T>
  void number_as(std::string_view name, T& x) {
    auto wide = static_cast<std::int64_t>(x);
    number(name, wide);
    if (reads()) x = static_cast<T>(wide);
  }
  /// A number that may be absent; absence has its own representation and is not a reserved value.
  template <class T>
  void optional(std::string_view name, std::optional<T>& x) {
    bool there = x.has_value();
    number_as(std::string(name) + "?", there);
    T value = x.value_or(T{});
    number(name, value);
    if (reads()) x = there ? std::optional<T>(value) : std::nullopt;
  }

  /// While this lives, the names of parts begin with `part` and a slash.
  class Part {
   public:
    Part(StateVisitor& v, std::string_view part) : visitor_(v), length_(v.prefix_.size()) {
      v.prefix_ += part;
      v.prefix_ += '/';
    }
    ~Part() { visitor_.prefix_.resize(length_); }
    Part(const Part&) = delete;
    Part& operator=(const Part&) = delete;

   private:
    StateVisitor& visitor_;
    std::size_t length_;
  };

 protected:
  using Value = std::variant<std::int64_t*, double*, std::string*, std::vector<std::int64_t>*>;
  /// v: memory of the run's device.
  virtual void on_tensor(const std::string& name, View v) = 0;
  virtual void on_value(const std::string& name, Value) = 0;

 private:
  std::string prefix_;
};

/// An object with a state. Objects that are constructed in the same way show the same parts, in the same order, at every visit.
class Stateful {
 public:
  virtual ~Stateful() = default;
  virtual void visit(StateVisitor&) = 0;

 protected:
  Stateful() = default;
  Stateful(const Stateful&) = default;
  Stateful& operator=(const Stateful&) = default;
};

/// A state in host memory. Tensors have the bytes of the run's precision.
struct SavedState {
  using Value = std::variant<std::int64_t, double, std::string, std::vector<std::int64_t>, Array>;
  std::map<std::string, Value> parts;
};

/// Waits for the device. Throws std::logic_error if two parts have the same name.
SavedState save_state(Device&, Stateful&);
/// Throws std::invalid_argument, before anything is overwritten, naming the part that is missing, unknown, or of another type
/// or shape.
void restore_state(Device&, Stateful&, const SavedState&);
/// Gives `to` the state of `from`, which has the same parts. Tensors are copied on the device: enqueued only. Throws
/// std::logic_error if the parts differ.
void copy_state(Device&, Stateful& to, Stateful& from);

}  // namespace brink
