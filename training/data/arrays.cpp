// SPDX-License-Identifier: MIT
// The data set of a user's own files: x and y, which any program can write.
// Rows are read one after the other and converted at once, so the files are never in memory as a whole.
#include <bit>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <optional>

#include "training/data/array_file.h"
#include "training/data/kind.h"
#include "training/errors.h"
#include "training/io/text.h"

namespace brink {

namespace {

constexpr std::uint64_t most_samples = 10'000'000, most_numbers = 1 << 28, most_classes = 65536;
constexpr const char* both = "np.savez(FILE, x=x, y=y)";

/// The keys of one part of the data.
struct PartKeys {
  const char *what, *file, *labels;
};
constexpr PartKeys training_keys{"training", "train_file", "train_labels"},
    test_keys{"test", "test_file", "test_labels"};

std::string setting(const char* key, const std::string& value) {
  return std::string("data.") + key + " = \"" + value + "\"";
}

ArrayFile open_file(const DataRequest& r, const Options& o, const char* key) {
  const std::string& name = o.text(key);
  const std::string path = name.starts_with('/') || r.directory.empty() ? name : r.directory + "/" + name;
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored))
    throw DataError(path + ": expected the file that " + setting(key, name) +
                    " names, found none; a relative path starts at data.directory, or without it at the current "
                    "folder (" +
                    std::filesystem::current_path(ignored).string() + ")");
  return ArrayFile(std::make_unique<FileSource>(path));
}

/// Throws DataError if x is of another type or shape than what is read.
void expect_samples(const StoredArray& x) {
  const ArrayHeader& h = x.header;
  const auto fail = [&](const std::string& what, const std::string& remedy) {
    throw DataError(x.name + ": expected " + what + "; save " + remedy);
  };
  const std::size_t rank = h.shape.size();
  const std::string shape = h.shape_text();
  if (rank == 3) fail("pictures [N, H, W, C] or vectors [N, D], found the shape " + shape, "x[..., None] if C is 1");
  if (rank != 2 && rank != 4)
    fail("pictures [N, H, W, C] or vectors [N, D], found the shape " + shape, "x.reshape(N, -1)");
  const ElementType& t = h.type;
  if (!(t.kind == 'u' && t.bytes == 1) && !(t.kind == 'f' && (t.bytes == 4 || t.bytes == 8)))
    fail("uint8, float32 or float64, found " + t.name(),
         t.kind == 'i' || t.kind == 'u'
             ? "x.astype(np.uint8) if they are pixels from 0 to 255, otherwise x.astype(np.float32)"
             : "x.astype(np.float32)");
  if (h.column_major) fail("rows one after the other, found Fortran order", "np.ascontiguousarray(x)");
  const std::uint64_t samples = h.shape[0];
  if (h.elements() == 0) fail("at least one sample of at least one number, found the shape " + shape, "other samples");
  if (samples > most_samples || h.elements() / samples > most_numbers)
    fail("at most " + number_text(most_samples) + " samples of at most " + number_text(most_numbers) +
             " numbers, found the shape " + shape,
         "fewer");
  if (rank == 4 && (h.shape[1] == 1 || h.shape[1] == 3) && h.shape[2] == h.shape[3] && h.shape[2] > 4)
    fail("pictures [N, H, W, C], found the shape " + shape + ", which looks like [N, C, H, W]",
         "x.transpose(0, 2, 3, 1)");
}

