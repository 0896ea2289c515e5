// SPDX-License-Identifier: MIT
#include "training/config/keys.h"

#include <algorithm>
#include <cmath>

#include "models/convolutional.h"
#include "training/text.h"

namespace brink::config {

std::string real_text(double x) {
  std::string out = number_text(x);
  if (out.find_first_not_of("-0123456789") == std::string::npos) out += ".0";
  return out;
}

namespace {

using Problem = std::optional<std::string>;
constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t most_samples = 10'000'000;

Problem expected(const std::string& what, const toml::node& got) {
  return "expected " + what + ", got " + describe(got);
}

std::string range_text(std::int64_t low, std::int64_t high) {
  if (high == most) return "an integer of at least " + number_text(low);
  return "an integer from " + number_text(low) + " to " + number_text(high);
}

std::optional<double> as_real(const toml::node& node) {
  if (node.is_integer() || node.is_floating_point()) return node.value<double>();
  return std::nullopt;
}

template <class Field>
Key integer(std::string_view table, std::string_view name, std::int64_t low, std::int64_t high, Field field) {
  return {table, name,
          [=](Config& c, const toml::node& v) -> Problem {
            const auto x = v.value_exact<std::int64_t>();
            if (!x) return expected("an integer", v);
            if (*x < low || *x > high) return expected(range_text(low, high), v);
            field(c) = *x;
            return {};
          },
          [=](const Config& c) { return number_text(field(const_cast<Config&>(c))); }};
}

/// An integer of at least 1, or `word`, which is kept as 0.
template <class Field>
Key integer_or(std::string_view table, std::string_view name, std::string_view word, std::int64_t high, Field field) {
  return {table,
          name,
          [=](Config& c, const toml::node& v) -> Problem {
            if (v.value_exact<std::string>() == std::string(word)) return field(c) = 0, Problem{};
            const auto x = v.value_exact<std::int64_t>();
            if (!x || *x < 1 || *x > high) return expected(range_text(1, high) + " or " + quote(word), v);
            field(c) = *x;
            return {};
          },
          [=](const Config& c) {
            const std::int64_t x = field(const_cast<Config&>(c));
            return x == 0 ? quote(word) : number_text(x);
          },
          false,
          false};
}

template <class Field, class Accept>
Key real(std::string_view table, std::string_view name, const char* what, Accept accept, Field field) {
  return {table, name,
          [=](Config& c, const toml::node& v) -> Problem {
            const auto x = as_real(v);
            if (!x || !accept(*x)) return expected(what, v);
            field(c) = *x;
            return {};
          },
          [=](const Config& c) { return real_text(field(const_cast<Config&>(c))); }};
}

template <class E>
struct Choices {
  std::vector<std::pair<std::string_view, E>> built;
  std::vector<std::string_view> later;

