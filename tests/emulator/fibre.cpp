// SPDX-License-Identifier: MIT
#include "tests/emulator/fibre.h"

#include <sys/mman.h>

#include <cstdint>
#include <new>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if !defined(__x86_64__) && !defined(__aarch64__)
#include <ucontext.h>
#endif

namespace brink::emulator {

namespace {
constexpr std::size_t page = 65536;  // the largest that Linux uses
constexpr std::size_t stack_bytes = 4 * page;

/// The fibre being left and the one being entered, for entered().
Fibre *left = nullptr, *entered_now = nullptr;
}  // namespace

// Saves what a called function must preserve on this stack and its address in *save, and continues where `load` was left.
extern "C" void brink_emulator_switch(void** save, void* load);

#if defined(__x86_64__)
asm(R"(
.text
.globl brink_emulator_switch
.type brink_emulator_switch, @function
brink_emulator_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size brink_emulator_switch, .-brink_emulator_switch
)");
#elif defined(__aarch64__)
asm(R"(
.text
.globl brink_emulator_switch
.type brink_emulator_switch, %function
brink_emulator_switch:
  sub sp, sp, #160
  stp x19, x20, [sp, #0]
  stp x21, x22, [sp, #16]
  stp x23, x24, [sp, #32]
  stp x25, x26, [sp, #48]
  stp x27, x28, [sp, #64]
  stp x29, x30, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mov x9, sp
  str x9, [x0]
  mov sp, x1
  ldp x19, x20, [sp, #0]
  ldp x21, x22, [sp, #16]
  ldp x23, x24, [sp, #32]
  ldp x25, x26, [sp, #48]
  ldp x27, x28, [sp, #64]
  ldp x29, x30, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  add sp, sp, #160
  ret
.size brink_emulator_switch, .-brink_emulator_switch
)");
#else
extern "C" void brink_emulator_switch(void** save, void* load) {
  ucontext_t here;
  *save = &here;
  swapcontext(&here, static_cast<ucontext_t*>(load));
}
#endif

Fibre::Fibre(void (*entry)()) : entry_(entry) {
  void* p =
      mmap(nullptr, page + stack_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) throw std::bad_alloc();
  mapped_ = static_cast<char*>(p);
  mprotect(mapped_, page, PROT_NONE);
  bottom_ = mapped_ + page;
  bytes_ = stack_bytes;
  reset();
}

Fibre::~Fibre() {
  if (mapped_) munmap(mapped_, page + stack_bytes);
}

void Fibre::reset() {
#if defined(__SANITIZE_ADDRESS__)
  __asan_unpoison_memory_region(bottom_, bytes_);
#endif
  shadow_ = nullptr;
  // Stacks start at different places of their first page, or all their tops would meet in the same few lines of the cache.
  static std::size_t count = 0;
  char* top = mapped_ + page + stack_bytes - 256 - 192 * (count++ % 20);
#if defined(__x86_64__)
  auto* sp = reinterpret_cast<std::uintptr_t*>(top);
  *--sp = 0;  // entry's return address: never used, but it aligns the stack as the calling convention requires
  *--sp = reinterpret_cast<std::uintptr_t>(entry_);
  for (int saved = 0; saved < 6; ++saved) *--sp = 0;
  stack_pointer_ = sp;
#elif defined(__aarch64__)
  auto* sp = reinterpret_cast<std::uintptr_t*>(top - 160);
  for (int saved = 0; saved < 20; ++saved) sp[saved] = 0;
  sp[11] = reinterpret_cast<std::uintptr_t>(entry_);
  stack_pointer_ = sp;
#else
  auto* context = reinterpret_cast<ucontext_t*>(mapped_ + page);
  getcontext(context);
  context->uc_stack.ss_sp = mapped_ + page + sizeof(ucontext_t);
  context->uc_stack.ss_size = static_cast<std::size_t>(top - mapped_) - page - sizeof(ucontext_t);
  context->uc_link = nullptr;
  makecontext(context, entry_, 0);
  stack_pointer_ = context;
#endif
}

void Fibre::switch_to(Fibre& other) {
  left = this;
  entered_now = &other;
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(&shadow_, other.bottom_, other.bytes_);
#endif
  brink_emulator_switch(&stack_pointer_, other.stack_pointer_);
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(shadow_, nullptr, nullptr);
#endif
}

void Fibre::entered() {
#if defined(__SANITIZE_ADDRESS__)
  // The only way to learn the position of the stack on which the caller of the first switch runs.
  const void* bottom = nullptr;
  std::size_t bytes = 0;
  __sanitizer_finish_switch_fiber(entered_now->shadow_, &bottom, &bytes);
  if (!left->mapped_) {
    left->bottom_ = bottom;
    left->bytes_ = bytes;
  }
#endif
}

}  // namespace brink::emulator
