// SPDX-License-Identifier: MIT
#include "tools/verify/reference.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "models/convolutional.h"
#include "models/mlp.h"
#include "training/errors.h"
#include "training/io/json.h"

namespace brink::verify {

namespace {
constexpr const char* index_name = "/golden.json";
constexpr std::size_t largest_index_bytes = std::size_t{64} << 20;

/// Python writes NaN, Infinity and -Infinity, which are not JSON: outside strings they become null, read as NaN.
std::string without_python_words(std::string_view text) {
  std::string out;
  bool inside = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!inside)
      for (const std::string_view word : {"NaN", "-Infinity", "Infinity"})
        if (text.substr(i).starts_with(word)) {
          out += "null";
          i += word.size();
          break;
        }
    if (i == text.size()) break;
    if (text[i] == '"') inside = !inside;
    if (inside && text[i] == '\\' && i + 1 < text.size()) out += text[i++];
    out += text[i];
  }
  return out;
}
}  // namespace

Case::Case(std::string folder, std::string name, nlohmann::json entry)
    : folder_(std::move(folder)), name_(std::move(name)), entry_(std::move(entry)) {
  if (!entry_.is_object()) fail("entry", "expected an object");
  kind_ = text("kind");
}

void Case::fail(const std::string& what, const std::string& message) const {
  throw DataError(folder_ + index_name + ": " + name_ + ": " + within_ + what + ": " + message);
}

void Case::fail_tensor(const std::string& tensor, const std::string& message) const {
  throw DataError(folder_ + "/" + name_ + ".safetensors: " + tensor + ": " + message);
}

const nlohmann::json& Case::at(const std::string& key, const char* expected) const {
  const auto found = entry_.find(key);
  if (found == entry_.end()) fail(key, std::string("expected ") + expected + ", found nothing");
  return *found;
}

double Case::number(const std::string& key) const {
  const nlohmann::json& j = at(key, "a number");
  if (j.is_null()) return NAN;
  if (!j.is_number()) fail(key, "expected a number, found " + j.dump());
  return j.get<double>();
}

std::int64_t Case::integer(const std::string& key) const {
  const nlohmann::json& j = at(key, "a count");
  if (!j.is_number_integer() || j.get<std::int64_t>() < 0)
    fail(key, "expected an integer of at least 0, found " + j.dump());
  return j.get<std::int64_t>();
}

std::string Case::text(const std::string& key) const {
  const nlohmann::json& j = at(key, "a text");
  if (!j.is_string()) fail(key, "expected a string, found " + j.dump());
  return j.get<std::string>();
}

bool Case::flag(const std::string& key) const {
  const nlohmann::json& j = at(key, "true or false");
  if (!j.is_boolean()) fail(key, "expected true or false, found " + j.dump());
  return j.get<bool>();
}

std::vector<std::string> Case::parts(const std::string& key) const {
  const nlohmann::json& j = at(key, "an object");
  if (!j.is_object() || j.empty()) fail(key, "expected an object that is not empty, found " + j.dump());
  std::vector<std::string> out;
  for (const auto& [name, entry] : j.items()) out.push_back(name);
  return out;
}

Case Case::part(const std::string& key, const std::string& name) const {
  nlohmann::json entry = at(key, "an object").at(name);
  if (!entry.is_object()) fail(key + "." + name, "expected an object, found " + entry.dump());
  entry["kind"] = kind_;
  Case out(folder_, name_, std::move(entry));
  out.within_ = within_ + key + "." + name + ".";
  return out;
}

std::vector<double> Case::numbers(const std::string& key) const {
  const nlohmann::json& j = at(key, "numbers");
  if (!j.is_array() || !std::ranges::all_of(j, [](const auto& e) { return e.is_number(); }))
    fail(key, "expected a list of numbers, found " + j.dump());
  return j.get<std::vector<double>>();
}

