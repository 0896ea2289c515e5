// SPDX-License-Identifier: MIT
#include "training/run/checkpoint.h"

#include <fcntl.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <memory>
#include <new>
#include <stdexcept>
#include <utility>

#include "training/build_info.h"
#include "training/io/safetensors.h"
#include "training/io/stream.h"
#include "training/io/text.h"

namespace brink {

namespace {

static_assert(std::endian::native == std::endian::little, "the footer's numbers are little-endian");

constexpr std::string_view name_start = "step-", name_end = ".safetensors";
constexpr std::size_t name_digits = 10, piece_bytes = std::size_t{1} << 20;
constexpr const char* footer_name = "footer";

/// The last bytes of every file, whatever its format; the hash is over all bytes before it, also those of this struct.
struct Footer {
  std::array<char, 8> mark;
  std::int64_t format, step;
  std::array<char, 16> config_hash;
  std::uint64_t hash_low, hash_high;
};
static_assert(sizeof(Footer) == 56);
constexpr std::array<char, 8> footer_mark{'b', 'r', 'i', 'n', 'k', 'c', 'k', 'p'};
constexpr std::size_t hash_bytes = 16;
/// metadata that is no part of a state; the name of every part has a slash
constexpr const char *format_key = "format", *version_key = "version", *hash_key = "config_hash", *step_key = "step";

class Hasher {
 public:
  Hasher() : state_(XXH3_createState(), &XXH3_freeState) {
    if (!state_) throw std::bad_alloc();
    XXH3_128bits_reset(state_.get());
  }
  void add(std::span<const std::byte> bytes) { XXH3_128bits_update(state_.get(), bytes.data(), bytes.size()); }
  XXH128_hash_t hash() const { return XXH3_128bits_digest(state_.get()); }

 private:
  std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state_;
};

[[noreturn]] void refuse_newer(const std::string& path, std::int64_t format, const std::string& writer) {
  throw NewerCheckpoint(path + ": a newer version: a checkpoint of format " + number_text(format) + ", made by " +
                        (writer.empty() ? "a newer brink" : "brink " + writer) + "; brink " +
                        std::string(build_info().version) + " reads up to format " + number_text(checkpoint_format) +
                        "; use " + (writer.empty() ? "the brink that made it" : "brink " + writer + " or a newer one"));
}

/// What a file of a later format says of the program that made it, if it still says it in the same way.
std::string writer_of(const std::string& path, System& system) {
  try {
    FileSource file(path, system);
    const SafetensorsHeader header = read_safetensors_header(file);
    const auto version = header.metadata.find(version_key);
    return version == header.metadata.end() ? std::string() : version->second;
  } catch (const DataError&) { return {}; }
}

/// Checks the end of a file against the hash of what precedes it.
CheckpointFooter check_footer(const std::string& path, std::uint64_t bytes, const Footer& footer, XXH128_hash_t hash,
                              System& system) {
  if (footer.mark != footer_mark)
    throw DataError(path + ": expected a checkpoint, which ends with a footer; found " + number_text(bytes) +
                    " bytes without one: the file is incomplete, damaged or another kind of file");
  if (hash.low64 != footer.hash_low || hash.high64 != footer.hash_high)
    throw DataError(path + ": damaged checkpoint: expected the hash " + hex_text(footer.hash_high) +
                    hex_text(footer.hash_low) + " of its first " + number_text(bytes - hash_bytes) + " bytes, found " +
                    hex_text(hash.high64) + hex_text(hash.low64));
  if (footer.format > checkpoint_format) refuse_newer(path, footer.format, writer_of(path, system));
  if (footer.format < 1)
    throw DataError(path + ": expected a checkpoint of format 1 to " + number_text(checkpoint_format) +
                    ", found format " + number_text(footer.format));
  const std::string config_hash(footer.config_hash.begin(), footer.config_hash.end());
  if (footer.step < 0 || config_hash.find_first_not_of("0123456789abcdef") != std::string::npos)
    throw DataError(
        path +
        ": expected a step of at least 0 and a config hash of hexadecimal digits in the footer, found other bytes");
  return {footer.format, footer.step, config_hash};
}

[[noreturn]] void refuse_short(const std::string& path, std::uint64_t bytes) {
  throw DataError(path + ": expected a checkpoint of at least " + number_text(sizeof(Footer)) + " bytes, found " +
                  number_text(bytes));
}

// Values in the metadata: a word for the type, a space, the value.
constexpr std::string_view integer_word = "integer ", real_word = "real ", text_word = "text ", list_word = "list";

std::string hex_real(double x) {
  if (x != x) return "nan";
  char buffer[40];
  return {buffer, std::to_chars(buffer, buffer + sizeof buffer, x, std::chars_format::hex).ptr};
}

std::optional<double> parse_hex_real(std::string_view text) {
  double x = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), x, std::chars_format::hex);
  if (error != std::errc{} || end != text.data() + text.size()) return {};
  return x;
}