/// The elements of an integer type, in the machine's byte order.
std::vector<std::int64_t> read_integers(const StoredArray& y) {
  const ElementType& t = y.header.type;
  const auto width = static_cast<std::size_t>(t.bytes);
  std::vector<std::byte> piece;
  std::vector<std::int64_t> out;
  while (y.elements->left() > 0) {
    piece.resize(static_cast<std::size_t>(std::min<std::uint64_t>(y.elements->left(), 8192 * width)));
    y.elements->read(piece);
    for (std::size_t at = 0; at < piece.size(); at += width) {
      std::uint64_t bits = 0;
      for (std::size_t i = 0; i < width; ++i)
        bits |= std::to_integer<std::uint64_t>(piece[at + (t.big_endian ? width - 1 - i : i)]) << 8 * i;
      constexpr std::uint64_t most = std::numeric_limits<std::int64_t>::max();
      const unsigned unused = 64 - 8 * static_cast<unsigned>(width);
      if (t.kind == 'u' && bits > most)
        throw DataError(y.name + ": sample " + number_text(out.size()) +
                        ": expected a label below the number of classes, which is at most " +
                        number_text(most_classes) + ", found " + number_text(bits) +
                        "; save np.unique(y, return_inverse=True)[1]");
      out.push_back(t.kind == 'i' ? static_cast<std::int64_t>(bits << unused) >> unused
                                  : static_cast<std::int64_t>(bits));
    }
  }
  y.elements->finish();
  return out;
}

std::vector<std::int64_t> read_labels(const StoredArray& y, const StoredArray& x) {
  const ArrayHeader& h = y.header;
  const auto fail = [&](const std::string& what, const std::string& remedy) {
    throw DataError(y.name + ": expected " + what + "; save " + remedy);
  };
  if (h.shape.size() == 2 && h.shape[1] > 1)
    fail("one label for each sample, [N], found the shape " + h.shape_text(), "y.argmax(axis=1) if they are one-hot");
  if (h.shape.size() != 1) fail("one label for each sample, [N], found the shape " + h.shape_text(), "y.reshape(-1)");
  if (h.type.kind != 'i' && h.type.kind != 'u') fail("integers, found " + h.type.name(), "y.astype(np.int64)");
  if (h.shape[0] != x.header.shape[0])
    fail("as many labels as " + x.name + " has samples, " + number_text(x.header.shape[0]) + ", found " +
             number_text(h.shape[0]),
         "x and y of the same samples");
  return read_integers(y);
}

/// The number of classes, 0 … C − 1, each of which occurs.
std::int64_t count_classes(const StoredArray& y, std::span<const std::int64_t> labels) {
  std::vector<char> seen(std::min<std::size_t>(labels.size(), most_classes) + 1);
  std::int64_t most = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] < 0)
      throw DataError(y.name + ": sample " + number_text(i) + ": expected a label of at least 0, found " +
                      number_text(labels[i]) + "; save np.unique(y, return_inverse=True)[1]");
    most = std::max(most, labels[i]);
    if (static_cast<std::uint64_t>(labels[i]) < seen.size()) seen[static_cast<std::size_t>(labels[i])] = 1;
  }
  const auto missing = std::ranges::find(seen, 0) - seen.begin();
  if (missing < std::ssize(seen) && missing < most)
    throw DataError(y.name + ": expected labels without gaps, found " + number_text(most) + " as the largest and no " +
                    number_text(missing) + "; save np.unique(y, return_inverse=True)[1]");
  if (static_cast<std::uint64_t>(most) >= most_classes)
    throw DataError(y.name + ": expected at most " + number_text(most_classes) + " classes, found " +
                    number_text(most + 1) + "; save fewer classes");
  if (most == 0) throw DataError(y.name + ": expected at least two classes, found the label 0 only");
  return most + 1;
}

/// One part of the data: checked types, shapes and labels, and the samples that are taken, none of which has been read.
struct Part {
  ArrayFile file;
  std::string label_file = {};  ///< its name; empty if the labels are in `file`
  StoredArray x = {};
  Shape picture = {};  ///< [H, W, C], or [D]
  std::vector<std::int64_t> labels = {};
  std::vector<char> taken = {};  ///< of each sample of the file
  std::int64_t samples = 0;

  std::int64_t channels() const { return picture.rank == 3 ? picture[2] : 1; }
};

