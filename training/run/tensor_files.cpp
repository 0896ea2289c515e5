// SPDX-License-Identifier: MIT
#include "training/run/tensor_files.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "training/errors.h"
#include "training/io/safetensors.h"

namespace brink {

namespace {

std::string file_name(const Trainer& trainer) { return fmt::format("step-{:06}.safetensors", trainer.seen().step); }

/// The tensors of a set, copied to the host.
struct OnHost {
  std::vector<Array> arrays;
  std::vector<NamedView> tensors;

  OnHost(Device& device, const TensorSet& set) {
    for (const NamedView& t : set.tensors)
      tensors.push_back({t.name, arrays.emplace_back(to_host(device, t.view)).view()});
  }
};

std::string difference(const Safetensors& recorded, const OnHost& computed, const TensorSet& set) {
  for (const NamedView& t : computed.tensors) {
    const auto there = recorded.tensors().find(t.name);
    if (there == recorded.tensors().end()) return t.name + ": recorded nothing";
    if (there->second.shape != t.view.shape || there->second.dtype != t.view.dtype)
      return t.name + ": recorded another shape or type";
    const std::span bytes(static_cast<const std::byte*>(t.view.data), static_cast<std::size_t>(t.view.bytes()));
    const auto at = std::ranges::mismatch(there->second.data, bytes).in1 - there->second.data.begin();
    if (at < t.view.bytes())
      return fmt::format("{}[{}]: recorded another number", t.name, at / (t.view.bytes() / t.view.shape.elements()));
  }
  if (recorded.tensors().size() != computed.tensors.size()) return "recorded more tensors than were computed again";
  for (const auto& [key, value] : set.metadata)
    if (const auto there = recorded.metadata().find(key); there == recorded.metadata().end() || there->second != value)
      return fmt::format("metadata {}: recorded {}, computed again {}", key,
                         there == recorded.metadata().end() ? "nothing" : there->second, value);
  return {};
}

}  // namespace

void write_tensor_files(Device& device, const Folder& run, const Trainer& trainer) {
  for (const TensorSet& set : trainer.tensors()) {
    const std::string path = run.path_of(set.kind);
    if (run.system().mkdirat(run.descriptor(), set.kind.c_str(), 0777) != 0 && errno != EEXIST)
      throw IoError(system_message(path, "mkdir"));
    write_safetensors(Folder(path, run.system()), file_name(trainer), OnHost(device, set).tensors, set.metadata);
  }
}

std::vector<TensorFileCheck> check_tensor_files(Device& device, const std::string& run, const Trainer& trainer) {
  std::vector<TensorFileCheck> out;
  for (const TensorSet& set : trainer.tensors()) {
    TensorFileCheck& one = out.emplace_back();
    one.kind = set.kind;
    one.path = run + "/" + set.kind + "/" + file_name(trainer);
    std::error_code ignored;
    one.missing = !std::filesystem::exists(one.path, ignored);
    if (one.missing) continue;
    try {
      if (const auto text = difference(Safetensors::read(one.path), OnHost(device, set), set); !text.empty())
        one.difference = one.path + ": " + text;
    } catch (const DataError& e) { one.difference = e.what(); }
  }
  return out;
}

}  // namespace brink