std::string text_of(std::int64_t x) { return std::string(integer_word) + number_text(x); }
std::string text_of(double x) { return std::string(real_word) + hex_real(x); }
std::string text_of(const std::string& x) { return std::string(text_word) + x; }
std::string text_of(const std::vector<std::int64_t>& x) {
  std::string out(list_word);
  for (const std::int64_t i : x) out += ' ' + number_text(i);
  return out;
}

std::optional<SavedState::Value> value_of(std::string_view text) {
  const auto after = [&](std::string_view word) { return text.substr(word.size()); };
  if (text.starts_with(integer_word)) {
    const auto x = parse_number<std::int64_t>(after(integer_word));
    return x ? std::optional<SavedState::Value>(*x) : std::nullopt;
  }
  if (text.starts_with(real_word)) {
    const auto x = parse_hex_real(after(real_word));
    return x ? std::optional<SavedState::Value>(*x) : std::nullopt;
  }
  if (text.starts_with(text_word)) return std::string(after(text_word));
  if (!text.starts_with(list_word)) return {};
  std::vector<std::int64_t> list;
  for (std::string_view rest = after(list_word); !rest.empty();) {
    if (rest[0] != ' ') return {};
    rest.remove_prefix(1);
    const std::size_t end = std::min(rest.find(' '), rest.size());
    const auto x = parse_number<std::int64_t>(rest.substr(0, end));
    if (!x) return {};
    list.push_back(*x);
    rest.remove_prefix(end);
  }
  return list;
}

/// The parts of a state as they are written. Tensors of a GPU are copied to the host, those of a CPU stay where they are.
class Gatherer final : public StateVisitor {
 public:
  explicit Gatherer(Device& device) : device_(device) {}
  bool reads() const override { return false; }
  std::vector<NamedView> tensors;
  std::vector<std::pair<std::string, std::string>> values;

 private:
  void on_tensor(const std::string& name, View v) override {
    if (device_.where != Where::cpu) {
      copies_.push_back(to_host(device_, v));
      v = copies_.back().view();
    }
    tensors.push_back({name, v});
  }
  void on_value(const std::string& name, Value value) override {
    std::visit([&](const auto* x) { values.emplace_back(name, text_of(*x)); }, value);
  }

  Device& device_;
  std::vector<Array> copies_;
};

constexpr std::string_view trainer_part = "trainer", run_part = "run";

}  // namespace

std::string checkpoint_name(std::int64_t step) {
  const std::string digits = number_text(step);
  return std::string(name_start) + std::string(name_digits - std::min(name_digits, digits.size()), '0') + digits +
         std::string(name_end);
}

std::optional<std::int64_t> checkpoint_step(std::string_view name) {
  if (name.size() < name_start.size() + name_end.size() || !name.starts_with(name_start) || !name.ends_with(name_end))
    return {};
  const auto step =
      parse_number<std::int64_t>(name.substr(name_start.size(), name.size() - name_start.size() - name_end.size()));
  return step && *step >= 0 && checkpoint_name(*step) == name ? step : std::nullopt;
}

CheckpointFooter verify_checkpoint(const std::string& path, System& system) {
  InputFile file(path, system);
  if (file.bytes() < sizeof(Footer)) refuse_short(path, file.bytes());
  Hasher hasher;
  std::vector<std::byte> piece(piece_bytes);
  for (std::uint64_t left = file.bytes() - sizeof(Footer); left > 0;) {
    const std::span<std::byte> part(piece.data(), static_cast<std::size_t>(std::min<std::uint64_t>(left, piece_bytes)));
    file.read(part);
    hasher.add(part);
    left -= part.size();
  }
  Footer footer;
  const std::span<std::byte> end = std::as_writable_bytes(std::span(&footer, 1));
  file.read(end);
  hasher.add(end.first(sizeof(Footer) - hash_bytes));
  return check_footer(path, file.bytes(), footer, hasher.hash(), system);
}

