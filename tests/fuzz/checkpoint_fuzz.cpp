// SPDX-License-Identifier: MIT
// Fuzzes checkpoints: a file of the given bytes with the right hash at its end. What is accepted is written again, and is the same state
// then; written once more, it has the same bytes.
#include <xxhash.h>

#include <bit>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>

#include "training/errors.h"
#include "training/run/checkpoint.h"

namespace {

using namespace brink;

constexpr std::size_t footer_bytes = 56, hash_bytes = 16;

/// A folder in memory, removed at the end.
class Scratch {
 public:
  Scratch() {
    std::string name = "/dev/shm/brink-fuzz-XXXXXX";
    if (!mkdtemp(name.data())) std::abort();
    path_ = name;
  }
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// The parts of a state, shown again in their order.
class Shown final : public Stateful {
 public:
  explicit Shown(const SavedState& state) : state_(state) {}
  void visit(StateVisitor& v) override {
    for (const auto& part : state_.parts) {
      const std::string& name = part.first;
      if (const auto* tensor = std::get_if<Array>(&part.second)) v.tensor(name, tensor->view());
      if (const auto* text = std::get_if<std::string>(&part.second)) {
        std::string copy = *text;
        v.text(name, copy);
      }
      if (const auto* list = std::get_if<std::vector<std::int64_t>>(&part.second)) {
        std::vector<std::int64_t> copy = *list;
        v.list(name, copy);
      }
      if (const auto* integer = std::get_if<std::int64_t>(&part.second)) {
        std::int64_t copy = *integer;
        v.number(name, copy);
      }
      if (const auto* real = std::get_if<double>(&part.second)) {
        double copy = *real;
        v.number(name, copy);
      }
    }
  }

 private:
  const SavedState& state_;
};

bool same(const SavedState& a, const SavedState& b) {
  if (a.parts.size() != b.parts.size()) return false;
  for (auto i = a.parts.begin(), j = b.parts.begin(); i != a.parts.end(); ++i, ++j) {
    if (i->first != j->first || i->second.index() != j->second.index()) return false;
    if (const auto* tensor = std::get_if<Array>(&i->second)) {
      const View x = tensor->view(), y = std::get<Array>(j->second).view();
      if (x.shape != y.shape || x.dtype != y.dtype ||
          (x.bytes() > 0 && std::memcmp(x.data, y.data, static_cast<std::size_t>(x.bytes())) != 0))
        return false;
    } else if (const auto* real = std::get_if<double>(&i->second)) {
      const double other = std::get<double>(j->second);
      if (std::bit_cast<std::uint64_t>(*real) != std::bit_cast<std::uint64_t>(other) &&
          (*real == *real || other == other))
        return false;
    } else if (const auto* text = std::get_if<std::string>(&i->second)) {
      if (*text != std::get<std::string>(j->second)) return false;
    } else if (const auto* integer = std::get_if<std::int64_t>(&i->second)) {
      if (*integer != std::get<std::int64_t>(j->second)) return false;
    } else if (std::get<std::vector<std::int64_t>>(i->second) != std::get<std::vector<std::int64_t>>(j->second)) {
      return false;
    }
  }
  return true;
}

/// The bytes of a checkpoint of this state.
std::vector<std::byte> written(const Folder& folder, const Checkpoint& c) {
  Device device;
  Shown trainer(c.trainer), run(c.run);
  write_checkpoint(folder, device, trainer, run, c.step, c.config_hash);
  return read_file(folder.path_of(checkpoint_name(c.step)), std::size_t{1} << 30);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
  static const Scratch scratch;
  static const Folder folder(scratch.path());
  std::vector<std::byte> file(bytes);
  if (bytes > 0) std::memcpy(file.data(), data, bytes);
  if (bytes >= footer_bytes) {
    std::memcpy(file.data() + bytes - footer_bytes, "brinkckp", 8);
    const XXH128_hash_t hash = XXH3_128bits(file.data(), bytes - hash_bytes);
    std::memcpy(file.data() + bytes - 16, &hash.low64, 8);
    std::memcpy(file.data() + bytes - 8, &hash.high64, 8);
  }
  try {
    const Checkpoint first = parse_checkpoint(scratch.path() + "/none", std::move(file));
    const std::vector<std::byte> once = written(folder, first);
    const Checkpoint second = parse_checkpoint("written", once);
    if (second.step != first.step || second.config_hash != first.config_hash || !same(first.trainer, second.trainer) ||
        !same(first.run, second.run) || written(folder, second) != once)
      __builtin_trap();
    std::filesystem::remove(folder.path_of(checkpoint_name(first.step)));
  } catch (const DataError&) {}
  return 0;
}
