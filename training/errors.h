// SPDX-License-Identifier: MIT
// The errors that a user can cause or meet, each with its exit code, and the function that turns any exception into a code and
// a line. A failed check of brink's own logic is a std::logic_error (exit code 70).
// Divergence is a result of a run and not an error, so it has no class here.
#pragma once

#include <stdexcept>
#include <string>

#include "training/exit_codes.h"

namespace brink {

class Error : public std::runtime_error {
 public:
  Error(ExitCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ExitCode code() const { return code_; }

 private:
  ExitCode code_;
};

/// Command line or config; the message starts with file:line:column or the argument.
struct UsageError : Error {
  explicit UsageError(const std::string& message) : Error(ExitCode::usage, message) {}
};
/// A data set, tensor file or checkpoint is missing or damaged; the message names the file, expected and found.
struct DataError : Error {
  explicit DataError(const std::string& message) : Error(ExitCode::bad_data, message) {}
};
/// The operating system refused a write; the message names the file, the call and the reason.
struct IoError : Error {
  explicit IoError(const std::string& message) : Error(ExitCode::io, message) {}
};
struct DeviceError : Error {
  explicit DeviceError(const std::string& message) : Error(ExitCode::device, message) {}
};
/// The output folder exists already, or another process writes into it.
struct InUseError : Error {
  explicit InUseError(const std::string& message) : Error(ExitCode::in_use, message) {}
};

struct Failure {
  ExitCode code;
  std::string message;
};
/// The code and the message of the exception being handled. To be called inside a catch block.
Failure current_failure();

}  // namespace brink
