// SPDX-License-Identifier: MIT
// A fibre: a stack of its own and a switch to it, by which the emulator runs CUDA threads.
// The switch is a few lines of assembly, because ucontext makes a system call at each; ucontext is used on other processors
// than x86-64 and aarch64. Sanitizers are notified of every switch.
#pragma once

#include <cstddef>

namespace brink::emulator {

class Fibre {
 public:
  /// Runs entry() on a stack of its own at the first switch; entry must not return.
  explicit Fibre(void (*entry)());
  /// The caller's stack.
  Fibre() = default;
  ~Fibre();
  Fibre(const Fibre&) = delete;
  Fibre& operator=(const Fibre&) = delete;

  /// Leaves this fibre, which must be the running one, for another; returns at the switch back.
  void switch_to(Fibre& other);
  /// To be the first call of entry().
  static void entered();
  /// Abandons what the fibre was doing: the next switch runs entry() from its start.
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
