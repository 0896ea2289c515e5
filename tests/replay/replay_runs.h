// SPDX-License-Identifier: MIT
// Small runs of which steps are computed again, and their files line by line.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "tests/training/temporary_folder.h"
#include "training/errors.h"
#include "training/io/console.h"
#include "training/replay/fork.h"
#include "training/run/train.h"

namespace brink::test {

/// A console whose text can be read.
class Said {
 public:
  Said() : path_(folder_ / "said"), file_(std::fopen(path_.c_str(), "w")), console_(fileno(file_)) { REQUIRE(file_); }
  ~Said() { (void)std::fclose(file_); }
  Said(const Said&) = delete;
  Said& operator=(const Said&) = delete;
  Console& console() { return console_; }
  std::string text() const { return read_text(path_); }

 private:
  TemporaryFolder folder_;
  std::string path_;
  std::FILE* file_;
  Console console_;
};

using Sets = std::vector<std::string>;

/// The settings, those of `more` in place of those with the same key.
inline Sets with(Sets sets, const Sets& more) {
  const auto key = [](const std::string& set) { return set.substr(0, set.find('=')); };
  for (const std::string& set : more) {
    std::erase_if(sets, [&](const std::string& old) { return key(old) == key(set); });
    sets.push_back(set);
  }
  return sets;
}
/// An MLP with several instabilities in 40 steps, which takes a fraction of a second.
inline Sets small_mlp(const Sets& more = {}) {
  return with({"training.steps=40", "training.learning_rate=0.3", "data.train=256", "data.test=40", "model.hidden=[32]",
               "measure.top=2", "run.checkpoint_every=7", "events.minimum_length=6", "events.merge_gap=1"},
              more);
}
inline Sets small_vgg(const Sets& more = {}) {
  return with(
      {"training.steps=7", "training.learning_rate=0.1", "data.name=synthetic-cifar", "data.train=40", "data.test=20",
       "model.name=vgg", "model.channels=[2,3]", "model.ghost_batch=16", "run.checkpoint_every=3"},
      more);
}

inline ExitCode run(const std::string& folder, const Sets& sets, std::int64_t stop_before = 1000) {
  Said said;
  TrainOptions options{folder};
  options.stop_before = stop_before;
  return train(load_config({{}, sets, {}}), options, said.console());
}

/// Lines with their newlines.
inline std::vector<std::string> lines(const std::string& path) {
  std::vector<std::string> out;
  const std::string text = read_text(path);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size() - 1);
    out.push_back(text.substr(at, end + 1 - at));
    at = end + 1;
  }
  return out;
}

/// metrics.csv from a step on, with its header; row 0 of the file is that of `first`.
inline std::string metrics_from(const std::string& folder, std::int64_t step, std::int64_t first = 0) {
  const std::vector<std::string> all = lines(folder + "/metrics.csv");
  std::string out = all.at(0);
  for (std::size_t i = static_cast<std::size_t>(1 + step - first); i < all.size(); ++i) out += all[i];
  return out;
}

/// The cell of a column in the row of a step.
inline std::string cell(const std::string& table, std::int64_t step, const std::string& column) {
  const auto split = [](const std::string& line) {
    std::vector<std::string> out(1);
    for (const char c : line)
      if (c == ',')
        out.emplace_back();
      else if (c != '\n')
        out.back() += c;
    return out;
  };
  const std::vector<std::string> all = lines(table);
  const auto names = split(all.at(0));
  const auto at = std::ranges::find(names, column);
  REQUIRE_MESSAGE(at != names.end(), column);
  for (const std::string& line : all)
    if (const auto cells = split(line); cells[0] == std::to_string(step))
      return cells.at(static_cast<std::size_t>(at - names.begin()));
  FAIL("no row of step " << step);
  return {};
}

/// Every file below a folder, with its bytes.
inline std::map<std::string, std::string> contents(const std::string& folder) {
  std::map<std::string, std::string> out;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    if (entry.is_regular_file())
      out[entry.path().lexically_relative(folder).string()] = read_text(entry.path().string());
  return out;
}

struct Refusal {
  ExitCode code;
  std::string message;
};

/// What an action refuses to do. ExitCode::done if it does not.
template <class Action>
Refusal refusal(Action&& action) {
  try {
    action();
  } catch (const Error& e) { return {e.code(), e.what()}; }
  return {ExitCode::done, "not refused"};
}

}  // namespace brink::test
