// SPDX-License-Identifier: MIT
#include "training/io/safetensors.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <stdexcept>

#include "training/errors.h"
#include "training/io/text.h"

namespace brink {

namespace {

constexpr std::size_t largest_header_bytes = 100'000'000;  // the format's own limit
constexpr std::size_t most_tensors = 65536;

constexpr std::pair<std::string_view, Dtype> dtype_names[] = {
    {"F32", Dtype::f32}, {"F64", Dtype::f64}, {"I32", Dtype::i32}, {"U8", Dtype::u8}};

/// All types of numbers of the format.
constexpr std::pair<std::string_view, ElementType> type_names[] = {
    {"F32", {'f', 4}},  {"F64", {'f', 8}},  {"I32", {'i', 4}},     {"U8", {'u', 1}},
    {"I64", {'i', 8}},  {"I16", {'i', 2}},  {"I8", {'i', 1}},      {"U64", {'u', 8}},
    {"U32", {'u', 4}},  {"U16", {'u', 2}},  {"F16", {'f', 2}},     {"C64", {'c', 8}},
    {"BOOL", {'b', 1}}, {"BF16", {'B', 2}}, {"F8_E4M3", {'F', 1}}, {"F8_E5M2", {'F', 1}}};
constexpr std::ptrdiff_t types_with_dtype = std::size(dtype_names);  // the first ones of type_names

struct Entry {
  std::string name;
  std::optional<ElementType> type;
  std::vector<std::uint64_t> shape, offsets;
  bool has_shape = false, has_offsets = false;
};

/// Accepts {"__metadata__": {text: text}, NAME: {"dtype": text, "shape": [n…], "data_offsets": [n, n]}} and nothing else. It
/// checks while parsing and builds no tree, so a hostile header takes no more memory than its own text.
class HeaderReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  std::vector<Entry> entries;
  std::map<std::string, std::string, std::less<>> metadata;
  std::string problem;

  bool start_object(std::size_t) override {
    if (depth_ == 0 && !done_) return ++depth_, true;
    if (depth_ == 1 && !key_.empty_state) {
      in_metadata_ = key_.text == "__metadata__";
      if (in_metadata_ && seen_metadata_) return fail("__metadata__ occurs twice");
      if (in_metadata_)
        seen_metadata_ = true;
      else if (!names_.insert(key_.text).second)
        return fail("the tensor \"" + key_.text + "\" occurs twice");
      else if (entries.size() == most_tensors)
        return fail("expected at most " + number_text(most_tensors) + " tensors, found more");
      else
        entries.emplace_back().name = key_.text;
      return ++depth_, true;
    }
    return fail("unexpected object");
  }
  bool end_object() override {
    if (--depth_ == 0) done_ = true;
    if (depth_ == 1 && !in_metadata_) {
      const Entry& e = entries.back();
      if (!e.type || !e.has_shape || !e.has_offsets)
        return fail("tensor \"" + e.name + "\": expected dtype, shape and data_offsets");
    }
    return true;
  }
  bool key(std::string& text) override {
    key_ = {text, false};
    return true;
  }
  bool string(std::string& text) override {
    if (depth_ == 2 && in_metadata_)
      return metadata.emplace(key_.text, text).second || fail("the metadata key \"" + key_.text + "\" occurs twice");
    if (depth_ != 2 || list_ || key_.text != "dtype") return fail("unexpected string");
    Entry& e = entries.back();
    if (e.type) return fail("tensor \"" + e.name + "\": dtype occurs twice");
    for (const auto& [name, type] : type_names)
      if (name == text) e.type = type;
    return e.type.has_value() ||
           fail("tensor \"" + e.name + "\": expected a dtype of the format such as F32, found \"" + text + "\"");
  }
  bool start_array(std::size_t) override {
    if (depth_ != 2 || in_metadata_ || list_) return fail("unexpected array");
    Entry& e = entries.back();
    const bool shape = key_.text == "shape";
    if (!shape && key_.text != "data_offsets") return fail("unexpected array");
    bool& seen = shape ? e.has_shape : e.has_offsets;
    if (seen) return fail("tensor \"" + e.name + "\": " + key_.text + " occurs twice");
    seen = true;
    list_ = shape ? &e.shape : &e.offsets;
    return true;
  }
  bool end_array() override {
    list_ = nullptr;
    return true;
  }
  bool number_unsigned(std::uint64_t x) override {
    if (list_ == nullptr) return fail("unexpected number");
    if (list_->size() == 5)
      return fail("tensor \"" + entries.back().name + "\": expected at most 5 dimensions, found more");
    list_->push_back(x);
    return true;
  }
  bool number_integer(std::int64_t) override {
    return fail("expected an integer of at least 0, found a negative number");
  }
  bool number_float(double, const std::string&) override { return fail("expected an integer, found another number"); }
  bool null() override { return fail("unexpected null"); }
  bool boolean(bool) override { return fail("unexpected boolean"); }
  bool binary(nlohmann::json::binary_t&) override { return fail("unexpected binary data"); }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
    return fail("invalid or incomplete JSON at byte " + number_text(position));
  }

