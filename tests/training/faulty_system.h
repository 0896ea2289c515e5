// SPDX-License-Identifier: MIT
// A System whose k-th call fails, for tests.
#pragma once

#include <cerrno>
#include <string>
#include <vector>

#include "training/io/system.h"

namespace brink::test {

class FaultySystem : public System {
 public:
  /// Call number `at` (0, 1, …) fails with `error`. With `short_write`, a failing write (or read) first does
  /// one byte and the next one fails.
  FaultySystem(int at, int error, bool short_write = false) : at_(at), error_(error), short_write_(short_write) {}
  int calls() const { return static_cast<int>(log.size()); }
  /// Names of the calls, in order.
  std::vector<std::string> log;

  int openat(int folder, const char* name, int flags, mode_t mode) override {
    return fault("open") ? -1 : System::openat(folder, name, flags, mode);
  }
  /// A short read gives one byte and is not a failure in itself; the next read fails.
  ssize_t read(int file, void* data, std::size_t bytes) override {
    if (fault("read")) {
      if (!short_write_ || bytes < 2) return -1;
      at_ = calls();
      return System::read(file, data, 1);
    }
    return System::read(file, data, bytes);
  }
  ssize_t write(int file, const void* data, std::size_t bytes) override {
    if (fault("write")) {
      if (!short_write_ || bytes < 2) return -1;
      at_ = calls();  // the rest of this write
      return System::write(file, data, 1);
    }
    return System::write(file, data, bytes);
  }
  int ftruncate(int file, off_t bytes) override { return fault("ftruncate") ? -1 : System::ftruncate(file, bytes); }
  int fsync(int file) override { return fault("fsync") ? -1 : System::fsync(file); }
  int close(int file) override {
    const bool failed = fault("close");
    const int result = System::close(file);  // the descriptor is gone either way
    return failed ? (errno = error_, -1) : result;
  }
  int renameat(int folder, const char* from, const char* to) override {
    return fault("rename") ? -1 : System::renameat(folder, from, to);
  }
  int renameat_new(int folder, const char* from, const char* to) override {
    return fault("rename") ? -1 : System::renameat_new(folder, from, to);
  }
  int unlinkat(int folder, const char* name, int flags) override {
    return fault("unlink") ? -1 : System::unlinkat(folder, name, flags);
  }
  int mkdirat(int folder, const char* name, mode_t mode) override {
    return fault("mkdir") ? -1 : System::mkdirat(folder, name, mode);
  }

 private:
  bool fault(const char* call) {
    log.push_back(call);
    if (calls() - 1 != at_) return false;
    errno = error_;
    return true;
  }
  int at_, error_;
  bool short_write_;
};

}  // namespace brink::test
