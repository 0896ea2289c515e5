// SPDX-License-Identifier: MIT
#include "training/run/tensor_files.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>

#include "training/errors.h"
#include "training/io/safetensors.h"

namespace brink {

void write_tensor_files(Device& device, const Folder& run, const Trainer& trainer) {
  for (const TensorSet& set : trainer.tensors()) {
    const std::string path = run.path_of(set.kind);
    if (run.system().mkdirat(run.descriptor(), set.kind.c_str(), 0777) != 0 && errno != EEXIST)
      throw IoError(system_message(path, "mkdir"));
    const Folder folder(path, run.system());
    std::vector<Array> on_host;
    std::vector<NamedView> tensors;
    for (const NamedView& t : set.tensors)
      tensors.push_back({t.name, on_host.emplace_back(to_host(device, t.view)).view()});
    write_safetensors(folder, fmt::format("step-{:06}.safetensors", trainer.seen().step), tensors, set.metadata);
  }
}

}  // namespace brink
