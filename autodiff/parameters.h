// SPDX-License-Identifier: MIT
// Where each parameter lies in the one vector that holds them all.
// Every parameter starts at a multiple of 32 elements. The gaps hold +0, stay +0, and belong to the index space of dots and
// norms, so these run over one contiguous array.
#pragma once

#include <string>
#include <vector>

#include "kernels/memory.h"
#include "kernels/view.h"

namespace brink {

struct Parameter {
  std::string name;
  Shape shape;
  std::int64_t fan_in = 0;  ///< inputs summed by one output; 0 for one that starts at `start`: biases, γ, β
  std::int64_t offset = 0;  ///< in elements, set by ParameterLayout
  double start = 0;         ///< every entry at step 0 if fan_in is 0
};

class ParameterLayout {
 public:
  ParameterLayout() = default;
  explicit ParameterLayout(std::vector<Parameter> parameters) : parameters_(std::move(parameters)) {
    for (Parameter& p : parameters_) {
      p.offset = extent_;
      extent_ += align_up(p.shape.elements(), 32);
      count_ += p.shape.elements();
    }
  }
  const std::vector<Parameter>& parameters() const { return parameters_; }
  const Parameter& operator[](int i) const { return parameters_[static_cast<std::size_t>(i)]; }
  int size() const { return static_cast<int>(parameters_.size()); }
  /// Elements of the vector, gaps included.
  std::int64_t extent() const { return extent_; }
  /// Elements without gaps: the dimension n of the problem.
  std::int64_t count() const { return count_; }
  /// Parameter i inside a vector of this layout.
  View view(const View& vector, int i) const {
    const Parameter& p = (*this)[i];
    return vector.part(p.offset, p.shape);
  }
  /// The indices of the parameters' entries in a vector of this layout, ascending: all except those of the gaps.
  std::vector<std::int64_t> places() const {
    std::vector<std::int64_t> out;
    for (const Parameter& p : parameters_)
      for (std::int64_t i = 0; i < p.shape.elements(); ++i) out.push_back(p.offset + i);
    return out;
  }
  /// `times` vectors of this layout, one after the other, as one vector: its parameter j·size() + i is parameter i of vector j.
  ParameterLayout repeated(int times) const {
    std::vector<Parameter> all;
    for (int j = 0; j < times; ++j) all.insert(all.end(), parameters_.begin(), parameters_.end());
    return ParameterLayout(std::move(all));
  }
  Array make_vector(Dtype dtype, const Device& device = {}) const { return zeros(Shape{extent_}, dtype, device); }

 private:
  std::vector<Parameter> parameters_;
  std::int64_t extent_ = 0, count_ = 0;
};

}  // namespace brink
