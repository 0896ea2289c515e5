// SPDX-License-Identifier: MIT
#include "tools/verify/reference.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "training/errors.h"

namespace brink::verify {

namespace {
constexpr const char* index_name = "/golden.json";
constexpr std::size_t largest_index_bytes = std::size_t{64} << 20;

/// Python writes the words NaN, Infinity and -Infinity, which are no JSON: outside texts they become null, read as NaN.
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
  throw DataError(folder_ + index_name + ": " + name_ + ": " + what + ": " + message);
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
  if (!j.is_number_integer() || j.get<std::int64_t>() < 0) fail(key, "expected a count, found " + j.dump());
  return j.get<std::int64_t>();
}

std::string Case::text(const std::string& key) const {
  const nlohmann::json& j = at(key, "a text");
  if (!j.is_string()) fail(key, "expected a text, found " + j.dump());
  return j.get<std::string>();
}

std::vector<double> Case::numbers(const std::string& key) const {
  const nlohmann::json& j = at(key, "numbers");
  if (!j.is_array() || !std::ranges::all_of(j, [](const auto& e) { return e.is_number(); }))
    fail(key, "expected numbers, found " + j.dump());
  return j.get<std::vector<double>>();
}

std::vector<std::string> Case::texts(const std::string& key) const {
  const nlohmann::json& j = at(key, "names");
  if (!j.is_array() || !std::ranges::all_of(j, [](const auto& e) { return e.is_string(); }))
    fail(key, "expected names, found " + j.dump());
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
  nlohmann::ordered_json index;
  try {
    index = nlohmann::ordered_json::parse(
        without_python_words({reinterpret_cast<const char*>(bytes.data()), bytes.size()}));
  } catch (const nlohmann::json::exception& e) { throw DataError(path + ": expected JSON: " + e.what()); }
  if (!index.is_object() || index.empty()) throw DataError(path + ": expected an object with an entry for each case");
  for (const auto& [name, entry] : index.items()) out.emplace_back(folder, name, nlohmann::json(entry));
  return out;
}

ReferenceModel read_model(const Case& c) {
  ReferenceModel out;
  const std::string activation = c.text("activation"), loss = c.text("loss_kind");
  if (activation != "relu" && activation != "tanh") out.not_built = "activation " + activation;
  if (loss != "cross_entropy" && loss != "mse") out.not_built = "loss " + loss;
  if (!out.not_built.empty()) return out;
  out.loss = loss == "mse" ? Loss::mse : Loss::cross_entropy;

  const std::vector<std::string> order = c.texts("parameter_order");
  std::vector<std::int64_t> widths;
  for (std::size_t l = 0; 2 * l < order.size(); ++l) {
    const std::string weight = "dense" + std::to_string(l) + ".weight", bias = "dense" + std::to_string(l) + ".bias";
    if (order[2 * l] != weight || 2 * l + 1 == order.size() || order[2 * l + 1] != bias)
      c.fail("parameter_order", "expected " + weight + " and " + bias + " at places " + std::to_string(2 * l) +
                                    " and " + std::to_string(2 * l + 1) + ", as in every mlp");
    const Shape shape = c.shape("parameter/" + weight);
    if (shape.rank != 2 || shape.elements() == 0)
      c.fail_tensor("parameter/" + weight, "expected the shape [in,out], found " + to_string(shape));
    if (l == 0) out.inputs = shape[0];
    if (l > 0 && shape[0] != widths.back())
      c.fail_tensor("parameter/" + weight,
                    "expected " + std::to_string(widths.back()) + " inputs, found " + std::to_string(shape[0]));
    widths.push_back(shape[1]);
  }
  if (widths.empty()) c.fail("parameter_order", "expected the names of the parameters, found none");
  const std::int64_t classes = widths.back();
  widths.pop_back();
  out.model = mlp(out.inputs, widths, classes, activation == "tanh" ? Activation::tanh : Activation::relu);
  return out;
}

ReferenceData read_samples(const Case& c, const ReferenceModel& m) {
  const Shape shape = c.shape("x");
  if (shape.rank < 2 || shape[0] < 1 || shape.row_elements() != m.inputs)
    c.fail_tensor("x",
                  "expected samples of " + std::to_string(m.inputs) + " numbers, found the shape " + to_string(shape));
  ReferenceData out;
  out.x = Array({shape[0], m.inputs}, Dtype::f64);
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
