// SPDX-License-Identifier: MIT
#include "training/data/idx.h"

#include <zlib.h>

#include <algorithm>

#include "training/errors.h"
#include "training/io/file.h"
#include "training/text.h"

namespace brink {

namespace {

constexpr std::size_t largest_bytes = std::size_t{1} << 32;

std::uint32_t big_endian(const std::vector<std::byte>& b, std::size_t at) {
  std::uint32_t out = 0;
  for (std::size_t i = 0; i < 4; ++i) out = out << 8 | std::to_integer<std::uint32_t>(b[at + i]);
  return out;
}

/// Inflates the one gzip member that `file` must be.
std::vector<std::byte> unpack(const std::string& name, const std::vector<std::byte>& file) {
  z_stream stream{};
  if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK) throw std::bad_alloc();
  struct End {
    z_stream* s;
    ~End() { inflateEnd(s); }
  } const end{&stream};

  std::vector<std::byte> out;
  std::size_t read = 0, written = 0;
  int state = Z_OK;
  while (state != Z_STREAM_END) {
    if (written == out.size()) out.resize(std::min(largest_bytes, std::max(2 * out.size(), 4 * file.size() + 64)));
    if (written == largest_bytes) throw DataError(name + ": expected at most 4 GiB after unpacking, found more");
    constexpr std::size_t piece = std::size_t{1} << 30;
    const auto in = static_cast<uInt>(std::min(piece, file.size() - read));
    const auto room = static_cast<uInt>(std::min(piece, out.size() - written));
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(file.data() + read));
    stream.avail_in = in;
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + written);
    stream.avail_out = room;
    state = inflate(&stream, Z_NO_FLUSH);
    read += in - stream.avail_in;
    written += room - stream.avail_out;
    if (state == Z_BUF_ERROR || (state == Z_OK && read == file.size() && stream.avail_out > 0))
      throw DataError(name + ": expected a whole gzip stream, found its end after " + number_text(file.size()) +
                      " bytes");
    if (state != Z_OK && state != Z_STREAM_END)
      throw DataError(name + ": expected a gzip stream, found it damaged (" +
                      (stream.msg ? stream.msg : "a dictionary is asked for") + ")");
  }
  if (read != file.size())
    throw DataError(name + ": expected the end of the file after the gzip stream, found " +
                    number_text(file.size() - read) + " bytes more");
  out.resize(written);
  return out;
}

}  // namespace

IdxFile parse_idx(const std::string& name, std::vector<std::byte> file, int dimensions) {
  const bool gzipped = file.size() >= 2 && file[0] == std::byte{0x1F} && file[1] == std::byte{0x8B};
  if (gzipped) file = unpack(name, file);

  IdxFile out;
  out.header_bytes = 4 + 4 * static_cast<std::size_t>(dimensions);
  if (file.size() < out.header_bytes)
    throw DataError(name + ": expected an IDX header of " + number_text(out.header_bytes) + " bytes, found " +
                    number_text(file.size()) + " bytes");
  const std::uint32_t magic = 0x800 + static_cast<std::uint32_t>(dimensions), found = big_endian(file, 0);
  if (found != magic)
    throw DataError(name + ": expected the IDX magic 0x" + hex_text(magic).substr(8) + " (unsigned bytes, " +
                    number_text(dimensions) + " dimension" + (dimensions == 1 ? "" : "s") + "), found 0x" +
                    hex_text(found).substr(8));
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