/// Marks all samples, or the first count/classes of each class.
void take(Part& part, const PartKeys& keys, std::int64_t count, std::int64_t classes) {
  const auto all = static_cast<std::int64_t>(part.labels.size());
  part.samples = count == 0 ? all : count;
  part.taken.assign(part.labels.size(), 1);
  if (count == 0) return;
  const std::string key = std::string("data.") + (keys.what == training_keys.what ? "train" : "test");
  if (count % classes != 0)
    throw UsageError(key + ": expected a multiple of the " + number_text(classes) + " classes, got " +
                     number_text(count) + "; \"all\" takes every sample");
  std::vector<std::int64_t> left(static_cast<std::size_t>(classes), count / classes);
  for (std::size_t i = 0; i < part.labels.size(); ++i)
    part.taken[i] = static_cast<char>(left[static_cast<std::size_t>(part.labels[i])]-- > 0);
  for (std::size_t c = 0; c < left.size(); ++c)
    if (left[c] > 0)
      throw DataError(part.x.name + ": expected " + number_text(count / classes) + " samples of class " +
                      number_text(c) + " because of " + key + " = " + number_text(count) + ", found " +
                      number_text(count / classes - left[c]) + "; \"all\" takes every sample");
}

/// classes: 0 if they are to be counted.
Part open_part(const DataRequest& r, const Options& o, const PartKeys& keys, std::int64_t count,
               std::int64_t& classes) {
  ArrayFile file = open_file(r, o, keys.file);
  const bool apart = !o.text(keys.labels).empty();
  if (file.is_single() && !apart)
    throw UsageError(setting(keys.file, o.text(keys.file)) +
                     ": a .npy file holds one array; name that of the labels in data." + keys.labels +
                     ", or save both with " + both);
  if (apart && !file.is_single() && std::ranges::count(file.names(), "y") > 0)
    throw UsageError(setting(keys.labels, o.text(keys.labels)) +
                     ": expected labels from one place, found an array y in " + file.name() + " too; remove data." +
                     keys.labels + ", or save that file without y: np.savez(FILE, x=x)");
  Part part{.file = std::move(file)};
  part.x = part.file.open("x");
  expect_samples(part.x);
  for (std::size_t i = 1; i < part.x.header.shape.size(); ++i)
    part.picture.extent[static_cast<std::size_t>(part.picture.rank++)] =
        static_cast<std::int64_t>(part.x.header.shape[i]);
  const std::optional<ArrayFile> label_file = apart ? std::optional(open_file(r, o, keys.labels)) : std::nullopt;
  const StoredArray y = (label_file ? *label_file : part.file).open("y");
  if (label_file) part.label_file = label_file->name();
  part.labels = read_labels(y, part.x);
  if (classes == 0) classes = count_classes(y, part.labels);
  for (std::size_t i = 0; i < part.labels.size(); ++i)
    if (part.labels[i] < 0 || part.labels[i] >= classes)
      throw DataError(y.name + ": sample " + number_text(i) + ": expected a label from 0 to " +
                      number_text(classes - 1) + ", as the training samples have, found " +
                      number_text(part.labels[i]) + "; save labels of the same classes");
  take(part, keys, count, classes);
  return part;
}

struct Parts {
  std::int64_t classes = 0;
  Part train;
  std::optional<Part> test;
};

Parts open_parts(const DataRequest& r, const Options& o) {
  std::int64_t classes = 0;
  Part train = open_part(r, o, training_keys, r.train, classes);
  Parts out{classes, std::move(train), {}};
  if (o.text(test_keys.file).empty()) return out;
  out.test.emplace(open_part(r, o, test_keys, r.test, classes));
  const ArrayHeader &a = out.train.x.header, &b = out.test->x.header;
  if (out.test->picture != out.train.picture)
    throw DataError(out.test->x.name + ": expected samples of the shape of the training samples, " + a.shape_text() +
                    ", found " + b.shape_text() + "; save samples of one shape");
  if (a.type.kind != b.type.kind)
    throw DataError(out.test->x.name + ": expected " + a.type.name() + " as of the training samples, found " +
                    b.type.name() + ", which has another scale; save both in one type");
  return out;
}

/// `mean` and `deviation` of the options, one for each channel.
Normalisation normalisation_of(const Options& o, std::int64_t channels) {
  const auto spread = [&](const char* key, double standard) {
    std::vector<double> list = o.reals(key);
    if (list.empty()) list = {standard};
    if (list.size() == 1) list.resize(static_cast<std::size_t>(channels), list[0]);
    if (std::ssize(list) != channels)
      throw UsageError(std::string("data.") + key + ": expected one number, or one for each of the " +
                       number_text(channels) + " channels, got " + number_text(list.size()));
    return list;
  };
  return {spread("mean", 0), spread("deviation", 1)};
}

