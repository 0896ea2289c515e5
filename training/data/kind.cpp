// SPDX-License-Identifier: MIT
#include "training/data/kind.h"

#include <cstring>

#include "kernels/memory_count.h"

namespace brink {

namespace {

/// Rows of which only the shape and the memory are known.
class OutlinedRows final : public RowMaker {
 public:
  OutlinedRows(const Device& counting, const Shape& shape, Dtype dtype, std::int64_t records, std::int64_t channels)
      : shape_(shape),
        dtype_(dtype),
        records_(saturated_product({records, shape[1] + 1}), counting),
        values_({channels, 256}, dtype, counting) {}
  Shape shape() const override { return shape_; }
  Dtype dtype() const override { return dtype_; }
  void fill(std::int64_t, std::int64_t count, void* out) const override {
    std::memset(out, 0, static_cast<std::size_t>(count * shape_.row_elements() * size_of(dtype_)));
  }

 private:
  Shape shape_;
  Dtype dtype_;
  Buffer records_;
  Array values_;
};

}  // namespace

DataPair load_data(const Chosen<DataKind>& set, const DataRequest& request) {
  return set.kind->load(request, set.options);
}

DataSizes sizes_of(const Chosen<DataKind>& set, const DataRequest& request) {
  if (set.kind->sizes) return set.kind->sizes(request, set.options);
  return {set.kind->picture, set.kind->classes, request.train, request.test};
}

DataPair outline_of_data(const Device& counting, const Chosen<DataKind>& set, const DataRequest& request) {
  const DataSizes sizes = sizes_of(set, request);
  const auto make = [&](const char* what, std::int64_t samples, std::int64_t records, Keep keep) {
    Dataset out;
    out.picture = sizes.picture;
    out.classes = sizes.classes;
    const Shape shape{samples, sizes.picture.elements()};
    const CountedPart part(counting, std::string("the ") + what + " samples");
    out.labels = Array({samples}, Dtype::i32, counting);
    if (keep == Keep::array) out.x = Array(shape, request.dtype, counting);
    if (set.kind->sizes) return out;  // each sample is converted as it is read
    const CountedPart bytes(counting, std::string("the records of the ") + what + " samples");
    out.rows = std::make_shared<const OutlinedRows>(counting, shape, request.dtype, records, sizes.picture[2]);
    return out;
  };
  const std::int64_t shared = set.kind->shared_records;
  DataPair out;
  out.train =
      make("training", sizes.train, shared > 0 ? shared : sizes.train, shared > 0 ? Keep::records_only : Keep::array);
  if (sizes.test > 0) out.test = make("test", sizes.test, sizes.test, Keep::array);
  return out;
}

}  // namespace brink
