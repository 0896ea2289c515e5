// SPDX-License-Identifier: MIT
#include "training/data/idx.h"

#include "training/data/gzip.h"
#include "training/data/official_file.h"
#include "training/errors.h"
#include "training/io/file.h"
#include "training/io/text.h"

namespace brink {

namespace {

constexpr std::size_t largest_bytes = std::size_t{1} << 32;

std::uint32_t big_endian(const std::vector<std::byte>& b, std::size_t at) {
  std::uint32_t out = 0;
  for (std::size_t i = 0; i < 4; ++i) out = out << 8 | std::to_integer<std::uint32_t>(b[at + i]);
  return out;
}

}  // namespace

IdxFile parse_idx(const std::string& name, std::vector<std::byte> file, int dimensions) {
  const bool gzipped = is_gzip(file);
  if (gzipped) file = unpack_gzip(name, file, largest_bytes);

  IdxFile out;
  out.header_bytes = 4 + 4 * static_cast<std::size_t>(dimensions);
  if (file.size() < out.header_bytes)
    throw DataError(name + ": expected an IDX header of " + number_text(out.header_bytes) + " bytes, found " +
                    number_text(file.size()) + " bytes" + remedy_for_contents(file));
  const std::uint32_t magic = 0x800 + static_cast<std::uint32_t>(dimensions), found = big_endian(file, 0);
  if (found != magic)
    throw DataError(name + ": expected the IDX magic 0x" + hex_text(magic).substr(8) + " (unsigned bytes, " +
                    number_text(dimensions) + " dimension" + (dimensions == 1 ? "" : "s") + "), found 0x" +
                    hex_text(found).substr(8) + remedy_for_contents(file));
  std::string sizes;
  std::uint64_t elements = 1;
  for (int d = 0; d < dimensions; ++d) {
    const std::uint64_t extent = big_endian(file, 4 + 4 * static_cast<std::size_t>(d));
    out.extent.push_back(static_cast<std::int64_t>(extent));
    sizes += (d ? "x" : "") + number_text(extent);
    if (extent != 0 && elements > largest_bytes / extent)
      elements = largest_bytes + 1;  // stays too large
    else if (elements <= largest_bytes)
      elements *= extent;
  }
  if (elements > largest_bytes || file.size() != out.header_bytes + elements)
    throw DataError(
        name + ": expected " +
        (elements > largest_bytes ? "more than 4 GiB" : number_text(out.header_bytes + elements) + " bytes") +
        (gzipped ? " after unpacking" : "") + " (" + sizes + " and a header of " + number_text(out.header_bytes) +
        "), found " + number_text(file.size()) + " bytes");
  out.bytes = std::move(file);
  return out;
}

IdxFile read_idx(const std::string& path, int dimensions) {
  return parse_idx(path, read_file(path, largest_bytes), dimensions);
}

}  // namespace brink