/// Converts the elements of one sample, of type In, to the working precision.
template <class In, class T>
class Converter {
 public:
  Converter(const Part& part, const Normalisation& n) : part_(part), n_(n) {
    if constexpr (std::is_same_v<In, std::uint8_t>)
      for (std::size_t c = 0; c < n.mean.size(); ++c)
        for (int p = 0; p < 256; ++p)
          table_.push_back(static_cast<T>((static_cast<double>(p) / 255.0 - n.mean[c]) / n.deviation[c]));
  }
  /// `sample`: its number in the file, for messages.
  void operator()(std::span<const In> from, T* to, std::int64_t sample) const {
    const std::size_t channels = n_.mean.size();
    for (std::size_t i = 0, c = 0; i < from.size(); ++i, c = c + 1 == channels ? 0 : c + 1) {
      if constexpr (std::is_same_v<In, std::uint8_t>) {
        to[i] = table_[256 * c + from[i]];
      } else {
        const auto x = static_cast<double>(from[i]);
        to[i] = static_cast<T>((x - n_.mean[c]) / n_.deviation[c]);
        if (!std::isfinite(to[i])) refuse(x, sample, i);
      }
    }
  }
  /// Refuses NaN and infinity in a sample that is not taken.
  void check(std::span<const In> from, std::int64_t sample) const {
    if constexpr (!std::is_same_v<In, std::uint8_t>)
      for (std::size_t i = 0; i < from.size(); ++i)
        if (!std::isfinite(from[i])) refuse(static_cast<double>(from[i]), sample, i);
  }

 private:
  [[noreturn]] void refuse(double x, std::int64_t sample, std::size_t element) const {
    const std::string where = part_.x.name + ": sample " + number_text(sample) + ", element " + number_text(element);
    if (std::isfinite(x))
      throw DataError(where + ": expected a number that " + std::string(name_of(dtype_of<T>())) +
                      " can hold after normalisation, found " + number_text(x) +
                      "; scale x, or choose run.precision = \"float64\"");
    throw DataError(where + ": expected a finite number, found " + number_text(x) +
                    "; save x without such samples, or np.nan_to_num(x)");
  }

  const Part& part_;
  const Normalisation& n_;
  std::vector<T> table_;
};

/// What identifies a sample: its label in one byte (in eight where there are more than 256 classes), then its elements, channel by
/// channel and little-endian. For uint8 that is the record of the official sets.
template <class In>
class RecordWriter {
 public:
  RecordWriter(std::int64_t classes, std::size_t elements, std::size_t channels)
      : label_bytes_(classes <= 256 ? 1 : 8), channels_(channels), record_(label_bytes_ + elements * sizeof(In)) {}
  std::span<const std::uint8_t> operator()(std::int64_t label, std::span<const In> from) {
    std::memcpy(record_.data(), &label, label_bytes_);
    std::uint8_t* to = record_.data() + label_bytes_;
    for (std::size_t c = 0; c < channels_; ++c)
      for (std::size_t i = c; i < from.size(); i += channels_, to += sizeof(In)) std::memcpy(to, &from[i], sizeof(In));
    return record_;
  }

 private:
  std::size_t label_bytes_, channels_;
  std::vector<std::uint8_t> record_;
};

