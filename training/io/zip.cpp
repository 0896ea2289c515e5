// SPDX-License-Identifier: MIT
#include "training/io/zip.h"

#include <zlib.h>

#include <array>
#include <limits>
#include <new>
#include <optional>
#include <set>

namespace brink {

namespace {

constexpr std::size_t end_bytes = 22, locator_bytes = 20, end64_bytes = 56, entry_bytes = 46, local_bytes = 30;
constexpr std::uint64_t largest_directory_bytes = 1 << 24, most_packing = 1032;
constexpr std::uint16_t escape16 = 0xFFFF;
constexpr std::uint32_t escape32 = 0xFFFFFFFF;

/// Little-endian numbers of a record, by their offsets.
class Record {
 public:
  explicit Record(std::span<const std::byte> bytes) : bytes_(bytes) {}
  template <class T>
  T at(std::size_t offset) const {
    std::uint64_t out = 0;
    for (std::size_t i = sizeof(T); i-- > 0;) out = out << 8 | std::to_integer<std::uint64_t>(bytes_[offset + i]);
    return static_cast<T>(out);
  }
  bool begins(char third, char fourth) const {
    return bytes_.size() >= 4 && at<std::uint32_t>(0) == (0x4B50U | static_cast<std::uint32_t>(third) << 16 |
                                                          static_cast<std::uint32_t>(fourth) << 24);
  }

 private:
  std::span<const std::byte> bytes_;
};

[[noreturn]] void refuse(const ByteSource& source, const std::string& what) {
  throw DataError(source.name() + ": not a zip archive that NumPy wrote: " + what + "; save it again with np.savez");
}

std::vector<std::byte> read_part(ByteSource& source, std::uint64_t first, std::size_t bytes) {
  std::vector<std::byte> out(bytes);
  source.read(first, out);
  return out;
}

/// Where the directory lies.
struct Directory {
  std::uint64_t first = 0, bytes = 0, members = 0;
};

/// The record at the archive's end, after which there is nothing but a comment, and that of ZIP64 before it.
Directory find_directory(ByteSource& source) {
  const std::uint64_t all = source.bytes();
  if (all < end_bytes) refuse(source, "expected at least 22 bytes, found " + number_text(all));
  const auto tail_bytes = static_cast<std::size_t>(std::min<std::uint64_t>(all, end_bytes + escape16));
  const std::vector<std::byte> tail = read_part(source, all - tail_bytes, tail_bytes);
  for (std::size_t at = tail_bytes - end_bytes + 1; at-- > 0;) {
    const Record end(std::span<const std::byte>(tail).subspan(at));
    if (!end.begins(5, 6) || end.at<std::uint16_t>(20) != tail_bytes - at - end_bytes) continue;
    if (end.at<std::uint32_t>(4) != 0) refuse(source, "expected an archive in one part");
    std::uint64_t place = all - tail_bytes + at;
    Directory out{end.at<std::uint32_t>(16), end.at<std::uint32_t>(12), end.at<std::uint16_t>(10)};
    if (out.first == escape32 || out.bytes == escape32 || out.members == escape16) {
      if (place < locator_bytes + end64_bytes) refuse(source, "expected the records of ZIP64 before its end");
      const std::vector<std::byte> bytes =
          read_part(source, place - locator_bytes - end64_bytes, locator_bytes + end64_bytes);
      const Record end64(bytes), locator(std::span<const std::byte>(bytes).subspan(end64_bytes));
      place -= locator_bytes + end64_bytes;
      if (!end64.begins(6, 6) || !locator.begins(6, 7) || locator.at<std::uint64_t>(8) != place)
        refuse(source, "expected the records of ZIP64 before its end");
      out = {end64.at<std::uint64_t>(48), end64.at<std::uint64_t>(40), end64.at<std::uint64_t>(32)};
    }
    if (out.first > place || out.bytes != place - out.first)
      refuse(source, "expected its directory to end at byte " + number_text(place));
    if (out.bytes > largest_directory_bytes || out.members > out.bytes / entry_bytes)
      refuse(source, "expected a directory of at most 16 MiB that holds its members");
    return out;
  }
  refuse(source, "expected the record that ends a zip archive, found none: the file is truncated or no archive");
}

/// The sizes that do not fit into 32 bits, in the order in which an entry lacks them.
void read_zip64(ByteSource& source, std::span<const std::byte> extra, ZipMember& m) {
  const std::array<std::uint64_t*, 3> wide{&m.bytes, &m.packed_bytes, &m.header};
  while (extra.size() >= 4) {
    const Record field(extra);
    const std::size_t length = field.at<std::uint16_t>(2);
    if (length > extra.size() - 4) break;
    if (field.at<std::uint16_t>(0) == 1) {
      std::size_t at = 4;
      for (std::uint64_t* const size : wide) {
        if (*size != escape32) continue;
        if (at + 8 > length + 4) refuse(source, "the sizes of " + m.name + " are missing");
        *size = field.at<std::uint64_t>(at);
        at += 8;
      }
      return;
    }
    extra = extra.subspan(4 + length);
  }
  for (const std::uint64_t* const size : wide)
    if (*size == escape32) refuse(source, "the sizes of " + m.name + " are missing");
}

/// Where the contents of a member begin.
std::uint64_t contents_of(ByteSource& source, const ZipMember& m) {
  const std::vector<std::byte> bytes = read_part(source, m.header, local_bytes);
  const Record local(bytes);
  if (!local.begins(3, 4)) refuse(source, "expected " + m.name + " at byte " + number_text(m.header));
  const std::uint64_t first = m.header + local_bytes + local.at<std::uint16_t>(26) + local.at<std::uint16_t>(28);
  if (first > m.end || m.packed_bytes > m.end - first)
    refuse(source, m.name + " does not end before the next member begins");
  return first;
}

/// The contents of a member, unpacked where they are packed.
class MemberStream final : public ByteStream {
 public:
  MemberStream(ByteSource& source, const ZipMember& member)
      : name_(source.name() + ": " + member.name),
        member_(member),
        packed_(source, contents_of(source, member), member.packed_bytes),
        left_(member.bytes) {
    if (!member_.packed) return;
    piece_.resize(std::size_t{1} << 16);
    if (inflateInit2(&stream_, -MAX_WBITS) != Z_OK) throw std::bad_alloc();
  }
  ~MemberStream() override {
    if (member_.packed) inflateEnd(&stream_);
  }
  MemberStream(const MemberStream&) = delete;
  MemberStream& operator=(const MemberStream&) = delete;

