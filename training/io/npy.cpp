// SPDX-License-Identifier: MIT
#include "training/io/npy.h"

#include <array>
#include <limits>
#include <string_view>

namespace brink {

namespace {

constexpr std::size_t largest_header_bytes = 1 << 16, most_dimensions = 32;

/// Reads the header's text: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }.
class HeaderText {
 public:
  HeaderText(const std::string& name, std::string_view text) : name_(name), text_(text) {}

  ArrayHeader read() {
    ArrayHeader out;
    bool descr = false, order = false, shape = false;
    expect('{');
    while (!take('}')) {
      const std::string_view key = quoted();
      expect(':');
      bool* const seen = key == "descr" ? &descr : key == "fortran_order" ? &order : key == "shape" ? &shape : nullptr;
      if (!seen || *seen) fail("expected descr, fortran_order and shape, each once");
      *seen = true;
      if (seen == &descr)
        out.type = type();
      else if (seen == &order)
        out.column_major = truth();
      else
        out.shape = extents();
      if (!take(',') && peek() != '}') fail("expected a comma");
    }
    if (!descr || !order || !shape) fail("expected descr, fortran_order and shape, each once");
    peek();
    if (at_ != text_.size()) fail("expected nothing after the closing brace");
    return out;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw DataError(name_ + ": not a .npy file that NumPy wrote: in its header, byte " + number_text(at_) + ": " +
                    what + "; save it again with np.save");
  }
  /// The next character that is no space; \0 at the end.
  char peek() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool take(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!take(c)) fail(std::string("expected ") + c);
  }
  bool take(std::string_view word) {
    peek();
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }
  std::string_view quoted() {
    const char quote = peek();
    const std::size_t end = quote == '\'' || quote == '"' ? text_.find(quote, at_ + 1) : std::string_view::npos;
    if (end == std::string_view::npos) fail("expected a text in quotes");
    const std::string_view out = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    return out;
  }
  bool truth() {
    if (take("True")) return true;
    if (!take("False")) fail("expected True or False");
    return false;
  }
  ElementType type() {
    if (peek() == '[')
      throw DataError(name_ + ": expected an array of numbers, found records with fields; save each field as an array");
    std::string_view text = quoted();
    ElementType out;
    const char order = text.empty() ? '\0' : text[0];
    if (order == '<' || order == '>' || order == '|' || order == '=') text.remove_prefix(1);
    if (text.empty()) fail("expected a type such as '<f4'");
    out.kind = text[0];
    out.big_endian = order == '>';
    std::string_view digits = text.substr(1);
    digits = digits.substr(0, digits.find('['));  // '<M8[ns]'
    const auto bytes = parse_number<int>(digits);
    if ((!bytes && !digits.empty()) || (bytes && *bytes < 0)) fail("expected a type such as '<f4'");
    out.bytes = bytes.value_or(0);
    return out;
  }
  std::vector<std::uint64_t> extents() {
    std::vector<std::uint64_t> out;
    expect('(');
    while (!take(')')) {
      peek();
      const std::size_t begin = at_;
      while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') ++at_;
      const auto extent = parse_number<std::uint64_t>(text_.substr(begin, at_ - begin));
      if (!extent) fail("expected an extent of at least 0 that fits into 64 bits");
      if (out.size() == most_dimensions) fail("expected at most 32 dimensions");
      out.push_back(*extent);
      if (!take(',') && peek() != ')') fail("expected a comma");
    }
    return out;
  }

  const std::string& name_;
  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

std::string ElementType::name() const {
  const std::string bits = number_text(std::int64_t{8} * bytes), order = big_endian && bytes > 1 ? "big-endian " : "";
  switch (kind) {
    case 'f': return order + "float" + bits;
    case 'i': return order + "int" + bits;
    case 'u': return order + "uint" + bits;
    case 'c': return order + "complex" + bits;
    case 'b': return "bool";
    case 'B': return "bfloat16";
    case 'F': return "float8";
    case 'O': return "object";
    case 'U':
    case 'S':
    case 'a': return "text";
    case 'M':
    case 'm': return "times";
    case 'V': return "raw bytes";
    default: return "an unknown type";
  }
}

std::uint64_t ArrayHeader::elements() const {
  std::uint64_t out = 1;
  bool empty = false, large = false;
  for (const std::uint64_t extent : shape) {
    empty = empty || extent == 0;
    large = large || (extent != 0 && out > std::numeric_limits<std::uint64_t>::max() / extent);
    if (!large && extent != 0) out *= extent;
  }
  return empty ? 0 : large ? std::numeric_limits<std::uint64_t>::max() : out;
}

std::string ArrayHeader::shape_text() const {
  std::string out = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) out += (i > 0 ? "," : "") + number_text(shape[i]);
  return out + "]";
}

ArrayHeader read_npy_header(const std::string& name, ByteStream& from) {
  std::array<std::byte, 8> front{};
  constexpr std::array<unsigned char, 6> magic{0x93, 'N', 'U', 'M', 'P', 'Y'};
  if (from.left() < front.size() + 2)
    throw DataError(name + ": expected a .npy file, found only " + number_text(from.left()) + " bytes");
  from.read(front);
  for (std::size_t i = 0; i < magic.size(); ++i)
    if (std::to_integer<unsigned char>(front[i]) != magic[i])
      throw DataError(name + ": expected a .npy file, found other contents; save it with np.save");
  const auto version = std::to_integer<int>(front[6]);
  if (version < 1 || version > 3 || front[7] != std::byte{0})
    throw DataError(name + ": expected version 1, 2 or 3 of the .npy format, found " + number_text(version) + "." +
                    number_text(std::to_integer<int>(front[7])));
  std::array<std::byte, 4> length{};
  from.read(std::span(length).first(version == 1 ? 2 : 4));
  std::uint64_t bytes = 0;
  for (std::size_t i = length.size(); i-- > 0;) bytes = bytes << 8 | std::to_integer<std::uint64_t>(length[i]);
  if (bytes > largest_header_bytes || bytes > from.left())
    throw DataError(name + ": expected a .npy header of at most 65536 bytes within the file, found " +
                    number_text(bytes) + "; save it again with np.save");
  std::string text(static_cast<std::size_t>(bytes), '\0');
  from.read(std::as_writable_bytes(std::span(text)));
  return HeaderText(name, text).read();
}

}  // namespace brink