template <class In, class T>
void read_samples(const Part& part, const Normalisation& n, Dataset& out) {
  const auto elements = static_cast<std::size_t>(part.picture.elements());
  const Converter<In, T> convert(part, n);
  RecordWriter<In> record(out.classes, elements, static_cast<std::size_t>(part.channels()));
  RecordSum sum;
  std::vector<In> row(elements);
  std::int64_t written = 0;
  for (std::size_t i = 0; i < part.labels.size(); ++i) {
    const std::span<std::byte> bytes = std::as_writable_bytes(std::span(row));
    part.x.elements->read(bytes);
    if (part.x.header.type.big_endian && sizeof(In) > 1)
      for (std::size_t at = 0; at < bytes.size(); at += sizeof(In)) std::ranges::reverse(bytes.subspan(at, sizeof(In)));
    const auto sample = static_cast<std::int64_t>(i);
    if (!part.taken[i]) {
      convert.check(row, sample);
      continue;
    }
    convert(row, out.x.view().as<T>() + written * part.picture.elements(), sample);
    out.labels.span<std::int32_t>()[static_cast<std::size_t>(written++)] = static_cast<std::int32_t>(part.labels[i]);
    out.kept_rows.push_back(sample);
    sum.add(record(part.labels[i], row));
  }
  part.x.elements->finish();
  out.checksum = sum.text();
}

Dataset read_part(const Part& part, const Normalisation& n, std::int64_t classes, Dtype dtype) {
  Dataset out;
  out.picture = part.picture;
  out.classes = classes;
  out.x = Array({part.samples, part.picture.elements()}, dtype);
  out.labels = Array({part.samples}, Dtype::i32);
  with_real(dtype, [&]<class T>(T) {
    if (part.x.header.type.kind == 'u')
      read_samples<std::uint8_t, T>(part, n, out);
    else if (part.x.header.type.bytes == 4)
      read_samples<float, T>(part, n, out);
    else
      read_samples<double, T>(part, n, out);
  });
  return out;
}

std::string described(const Part& part) {
  return part.file.name() + " (" + number_text(part.samples) + " of " + number_text(part.labels.size()) + " samples, " +
         part.x.header.type.name() + (part.label_file.empty() ? "" : ", labels of " + part.label_file) + ")";
}

DataPair load_arrays(const DataRequest& r, const Options& o) {
  const Parts parts = open_parts(r, o);
  DataPair out;
  out.normalisation = normalisation_of(o, parts.train.channels());
  out.train = read_part(parts.train, out.normalisation, parts.classes, r.dtype);
  if (parts.test) out.test = read_part(*parts.test, out.normalisation, parts.classes, r.dtype);
  out.provenance = "arrays of the user: training " + described(parts.train) +
                   (parts.test ? ", evaluation " + described(*parts.test) : ", no evaluation");
  return out;
}

DataSizes sizes_of_arrays(const DataRequest& r, const Options& o) {
  const Parts parts = open_parts(r, o);
  (void)normalisation_of(o, parts.train.channels());
  return {parts.train.picture, parts.classes, parts.train.samples, parts.test ? parts.test->samples : 0};
}

std::optional<OptionConflict> arrays_conflict(const Options& o) {
  if (o.text("train_file").empty())
    return OptionConflict{"name", "\"arrays\" needs data.train_file, a file with the arrays x and y: " +
                                      std::string(both) + ", or the same in safetensors"};
  for (const PartKeys& keys : {training_keys, test_keys})
    if (o.text(keys.file).empty() && !o.text(keys.labels).empty())
      return OptionConflict{keys.labels, std::string("has no meaning without data.") + keys.file};
  return {};
}

}  // namespace

namespace data_sets {

DataKind arrays() {
  constexpr std::size_t most_channels = 65536;
  const auto numbers = [](std::string_view name, RealRange range, std::string meaning) {
    Option o = reals_option(name, {}, range, 0, most_channels, std::move(meaning));
    o.number_is_list = true;
    return o;
  };
  return {
      .name = "arrays",
      .options = {text_option("train_file", "the path of a file", "file with the training arrays x and y"),
                  text_option("test_file", "the path of a file", "file with the test arrays x and y; none: no test"),
                  text_option("train_labels", "the path of a file", "file with y of the training samples"),
                  text_option("test_labels", "the path of a file", "file with y of the test samples"),
                  numbers("mean", {}, "subtracted from x, from uint8 after a division by 255"),
                  numbers("deviation", {.above = 0}, "what x is divided by after that")},
      .conflict = arrays_conflict,
      .sizes = sizes_of_arrays,
      .load = load_arrays};
}

}  // namespace data_sets

}  // namespace brink
