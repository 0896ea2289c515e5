// SPDX-License-Identifier: MIT
// What it is: one row of the table of cases with inputs, scratch and output in a device's memory, between guards, compared with its
// plain loops to the last bit. What it is not: a test; the emulator's and the real device's tests share it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/cases/case.h"
#include "tests/emulator/guarded.h"

namespace brink::cases {

/// Kept from run to run.
class RowOnDevice {
 public:
  RowOnDevice(const Device& device, const Row& row, int size, Dtype dtype)
      : device_(device), row_(row), size_(size), inputs_(make_inputs(row, size, dtype, false)) {
    const std::vector<View> host = views(inputs_);
    const ValueType type = output_type(row, size, dtype, host);
    exists_ = !(dtype == Dtype::f64 && type.dtype == Dtype::f32);  // a row whose attributes name float32
    if (!exists_) return;
    expected_ = Array(type.shape, type.dtype);
    row.reference(host, expected_.view(), row.attributes(size));
    std::vector<ValueType> types;
    for (const View& v : host) {
      types.push_back({v.shape, v.dtype});
      in_.push_back(std::make_unique<Guarded>(device_, v.shape, v.dtype));
      in_.back()->set(v.data);
      in_views_.push_back(in_.back()->view());
    }
    out_ = std::make_unique<Guarded>(device_, type.shape, type.dtype);
    std::int64_t scratch_bytes = 0;
    if (row.primitive && row.primitive->scratch)
      scratch_bytes = row.primitive->scratch(types, {&type, 1}, row.attributes(size), device_.where);
    scratch_ = std::make_unique<Guarded>(device_, Shape{scratch_bytes}, Dtype::u8);
  }
  bool exists() const { return exists_; }

  /// Runs; returns what is wrong, empty when nothing is.
  std::string run() {
    out_->set_poison();
    scratch_->set_poison();
    if (row_.primitive) {
      const Attributes attributes = row_.attributes(size_);
      const View outs[] = {out_->view()};
      row_.primitive->run(device_, {in_views_, outs, scratch_->view(), attributes});
    } else {
      row_.run(device_, in_views_, out_->view(), size_);
    }
    if (!out_->fetch()) return "a write outside the output";
    if (!scratch_->fetch()) return "a write outside the scratch memory";
    for (const auto& in : in_)
      if (in->fetch(); !in->is_unchanged()) return "an input was written to";
    return out_->holds(expected_.view().data) ? "" : "other bits than the plain loops'";
  }

  /// What the last run found, as a view.
  View found() const { return {const_cast<void*>(out_->found()), expected_.view().shape, expected_.view().dtype}; }
  /// For a control: the lowest bit of what is expected, turned round.
  void spoil() { *static_cast<unsigned char*>(expected_.view().data) ^= 1; }

 private:
  Device device_;
  const Row& row_;
  int size_;
  bool exists_ = false;
  std::vector<Array> inputs_;
  Array expected_;
  std::vector<std::unique_ptr<Guarded>> in_;
  std::vector<View> in_views_;
  std::unique_ptr<Guarded> out_, scratch_;
};

}  // namespace brink::cases
