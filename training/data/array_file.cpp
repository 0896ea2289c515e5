// SPDX-License-Identifier: MIT
#include "training/data/array_file.h"

#include <optional>

#include "training/io/safetensors.h"
#include "training/io/zip.h"

namespace brink {

/// Where an array lies in the file.
struct ArrayFile::Place {
  std::string array;
  std::optional<ZipMember> member = {};                  ///< of a .npz file
  std::optional<SafetensorsHeader::Tensor> tensor = {};  ///< of a safetensors file
};

namespace {

constexpr std::string_view npy_magic = "\x93NUMPY", zip_magic = "PK", pickle_magic = "\x80";
constexpr std::string_view npy_ending = ".npy";

std::string one_name(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) {
    out += (out.empty() ? "" : ", ") + name;
    if (out.size() > 200) return out + " …";
  }
  return out.empty() ? "no array" : out;
}

}  // namespace

ArrayFile::~ArrayFile() = default;
ArrayFile::ArrayFile(ArrayFile&&) noexcept = default;

ArrayFile::ArrayFile(std::unique_ptr<ByteSource> source) : source_(std::move(source)) {
  std::string front(static_cast<std::size_t>(std::min<std::uint64_t>(9, source_->bytes())), '\0');
  source_->read(0, std::as_writable_bytes(std::span(front)));
  // A safetensors file begins with the length of its header, which may begin like any other file.
  const bool has_header = front.size() == 9 && front[8] == '{';
  if (front.starts_with(npy_magic)) {
    single_ = true;
    places_.push_back({});
  } else if (!has_header && front.starts_with(zip_magic)) {
    for (ZipMember& m : list_zip(*source_))
      if (std::string_view(m.name).ends_with(npy_ending))
        places_.push_back({m.name.substr(0, m.name.size() - npy_ending.size()), std::move(m)});
  } else if (front.empty()) {
    throw DataError(name() + ": expected arrays, found an empty file");
  } else if (!has_header && front.starts_with(pickle_magic)) {
    throw DataError(name() +
                    ": expected a .npz, .npy or safetensors file, found a pickle, which is never loaded; save "
                    "with np.savez(FILE, x=x, y=y)");
  } else {
    try {
      for (SafetensorsHeader::Tensor& t : read_safetensors_header(*source_).tensors) {
        std::string array = t.name;
        places_.push_back({std::move(array), {}, std::move(t)});
      }
    } catch (const DataError& e) {
      throw DataError(std::string(e.what()) +
                      "; expected a .npz, .npy or safetensors file: save with np.savez(FILE, "
                      "x=x, y=y)");
    }
  }
}

std::vector<std::string> ArrayFile::names() const {
  std::vector<std::string> out;
  for (const Place& p : places_) out.push_back(p.array);
  return out;
}

StoredArray ArrayFile::open(std::string_view array) const {
  const auto place =
      std::ranges::find_if(places_, [&](const Place& p) { return single_ || std::string_view(p.array) == array; });
  if (place == places_.end())
    throw DataError(name() + ": expected an array named " + std::string(array) + ", found " + one_name(names()) +
                    "; save with np.savez(FILE, x=x, y=y)");
  StoredArray out{single_ ? name() : name() + ": " + place->array, {}, {}};
  if (place->tensor) {
    out.header = place->tensor->array;
    out.elements = std::make_unique<PartStream>(*source_, place->tensor->first, place->tensor->bytes);
    return out;
  }
  if (place->member)
    out.elements = open_zip_member(*source_, *place->member);
  else
    out.elements = std::make_unique<PartStream>(*source_, 0, source_->bytes());
  out.header = read_npy_header(out.name, *out.elements);
  if (out.header.type.kind == 'O')
    throw DataError(out.name +
                    ": expected an array of numbers, found an array of objects, which is a pickle and never "
                    "loaded; save it as an array of numbers, with astype");
  const std::uint64_t elements = out.header.elements(), left = out.elements->left(),
                      bytes = static_cast<std::uint64_t>(out.header.type.bytes);
  // Text and times state their sizes in other units, and no reader takes them.
  const bool number = std::string_view("fiub").find(out.header.type.kind) != std::string_view::npos && bytes > 0;
  if (number && (left % bytes != 0 || left / bytes != elements))
    throw DataError(out.name + ": expected " + number_text(elements) + " elements of " + number_text(bytes) +
                    " bytes for the shape " + out.header.shape_text() + ", found " + number_text(left) +
                    " bytes: the file is damaged or truncated");
  return out;
}

}  // namespace brink
