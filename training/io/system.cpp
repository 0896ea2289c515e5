// SPDX-License-Identifier: MIT
#include "training/io/system.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

namespace brink {

int System::openat(int folder, const char* name, int flags, mode_t mode) { return ::openat(folder, name, flags, mode); }
ssize_t System::read(int file, void* data, std::size_t bytes) { return ::read(file, data, bytes); }
ssize_t System::write(int file, const void* data, std::size_t bytes) { return ::write(file, data, bytes); }
int System::ftruncate(int file, off_t bytes) { return ::ftruncate(file, bytes); }
int System::fsync(int file) { return ::fsync(file); }
int System::close(int file) { return ::close(file); }
int System::renameat(int folder, const char* from, const char* to) { return ::renameat(folder, from, folder, to); }
int System::renameat_new(int folder, const char* from, const char* to) {
  return ::renameat2(folder, from, folder, to, RENAME_NOREPLACE);
}
int System::unlinkat(int folder, const char* name, int flags) { return ::unlinkat(folder, name, flags); }
int System::mkdirat(int folder, const char* name, mode_t mode) { return ::mkdirat(folder, name, mode); }

System& posix_system() {
  static System system;
  return system;
}

}  // namespace brink
