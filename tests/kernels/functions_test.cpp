// SPDX-License-Identifier: MIT
// B8 of docs/promises.md: the outputs of the float32 functions over all inputs are hashed and compared with frozen hashes,
// which are those of the correctly rounded functions (functions_reference_test.cpp).
#include <doctest/doctest.h>
#include <xxhash.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "kernels/device.h"
#include "kernels/functions/elementary.h"
#include "tests/kernels/elementary_loops.h"

using namespace brink;
using namespace brink::test;

namespace {

constexpr std::int64_t block_size = 65536, blocks = 65536;

std::string hex(XXH128_hash_t h) {
  char text[33];
  std::snprintf(text, sizeof text, "%016llx%016llx", static_cast<unsigned long long>(h.high64),
                static_cast<unsigned long long>(h.low64));
  return text;
}

/// XXH3-128 of the XXH3-64 of the outputs of each block; block b holds the inputs with bits 65536·b … 65536·b + 65535. Blocks
/// b = offset, offset + stride, … are taken. `flip` ≥ 0 flips the last bit of the output for the input with these bits.
std::string scan(Isa set, Function f, std::int64_t stride, std::int64_t offset = 0, std::int64_t flip = -1) {
  ThreadPool pool(available_threads());
  const std::int64_t count = (blocks - offset + stride - 1) / stride;
  std::vector<XXH64_hash_t> hashes(static_cast<std::size_t>(count));
  pool.run(pool.threads(), [&](int, std::int64_t worker) {
    std::vector<float> x(block_size), y(block_size);
    for (std::int64_t k = worker; k < count; k += pool.threads()) {
      const std::int64_t block = offset + k * stride;
      for (std::int64_t i = 0; i < block_size; ++i) {
        const std::uint32_t bits = static_cast<std::uint32_t>(block * block_size + i);
        std::memcpy(&x[static_cast<std::size_t>(i)], &bits, 4);
      }
      evaluate(set, f, x.data(), y.data(), block_size);
      for (float& v : y) {
        std::uint32_t bits = 0x7FC00000;
        if (v == v) std::memcpy(&bits, &v, 4);
        std::memcpy(&v, &bits, 4);
      }
      if (flip / block_size == block && flip >= 0) {
        std::uint32_t bits;
        float& v = y[static_cast<std::size_t>(flip % block_size)];
        std::memcpy(&bits, &v, 4);
        bits ^= 1;
        std::memcpy(&v, &bits, 4);
      }
      hashes[static_cast<std::size_t>(k)] = XXH3_64bits(y.data(), block_size * sizeof(float));
    }
  });
  return hex(XXH3_128bits(hashes.data(), hashes.size() * sizeof hashes[0]));
}

struct Frozen {
  Function function;
  std::string all;        // every block
  std::string sixteenth;  // blocks 5, 21, 37, …
  std::string part;       // blocks 37, 101, 165, …
};
const Frozen frozen[] = {
    {Function::exp, "f1bb13f5552c4f368708c723aa1f74c2", "d3369520955943861764475608b115dd",
     "b7a756e820e41cf6cd05c32d1dc3577b"},
    {Function::log, "60856a6cbad467cc9d1531a0fb5712fb", "6d4fb2c9de217352701becce442703a9",
     "33b8ad75da4b38ec55c7ed75cbfd9fff"},
    {Function::tanh, "60c6274c0bf158771e3a9df31b162486", "4e8eb2e9c4fddaaa4538047070dd0dee",
     "2b5c81bf5710e21efdb73fb25dc0ef93"},
    {Function::sin, "28828215d4cd591b60109805dc29d411", "dfe121b5128677f6c765dad62b097539",
     "083152e4aaa9a711deb22ee0031c1120"},
    {Function::cos, "590c0dcb924d36a959e80b60d6b1f592", "8de366935bfe826e1602e8d630c6a5c8",
     "43d4192d3704c9d9c13db65b5be0e387"},
    {Function::normal_cdf, "dc516d6b452a21d006e7bf6370b81b07", "53db53965f860667256971bb6eda633b",
     "3592a615822b1b50710b9924403d3a88"},
    {Function::normal_density, "af7a6fa0756d38e744db404c109fd453", "21ebb97781f214e1caf7a4152174e72d",
     "778f13439fd38445f089fba34a14dcbe"},
};

std::vector<Isa> sets_here() {
  std::vector<Isa> sets;
  for (const Isa i : {Isa::portable, Isa::x86_64_v3, Isa::x86_64_v4})
    if (i <= isa()) sets.push_back(i);
  if (isa() == Isa::neon) sets = {Isa::neon};
  return sets;
}

}  // namespace

TEST_CASE("all 2^32 outputs of each float32 function have the frozen hash (B8)") {
  if (isa() == Isa::portable) {
    MESSAGE("[skip] all 2^32 outputs: fma in software takes too long; the long run does it");
    return;
  }
  for (const Frozen& f : frozen) {
    CAPTURE(std::string(name_of(f.function)));
    CHECK(scan(isa(), f.function, 1) == f.all);
  }
}

