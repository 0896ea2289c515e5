// SPDX-License-Identifier: MIT
#include "training/data/dataset.h"
namespace brink {
DataPair make_synthetic(std::int64_t, std::int64_t, std::int64_t, Dtype) { return {}; }
}
