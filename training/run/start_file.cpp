// SPDX-License-Identifier: MIT
#include "training/run/start_file.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <span>

#include "training/errors.h"
#include "training/io/safetensors.h"
#include "training/io/text.h"

namespace brink {

namespace {

/// Copies exact numbers. name: for the messages.
template <class From, class To>
void copy_exactly(const std::string& name, std::span<const From> from, std::span<To> to) {
  for (std::size_t i = 0; i < from.size(); ++i) {
    to[i] = static_cast<To>(from[i]);
    const std::string element = name + ", element " + number_text(i);
    if (!std::isfinite(from[i])) throw DataError(element + ": expected a finite number, found " + number_text(from[i]));
    if (static_cast<From>(to[i]) != from[i])
      throw DataError(element + ": expected a number that float32 holds exactly, found " + number_text(from[i]) +
                      "; save the parameters as float32, or choose run.precision = \"float64\"");
  }
}

/// Throws DataError if the tensors of the file are not the parameters by name, or are of another type than real numbers.
void expect_parameters(const std::string& path, const ParameterLayout& layout) {
  FileSource source(path);
  const std::vector<SafetensorsHeader::Tensor> tensors = read_safetensors_header(source).tensors;
  for (const Parameter& p : layout.parameters()) {
    const auto given = std::ranges::find(tensors, p.name, &SafetensorsHeader::Tensor::name);
    if (given == tensors.end()) {
      std::string names;
      for (const SafetensorsHeader::Tensor& t : tensors) names += (names.empty() ? "" : ", ") + t.name;
      throw DataError(path + ": expected the parameter " + p.name + " " + to_string(p.shape) +
                      " of this network, found none (the file has " + (names.empty() ? "no tensor" : names) + ")");
    }
    if (const ElementType& type = given->array.type; type.kind != 'f' || type.bytes < 4)
      throw DataError(path + ": " + p.name + ": expected float32 or float64, found " + type.name() +
                      "; save it as one of these");
  }
  for (const SafetensorsHeader::Tensor& t : tensors)
    if (std::ranges::find(layout.parameters(), t.name, &Parameter::name) == layout.parameters().end())
      throw DataError(path + ": expected only the parameters of this network, found " + t.name + " as well");
}

}  // namespace

void read_start(const std::string& path, const ParameterLayout& layout, View theta) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored))
    throw DataError(path +
                    ": expected the file that model.start_file names, found none; a relative path starts at the "
                    "current folder (" +
                    std::filesystem::current_path(ignored).string() + ")");
  expect_parameters(path, layout);
  const Safetensors file = Safetensors::read(path);
  for (const NamedView& parameter : named_parameters(layout, theta)) {
    const Array given = file.load(parameter.name);
    const std::string name = path + ": " + parameter.name;
    if (given.view().shape != parameter.view.shape)
      throw DataError(name + ": expected the shape " + to_string(parameter.view.shape) + ", found " +
                      to_string(given.view().shape));
    with_real(given.view().dtype, [&]<class From>(From) {
      with_real(theta.dtype, [&]<class To>(To) {
        copy_exactly<From, To>(name, given.view().span<From>(), parameter.view.span<To>());
      });
    });
  }
}

}  // namespace brink