  std::uint64_t left() const override { return left_; }
  void read(std::span<std::byte> to) override {
    if (to.size() > left_)
      throw DataError(name_ + ": expected " + number_text(to.size()) + " bytes more, found " + number_text(left_));
    constexpr std::size_t most = std::size_t{1} << 30;
    while (!to.empty()) {
      const std::span<std::byte> part = to.first(std::min(most, to.size()));
      if (member_.packed)
        unpack(part);
      else
        packed_.read(part);
      checksum_ = crc32(checksum_, reinterpret_cast<const Bytef*>(part.data()), static_cast<uInt>(part.size()));
      left_ -= part.size();
      to = to.subspan(part.size());
    }
  }
  void finish() override {
    if (member_.packed) {
      std::byte more{};
      int state = Z_OK;
      do state = inflate_into({&more, 1});
      while (state == Z_OK && stream_.avail_out == 1 && packed_.left() > 0);
      if (state != Z_STREAM_END || stream_.avail_out == 0 || stream_.avail_in != 0 || packed_.left() != 0)
        damaged("it does not end where its directory says");
    }
    if (left_ != 0 || checksum_ != member_.checksum) damaged("its checksum is wrong");
  }

 private:
  [[noreturn]] void damaged(const std::string& how) const {
    throw DataError(name_ + ": damaged: " + how + "; save it again, or copy the file again");
  }
  /// One call of zlib that has input where there is any. Returns its status.
  int inflate_into(std::span<std::byte> to) {
    if (stream_.avail_in == 0 && packed_.left() > 0) {
      const std::span<std::byte> part =
          std::span(piece_).first(static_cast<std::size_t>(std::min<std::uint64_t>(piece_.size(), packed_.left())));
      packed_.read(part);
      stream_.next_in = reinterpret_cast<Bytef*>(part.data());
      stream_.avail_in = static_cast<uInt>(part.size());
    }
    stream_.next_out = reinterpret_cast<Bytef*>(to.data());
    stream_.avail_out = static_cast<uInt>(to.size());
    return inflate(&stream_, Z_NO_FLUSH);
  }
  void unpack(std::span<std::byte> to) {
    while (!to.empty()) {
      const int state = inflate_into(to);
      const std::size_t got = to.size() - stream_.avail_out;
      if (state != Z_OK && state != Z_STREAM_END && state != Z_BUF_ERROR) damaged("it cannot be unpacked");
      if (got == 0 && (state != Z_OK || (stream_.avail_in == 0 && packed_.left() == 0)))
        damaged("it is shorter than its directory says");
      to = to.subspan(got);
    }
  }

