// SPDX-License-Identifier: MIT
#include "training/run/problem.h"

#include <fmt/format.h>

#include <stdexcept>

#include "kernels/gpu.h"
#include "models/initialise.h"
#include "training/errors.h"
#include "training/run/start_file.h"

namespace brink {

namespace {

/// The arrays of a data set, or what makes them where they lie nowhere; the one or the other stays in memory.
Batch batch_of(Dataset& data) {
  if (data.is_made()) return {*data.rows, data.labels.view()};
  data.rows.reset();
  return {data.x.view(), data.labels.view()};
}

/// Refuses groups with a single value in a channel, which has no variance.
void expect_variances(const Model& m, std::int64_t samples) {
  const std::int64_t rest = samples % m.group, last = rest == 0                            ? m.group
                                                      : samples < m.group || !m.join_short ? rest
                                                                                           : m.group + rest;
  for (const NormLayer& n : m.norms)
    if (last * n.pixels < 2)
      throw UsageError(
          fmt::format("model.ghost_batch = {}: the last group of the {} training samples has {} sample, and {} "
                      "normalises {} pixel of "
                      "it: expected at least 2 values for each channel; choose another ghost_batch{}",
                      m.group, samples, last, n.name, n.pixels,
                      rest != 0 && samples > m.group ? ", or short_group = \"join\"" : ""));
}

/// The network for the pictures of a data set.
Model fitting_model(const Chosen<NetworkKind>& network, const Dataset& data) {
  if (data.picture.rank == 1 && !network.kind->takes_vectors)
    throw UsageError(fmt::format(
        "model.name = \"{}\": expected pictures [N, H, W, C], found vectors of {} numbers; save x with the shape of "
        "pictures, such as x.reshape(N, 28, 28, 1), or choose model.name = \"mlp\"",
        network.kind->name, data.picture[0]));
  try {
    return make_model(network, data.picture, data.classes);
  } catch (const std::invalid_argument& e) {
    throw UsageError(fmt::format("model.name = \"{}\": {}", network.kind->name, e.what()));
  }
}

Problem make_network_problem(const Device& device, const Config& config, std::shared_ptr<DataPair> loaded) {
  Problem p;
  if (device.count)
    p.data = std::make_shared<DataPair>(outline_of_data(device.host(), config.data.set, data_request(config)));
  else
    p.data = loaded ? std::move(loaded) : std::make_shared<DataPair>(load_data(config.data.set, data_request(config)));
  const Dataset& train = p.data->train;
  const Model model = fitting_model(config.model, train);
  p.objective = make_objective(model, config.training.loss, config.run.precision);
  p.train = batch_of(p.data->train);
  if (p.data->test.samples() > 0) p.test = batch_of(p.data->test);
  if (!model.norms.empty()) {
    expect_variances(model, p.train_samples());
    p.evaluation = EvaluationMode{model, config.training.loss, norm_mode_of(config.model) == NormMode::evaluation};
  }
  return p;
}

Problem make_dataless_problem(const Device& device, const Config& config) {
  Problem p;
  DatalessNetwork network =
      config.model.kind->dataless(config.model.options, config.training.loss, config.run.precision);
  p.objective = std::move(network.objective);
  p.start = std::move(network.start);
  p.labels = zeros(Shape{1}, Dtype::i32, device.host());
  if (!device.count) p.labels.span<std::int32_t>()[0] = network.label;
  p.train = Batch{p.labels.view()};
  return p;
}

/// Throws DeviceError: a smaller chunk would not make the data smaller.
void move_to(Device& device, Problem& p) {
  struct Part {
    Batch& batch;
    const char* name;
  };
  const Part parts[] = {{p.train, "the training samples"}, {p.test, "the test samples"}};
  std::int64_t bytes = 0;
  for (const Part& part : parts)
    for (std::size_t i = 0; i < part.batch.size(); ++i) {
      const RowSource& s = part.batch[i];
      if (!s.maker()) bytes = saturated_sum(bytes, bytes_of(s.view().shape, s.view().dtype));
    }
  const std::int64_t free = device.gpu->free_bytes();
  try {
    if (device.count && bytes > free) throw OutOfMemory(bytes, free);
    for (const Part& part : parts) {
      const CountedPart counted(device, part.name);
      std::vector<RowSource> there;
      for (std::size_t i = 0; i < part.batch.size(); ++i) {
        const RowSource& s = part.batch[i];
        there.push_back(s.maker() ? s : RowSource(p.on_device.emplace_back(to_device(device, s.view())).view()));
      }
      part.batch = Batch(std::move(there));
    }
  } catch (const OutOfMemory&) {
    throw DeviceError(
        fmt::format("out of memory: the data need {} bytes of the device's memory, {} are free; choose a smaller "
                    "data.train or data.test, or give --device cpu",
                    bytes, free));
  }
}

}  // namespace

Problem make_problem(Device& device, const Config& config, std::shared_ptr<DataPair> loaded) {
  Problem p = has_data(config) ? make_network_problem(device, config, std::move(loaded))
                               : make_dataless_problem(device, config);
  p.theta0 = initial_parameters(device, config, p);
  if (device.where != Where::cpu) move_to(device, p);
  return p;
}

Array initial_parameters(Device& device, const Config& config, const Problem& p) {
  Device host = device.host();
  const ParameterLayout& layout = p.objective.layout;
  const CountedPart part(host, "the parameters at step 0");
  Array theta = layout.make_vector(p.objective.dtype, host);
  if (device.count) return theta;
  if (!config.start_file.empty()) {
    read_start(config.start_file, layout, theta.view());
  } else if (p.start.empty()) {
    initialise(host, layout, init_of(config.model), static_cast<std::uint64_t>(config.training.seed), theta.view());
  } else {
    with_real(p.objective.dtype, [&]<class T>(T) {
      for (int i = 0; i < layout.size(); ++i)
        *layout.view(theta.view(), i).as<T>() = static_cast<T>(p.start[static_cast<std::size_t>(i)]);
    });
  }
  return theta;
}

}  // namespace brink
