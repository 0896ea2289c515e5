// SPDX-License-Identifier: MIT
#include "training/data/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <new>

#include "training/data/official_file.h"
#include "training/errors.h"
#include "training/io/text.h"

namespace brink {

bool is_gzip(std::span<const std::byte> file) {
  return file.size() >= 2 && file[0] == std::byte{0x1F} && file[1] == std::byte{0x8B};
}

std::vector<std::byte> unpack_gzip(const std::string& name, std::span<const std::byte> file,
                                   std::size_t largest_bytes) {
  z_stream stream{};
  if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK) throw std::bad_alloc();
  struct End {
    z_stream* s;
    ~End() { inflateEnd(s); }
  } const end{&stream};

  std::vector<std::byte> out;
  std::size_t read = 0, written = 0;
  int state = Z_OK;
  for (;;) {
    // One byte more than the limit shows that there are more.
    if (written == out.size()) out.resize(std::min(largest_bytes + 1, std::max(2 * out.size(), 4 * file.size() + 64)));
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
    if (written > largest_bytes)
      throw DataError(name + ": expected at most " + number_text(largest_bytes) + " bytes after unpacking, found more");
    if (state == Z_BUF_ERROR || (state == Z_OK && read == file.size() && stream.avail_out > 0))
      throw DataError(name + ": expected a whole gzip stream, found its end after " + number_text(file.size()) +
                      " bytes" + remedy_for_contents(file));
    if (state != Z_OK && state != Z_STREAM_END)
      throw DataError(name + ": expected a gzip stream, found it damaged (" +
                      (stream.msg ? stream.msg : "a dictionary is asked for") + ")" + remedy_for_contents(file));
    if (state == Z_STREAM_END && !is_gzip(file.subspan(read))) break;
    if (state == Z_STREAM_END && inflateReset(&stream) != Z_OK) throw std::bad_alloc();
  }
  out.resize(written);
  return out;
}

}  // namespace brink