TEST_CASE("every instruction set gives the same bits (B7): one block in sixteen, portable one in 64") {
  for (const Isa set : sets_here()) {
    if (set == isa() && set != Isa::portable) continue;  // scanned whole, above
    CAPTURE(std::string(name_of(set)));
    for (const Frozen& f : frozen) {
      CAPTURE(std::string(name_of(f.function)));
      if (set == Isa::portable)
        CHECK(scan(set, f.function, 64, 37) == f.part);
      else
        CHECK(scan(set, f.function, 16, 5) == f.sixteenth);
    }
  }
}

TEST_CASE("every instruction set gives the same bits (B7): all 2^32 inputs" * doctest::test_suite("slow") *
          doctest::skip()) {
  for (const Isa set : sets_here()) {
    CAPTURE(std::string(name_of(set)));
    for (const Frozen& f : frozen) {
      CAPTURE(std::string(name_of(f.function)));
      CHECK(scan(set, f.function, 1) == f.all);
      CHECK(scan(set, f.function, 16, 5) == f.sixteenth);
      CHECK(scan(set, f.function, 64, 37) == f.part);
    }
  }
}

TEST_CASE("control: a logarithm that is rounded twice, or one wrong last bit, changes the hash") {
  // Inputs whose logarithm lies within 2^−30 ulp of a midpoint, so that the float64 result is the midpoint itself.
  std::int64_t differing = 0;
  for (const float x : {0x1.827a74p-7F, 0x1.2f1fd6p+3F, 0x1.bacb4ap+25F, 0x1.b121a6p+76F, 0x1.6351d8p+95F}) {
    std::uint32_t bits;
    std::memcpy(&bits, &x, 4);
    const std::int64_t block = bits / block_size;
    CAPTURE(x);
    const std::string right = scan(isa(), Function::log, blocks, block);
    const std::string twice = scan(isa(), Function::log_twice_rounded, blocks, block);
    differing += twice != right;
    CHECK(scan(isa(), Function::log, blocks, block, bits) != right);
    CHECK(scan(isa(), Function::log, blocks, block) == right);
  }
  CHECK(differing == 5);
}

TEST_CASE("correct rounding at the hardest inputs") {
  CHECK(elementary::sin(0x1.33333p+13F) == -0x1.63f4bap-2F);
  CHECK(elementary::cos(0x1.3170fp+63F) == 0x1.fe2976p-1F);
  CHECK(elementary::cos(0x1.2b9622p+67F) == 0x1.f0285ep-1F);
  CHECK(elementary::log(0x1.827a74p-7F) == -0x1.1c2b1ep+2F);
  CHECK(elementary::log(0x1.2f1fd6p+3F) == 0x1.1fcbcep+1F);
  CHECK(elementary::log(0x1.bacb4ap+25F) == 0x1.1e0696p+4F);
  CHECK(elementary::log(0x1.b121a6p+76F) == 0x1.a9a3f2p+5F);
  CHECK(elementary::log(0x1.6351d8p+95F) == 0x1.08b512p+6F);
}

TEST_CASE_TEMPLATE("special values", T, float, double) {
  using elementary::cos, elementary::exp, elementary::log, elementary::normal_cdf, elementary::normal_density,
      elementary::sin, elementary::tanh;
  using Limits = std::numeric_limits<T>;
  constexpr T inf = Limits::infinity(), nan = Limits::quiet_NaN(), tiny = Limits::denorm_min(), zero = 0;
  for (const T v : {exp(nan), log(nan), tanh(nan), sin(nan), cos(nan), normal_cdf(nan), normal_density(nan), log(T(-1)),
                    log(-inf), log(-tiny), sin(inf), sin(-inf), cos(inf), cos(-inf)})
    CHECK(std::isnan(v));
  CHECK(exp(inf) == inf);
  CHECK(exp(Limits::max()) == inf);
  CHECK(exp(-inf) == 0);
  CHECK_FALSE(std::signbit(exp(-inf)));
  CHECK(exp(Limits::lowest()) == 0);
  for (const T v : {zero, -zero, tiny, -tiny}) {
    CHECK(exp(v) == 1);
    CHECK(cos(v) == 1);
    CHECK(sin(v) == v);
    CHECK(tanh(v) == v);
    CHECK(std::signbit(sin(v)) == std::signbit(v));
    CHECK(std::signbit(tanh(v)) == std::signbit(v));
  }
  CHECK(log(zero) == -inf);
  for (const T v : {zero, -zero, tiny, -tiny}) CHECK(normal_cdf(v) == T(0.5));
  CHECK(normal_cdf(inf) == 1);
  CHECK(normal_cdf(T(9)) == 1);
  CHECK(normal_cdf(-inf) == 0);
  CHECK_FALSE(std::signbit(normal_cdf(-inf)));
  CHECK(normal_density(zero) == static_cast<T>(0x1.9884533d43651p-2));
  CHECK(normal_density(T(-3)) == normal_density(T(3)));
  CHECK(normal_density(inf) == 0);
  CHECK(normal_density(-inf) == 0);
  CHECK(log(-zero) == -inf);
  CHECK(log(inf) == inf);
  CHECK(log(T(1)) == 0);
  CHECK_FALSE(std::signbit(log(T(1))));
  CHECK(tanh(inf) == 1);
  CHECK(tanh(-inf) == -1);
  CHECK(tanh(T(30)) == 1);
  // The last values before overflow, underflow to subnormals, underflow to zero.
  if constexpr (sizeof(T) == 4) {
    CHECK(exp(0x1.62e42ep+6F) == 0x1.ffff08p+127F);
    CHECK(exp(0x1.62e43p+6F) == inf);
    CHECK(exp(-0x1.9fe368p+6F) == tiny);
    CHECK(exp(-0x1.9fe36ap+6F) == 0);
  } else {
    CHECK(exp(0x1.62e42fefa39efp+9) == 0x1.fffffffffff2ap+1023);
    CHECK(exp(0x1.62e42fefa39fp+9) == inf);
    CHECK(exp(-0x1.74910d52d3051p+9) == tiny);
    CHECK(exp(-0x1.74910d52d3053p+9) == 0);
    CHECK(log(tiny) == -0x1.74385446d71c3p+9);
    CHECK(log(Limits::max()) == 0x1.62e42fefa39efp+9);
  }
}

