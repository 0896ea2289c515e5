// SPDX-License-Identifier: MIT
// One row of the table of cases with inputs, scratch and output in a device's memory, between guards, compared with its plain
// loops to the last bit. The tests of the emulator and of the real device share it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/cases/case.h"
#include "tests/emulator/guarded.h"

namespace brink::cases {

/// The buffers stay allocated from run to run.
class RowOnDevice {
 public:
  RowOnDevice(const Device& device, const Row& row, int size, Dtype dtype)
      : device_(device), row_(row), size_(size), inputs_(make_inputs(row, size, dtype, false)) {
    const std::vector<View> host = views(inputs_);
    const std::vector<ValueType> out_types = output_types(row, size, dtype, host);
    exists_ = !(dtype == Dtype::f64 && out_types[0].dtype == Dtype::f32);  // a row whose attributes name float32
    if (!exists_) return;
    expected_ = make_outputs(out_types);
    run_reference(row, size, host, views(expected_));
    std::vector<ValueType> types;
    for (const View& v : host) {
      types.push_back({v.shape, v.dtype});
      in_.push_back(std::make_unique<Guarded>(device_, v.shape, v.dtype));
      in_.back()->set(v.data);
      in_views_.push_back(in_.back()->view());
    }
    for (const ValueType& type : out_types) {
      out_.push_back(std::make_unique<Guarded>(device_, type.shape, type.dtype));
      out_views_.push_back(out_.back()->view());
    }
    std::int64_t scratch_bytes = 0;
    if (row.primitive && row.primitive->scratch)
      scratch_bytes = row.primitive->scratch(types, out_types, row.attributes(size), device_.where);
    scratch_ = std::make_unique<Guarded>(device_, Shape{scratch_bytes}, Dtype::u8);
  }
  bool exists() const { return exists_; }
  /// Of its inputs and outputs, guards left out.
  std::int64_t bytes() const {
    std::int64_t sum = 0;
    for (const auto* all : {&in_views_, &out_views_})
      for (const View& v : *all) sum += v.bytes();
    return sum;
  }

  enum class Before { poison, fresh };
  /// Runs the row; returns what is wrong, or an empty text. fresh: into memory that has never been written, in a first run.
  std::string run(Before before = Before::poison) {
    for (Guarded* g : written())
      if (before == Before::poison)
        g->set_poison();
      else
        g->set_guards();
    cases::run(device_, row_, out_views_, in_views_, scratch_->view(), size_);
    for (const auto& out : out_)
      if (!out->fetch()) return "a write outside the output";
    if (!scratch_->guards_are_whole()) return "a write outside the scratch memory";
    for (const auto& in : in_)
      if (in->fetch(); !in->is_unchanged()) return "an input was written to";
    for (std::size_t i = 0; i < out_.size(); ++i)
      if (!out_[i]->holds(expected_[i].view().data)) return "other bits than the plain loops'";
    return "";
  }

  /// The outputs of the last run.
  std::vector<View> found() const {
    std::vector<View> out;
    for (std::size_t i = 0; i < out_.size(); ++i)
      out.push_back({const_cast<void*>(out_[i]->found()), expected_[i].view().shape, expected_[i].view().dtype});
    return out;
  }
  /// For a control: inverts the lowest bit of the expected result.
  void spoil() { *static_cast<unsigned char*>(expected_[0].view().data) ^= 1; }

 private:
  std::vector<Guarded*> written() const {
    std::vector<Guarded*> all{scratch_.get()};
    for (const auto& out : out_) all.push_back(out.get());
    return all;
  }

  Device device_;
  const Row& row_;
  int size_;
  bool exists_ = false;
  std::vector<Array> inputs_;
  std::vector<Array> expected_;
  std::vector<std::unique_ptr<Guarded>> in_, out_;
  std::vector<View> in_views_, out_views_;
  std::unique_ptr<Guarded> scratch_;
};

}  // namespace brink::cases
