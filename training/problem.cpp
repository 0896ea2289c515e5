// SPDX-License-Identifier: MIT
#include "training/problem.h"

#include "models/dln.h"
#include "models/initialise.h"
#include "models/mlp.h"

namespace brink {

namespace {

/// The arrays of a data set, and what makes them where they lie nowhere.
void use_arrays(const Dataset& data, std::vector<View>& views, std::vector<const RowSource*>& sources) {
  const bool made = data.x.view().data == nullptr;
  views = {made ? View{nullptr, data.rows->shape(), data.rows->dtype()} : data.x.view(), data.labels.view()};
  sources = {made ? data.rows.get() : nullptr, nullptr};
}

Problem make_mlp_problem(const Config& config) {
  Problem p;
  p.data = load_data(config);
  const Dataset& train = p.data.train;
  const Model model = mlp(train.picture.elements(), config.model.hidden, train.classes, config.model.activation);
  p.objective = make_objective(model, config.training.loss, config.run.precision);
  use_arrays(p.data.train, p.train, p.train_sources);
  if (p.data.test.rows) use_arrays(p.data.test, p.test, p.test_sources);
  return p;
}

Problem make_dln_problem(const Config& config) {
  Problem p;
  const auto parameters = static_cast<int>(config.model.start.size());
  Dln dln{parameters, {{}}};
  for (int i = 0; i < parameters; ++i) dln.terms[0].push_back(i);
  const bool squared = config.training.loss == Loss::mse;
  p.objective = make_dln_objective(dln, squared ? DlnLoss::half_square : DlnLoss::binary_cross_entropy,
                                   config.model.target, config.run.precision);
  p.labels = zeros(Shape{1}, Dtype::i32);
  if (!squared) p.labels.span<std::int32_t>()[0] = config.model.target == 1 ? 1 : 0;
  p.train = {p.labels.view()};
  return p;
}

}  // namespace

Problem make_problem(Device& device, const Config& config) {
  Problem p = config.model.name == ModelName::dln ? make_dln_problem(config) : make_mlp_problem(config);
  p.theta0 = initial_parameters(device, config, p.objective);
  if (device.where != Where::cpu)
    for (std::vector<View>* views : {&p.train, &p.test})
      for (View& v : *views)
        if (v.data) v = p.on_device.emplace_back(to_device(device, v)).view();
  return p;
}

Array initial_parameters(Device& device, const Config& config, const Objective& objective) {
  Array theta = objective.layout.make_vector(objective.dtype);
  if (config.model.name == ModelName::dln) {
    with_real(objective.dtype, [&]<class T>(T) {
      for (int i = 0; i < objective.layout.size(); ++i)
        *objective.layout.view(theta.view(), i).as<T>() =
            static_cast<T>(config.model.start[static_cast<std::size_t>(i)]);
    });
  } else {
    Device host = device.host();
    initialise(host, objective.layout, config.model.init, static_cast<std::uint64_t>(config.training.seed),
               theta.view());
  }
  return theta;
}

}  // namespace brink
