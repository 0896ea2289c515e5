// SPDX-License-Identifier: MIT
// Files as NumPy writes them, byte by byte: .npy, and .npz stored or deflated.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace support {

/// The bytes of numbers, in the machine's order.
template <class T>
std::string bytes_of(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

inline std::string little_endian(std::uint64_t value, int bytes) {
  std::string out;
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> 8 * i & 0xFF);
  return out;
}

/// descr: "'<f4'", quotes included; shape: "(3, 4)".
inline std::string npy(std::string_view descr, std::string_view shape, std::string_view data,
                       std::string_view order = "False") {
  std::string header = "{'descr': " + std::string(descr) + ", 'fortran_order': " + std::string(order) +
                       ", 'shape': " + std::string(shape) + ", }";
  header.append(63 - (header.size() + 10) % 64, ' ');
  header += '\n';
  return std::string("\x93NUMPY\1\0", 8) + little_endian(header.size(), 2) + header + std::string(data);
}

inline std::string deflated(const std::string& in) {
  z_stream s{};
  if (deflateInit2(&s, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK) return {};
  std::string out(in.size() + 100, '\0');
  s.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
  s.avail_in = static_cast<uInt>(in.size());
  s.next_out = reinterpret_cast<Bytef*>(out.data());
  s.avail_out = static_cast<uInt>(out.size());
  deflate(&s, Z_FINISH);
  out.resize(s.total_out);
  deflateEnd(&s);
  return out;
}

/// Members "x.npy", … . As NumPy does, local headers have the extra field of ZIP64.
inline std::string npz(const std::vector<std::pair<std::string, std::string>>& members, bool packed = false) {
  std::string out, directory;
  for (const auto& [name, contents] : members) {
    const std::string data = packed ? deflated(contents) : contents;
    const uLong checksum =
        crc32(0, reinterpret_cast<const Bytef*>(contents.data()), static_cast<uInt>(contents.size()));
    const std::string common = little_endian(45, 2) + little_endian(0, 2) + little_endian(packed ? 8 : 0, 2) +
                               little_endian(0x210000, 4) + little_endian(checksum, 4);
    directory += "PK\1\2" + little_endian(45, 2) + common + little_endian(data.size(), 4) +
                 little_endian(contents.size(), 4) + little_endian(name.size(), 2) + std::string(8, '\0') +
                 std::string(4, '\0') + little_endian(out.size(), 4) + name;
    out += "PK\3\4" + common + std::string(8, '\xFF') + little_endian(name.size(), 2) + little_endian(20, 2) + name +
           little_endian(1, 2) + little_endian(16, 2) + little_endian(contents.size(), 8) +
           little_endian(data.size(), 8) + data;
  }
  const std::string count = little_endian(members.size(), 2);
  return out + directory + "PK\5\6" + std::string(4, '\0') + count + count + little_endian(directory.size(), 4) +
         little_endian(out.size(), 4) + std::string(2, '\0');
}

}  // namespace support