Checkpoint read_checkpoint(const std::string& path, System& system) {
  return parse_checkpoint(path, read_file(path, std::size_t{1} << 40, system), system);
}

Checkpoint parse_checkpoint(const std::string& path, std::vector<std::byte> bytes, System& system) {
  if (bytes.size() < sizeof(Footer)) refuse_short(path, bytes.size());
  Footer footer;
  std::memcpy(&footer, bytes.data() + bytes.size() - sizeof footer, sizeof footer);
  const CheckpointFooter said =
      check_footer(path, bytes.size(), footer, XXH3_128bits(bytes.data(), bytes.size() - hash_bytes), system);
  const Safetensors file = Safetensors::parse(path, std::move(bytes));
  Checkpoint out{said.step, said.config_hash, {}, {}, {}};
  const auto add = [&](const std::string& name, SavedState::Value value) {
    const std::size_t slash = name.find('/');
    const std::string_view part = std::string_view(name).substr(0, slash);
    SavedState* const state = part == trainer_part ? &out.trainer : part == run_part ? &out.run : nullptr;
    if (!state || slash == std::string::npos)
      throw DataError(path + ": expected parts of the trainer and of the run, found \"" + name + "\"");
    if (!state->parts.emplace(name.substr(slash + 1), std::move(value)).second)
      throw DataError(path + ": \"" + name + "\" is both a tensor and a value");
  };
  for (const auto& [name, text] : file.metadata()) {
    if (name == version_key) out.version = text;
    if (name == format_key && text != number_text(said.format)) {
      if (const auto format = parse_number<std::int64_t>(text); format && *format > checkpoint_format)
        refuse_newer(path, *format, writer_of(path, system));
      throw DataError(path + ": expected the format " + number_text(said.format) + " of the footer, found \"" + text +
                      "\"");
    }
    if (name.find('/') == std::string::npos) continue;
    auto value = value_of(text);
    if (!value)
      throw DataError(path + ": \"" + name + "\": expected a number, a text or a list, found \"" + text + "\"");
    add(name, std::move(*value));
  }
  const auto end = file.tensors().find(footer_name);
  if (end == file.tensors().end() || end->second.data.size() != sizeof footer)
    throw DataError(path + ": expected a tensor footer of " + number_text(sizeof footer) + " bytes, found none");
  for (const auto& [name, tensor] : file.tensors())
    if (name != footer_name) add(name, file.load(name));
  return out;
}

void write_checkpoint(const Folder& folder, Device& device, Stateful& trainer, Stateful& run, std::int64_t step,
                      const std::string& config_hash) {
  Gatherer parts(device);
  for (const auto& [name, state] : {std::pair(trainer_part, &trainer), {run_part, &run}}) {
    const StateVisitor::Part inside(parts, name);
    state->visit(parts);
  }
  synchronize(device);
  Footer footer{footer_mark, checkpoint_format, step, {}, 0, 0};
  if (config_hash.size() != footer.config_hash.size())
    throw std::invalid_argument("write_checkpoint: the config hash has " + number_text(config_hash.size()) + " digits");
  std::ranges::copy(config_hash, footer.config_hash.begin());
  std::vector<std::pair<std::string, std::string>> metadata{{format_key, number_text(footer.format)},
                                                            {version_key, std::string(build_info().version)},
                                                            {hash_key, config_hash},
                                                            {step_key, number_text(step)}};
  metadata.insert(metadata.end(), parts.values.begin(), parts.values.end());
  const View end{&footer, {static_cast<std::int64_t>(sizeof footer)}, Dtype::u8};
  parts.tensors.push_back({footer_name, end});

  const std::string front = safetensors_front(parts.tensors, metadata);
  std::vector<std::span<const std::byte>> pieces{std::as_bytes(std::span(front))};
  for (const NamedView& t : parts.tensors)
    pieces.emplace_back(static_cast<const std::byte*>(t.view.data), static_cast<std::size_t>(t.view.bytes()));
  Hasher hasher;
  for (std::size_t i = 0; i + 1 < pieces.size(); ++i) hasher.add(pieces[i]);
  hasher.add(pieces.back().first(sizeof footer - hash_bytes));
  footer.hash_low = hasher.hash().low64;
  footer.hash_high = hasher.hash().high64;
  folder.write_file(checkpoint_name(step), pieces);
}

