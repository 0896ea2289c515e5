// SPDX-License-Identifier: MIT
#include "kernels/isa.h"

#include <atomic>
#include <cstdlib>
#include <stdexcept>
#include <string>

namespace brink {

namespace {
Isa widest() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("bmi2"))
    return Isa::portable;
  const bool v4 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                  __builtin_cpu_supports("avx512vl");
  return v4 ? Isa::x86_64_v4 : Isa::x86_64_v3;
#elif defined(__aarch64__)
  return Isa::neon;
#else
  return Isa::portable;
#endif
}

void require(Isa wish) {
  for (const Isa i : available_isas())
    if (i == wish) return;
  throw std::invalid_argument("instruction set " + std::string(name_of(wish)) + ": this processor has " +
                              std::string(name_of(widest())) + " at most");
}

Isa choose() {
  const char* wish = std::getenv("BRINK_SIMD");
  if (wish == nullptr || *wish == '\0') return widest();
  for (const Isa i : {Isa::portable, Isa::x86_64_v3, Isa::x86_64_v4, Isa::neon})
    if (name_of(i) == wish) {
      require(i);
      return i;
    }
  throw std::invalid_argument("BRINK_SIMD=" + std::string(wish) +
                              ": no such instruction set; expected portable, x86-64-v3 or x86-64-v4");
}

std::atomic<Isa>& current() {
  static std::atomic<Isa> chosen{choose()};
  return chosen;
}
}  // namespace

Isa isa() { return current().load(std::memory_order_relaxed); }

void set_isa(Isa i) {
  require(i);
  current().store(i, std::memory_order_relaxed);
}

std::vector<Isa> available_isas() {
  const Isa best = widest();
  if (best == Isa::neon) return {Isa::neon};
  std::vector<Isa> out;
  for (const Isa i : {Isa::portable, Isa::x86_64_v3, Isa::x86_64_v4})
    if (i <= best) out.push_back(i);
  return out;
}

std::string_view name_of(Isa i) {
  switch (i) {
    case Isa::x86_64_v3: return X86V3::name;
    case Isa::x86_64_v4: return X86V4::name;
    case Isa::neon: return Neon::name;
    default: return Portable::name;
  }
}

}  // namespace brink
