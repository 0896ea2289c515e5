// SPDX-License-Identifier: MIT
#include "training/io/console.h"

#include <fcntl.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <string>

#include "training/io/ascii.h"

namespace brink {

namespace {

/// 0 where there is no terminal or it does not tell.
int width_of(int descriptor) {
  winsize size{};
  return ioctl(descriptor, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

std::ptrdiff_t columns_of(std::string_view text) {
  return std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
}

}  // namespace

Console::Console(int descriptor, int notes) : lines_{descriptor}, notes_{notes}, ascii_(wants_ascii()) {}

std::string Console::shown(std::string_view text) const { return ascii_ ? as_ascii(text) : std::string(text); }

void Console::print(std::string_view text) { write(lines_, shown(text)); }

void Console::exact(std::string_view text) { write(lines_, text); }

void Console::line(std::string_view text) { write_line(lines_, text); }

void Console::note(std::string_view text) { write_line(notes_, text); }

void Console::write_line(End& end, std::string_view text) {
  const int width = width_of(end.descriptor);
  write(end, (width > 0 ? wrapped(shown(text), width) : shown(text)) + '\n');
}

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
  const int width = width_of(lines_.descriptor);
  return width > 0 ? width : 80;
}

std::string wrapped(std::string_view text, int columns) {
  const auto most = static_cast<std::ptrdiff_t>(columns);
  const std::size_t indentation = std::min(text.find_first_not_of(' '), text.size());
  std::string out;
  std::ptrdiff_t used = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t word = std::min(text.find_first_not_of(' ', at), text.size());
    std::size_t end = std::min(text.find(' ', word), text.size());
    while (std::ranges::count(text.substr(word, end - word), '`') % 2 == 1 && text.find('`', end) < text.size())
      end = std::min(text.find(' ', text.find('`', end)), text.size());
    const std::ptrdiff_t width = columns_of(text.substr(at, end - at));
    if (at > indentation && used + width > most) {
      out += '\n' + std::string(indentation, ' ');
      at = word;
      used = static_cast<std::ptrdiff_t>(indentation);
    }
    out += text.substr(at, end - at);
    used += columns_of(text.substr(at, end - at));
    at = end;
  }
  return out;
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
