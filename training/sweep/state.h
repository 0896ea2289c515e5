// SPDX-License-Identifier: MIT
// How far a run of a sweep has come, as its folder says.
#pragma once

#include <string>

namespace brink::sweep {

enum class State : unsigned char {
  absent,
  unfinished,  // or over, but without all of its rows
  finished,
  diverged,
  other  // the folder has a run with other settings
};
inline bool is_over(State s) { return s == State::finished || s == State::diverged; }

/// Of the run with the config hash `hash`, which belongs into `folder`.
State state_of(const std::string& folder, const std::string& hash);
/// What is wrong with a folder whose state is State::other, and what to do.
std::string other_run_message(const std::string& folder, const std::string& hash);

}  // namespace brink::sweep
