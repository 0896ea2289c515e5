// SPDX-License-Identifier: MIT
#include "training/sweep/child.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "training/errors.h"
#include "training/exit_codes.h"
#include "training/io/file.h"

namespace brink::sweep {

namespace {

sigset_t signals() {
  sigset_t out;
  sigemptyset(&out);
  for (const int signal : {SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGUSR1}) sigaddset(&out, signal);
  return out;
}

}  // namespace

Child::Child(const std::vector<std::string>& arguments) {
  std::vector<char*> line{const_cast<char*>("brink")};
  for (const std::string& a : arguments) line.push_back(const_cast<char*>(a.c_str()));
  line.push_back(nullptr);
  const pid_t parent = getpid();
  output_ = memfd_create("said", MFD_CLOEXEC);
  const int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
  const sigset_t held = signals();
  process_ = fork();
  if (process_ == 0) {  // only calls that are allowed after a fork
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) _exit(static_cast<int>(ExitCode::interrupted));
    sigprocmask(SIG_UNBLOCK, &held, nullptr);
    dup2(nothing, STDIN_FILENO);
    dup2(output_, STDOUT_FILENO);
    dup2(output_, STDERR_FILENO);
    execv("/proc/self/exe", line.data());
    constexpr int no_program = 127;
    _exit(no_program);
  }
  const int error = errno;
  if (nothing >= 0) close(nothing);
  if (process_ < 0) {
    if (output_ >= 0) close(output_);
    errno = error;
    throw IoError(system_message("brink train", "fork"));
  }
}

Child::Child(Child&& o) noexcept : process_(std::exchange(o.process_, -1)), output_(std::exchange(o.output_, -1)) {}

Child& Child::operator=(Child&& o) noexcept {
  std::swap(process_, o.process_);
  std::swap(output_, o.output_);
  return *this;
}

Child::~Child() {
  send(SIGTERM);
  if (output_ >= 0) close(output_);
}

void Child::send(int signal) const {
  if (process_ > 0) kill(process_, signal);
}

std::optional<int> Child::ended() {
  int status = 0;
  if (process_ <= 0 || waitpid(process_, &status, WNOHANG) != process_) return {};
  process_ = -1;
  return status;
}

std::string Child::said() const {
  std::array<char, 8192> text{};
  const off_t length = std::max<off_t>(0, lseek(output_, 0, SEEK_END));
  const ssize_t n =
      pread(output_, text.data(), text.size(), std::max<off_t>(0, length - static_cast<off_t>(text.size())));
  std::string out(text.data(), static_cast<std::size_t>(std::max<ssize_t>(0, n)));
  while (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

HeldSignals::HeldSignals() : before_{} {
  const sigset_t set = signals();
  sigprocmask(SIG_BLOCK, &set, &before_);
}

HeldSignals::~HeldSignals() { sigprocmask(SIG_SETMASK, &before_, nullptr); }

int HeldSignals::wait(int milliseconds) {
  const sigset_t set = signals();
  const timespec limit{milliseconds / 1000, static_cast<long>(milliseconds % 1000) * 1'000'000};
  const int signal = sigtimedwait(&set, nullptr, &limit);
  return signal > 0 ? signal : 0;
}

}  // namespace brink::sweep
