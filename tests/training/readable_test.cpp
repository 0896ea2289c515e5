// SPDX-License-Identifier: MIT
#include "training/io/readable.h"

#include <doctest/doctest.h>

#include <cctype>
#include <cmath>
#include <limits>

using namespace brink;

namespace {

/// The number of digits before an exponent, without leading zeros.
int significant_digits(const std::string& text) {
  int n = 0;
  for (const char c : text.substr(0, text.find('e')))
    n += std::isdigit(static_cast<unsigned char>(c)) != 0 && (n > 0 || c != '0');
  return n;
}

}  // namespace

TEST_CASE("a number for people has at most five digits, whatever it is") {
  CHECK(readable(0.1) == "0.1");
  CHECK(readable(10.367614604551598) == "10.368");
  CHECK(readable(1.9738518e66) == "1.9739e+66");
  CHECK(readable(99999.6) == "1e+05");
  CHECK(readable(-1.23456789e-7, 3) == "-1.23e-07");
  CHECK(readable(-std::nan("")) == "nan");
  CHECK(readable(-std::numeric_limits<double>::infinity()) == "-inf");
  for (double x = 7.654321987654e-300; x < 1e300; x *= 3.3) {
    CAPTURE(x);
    CHECK(significant_digits(readable(x)) <= 5);
    CHECK(std::stod(readable(x)) == doctest::Approx(x).epsilon(1e-4));
  }
  CHECK(significant_digits("19738518640.00") > 5);  // control: what a fixed format shows of a large number
}

TEST_CASE("sizes and counts for people") {
  CHECK(readable_bytes(0) == "0 bytes");
  CHECK(readable_bytes(1) == "1 byte");
  CHECK(readable_bytes(16850000) == "16.07 MiB");
  CHECK(readable_bytes((std::int64_t{1} << 30) - 1) == "1 GiB");
  CHECK(readable_bytes(std::numeric_limits<std::int64_t>::max()) == "8 EiB");
  CHECK(counted(1, "step") == "1 step");
  CHECK(counted(0, "instability", "instabilities") == "0 instabilities");
}
