// SPDX-License-Identifier: MIT
// Every system call by which brink changes a disk or reads data from it. No other source of brink writes to a disk.
// The functions are virtual, so that a test can make the k-th call fail.
#pragma once

#include <sys/types.h>

#include <cstddef>

namespace brink {

/// Each function behaves as the POSIX call of its name: −1 and errno on failure.
class System {
 public:
  virtual ~System() = default;
  virtual int openat(int folder, const char* name, int flags, mode_t mode);
  virtual ssize_t read(int file, void* data, std::size_t bytes);
  virtual ssize_t write(int file, const void* data, std::size_t bytes);
  virtual int ftruncate(int file, off_t bytes);
  virtual int fsync(int file);
  virtual int close(int file);
  virtual int renameat(int folder, const char* from, const char* to);
  /// Fails with EEXIST where `to` exists; EINVAL where the file system cannot promise that.
  virtual int renameat_new(int folder, const char* from, const char* to);
  virtual int unlinkat(int folder, const char* name, int flags);
  virtual int mkdirat(int folder, const char* name, mode_t mode);
};

System& posix_system();

}  // namespace brink