  std::string name_;
  ZipMember member_;
  PartStream packed_;
  std::uint64_t left_;
  uLong checksum_ = 0;
  z_stream stream_{};
  std::vector<std::byte> piece_;
};

}  // namespace

std::vector<ZipMember> list_zip(ByteSource& source) {
  const Directory directory = find_directory(source);
  const std::vector<std::byte> bytes = read_part(source, directory.first, static_cast<std::size_t>(directory.bytes));
  std::span<const std::byte> rest(bytes);
  std::vector<ZipMember> out;
  std::set<std::string> names;
  for (std::uint64_t i = 0; i < directory.members; ++i) {
    const Record entry(rest);
    if (rest.size() < entry_bytes || !entry.begins(1, 2)) refuse(source, "its directory is damaged");
    const std::size_t name = entry.at<std::uint16_t>(28), extra = entry.at<std::uint16_t>(30),
                      comment = entry.at<std::uint16_t>(32);
    if (name + extra + comment > rest.size() - entry_bytes) refuse(source, "its directory is damaged");
    ZipMember m;
    m.name.assign(reinterpret_cast<const char*>(rest.data()) + entry_bytes, name);
    const auto flags = entry.at<std::uint16_t>(8), method = entry.at<std::uint16_t>(10);
    if ((flags & 1U) != 0) refuse(source, m.name + " is encrypted");
    if (method != 0 && method != Z_DEFLATED) refuse(source, m.name + " is neither stored nor deflated");
    m.packed = method == Z_DEFLATED;
    m.checksum = entry.at<std::uint32_t>(16);
    m.packed_bytes = entry.at<std::uint32_t>(20);
    m.bytes = entry.at<std::uint32_t>(24);
    m.header = entry.at<std::uint32_t>(42);
    read_zip64(source, rest.subspan(entry_bytes + name, extra), m);
    if (m.packed ? m.bytes / most_packing > m.packed_bytes : m.bytes != m.packed_bytes)
      refuse(source, m.name + " cannot have the size that is stated");
    if (!names.insert(m.name).second) refuse(source, m.name + " occurs twice");
    out.push_back(std::move(m));
    rest = rest.subspan(entry_bytes + name + extra + comment);
  }
  if (!rest.empty()) refuse(source, "its directory is damaged");
  std::ranges::sort(out, {}, &ZipMember::header);
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i].end = i + 1 < out.size() ? out[i + 1].header : directory.first;
    if (out[i].end < out[i].header || out[i].end - out[i].header < local_bytes)
      refuse(source, out[i].name + " does not lie before the directory, or overlaps another member");
  }
  return out;
}

std::unique_ptr<ByteStream> open_zip_member(ByteSource& source, const ZipMember& member) {
  return std::make_unique<MemberStream>(source, member);
}

}  // namespace brink