  std::string text() const {
    std::string out;
    for (std::size_t i = 0; i < built.size(); ++i)
      out += (i == 0 ? "" : i + 1 == built.size() ? " or " : ", ") + quote(built[i].first);
    return out;
  }
  std::string_view name(E e) const {
    for (const auto& [text, value] : built)
      if (value == e) return text;
    return {};
  }
};

template <class E, class Field>
Key choice(std::string_view table, std::string_view name, Choices<E> choices, Field field) {
  return {table, name,
          [=](Config& c, const toml::node& v) -> Problem {
            const auto x = v.value_exact<std::string>();
            if (!x) return expected(choices.text(), v);
            for (const auto& [text, value] : choices.built)
              if (text == *x) return field(c) = value, Problem{};
            for (const std::string_view text : choices.later)
              if (text == *x) return not_built(quote(text));
            return expected(choices.text(), v);
          },
          [=](const Config& c) { return quote(choices.name(field(const_cast<Config&>(c)))); }, true};
}

/// A list whose items one function turns into T.
template <class T, class Field, class Item>
Key list(std::string_view table, std::string_view name, const char* what, std::size_t longest, Item item, Field field) {
  return {table, name,
          [=](Config& c, const toml::node& v) -> Problem {
            const toml::array* a = v.as_array();
            if (a == nullptr) return expected(what, v);
            if (a->empty()) return expected(what, v);
            if (a->size() > longest)
              return "expected at most " + number_text(longest) + " entries, got " + number_text(a->size());
            std::vector<T> out;
            for (const toml::node& n : *a) {
              const std::optional<T> x = item(n);
              if (!x) return "entry " + number_text(out.size() + 1) + ": " + *expected(what, n);
              out.push_back(*x);
            }
            field(c) = std::move(out);
            return {};
          },
          [=](const Config& c) {
            std::string out = "[";
            for (const T x : field(const_cast<Config&>(c))) {
              if (out.size() > 1) out += ", ";
              if constexpr (std::is_same_v<T, double>)
                out += real_text(x);
              else
                append_number(out, x);
            }
            return out + "]";
          }};
}

Key directory() {
  return {"data",
          "directory",
          [](Config& c, const toml::node& v) -> Problem {
            const auto x = v.value_exact<std::string>();
            if (!x || x->empty() || x->find('\0') != std::string::npos) return expected("the path of a folder", v);
            c.data.directory = *x;
            return {};
          },
          [](const Config& c) { return c.data.directory.empty() ? std::string() : quote(c.data.directory); },
          true,
          false};
}

/// Bytes, as an integer or with a unit: "2GiB".
Key memory() {
  return {"run",
          "memory",
          [](Config& c, const toml::node& v) -> Problem {
            constexpr const char* what = "\"auto\", bytes as an integer, or a size such as \"2GiB\" (KiB, MiB, GiB)";
            std::optional<std::int64_t> bytes = v.value_exact<std::int64_t>();
            if (const auto text = v.value_exact<std::string>()) {
              if (*text == "auto") return c.run.memory_bytes = 0, Problem{};
              for (const auto& [unit, shift] : {std::pair{"KiB", 10}, {"MiB", 20}, {"GiB", 30}})
                if (text->size() > 3 && text->ends_with(unit)) {
                  const auto n = parse_number<std::int64_t>(std::string_view(*text).substr(0, text->size() - 3));
                  if (n && *n > 0 && *n <= (most >> shift)) bytes = *n << shift;
                }
            }
            if (!bytes || *bytes < 1) return expected(what, v);
            c.run.memory_bytes = *bytes;
            return {};
          },
          [](const Config& c) { return c.run.memory_bytes == 0 ? quote("auto") : number_text(c.run.memory_bytes); },
          true,
          false};
}

Key later(std::string_view table, std::string_view name) { return {table, name, {}, {}}; }

Key only(std::vector<ModelName> models, Key key) {
  key.models = std::move(models);
  key.print = [print = key.print, models = key.models](const Config& c) {
    return std::ranges::find(models, c.model.name) != models.end() ? print(c) : std::string();
  };
  return key;
}
Key without_hash(Key key) {
  key.hashed = false;
  return key;
}

const Choices<DataName> data_names{{{"synthetic", DataName::synthetic},
                                    {"synthetic-cifar", DataName::synthetic_cifar},
                                    {"fmnist4", DataName::fmnist4},
                                    {"cifar10-5k", DataName::cifar10_5k},
                                    {"cifar10-50k", DataName::cifar10_50k},
                                    {"cifar10-500k", DataName::cifar10_500k}},
                                   {}};
const Choices<ModelName> model_names{{{"mlp", ModelName::mlp},
                                      {"dln", ModelName::dln},
                                      {"alexnet", ModelName::alexnet},
                                      {"vgg", ModelName::vgg},
                                      {"resnet20", ModelName::resnet20}},
                                     {}};
const std::vector<ModelName> networks{ModelName::mlp, ModelName::alexnet, ModelName::vgg, ModelName::resnet20},
    normalised{ModelName::vgg, ModelName::resnet20};

/// Networks that the field knows by a name of their own: which keys make them.
Key with_recipe(Key key) {
  key.set = [set = key.set](Config& c, const toml::node& v) -> Problem {
    Problem problem = set(c, v);
    const auto name = v.value_exact<std::string>();
    if (!problem || !name) return problem;
    if (*name == "vgg10") return *problem + "; VGG10 is \"vgg\" with model.channels = [8, 16, 32]";
    if (*name == "vgg19") return *problem + "; VGG19 is \"vgg\" with model.channels = [16, 32, 64, 128, 128, 128]";
    return problem;
  };
  return key;
}

std::vector<Key> data_and_model_keys() {
  const auto width = [](const toml::node& n) {
    const auto x = n.value_exact<std::int64_t>();
    return x && *x >= 1 && *x <= 65536 ? x : std::nullopt;
  };
  const auto parameter = [](const toml::node& n) {
    const auto x = as_real(n);
    return x && std::isfinite(*x) ? x : std::nullopt;
  };
  Choices<Activation> by_activation;
  for (const Activation& a : activations) by_activation.built.emplace_back(a.name, a);
  const Choices<Init> inits{{{"lecun", Init::lecun}, {"he", Init::he}}, {}};
  const Choices<bool> short_groups{{{"keep", false}, {"join", true}}, {}};
  const Choices<NormMode> norm_modes{{{"training", NormMode::training}, {"evaluation", NormMode::evaluation}}, {}};
  const auto widths = [&](ModelName model, std::string_view name, std::size_t longest, auto field) {
    return only({model}, list<std::int64_t>("model", name, "a list of widths from 1 to 65536", longest, width, field));
  };
  return {
      choice(
          "data", "name", data_names, [](Config & c) -> auto& { return c.data.name; }),
      directory(),
      integer(
          "data", "train", 4, most_samples, [](Config & c) -> auto& { return c.data.train; }),
      integer(
          "data", "test", 4, most_samples, [](Config & c) -> auto& { return c.data.test; }),
      integer(
          "data", "seed", 0, most, [](Config & c) -> auto& { return c.data.seed; }),
      with_recipe(choice(
          "model", "name", model_names, [](Config & c) -> auto& { return c.model.name; })),
      widths(
          ModelName::mlp, "hidden", 64, [](Config & c) -> auto& { return c.model.hidden; }),
      only({ModelName::mlp},
           choice(
               "model", "activation", by_activation, [](Config & c) -> auto& { return c.model.activation; })),
      only(networks, choice(
                         "model", "init", inits, [](Config & c) -> auto& { return c.model.init; })),
      only({ModelName::dln}, list<double>(
                                 "model", "start", "a list of finite numbers", 64, parameter,
                                 [](Config & c) -> auto& { return c.model.start; })),
      only({ModelName::dln}, real(
                                 "model", "target", "a finite number", [](double x) { return std::isfinite(x); },
                                 [](Config & c) -> auto& { return c.model.target; })),
      only({ModelName::alexnet},
           integer(
               "model", "filters", 1, 65536, [](Config & c) -> auto& { return c.model.filters; })),
      widths(
          ModelName::alexnet, "dense", 64, [](Config & c) -> auto& { return c.model.dense; }),
      widths(
          ModelName::vgg, "channels", 64, [](Config & c) -> auto& { return c.model.channels; }),
      widths(
          ModelName::resnet20, "widths", 3, [](Config & c) -> auto& { return c.model.widths; }),
      only(normalised,
           integer(
               "model", "ghost_batch", 1, most_samples, [](Config & c) -> auto& { return c.model.ghost_batch; })),
      only(normalised,
           choice(
               "model", "short_group", short_groups, [](Config & c) -> auto& { return c.model.join_short; })),
      only(normalised, choice(
                           "model", "norm_mode", norm_modes, [](Config & c) -> auto& { return c.model.norm_mode; })),
  };
}

std::vector<Key> training_keys() {
  const Choices<Rule> rules{{{"gd", Rule::gd}},
                            {"sgd", "noise_scaled", "adam", "rmsprop", "clipped_adam", "clipped_rmsprop"}};
  const Choices<Loss> losses{{{"cross_entropy", Loss::cross_entropy}, {"mse", Loss::mse}}, {}};
  std::vector<Key> out{
      choice(
          "training", "rule", rules, [](Config & c) -> auto& { return c.training.rule; }),
      real(
          "training", "learning_rate", "a finite number above 0", [](double x) { return std::isfinite(x) && x > 0; },
          [](Config & c) -> auto& { return c.training.learning_rate; }),
      integer(
          "training", "steps", 0, 1'000'000'000, [](Config & c) -> auto& { return c.training.steps; }),
      choice(
          "training", "loss", losses, [](Config & c) -> auto& { return c.training.loss; }),
      integer(
          "training", "seed", 0, most, [](Config & c) -> auto& { return c.training.seed; }),
      real(
          "training", "divergence_loss", "a number above 0 (inf: none)", [](double x) { return x > 0; },
          [](Config & c) -> auto& { return c.training.divergence_loss; }),
  };
  for (const char* name : {"batch", "noise", "beta1", "beta2", "epsilon", "bias_correction", "clip", "clip_on",
                           "warmup_epochs", "project", "stop_accuracy", "change"})
    out.push_back(later("training", name));
  return out;
}

std::vector<Key> measure_and_run_keys() {
  const Choices<Where> devices{{{"cpu", Where::cpu}, {"cuda", Where::cuda}}, {}};
  const Choices<Dtype> precisions{{{"float32", Dtype::f32}, {"float64", Dtype::f64}}, {}};
  const Choices<Arithmetic> arithmetics{{{"exact", Arithmetic::exact}, {"vendor", Arithmetic::vendor}}, {}};
  return {
      integer(
          "measure", "top", 0, 50, [](Config & c) -> auto& { return c.measure.top; }),
      integer(
          "measure", "bottom", 0, 1, [](Config & c) -> auto& { return c.measure.bottom; }),
      real(
          "measure", "tolerance", "a number above 0 and below 1", [](double x) { return x > 0 && x < 1; },
          [](Config & c) -> auto& { return c.measure.tolerance; }),
      integer(
          "measure", "every", 1, most, [](Config & c) -> auto& { return c.measure.every; }),
      integer(
          "measure", "cold_check", 0, 1000000000, [](Config & c) -> auto& { return c.measure.cold_check; }),
      integer(
          "measure", "budget", 1, 1000000000, [](Config & c) -> auto& { return c.measure.budget; }),
      integer(
          "events", "merge_gap", 0, most, [](Config & c) -> auto& { return c.events.merge_gap; }),
      integer(
          "events", "minimum_length", 1, most, [](Config & c) -> auto& { return c.events.minimum_length; }),
      without_hash(choice(
          "run", "device", devices, [](Config & c) -> auto& { return c.run.device; })),
      choice(
          "run", "precision", precisions, [](Config & c) -> auto& { return c.run.precision; }),
      integer_or(
          "run", "threads", "all", 1024, [](Config & c) -> auto& { return c.run.threads; }),
      integer_or(
          "run", "chunk", "auto", most, [](Config & c) -> auto& { return c.run.chunk; }),
      memory(),
      choice(
          "run", "arithmetic", arithmetics, [](Config & c) -> auto& { return c.run.arithmetic; }),
      later("run", "checkpoint_every"),
  };
}

}  // namespace

const std::vector<Key>& keys() {
  static const std::vector<Key> all = [] {
    std::vector<Key> out;
    for (auto part : {data_and_model_keys(), training_keys(), measure_and_run_keys()})
      out.insert(out.end(), part.begin(), part.end());
    return out;
  }();
  return all;
}

const std::vector<std::string_view>& tables() {
  static const std::vector<std::string_view> all{"data", "model", "training", "measure", "events", "run"};
  return all;
}

bool is_later_table(std::string_view path) {
  for (const std::string_view name :
       {"measure.density", "measure.rotation", "measure.delta", "measure.kappa", "measure.slices", "measure.effective"})
    if (path == name) return true;
  return false;
}

std::string not_built(const std::string& what) { return what + " is not built in this version"; }

std::string quote(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      out += "\\u00" + hex_text(static_cast<unsigned char>(c)).substr(14);
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string describe(const toml::node& node) {
  if (const auto* s = node.as_string()) return "the string " + quote(s->get());
  if (const auto* i = node.as_integer()) return "the integer " + number_text(i->get());
  if (const auto* x = node.as_floating_point()) return "the float " + real_text(x->get());
  if (const auto* b = node.as_boolean()) return b->get() ? "the boolean true" : "the boolean false";
  if (const auto* a = node.as_array()) return a->empty() ? "an empty array" : "an array";
  if (node.is_table()) return "a table";
  return "a date or time";
}

}  // namespace brink::config

namespace brink {

const DataFacts& facts_of(DataName name) {
  constexpr std::int64_t any = config::most_samples;
  static const DataFacts synthetic{4, 1000, 1000, any, any, ""}, colour{10, 1000, 1000, any, any, ""},
      fmnist4{4, 1000, 1000, 24000, 4000, "Fashion-MNIST"}, cifar_5k{10, 5000, 2000, 50000, 10000, "CIFAR-10"},
      cifar_50k{10, 50000, 10000, 50000, 10000, "CIFAR-10"}, cifar_500k{10, 500'000, 10000, 500'000, 10000, "CIFAR-10"};
  switch (name) {
    case DataName::synthetic_cifar: return colour;
    case DataName::fmnist4: return fmnist4;
    case DataName::cifar10_5k: return cifar_5k;
    case DataName::cifar10_50k: return cifar_50k;
    case DataName::cifar10_500k: return cifar_500k;
    case DataName::synthetic: break;
  }
  return synthetic;
}
bool is_normalised(ModelName name) { return name == ModelName::vgg || name == ModelName::resnet20; }
std::int64_t group_of(const Config& c) {
  if (is_normalised(c.model.name)) return c.model.ghost_batch;
  return c.model.name == ModelName::alexnet ? alexnet_group : default_group;
}
std::string_view name_of(DataName name) { return config::data_names.name(name); }
std::string_view name_of(ModelName name) { return config::model_names.name(name); }
bool measures_spectrum(const Config& c) { return c.measure.top + c.measure.bottom > 0; }
bool has_evaluation_hessian(const Config& c) {
  return measures_spectrum(c) && is_normalised(c.model.name) && c.model.norm_mode == NormMode::evaluation;
}

}  // namespace brink