TEST_CASE("log1p: special values, the neighbours of 0, and the same bits on every instruction set") {
  using elementary::log1p;
  constexpr double inf = std::numeric_limits<double>::infinity(), tiny = std::numeric_limits<double>::denorm_min();
  for (const double v : {std::numeric_limits<double>::quiet_NaN(), -inf, -2.0, std::nextafter(-1.0, -2.0)})
    CHECK(std::isnan(log1p(v)));
  CHECK(log1p(-1.0) == -inf);
  CHECK(log1p(inf) == inf);
  for (const double v : {0.0, -0.0, tiny, -tiny, 0x1p-60, -0x1p-60, 0x1p-1022}) {
    CHECK(log1p(v) == v);
    CHECK(std::signbit(log1p(v)) == std::signbit(v));
  }
  CHECK(log1p(0x1p-30) == 0x1.fffffffcp-31);  // x − x²/2
  CHECK(log1p(1.0) == elementary::log(2.0));
  CHECK(log1p(std::numeric_limits<double>::max()) == elementary::log(std::numeric_limits<double>::max()));
  std::vector<double> x, first, y(8192);
  for (int i = 0; i < 8192; ++i) x.push_back(std::ldexp(1.0 + i % 61 / 61.0, i % 1200 - 1100) * (i % 3 == 0 ? 1 : 0.3));
  for (const Isa set : sets_here()) {
    CAPTURE(std::string(name_of(set)));
    evaluate(set, Function::log1p, x.data(), y.data(), static_cast<std::int64_t>(x.size()));
    if (first.empty()) first = y;
    CHECK(first == y);
  }
  // Control: the logarithm of the rounded 1 + x has no digit of a small one.
  CHECK(elementary::log(1 + 0x1p-60) != log1p(0x1p-60));
}

TEST_CASE("sine and cosine of huge arguments and of the neighbours of multiples of π/2") {
  // 6381956970095103·2^797 is the float64 nearest to a multiple of π/2 (Muller, Elementary Functions); the values: MPFR.
  CHECK(elementary::cos(0x1.6ac5b262ca1ffp+849) == -0x1.14ae72e6ba22fp-61);
  CHECK(elementary::sin(0x1.6ac5b262ca1ffp+849) == 0x1.0000000000000p+0);
  CHECK(elementary::sin(0x1.921fb54442d18p+1) == 0x1.1a62633145c07p-53);
  CHECK(elementary::cos(0x1.921fb54442d18p+0) == 0x1.1a62633145c07p-54);
  CHECK(elementary::sin(std::numeric_limits<double>::max()) == 0x1.452fc98b34e97p-8);
  CHECK(elementary::sin(std::numeric_limits<float>::max()) == -0x1.0b33660000000p-1F);
}

TEST_CASE("turns: exact quarters, and symmetry") {
  CHECK(elementary::sin_turns(0.25) == 1);
  CHECK(elementary::cos_turns(0.5) == -1);
  CHECK(elementary::sin_turns(0.75) == -1);
  CHECK(elementary::cos_turns(0.25) == 0);
  CHECK(elementary::sin_turns(0.5) == 0);
  CHECK(elementary::cos_turns(0.0) == 1);
  for (const double u : {0x1p-53, 0.1, 0.2, 0.3, 0.49}) {
    CHECK(elementary::sin_turns(-u) == -elementary::sin_turns(u));
    CHECK(elementary::cos_turns(-u) == elementary::cos_turns(u));
  }
}