 private:
  bool fail(std::string what) {
    if (problem.empty()) problem = std::move(what);
    return false;
  }
  struct {
    std::string text;
    bool empty_state = true;
  } key_;
  std::set<std::string, std::less<>> names_;
  std::vector<std::uint64_t>* list_ = nullptr;
  int depth_ = 0;
  bool done_ = false, in_metadata_ = false, seen_metadata_ = false;
};

[[noreturn]] void refuse(const std::string& name, const std::string& what) {
  throw DataError(name + ": not a safetensors file: " + what);
}

/// The header's length; the file has `file_bytes` bytes, and `front` is how it begins.
std::uint64_t header_length(const std::string& name, std::span<const std::byte> front, std::uint64_t file_bytes) {
  if (file_bytes < 8) refuse(name, "expected a header length of 8 bytes, found " + number_text(file_bytes) + " bytes");
  std::uint64_t length = 0;
  std::memcpy(&length, front.data(), 8);
  if (length > largest_header_bytes || length > file_bytes - 8)
    refuse(name, "expected a header of " + number_text(length) + " bytes, found " + number_text(file_bytes - 8));
  return length;
}

/// data_bytes: what follows the header in the file.
SafetensorsHeader parse_header(const std::string& name, std::string_view text, std::uint64_t data_bytes) {
  if (text.empty() || text[0] != '{') refuse(name, "expected a header that begins with {");
  HeaderReader reader;
  if (!nlohmann::json::sax_parse(text.begin(), text.end(), &reader) || !reader.problem.empty())
    refuse(name, "in the header: " + reader.problem);

  SafetensorsHeader out;
  out.metadata = std::move(reader.metadata);
  std::vector<Entry*> by_offset;
  for (Entry& e : reader.entries) {
    if (e.offsets.size() != 2)
      refuse(name, "tensor \"" + e.name + "\": expected two data_offsets, found " + number_text(e.offsets.size()));
    by_offset.push_back(&e);
  }
  std::sort(by_offset.begin(), by_offset.end(), [](const Entry* a, const Entry* b) { return a->offsets < b->offsets; });
  std::uint64_t end = 0;
  for (Entry* const entry : by_offset) {
    Entry& e = *entry;
    const std::string tensor = "tensor \"" + e.name + "\": ";
    const std::uint64_t from = e.offsets[0], to = e.offsets[1];
    if (from != end)
      refuse(name, tensor + "expected its data at byte " + number_text(end) + ", found " + number_text(from));
    if (to < from || to > data_bytes)
      refuse(name, tensor + "expected its data to end within " + number_text(data_bytes) + " bytes, found " +
                       number_text(to));
    std::uint64_t bytes = static_cast<std::uint64_t>(e.type->bytes);
    bool overflow = false;
    for (const std::uint64_t extent : e.shape) {
      overflow = overflow || (extent != 0 && bytes > std::numeric_limits<std::int64_t>::max() / extent);
      bytes *= extent;
    }
    if (overflow || bytes != to - from)
      refuse(name, tensor + "expected " + (overflow ? "more bytes than there are" : number_text(bytes) + " bytes") +
                       " for its shape, found " + number_text(to - from));
    out.tensors.push_back({std::move(e.name), {*e.type, std::move(e.shape)}, 8 + text.size() + from, to - from});
    end = to;
  }
  if (end != data_bytes)
    refuse(name, "expected " + number_text(end) + " bytes of data, found " + number_text(data_bytes));
  return out;
}

}  // namespace

