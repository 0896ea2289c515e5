// SPDX-License-Identifier: MIT
// What it is: a fibre: a stack of its own and a switch to it, the base on which the emulator runs CUDA threads.
// What it is not: a thread, or a scheduler. Decision: the switch is a few lines of assembly, because ucontext makes a system
// call at each; it is used where neither x86-64 nor aarch64 is. Sanitizers are told of every switch.
#pragma once

#include <cstddef>

namespace brink::emulator {

class Fibre {
 public:
  /// Runs entry() on a stack of its own at the first switch; entry must not return.
  explicit Fibre(void (*entry)());
  /// The stack that the caller runs on.
  Fibre() = default;
  ~Fibre();
  Fibre(const Fibre&) = delete;
  Fibre& operator=(const Fibre&) = delete;

  /// Leaves this fibre, which must be the running one, for another; returns when somebody switches back.
  void switch_to(Fibre& other);
  /// To be the first call of entry().
  static void entered();
  /// Gives up what the fibre was doing: the next switch runs entry() from its start.
  void reset();

 private:
  void (*entry_)() = nullptr;
  char* mapped_ = nullptr;  // a page that must not be touched, then the stack
  void* stack_pointer_ = nullptr;
  const void* bottom_ = nullptr;
  std::size_t bytes_ = 0;
  void* shadow_ = nullptr;  // the address sanitizer's own
};

}  // namespace brink::emulator