std::vector<std::string> Case::texts(const std::string& key) const {
  const nlohmann::json& j = at(key, "names");
  if (!j.is_array() || !std::ranges::all_of(j, [](const auto& e) { return e.is_string(); }))
    fail(key, "expected a list of strings, found " + j.dump());
  return j.get<std::vector<std::string>>();
}

const Safetensors& Case::file() const {
  if (!file_) file_ = std::make_unique<Safetensors>(Safetensors::read(folder_ + "/" + name_ + ".safetensors"));
  return *file_;
}

std::vector<std::string> Case::tensor_names() const {
  std::vector<std::string> out;
  for (const auto& [name, tensor] : file().tensors()) out.push_back(name);
  return out;
}

Shape Case::shape(const std::string& tensor) const { return file().tensor(tensor).shape; }

std::vector<double> Case::doubles(const std::string& tensor, const Shape& expected) const {
  const Safetensors::Tensor& t = file().tensor(tensor);
  if (t.dtype != Dtype::f64) fail_tensor(tensor, "expected float64, found " + std::string(name_of(t.dtype)));
  if (t.shape != expected)
    fail_tensor(tensor, "expected the shape " + to_string(expected) + ", found " + to_string(t.shape));
  return file().load_doubles(tensor);
}

std::vector<std::int64_t> Case::integers(const std::string& tensor, const Shape& expected) const {
  const Safetensors::Tensor& t = file().tensor(tensor);
  if (t.dtype != Dtype::i32) fail_tensor(tensor, "expected int32, found " + std::string(name_of(t.dtype)));
  if (t.shape != expected)
    fail_tensor(tensor, "expected the shape " + to_string(expected) + ", found " + to_string(t.shape));
  const std::vector<double> values = file().load_doubles(tensor);
  return {values.begin(), values.end()};
}

Array Case::vector(const std::string& prefix, const ParameterLayout& layout) const {
  Array out = layout.make_vector(Dtype::f64);
  for (int i = 0; i < layout.size(); ++i) {
    const std::vector<double> values = doubles(prefix + "/" + layout[i].name, layout[i].shape);
    std::ranges::copy(values, layout.view(out.view(), i).as<double>());
  }
  return out;
}

std::vector<Case> read_cases(const std::string& folder) {
  const std::string path = folder + index_name;
  const std::vector<std::byte> bytes = read_file(path, largest_index_bytes);
  std::vector<Case> out;
  const nlohmann::ordered_json index =
      parse_ordered_json(path, without_python_words({reinterpret_cast<const char*>(bytes.data()), bytes.size()}));
  if (!index.is_object() || index.empty()) throw DataError(path + ": expected an object with an entry for each case");
  for (const auto& [name, entry] : index.items()) out.emplace_back(folder, name, nlohmann::json(entry));
  return out;
}

namespace {

/// The shape of a parameter; its rank must be `rank`.
Shape parameter_shape(const Case& c, const std::string& name, int rank) {
  const std::string tensor = "parameter/" + name;
  if (!c.has_tensor(tensor)) c.fail_tensor(tensor, "expected this tensor, found none");
  const Shape shape = c.shape(tensor);
  if (shape.rank != rank || shape.elements() == 0)
    c.fail_tensor(tensor, "expected " + std::to_string(rank) + " dimensions, found the shape " + to_string(shape));
  return shape;
}

/// The last extents of NAME0REST, NAME1REST, … for all such parameters.
std::vector<std::int64_t> widths_of(const Case& c, const std::string& name, const std::string& rest, int rank) {
  std::vector<std::int64_t> out;
  for (std::size_t i = 0; c.has_tensor("parameter/" + name + std::to_string(i) + rest); ++i)
    out.push_back(parameter_shape(c, name + std::to_string(i) + rest, rank)[rank - 1]);
  return out;
}

Model mlp_of(const Case& c, Activation activation) {
  std::vector<std::int64_t> widths = widths_of(c, "dense", ".weight", 2);
  if (widths.empty()) c.fail("parameter_order", "expected dense0.weight, found none");
  const std::int64_t classes = widths.back();
  widths.pop_back();
  return mlp(parameter_shape(c, "dense0.weight", 2)[0], widths, classes, activation);
}

Model convolutional(const Case& c, const std::string& name) {
  const Shape x = c.shape("x");
  if (x.rank != 4) c.fail_tensor("x", "expected the shape [N,H,W,C], found " + to_string(x));
  const Shape picture{x[1], x[2], x[3]};
  if (name == "alexnet") {
    std::vector<std::int64_t> dense = widths_of(c, "dense", ".weight", 2);
    if (dense.empty()) c.fail("parameter_order", "expected dense0.weight, found none");
    const std::int64_t classes = dense.back();
    dense.pop_back();
    return alexnet(picture, parameter_shape(c, "conv0.weight", 4)[3], dense, classes);
  }
  const std::int64_t classes = parameter_shape(c, "dense.bias", 1)[0];
  const GhostGroups groups{c.integer("ghost"), false, c.number("epsilon")};
  if (name == "vgg") return vgg(picture, widths_of(c, "block", ".conv0.weight", 4), classes, groups);
  return resnet20(picture, widths_of(c, "stage", ".block0.conv0.weight", 4), classes, groups);
}

}  // namespace

