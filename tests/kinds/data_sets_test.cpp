// SPDX-License-Identifier: MIT
// Requirements on every data set: the shapes it declares, before and after loading, classes of equal size, frozen records, and rows that are the
// same when they are made one by one.
#include "tests/kinds/data_sets.h"

#include <doctest/doctest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>

#include "kernels/memory_count.h"
#include "tests/kinds/kinds.h"
#include "tests/support/networks.h"
#include "training/data/kind.h"

using namespace brink;

namespace {

std::string shared_folder() {
  const char* given = std::getenv("BRINK_SHARED");
  const char* root = std::getenv("BRINK_SOURCE_ROOT");
  return given ? given : std::string(root ? root : ".") + "/../shared";
}

/// Rows by their maker, from the last to the first.
Array made_rows(const Dataset& d, Dtype dtype) {
  const std::int64_t row_bytes = d.picture.elements() * size_of(dtype);
  Array out({d.samples(), d.picture.elements()}, dtype);
  for (std::int64_t i = d.samples(); i-- > 0;) d.rows->fill(i, 1, static_cast<char*>(out.view().data) + i * row_bytes);
  return out;
}

void expect_samples(const Dataset& d, const DataKind& kind, std::int64_t samples, Dtype dtype) {
  CHECK(d.picture == kind.picture);
  CHECK(d.classes == kind.classes);
  REQUIRE(d.samples() == samples);
  std::map<std::int32_t, std::int64_t> sizes;
  for (const std::int32_t label : d.labels.span<std::int32_t>()) ++sizes[label];
  CHECK(std::ssize(sizes) == kind.classes);
  for (const auto& [label, size] : sizes) CHECK(size == samples / kind.classes);
  if (!d.is_made() && d.rows) CHECK(support::same_bytes(made_rows(d, dtype).view(), d.x.view()));
}

}  // namespace

TEST_CASE("every data set has a row") {
  kinds::expect_a_row_each(data_kinds(), kinds::data_rows(), "data set", "tests/kinds/data_sets.h");
  for (const DataKind& kind : data_kinds())
    CHECK_MESSAGE(kind.files.empty() == kinds::row_of(kinds::data_rows(), kind.name).folder.empty(), kind.name);
}

TEST_CASE("a data set has the shapes it declares, classes of equal size, and frozen records") {
  for (const kinds::DataRow& row : kinds::data_rows()) {
    CAPTURE(row.name);
    const DataKind& kind = *find_kind(data_kinds(), row.name);
    if (kind.sizes) continue;  // shapes and classes are those of the files
    const std::string folder = row.folder.empty() ? "" : shared_folder() + "/data/" + row.folder;
    if (!std::filesystem::exists(folder) && !folder.empty()) {
      std::printf("[skip] the records of %s: no %s\n", row.name.c_str(), folder.c_str());
      continue;
    }
    for (const Dtype dtype : {Dtype::f32, Dtype::f64}) {
      const DataRequest request{folder, row.train, row.test, 0, dtype};
      const DataPair d = load_data(kind, request);
      expect_samples(d.train, kind, row.train, dtype);
      expect_samples(d.test, kind, row.test, dtype);
      CHECK_MESSAGE(d.train.checksum == row.train_checksum, "the checksums belong into tests/kinds/data_sets.h");
      CHECK(d.test.checksum == row.test_checksum);
      CHECK(!d.provenance.empty());
      MemoryCount count = count_memory(Device{});
      const DataPair outline = outline_of_data(count.on(Device{}), kind, request);
      CHECK(outline.train.x.view().shape == d.train.x.view().shape);
      CHECK(outline.test.labels.view().shape == d.test.labels.view().shape);
    }
  }
}
