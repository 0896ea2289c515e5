// SPDX-License-Identifier: MIT
#include "training/data/load.h"

#include "training/data/cifar.h"

namespace brink {

DataPair load_data(const Config& c) {
  switch (c.data.name) {
    case DataName::fmnist4: return load_fashion_mnist(c.data.directory, 4, c.data.train, c.data.test, c.run.precision);
    case DataName::cifar10_5k:
    case DataName::cifar10_50k:
    case DataName::cifar10_500k:
      return load_cifar10({.directory = c.data.directory,
                           .train = c.data.train,
                           .test = c.data.test,
                           .seed = c.data.seed,
                           .dtype = c.run.precision,
                           .augmented = c.data.name == DataName::cifar10_500k});
    case DataName::synthetic_cifar:
      return make_synthetic_cifar(c.data.train, c.data.test, c.data.seed, c.run.precision);
    case DataName::synthetic: break;
  }
  return make_synthetic(c.data.train, c.data.test, c.data.seed, c.run.precision);
}

}  // namespace brink