ReferenceModel read_model(const Case& c) {
  ReferenceModel out;
  const std::string model = c.text("model");
  if (model != "mlp" && model != "alexnet" && model != "vgg" && model != "resnet20") {
    out.not_built = "model " + model;
    return out;
  }
  const std::string loss = c.text("loss_kind"), activation = model == "mlp" ? c.text("activation") : "relu";
  const Activation* const built = find_activation(activation);
  if (!built) out.not_built = "activation " + activation;
  if (loss != "cross_entropy" && loss != "mse") out.not_built = "loss " + loss;
  if (!out.not_built.empty()) return out;
  out.loss = loss == "mse" ? Loss::mse : Loss::cross_entropy;
  try {
    out.model = model == "mlp" ? mlp_of(c, *built) : convolutional(c, model);
  } catch (const std::invalid_argument& e) { c.fail("parameter_order", e.what()); }

  const std::vector<std::string> order = c.texts("parameter_order");
  const auto size = static_cast<std::size_t>(out.model.layout.size());
  if (order.size() != size)
    c.fail("parameter_order", "expected the " + std::to_string(size) + " parameters of this " + model + ", found " +
                                  std::to_string(order.size()));
  for (std::size_t i = 0; i < size; ++i) {
    const Parameter& p = out.model.layout[static_cast<int>(i)];
    if (order[i] != p.name)
      c.fail("parameter_order", "expected " + p.name + " at position " + std::to_string(i) + ", found " + order[i]);
    const Shape shape = parameter_shape(c, p.name, p.shape.rank);
    if (shape != p.shape)
      c.fail_tensor("parameter/" + p.name, "expected the shape " + to_string(p.shape) + ", found " + to_string(shape));
  }
  return out;
}

ReferenceData read_samples(const Case& c, const ReferenceModel& m) {
  const Shape shape = c.shape("x");
  const std::int64_t inputs = m.model.sample.elements();
  if (shape.rank < 2 || shape[0] < 1 || shape.row_elements() != inputs)
    c.fail_tensor("x",
                  "expected samples of " + std::to_string(inputs) + " numbers, found the shape " + to_string(shape));
  ReferenceData out;
  out.x = Array({shape[0], inputs}, Dtype::f64);
  out.labels = Array({shape[0]}, Dtype::i32);
  std::ranges::copy(c.doubles("x", shape), out.x.span<double>().begin());
  const std::vector<std::int64_t> labels = c.integers("y", {shape[0]});
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] < 0 || labels[i] >= m.model.classes)
      c.fail_tensor(
          "y", "expected labels below " + std::to_string(m.model.classes) + ", found " + std::to_string(labels[i]));
    out.labels.span<std::int32_t>()[i] = static_cast<std::int32_t>(labels[i]);
  }
  return out;
}

}  // namespace brink::verify
