// SPDX-License-Identifier: MIT
#include "training/run/config/hints.h"

#include <algorithm>
#include <array>
#include <limits>
#include <vector>

#include "training/run/config/keys.h"
#include "training/run/config/values.h"

namespace brink::config {

namespace {

constexpr std::string_view one_update = "a step is one update; without training.batch it uses all training samples";

constexpr Synonym synonym_list[] = {
    {"lr", "training.learning_rate"},
    {"eta", "training.learning_rate"},
    {"step_size", "training.learning_rate"},
    {"stepsize", "training.learning_rate"},
    {"epochs", "training.steps", one_update},
    {"num_epochs", "training.steps", one_update},
    {"max_epochs", "training.steps", one_update},
    {"iterations", "training.steps"},
    {"iters", "training.steps"},
    {"max_iter", "training.steps"},
    {"updates", "training.steps"},
    {"optimizer", "training.rule"},
    {"optimiser", "training.rule"},
    {"optim", "training.rule"},
    {"method", "training.rule"},
    {"algorithm", "training.rule"},
    {"beta", "training.momentum"},
    {"scheduler", "training.schedule"},
    {"lr_scheduler", "training.schedule"},
    {"warmup_steps", "training.warmup"},
    {"warmup_epochs", "training.warmup", "in updates"},
    {"gamma", "training.drop_factor"},
    {"criterion", "training.loss"},
    {"objective", "training.loss"},
    {"random_seed", "training.seed"},
    {"rng", "training.seed"},
    {"batch_size", "training.batch"},
    {"batchsize", "training.batch"},
    {"minibatch", "training.batch"},
    {"mini_batch", "training.batch"},
    {"noise", "training.noise_scale"},
    {"log_every", "measure.row_every"},
    {"log_interval", "measure.row_every"},
    {"num_samples", "data.train"},
    {"samples", "data.train"},
    {"dataset", "data.name"},
    {"path", "data.directory"},
    {"root", "data.directory"},
    {"folder", "data.directory"},
    {"arch", "model.name"},
    {"architecture", "model.name"},
    {"network", "model.name"},
    {"model", "model.name"},
    {"type", "model.name"},
    {"layers", "model.hidden"},
    {"hidden_dim", "model.hidden"},
    {"hidden_size", "model.hidden"},
    {"nonlinearity", "model.activation"},
    {"batch_norm", "model.ghost_batch"},
    {"tol", "measure.tolerance"},
    {"eps", "measure.tolerance"},
    {"k", "measure.top"},
    {"num_eigenvalues", "measure.top"},
    {"eigenvalues", "measure.top"},
    {"interval", "measure.every"},
    {"frequency", "measure.every"},
    {"eig_freq", "measure.every"},
    {"dtype", "run.precision"},
    {"gpu", "run.device"},
    {"cuda", "run.device"},
    {"backend", "run.device"},
    {"cores", "run.threads"},
    {"workers", "run.threads"},
    {"jobs", "run.threads"},
};

struct TableSynonym {
  std::string_view word, table;
};
constexpr TableSynonym table_synonyms[] = {
    {"optimizer", "training"}, {"optimiser", "training"}, {"optim", "training"},     {"trainer", "training"},
    {"dataset", "data"},       {"net", "model"},          {"network", "model"},      {"spectrum", "measure"},
    {"lanczos", "measure"},    {"hessian", "measure"},    {"system", "run"},         {"hardware", "run"},
    {"device", "run"},         {"general", "run"},        {"instability", "events"},
};

/// The name as brink writes keys: lower case, underscores.
std::string plain(std::string_view name) {
  std::string out(name);
  for (char& c : out)
    if (c == '-' || c == ' ')
      c = '_';
    else if (c >= 'A' && c <= 'Z')
      c = static_cast<char>(c - 'A' + 'a');
  return out;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t up = row[j];
      row[j] = std::min({up + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
      diagonal = up;
    }
  }
  return row[b.size()];
}

struct Path {
  std::string_view table, key;
  explicit Path(std::string_view path)
      : table(path.substr(0, path.rfind('.'))), key(path.substr(path.rfind('.') + 1)) {}
};

/// The number of edits between two names; if one is the beginning of the other, that counts as one edit.
std::size_t distance(std::string_view name, std::string_view key) {
  const bool beginning = !name.empty() && key.starts_with(name);
  return beginning ? std::min<std::size_t>(1, key.size() - name.size()) : edit_distance(name, key);
}

/// "[run] has device, precision and threads".
std::string keys_text(std::string_view table) {
  std::vector<std::string_view> names;
  for (const std::string& path : all_paths())
    if (Path(path).table == table) names.push_back(Path(path).key);
  std::string out = "[" + std::string(table) + "] has ";
  for (std::size_t i = 0; i < names.size(); ++i)
    out += (i == 0 ? "" : i + 1 == names.size() ? " and " : ", ") + std::string(names[i]);
  return out;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_word(char c) { return is_letter(c) || is_digit(c) || c == '_' || c == '-' || c == '+' || c == '.'; }

/// The digits from `at` on; moves `at` to the character after them.
std::string_view take_digits(std::string_view text, std::size_t& at) {
  const std::size_t begin = at;
  while (at < text.size() && is_digit(text[at])) ++at;
  return text.substr(begin, at - begin);
}

/// A decimal number in any usual notation as TOML writes it; empty if the text is not a number, or is TOML already.
std::string as_toml_number(std::string_view text) {
  std::size_t at = 0;
  std::string sign;
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) sign = text[at++] == '-' ? "-" : "";
  std::string_view whole = take_digits(text, at), fraction;
  const bool point = at < text.size() && (text[at] == '.' || text[at] == ',');
  if (point) fraction = take_digits(text, ++at);
  if (whole.empty() && fraction.empty()) return {};
  while (whole.size() > 1 && whole[0] == '0') whole.remove_prefix(1);
  std::string out = sign + (whole.empty() ? "0" : std::string(whole));
  if (point) out += "." + (fraction.empty() ? "0" : std::string(fraction));
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    std::string exponent = "e";
    ++at;
    if (at < text.size() && (text[at] == '-' || text[at] == '+')) exponent += text[at++];
    const std::string_view digits = take_digits(text, at);
    if (digits.empty()) return {};
    out += exponent + std::string(digits);
  }
  if (at < text.size() && (text[at] == 'f' || text[at] == 'F' || text[at] == 'd')) ++at;  // a suffix of C
  return at == text.size() && out != text ? out : std::string();
}

}  // namespace

