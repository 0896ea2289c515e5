// SPDX-License-Identifier: MIT
// What a run says about itself on the console.
#pragma once

#include <optional>
#include <string>

#include "training/pass.h"
#include "training/run/config.h"
#include "training/run/fit.h"
#include "training/run/records.h"

namespace brink {

/// The memory plan in one line.
std::string text_of(const MemoryPlan&, const Fitted&, const Config&, std::int64_t parameters);
/// How many updates and rows an epoch of minibatches has; nothing without minibatches.
std::optional<std::string> minibatch_note(const Config&);
/// How many random starts the bounds of the spectrum rest on, and the probability that any of them is wrong.
std::optional<std::string> text_of_bounds(const RunRecord&);
/// Which steps of run.keep_checkpoints have no checkpoint, and why; nothing if all have one.
std::optional<std::string> kept_checkpoints_note(const Config&);
/// A warning if measure.tolerance is below what the precision allows.
std::optional<std::string> tolerance_warning(const Config&);
/// Which sharpness instabilities are those of, if it is not λ₁.
std::optional<std::string> effective_note(const Config&);
/// What a run reports at its end about instabilities.
std::string text_of_instabilities(const Config&, const RunRecord&);

}  // namespace brink
