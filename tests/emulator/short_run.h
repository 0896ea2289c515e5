// SPDX-License-Identifier: MIT
// A short run of `train` in this process, and its output.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/emulator/emulated_runtime.h"
#include "tests/training/temporary_folder.h"
#include "training/errors.h"
#include "training/io/console.h"
#include "training/run/train.h"

namespace brink::emulator {

/// Without memory protection, whose system calls would take nine tenths of the time.
struct Unprotected {
  Unprotected() { cuda::emulated_runtime().set_protected(false); }
  ~Unprotected() { cuda::emulated_runtime().set_protected(true); }
  Unprotected(const Unprotected&) = delete;
  Unprotected& operator=(const Unprotected&) = delete;
};

/// Work runs at the wait, and everything not yet waited for is poison.
struct Deferred {
  explicit Deferred(bool deferred = true) { cuda::emulated_runtime().set_deferred(deferred); }
  ~Deferred() { cuda::emulated_runtime().set_deferred(false); }
  Deferred(const Deferred&) = delete;
  Deferred& operator=(const Deferred&) = delete;
};

/// A short run on synthetic data in a folder of its own: what it printed and how it ended. `sets` override the usual settings.
struct Run {
  ExitCode code;
  std::string said, metrics;
  nlohmann::json record;
};
inline Run run(const std::vector<std::string>& sets, const char* device, std::int64_t samples = 400) {
  const test::TemporaryFolder folder;
  std::vector<std::string> all = sets;
  for (const std::string& usual :
       {"data.train=" + std::to_string(samples), std::string("data.test=40"), std::string("training.steps=2"),
        std::string("model.hidden=[8]"), std::string("measure.bottom=0")}) {
    const std::string key = usual.substr(0, usual.find('=') + 1);
    if (std::ranges::none_of(sets, [&](const std::string& given) { return given.starts_with(key); }))
      all.push_back(usual);
  }
  const std::string out = folder / "run", text = folder / "text";
  std::FILE* const file = std::fopen(text.c_str(), "w");
  Console console(fileno(file));
  Run r{ExitCode::internal, {}, {}, {}};
  try {
    r.code = train(load_config({{}, all, {{"device", device}}}), {out, false}, console);
  } catch (...) {
    const Failure f = current_failure();
    r.code = f.code;
    console.line(f.message);
  }
  (void)std::fclose(file);
  r.said = test::read_text(text);
  r.metrics = test::read_text(out + "/metrics.csv");
  if (const std::string json = test::read_text(out + "/run.json"); !json.empty())
    r.record = nlohmann::json::parse(json);
  return r;
}

}  // namespace brink::emulator