std::span<const Synonym> synonyms() { return synonym_list; }

std::string nearest_key(std::string_view table, std::string_view given) {
  constexpr std::size_t most = std::numeric_limits<std::size_t>::max();
  const std::string name = plain(given);
  // Another table counts as half an edit.
  const auto* known = std::ranges::find(synonym_list, name, &Synonym::word);
  const auto cost = [&](const std::string& path) {
    return 2 * distance(name, Path(path).key) + (Path(path).table != table);
  };
  const std::string& similar = *std::ranges::min_element(all_paths(), {}, cost);
  const std::size_t edits = distance(name, Path(similar).key);
  if (known != std::end(synonym_list) && edits > 0)
    return "; the nearest is " + std::string(known->path) +
           (known->note.empty() ? std::string() : " (" + std::string(known->note) + ")");
  // The name may be meant as a table inside this one, such as [measure.density].
  const std::string inside = std::string(table) + ".";
  const auto to_table = [&](const std::string& t) {
    return t.starts_with(inside) ? edit_distance(name, t.substr(inside.size())) : most;
  };
  const std::string& inner = *std::ranges::min_element(tables(), {}, to_table);
  if (to_table(inner) < edits && to_table(inner) <= std::max<std::size_t>(1, name.size() / 2))
    return "; the nearest is [" + inner + "]";
  const bool has_keys = std::ranges::any_of(all_paths(), [&](const std::string& p) { return Path(p).table == table; });
  if (edits <= std::max<std::size_t>(1, name.size() / 2) || !has_keys) return "; the nearest is " + similar;
  // Nothing is similar, so a key of the same table is as near as any.
  const std::string& same = *std::ranges::min_element(
      all_paths(), {}, [&](const std::string& p) { return std::pair(Path(p).table != table, cost(p)); });
  return "; the nearest is " + same + "; " + keys_text(table);
}

std::string nearest_name(std::span<const std::string> names, std::string_view word) {
  if (names.empty()) return {};
  const std::string given = plain(word);
  const std::string& nearest =
      *std::ranges::min_element(names, {}, [&](const std::string& name) { return distance(given, name); });
  return distance(given, nearest) <= (given.size() + 1) / 2 ? "; the nearest is " + nearest : std::string();
}

std::string nearest_table(std::string_view given) {
  const std::string table = plain(given);
  const auto* known = std::ranges::find(table_synonyms, std::string_view(table), &TableSynonym::word);
  const std::string nearest =
      known != std::end(table_synonyms)
          ? std::string(known->table)
          : *std::ranges::min_element(tables(), {}, [&](const std::string& t) { return edit_distance(table, t); });
  return "; the nearest is [" + nearest + "]";
}

std::string hint_for_value(std::string_view value, bool in_file) {
  const auto write = [](std::string_view what) { return "; write " + std::string(what); };
  if (const std::string number = as_toml_number(value); !number.empty()) return write(number);
  const std::string word = plain(value);
  for (const auto& [truth, words] :
       {std::pair<std::string_view, std::array<std::string_view, 3>>{"true", {"true", "yes", "on"}},
        {"false", {"false", "no", "off"}},
        {"inf", {"inf", "infinity", "+infinity"}},
        {"-inf", {"_inf", "_infinity"}},
        {"nan", {"nan"}}})
    if (!word.empty() && std::ranges::find(words, word) != words.end())
      return value == truth ? std::string() : write(truth);
  const bool text = in_file && !value.empty() && is_letter(value[0]) && std::ranges::all_of(value, is_word);
  return text ? "; a string needs quotes: " + quote(value) : std::string();
}

std::string hint_for_value_at(std::string_view text, std::size_t line, std::size_t column) {
  for (; line > 1; --line) text.remove_prefix(std::min(text.size(), text.find('\n') + 1));
  text = text.substr(0, text.find('\n'));
  std::size_t at = 0;
  for (std::size_t character = 1; at < text.size(); ++at)
    if ((static_cast<unsigned char>(text[at]) & 0xC0) != 0x80 && character++ == column) break;
  const auto part_of_value = [&](std::size_t i) {
    if (is_word(text[i])) return true;
    return text[i] == ',' && i == at && i > 0 && i + 1 < text.size() && is_digit(text[i - 1]) && is_digit(text[i + 1]);
  };
  std::size_t begin = at, end = at;
  while (begin > 0 && part_of_value(begin - 1)) --begin;
  while (end < text.size() && part_of_value(end)) ++end;
  const std::size_t before = text.substr(0, begin).find_last_not_of(" \t");
  if (before == std::string_view::npos || (text[before] != '=' && text[before] != '[' && text[before] != ','))
    return {};
  if (text.substr(0, begin).find('=') == std::string_view::npos && text[before] == '[') return {};
  return hint_for_value(text.substr(begin, end - begin), true);
}

}  // namespace brink::config
