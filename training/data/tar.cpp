// SPDX-License-Identifier: MIT
// The tar half of gzip.h. Long names, sparse files and links are not read; the files that are fetched have none.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>

#include "training/data/gzip.h"
#include "training/errors.h"
#include "training/io/text.h"

namespace brink {

namespace {

constexpr std::size_t block_bytes = 512;

/// An octal number padded with spaces or zeros; nothing if it is not one.
std::optional<std::uint64_t> octal(std::string_view field) {
  std::uint64_t value = 0;
  bool digits = false;
  for (const char c : field) {
    if (c >= '0' && c <= '7') {
      if (value >> 60 != 0) return {};
      value = 8 * value + static_cast<std::uint64_t>(c - '0');
      digits = true;
    } else if (c == ' ' || c == '\0') {
      if (digits) break;
    } else {
      return {};
    }
  }
  return digits ? std::optional(value) : std::nullopt;
}

}  // namespace

std::map<std::string, std::span<const std::byte>> list_tar(const std::string& name,
                                                           std::span<const std::byte> archive) {
  std::map<std::string, std::span<const std::byte>> out;
  std::size_t at = 0;
  const auto fail = [&](const std::string& what) {
    throw DataError(name + ": byte " + number_text(at) + ": expected " + what);
  };
  for (;;) {
    if (archive.size() - at < block_bytes)
      fail("a tar header or the empty header that closes an archive, found the end of the file");
    const std::span<const std::byte> header = archive.subspan(at, block_bytes);
    if (std::ranges::all_of(header, [](std::byte b) { return b == std::byte{0}; })) return out;
    const auto field = [&](std::size_t from, std::size_t bytes) {
      return std::string_view(reinterpret_cast<const char*>(header.data()) + from, bytes);
    };
    // The checksum is that of the header with its own field filled with spaces.
    std::uint64_t sum = 8 * ' ';
    for (std::size_t i = 0; i < block_bytes; ++i)
      if (i < 148 || i >= 156) sum += std::to_integer<std::uint64_t>(header[i]);
    if (octal(field(148, 8)) != sum) fail("a tar header with the checksum " + number_text(sum));
    const auto bytes = octal(field(124, 12));
    const std::size_t left = archive.size() - at - block_bytes;
    if (!bytes || *bytes > left)
      fail("a file of at most " + number_text(left) + " bytes, found " +
           (bytes ? number_text(*bytes) : "no octal number"));
    if (const char type = field(156, 1)[0]; type == '0' || type == '\0') {
      std::string_view path = field(0, 100);
      path = path.substr(0, path.find('\0'));
      const std::string last(path.substr(path.rfind('/') + 1));
      if (!out.emplace(last, archive.subspan(at + block_bytes, static_cast<std::size_t>(*bytes))).second)
        fail("each file once, found a second " + last);
    }
    const std::size_t padded = (static_cast<std::size_t>(*bytes) + block_bytes - 1) / block_bytes * block_bytes;
    at += block_bytes + std::min(padded, left);
  }
}

}  // namespace brink
