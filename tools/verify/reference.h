// SPDX-License-Identifier: MIT
// A folder of reference values, golden.json and a tensor file for each case, read strictly.
// What a kind needs and the folder lacks is a DataError naming file and name, never a skipped row: a damaged reference must not
// make a check smaller. Only one kind of damage is skipped by name: eigenvalues that are subnormal numbers (network.cpp).
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "models/model.h"
#include "training/io/safetensors.h"

namespace brink::verify {

class Case {
 public:
  Case(std::string folder, std::string name, nlohmann::json entry);

  const std::string& name() const { return name_; }
  const std::string& kind() const { return kind_; }
  bool has(const std::string& key) const { return entry_.contains(key); }
  // Each throws DataError naming golden.json, the case and the key.
  double number(const std::string& key) const;
  std::int64_t integer(const std::string& key) const;
  std::string text(const std::string& key) const;
  bool flag(const std::string& key) const;
  std::vector<double> numbers(const std::string& key) const;
  std::vector<std::string> texts(const std::string& key) const;

  /// The names of the objects inside the object `key`.
  std::vector<std::string> parts(const std::string& key) const;
  /// One of them: a case with the same name and tensors, whose messages say where its keys stand.
  Case part(const std::string& key, const std::string& name) const;

  // From the tensor file, which is opened at the first use. Each throws DataError naming the file and the tensor.
  bool has_tensor(const std::string& tensor) const { return file().contains(tensor); }
  std::vector<std::string> tensor_names() const;
  Shape shape(const std::string& tensor) const;
  /// float64 values; the shape must be `expected`.
  std::vector<double> doubles(const std::string& tensor, const Shape& expected) const;
  std::vector<std::int64_t> integers(const std::string& tensor, const Shape& expected) const;
  /// A vector over the parameters, "PREFIX/NAME" for each.
  Array vector(const std::string& prefix, const ParameterLayout&) const;

  [[noreturn]] void fail(const std::string& what, const std::string& message) const;  ///< DataError about golden.json
  [[noreturn]] void fail_tensor(const std::string& tensor, const std::string& message) const;

 private:
  const Safetensors& file() const;
  const nlohmann::json& at(const std::string& key, const char* expected) const;

  std::string folder_, name_, kind_, within_;  // within_: "runs.adam."
  nlohmann::json entry_;
  mutable std::unique_ptr<Safetensors> file_;
};

/// All cases in the order of golden.json. Throws DataError.
std::vector<Case> read_cases(const std::string& folder);

/// The network that the names and shapes of parameter_order describe, or why this version cannot build it.
struct ReferenceModel {
  Model model;
  Loss loss = Loss::cross_entropy;
  std::string not_built;  ///< what this version cannot build, "activation swish"; empty: nothing
};
ReferenceModel read_model(const Case&);

/// x [N, numbers of a sample] (pictures flattened) and y [N], every label below the number of classes.
struct ReferenceData {
  Array x, labels;
  std::int64_t samples() const { return x.view().shape[0]; }
  std::vector<View> views() const { return {x.view(), labels.view()}; }
};
ReferenceData read_samples(const Case&, const ReferenceModel&);

}  // namespace brink::verify
