// SPDX-License-Identifier: MIT
// Fuzzes a user's own data as a run loads them: types, shapes, labels and samples of an x and a y whose headers and elements are any.
#include <sys/mman.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <set>
#include <string>

#include "training/data/kind.h"
#include "training/errors.h"

namespace {

/// A .npy file that exists in memory alone.
class NpyFile {
 public:
  NpyFile(const std::string& header, const std::uint8_t* data, std::size_t bytes)
      : descriptor_(memfd_create("npy", 0)) {
    std::string text("\x93NUMPY\1\0", 8);
    text += static_cast<char>(header.size() & 0xFF);
    text += static_cast<char>(header.size() >> 8);
    text += header;
    text.append(reinterpret_cast<const char*>(data), bytes);
    if (write(descriptor_, text.data(), text.size()) != static_cast<ssize_t>(text.size())) std::abort();
  }
  ~NpyFile() { close(descriptor_); }
  NpyFile(const NpyFile&) = delete;
  NpyFile& operator=(const NpyFile&) = delete;
  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

}  // namespace

/// Byte 0: the types; 1 to 3: the extents; then the labels, then the samples.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
  constexpr const char* x_types[] = {"|u1", "<f4", ">f4", "<f8", ">f8", "<f2", "|O", "<i4"};
  constexpr const char* y_types[] = {"|i1", "|u1", "<i2", ">i2", "<u4", "<i8", ">u8", "<f4"};
  constexpr std::size_t y_widths[] = {1, 1, 2, 2, 4, 8, 8, 4};
  if (bytes < 4) return 0;
  const std::size_t type = data[0] & 7, label = data[0] >> 3 & 7, n = data[1], channels = data[3] & 3U;
  const auto header = [](const char* descr, const std::string& shape) {
    return "{'descr': '" + std::string(descr) + "', 'fortran_order': False, 'shape': (" + shape + ")}";
  };
  const std::string rows = std::to_string(n) + ",";
  const std::string shape = rows + (channels == 0 ? std::to_string(data[2])
                                                  : "1," + std::to_string(data[2]) + "," + std::to_string(channels));
  const std::size_t y_bytes = std::min(n * y_widths[label], bytes - 4);
  const NpyFile y(header(y_types[label], rows), data + 4, y_bytes),
      x(header(x_types[type], shape), data + 4 + y_bytes, bytes - 4 - y_bytes);
  const brink::DataKind& kind = *brink::find_kind(brink::data_kinds(), "arrays");
  brink::Chosen<brink::DataKind> set(kind);
  set.options.set("train_file", x.path());
  set.options.set("train_labels", y.path());
  for (const brink::Dtype dtype : {brink::Dtype::f32, brink::Dtype::f64}) try {
      brink::DataRequest request;
      request.dtype = dtype;
      const brink::DataPair loaded = brink::load_data(set, request);
      std::set<std::int32_t> seen;
      for (const std::int32_t c : loaded.train.labels.span<std::int32_t>()) seen.insert(c);
      if (loaded.train.samples() != static_cast<std::int64_t>(n) || std::ssize(seen) != loaded.train.classes ||
          *seen.begin() != 0 || *seen.rbegin() != loaded.train.classes - 1)
        __builtin_trap();
      brink::with_real(dtype, [&](auto zero) {
        for (const auto value : loaded.train.x.span<decltype(zero)>())
          if (!std::isfinite(value)) __builtin_trap();
      });
    } catch (const brink::DataError&) {}
  return 0;
}