SafetensorsHeader read_safetensors_header(ByteSource& source) {
  std::array<std::byte, 8> front{};
  if (source.bytes() >= 8) source.read(0, front);
  const std::uint64_t length = header_length(source.name(), front, source.bytes());
  std::string text(static_cast<std::size_t>(length), '\0');
  source.read(8, std::as_writable_bytes(std::span(text)));
  return parse_header(source.name(), text, source.bytes() - 8 - length);
}

Safetensors Safetensors::parse(const std::string& name, std::vector<std::byte> file) {
  const std::uint64_t length = header_length(name, file, file.size());
  const std::string_view text(reinterpret_cast<const char*>(file.data()) + 8, length);
  SafetensorsHeader header = parse_header(name, text, file.size() - 8 - length);
  Safetensors out;
  out.name_ = name;
  out.metadata_ = std::move(header.metadata);
  out.file_ = std::move(file);
  for (const SafetensorsHeader::Tensor& stated : header.tensors) {
    const std::ptrdiff_t type =
        std::ranges::find(type_names, stated.array.type, &std::pair<std::string_view, ElementType>::second) -
        std::begin(type_names);
    if (type >= types_with_dtype)
      throw DataError(name + ": tensor \"" + stated.name + "\": expected float32, float64, int32 or uint8, found " +
                      stated.array.type.name() + "; save it as one of them");
    Tensor t{dtype_names[type].second, {}, std::span<const std::byte>(out.file_).subspan(stated.first, stated.bytes)};
    for (const std::uint64_t extent : stated.array.shape)
      t.shape.extent[static_cast<std::size_t>(t.shape.rank++)] = static_cast<std::int64_t>(extent);
    out.tensors_.emplace(stated.name, t);
  }
  return out;
}

Safetensors Safetensors::read(const std::string& path) { return parse(path, read_file(path, std::size_t{1} << 40)); }

const Safetensors::Tensor& Safetensors::tensor(std::string_view name) const {
  const auto it = tensors_.find(name);
  if (it == tensors_.end()) throw DataError(name_ + ": expected a tensor \"" + std::string(name) + "\", found none");
  return it->second;
}

Array Safetensors::load(std::string_view name) const {
  const Tensor& t = tensor(name);
  Array out(t.shape, t.dtype);
  if (!t.data.empty()) std::memcpy(out.view().data, t.data.data(), t.data.size());
  return out;
}

std::vector<double> Safetensors::load_doubles(std::string_view name) const {
  const Array a = load(name);
  const auto convert = [](auto values) { return std::vector<double>(values.begin(), values.end()); };
  switch (a.view().dtype) {
    case Dtype::f32: return convert(a.span<float>());
    case Dtype::f64: return convert(a.span<double>());
    case Dtype::i32: return convert(a.span<std::int32_t>());
    case Dtype::u8: return convert(a.span<std::uint8_t>());
  }
  return {};
}

std::string safetensors_front(std::span<const NamedView> tensors,
                              const std::vector<std::pair<std::string, std::string>>& metadata) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  for (const auto& [key, value] : metadata) header["__metadata__"][key] = value;
  std::int64_t at = 0;
  for (const NamedView& t : tensors) {
    if (header.contains(t.name)) throw std::invalid_argument("write_safetensors: \"" + t.name + "\" occurs twice");
    std::string_view dtype;
    for (const auto& [text, value] : dtype_names)
      if (value == t.view.dtype) dtype = text;
    auto& entry = header[t.name];
    entry["dtype"] = dtype;
    entry["shape"] = nlohmann::ordered_json::array();
    for (int a = 0; a < t.view.shape.rank; ++a) entry["shape"].push_back(t.view.shape[a]);
    entry["data_offsets"] = {at, at + t.view.bytes()};
    at += t.view.bytes();
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  std::string front(8, '\0');
  const std::uint64_t length = text.size();
  std::memcpy(front.data(), &length, 8);
  return front + text;
}

void write_safetensors(const Folder& folder, const std::string& name, std::span<const NamedView> tensors,
                       const std::vector<std::pair<std::string, std::string>>& metadata) {
  const std::string front = safetensors_front(tensors, metadata);
  std::vector<std::span<const std::byte>> pieces{std::as_bytes(std::span(front))};
  for (const NamedView& t : tensors)
    pieces.emplace_back(static_cast<const std::byte*>(t.view.data), static_cast<std::size_t>(t.view.bytes()));
  folder.write_file(name, pieces);
}

}  // namespace brink
