// SPDX-License-Identifier: MIT
#include "training/io/console.h"

#include <fcntl.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>

#include "training/io/ascii.h"

namespace brink {

Console::Console(int descriptor, int notes) : lines_{descriptor}, notes_{notes}, ascii_(wants_ascii()) {}

std::string Console::shown(std::string_view text) const { return ascii_ ? as_ascii(text) : std::string(text); }

void Console::print(std::string_view text) { write(lines_, shown(text)); }

void Console::exact(std::string_view text) { write(lines_, text); }

void Console::line(std::string_view text) { print(std::string(text) + '\n'); }

void Console::note(std::string_view text) { write(notes_, shown(text) + '\n'); }

void Console::write(End& end, std::string_view text) {
  while (!end.gone && !text.empty()) {
    const ssize_t n = ::write(end.descriptor, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      end.gone = true;
      if (errno != EPIPE && errno != EBADF && errno != EIO) failed_ = errno;  // EIO: the terminal hung up
      return;
    }
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

bool Console::terminal() const {
  const char* term = std::getenv("TERM");
  return isatty(lines_.descriptor) == 1 && term != nullptr && std::string_view(term) != "dumb";
}

int Console::columns() const {
  winsize size{};
  return ioctl(lines_.descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

Console& standard_output() {
  static Console out(STDOUT_FILENO);
  return out;
}

Console& standard_error() {
  static Console out(STDERR_FILENO);
  return out;
}

Console& quiet_output() {
  static Console out(-1, STDERR_FILENO);
  return out;
}

void prepare_process() {
  for (int file = 0; file <= 2; ++file)
    if (fcntl(file, F_GETFD) < 0 && errno == EBADF) {
      const int opened = ::open("/dev/null", file == 0 ? O_RDONLY : O_WRONLY);
      if (opened >= 0 && opened != file) {
        dup2(opened, file);
        ::close(opened);
      }
    }
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);
#ifdef __GLIBC__
  // By default the threshold follows the sizes that were freed. The memory of whole data sets would then stay in a heap with
  // holes, beyond what --memory counts (docs/experiments.md).
  constexpr int returned_when_freed_bytes = 256 << 10;
  mallopt(M_MMAP_THRESHOLD, returned_when_freed_bytes);
#endif
}

}  // namespace brink