void restore(Device& device, Stateful& to, const SavedState& from, const std::string& path) {
  try {
    restore_state(device, to, from);
  } catch (const std::invalid_argument& e) {
    throw DataError(path + ": " + e.what() + "; it belongs to other settings or to another version of brink");
  }
}

std::vector<std::byte> HeldCheckpoint::bytes() {
  const std::lock_guard lock(mutex_);
  std::vector<std::byte> out(static_cast<std::size_t>(file_.bytes()));
  file_.seek(0);
  file_.read(out);
  return out;
}

Checkpoint read_checkpoint(const CheckpointFile& file) {
  return file.held ? parse_checkpoint(file.path, file.held->bytes()) : read_checkpoint(file.path);
}

CheckpointList list_checkpoints(const std::string& run_folder, System& system) {
  CheckpointList out;
  const std::string folder = run_folder + "/" + checkpoint_folder;
  std::error_code error;
  const std::filesystem::directory_iterator entries(folder, error);
  if (error && error != std::errc::no_such_file_or_directory)
    out.bad.push_back(folder + ": expected a folder that can be read, found none: " + error.message());
  for (const auto& entry : entries) {
    const std::string path = entry.path().string();
    const auto step = checkpoint_step(entry.path().filename().string());
    if (!step) continue;
    try {
      const CheckpointFooter said = verify_checkpoint(path, system);
      if (said.step != *step)
        throw DataError(path + ": expected the checkpoint of step " + number_text(*step) + ", found that of step " +
                        number_text(said.step));
      out.good.push_back({*step, path, said.config_hash});
    } catch (const NewerCheckpoint&) { throw; } catch (const DataError& e) {
      out.bad.emplace_back(e.what());
    }
  }
  std::ranges::sort(out.good, {}, &CheckpointFile::step);
  std::ranges::sort(out.bad);
  return out;
}

CheckpointStore::CheckpointStore(const Folder& run, std::string config_hash, std::vector<std::int64_t> keep)
    : run_(run), config_hash_(std::move(config_hash)), keep_(std::move(keep)) {}

bool CheckpointStore::keeps(std::int64_t step) const { return std::ranges::find(keep_, step) != keep_.end(); }

void CheckpointStore::write(Device& device, Stateful& trainer, Stateful& run, std::int64_t step) const {
  const Folder folder = run_.inside(checkpoint_folder);
  write_checkpoint(folder, device, trainer, run, step, config_hash_);
  remove_older(folder, step);
}

void CheckpointStore::remove_older(const Folder& folder, std::int64_t newest) const {
  constexpr int most_good = 2;
  std::vector<std::string> names = folder.names();
  std::ranges::reverse(names);
  int good = 0;
  for (const std::string& name : names) {
    const auto step = checkpoint_step(name);
    // A later one can only be another run's, or one that was passed over because it does not fit the records.
    if (!step || *step > newest || (good >= most_good && keeps(*step))) continue;
    try {
      const CheckpointFooter said = verify_checkpoint(folder.path_of(name), folder.system());
      if (said.step != *step || said.config_hash != config_hash_) continue;
    } catch (const DataError& e) {
      if (*step == newest) throw IoError(std::string(e.what()) + "; it was written a moment ago");
      continue;  // perhaps not written by brink
    }
    if (++good <= most_good || keeps(*step)) continue;
    if (folder.system().unlinkat(folder.descriptor(), name.c_str(), 0) != 0 && errno != ENOENT)
      throw IoError(system_message(folder.path_of(name), "unlink"));
  }
}

void CheckpointStore::remove_stale_temporaries() const {
  if (!run_.contains(checkpoint_folder)) return;
  const Folder folder = run_.inside(checkpoint_folder);
  std::vector<std::string> written;
  for (const std::string& name : folder.names())
    if (const std::string of = name.substr(0, name.find(".tmp.")); of != name && checkpoint_step(of))
      written.push_back(of);
  folder.remove_stale_temporaries(written);
}

}  // namespace brink
