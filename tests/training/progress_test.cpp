// SPDX-License-Identifier: MIT
// The live line on a pseudo-terminal, read back as a terminal of that width would show it.
#include "training/run/progress.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <thread>

#include "training/io/ascii.h"

using namespace brink;

namespace {

/// Rows of characters. Output longer than the width continues in the next row, which must not happen.
class Screen {
 public:
  void show(std::string_view bytes, std::size_t columns) {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      if (bytes.substr(i).starts_with("\033[K")) {
        rows_.back().resize(std::min(column_, rows_.back().size()));
        i += 2;
      } else if (bytes[i] == '\r') {
        column_ = 0;
      } else if (bytes[i] == '\n') {
        rows_.emplace_back();
        column_ = 0;
      } else {
        std::string character(1, bytes[i]);
        while (i + 1 < bytes.size() && (static_cast<unsigned char>(bytes[i + 1]) & 0xC0) == 0x80)
          character += bytes[++i];
        if (column_ == columns) {
          rows_.emplace_back();
          column_ = 0;
        }
        rows_.back().resize(std::max(column_ + 1, rows_.back().size()));
        rows_.back()[column_++] = character;
      }
    }
  }
  std::vector<std::string> text() const {
    std::vector<std::string> out;
    for (const auto& row : rows_) {
      out.emplace_back();
      for (const std::string& c : row) out.back() += c;
    }
    if (out.back().empty()) out.pop_back();
    return out;
  }

 private:
  std::vector<std::vector<std::string>> rows_{1};
  std::size_t column_ = 0;
};

struct PseudoTerminal {
  PseudoTerminal() : outside(posix_openpt(O_RDWR | O_NOCTTY)) {
    REQUIRE(grantpt(outside) == 0);
    REQUIRE(unlockpt(outside) == 0);
    inside = open(ptsname(outside), O_RDWR | O_NOCTTY);
    REQUIRE(inside >= 0);
  }
  ~PseudoTerminal() {
    close(inside);
    close(outside);
  }
  PseudoTerminal(const PseudoTerminal&) = delete;
  PseudoTerminal& operator=(const PseudoTerminal&) = delete;

  void resize(int columns) const {
    winsize size{};
    size.ws_row = 24;
    size.ws_col = static_cast<unsigned short>(columns);
    REQUIRE(ioctl(inside, TIOCSWINSZ, &size) == 0);
  }
  std::string read_all() const {
    std::string out;
    char buffer[4096];
    for (pollfd ready{outside, POLLIN, 0}; poll(&ready, 1, 0) == 1 && (ready.revents & POLLIN) != 0;) {
      const ssize_t n = read(outside, buffer, sizeof buffer);
      if (n <= 0) break;
      out.append(buffer, static_cast<std::size_t>(n));
    }
    return out;
  }
  int outside, inside = -1;
};

Row row_of(std::int64_t step) {
  std::vector<Column> columns;
  for (const char* name : {"loss", "train_accuracy", "lambda_1", "residual_1", "scale"})
    columns.push_back({name, "", "a number", {}});
  Row row(std::move(columns));
  row.step = step;
  const double cells[] = {0.12345678, 0.987, 1.2345e66, 1e66, 1.2345e66};
  std::ranges::copy(cells, row.cells().begin());
  return row;
}
constexpr double threshold = 20;

Config config_of() {
  Config c;
  c.training.steps = 1000000;
  return c;
}

}  // namespace

TEST_CASE("a live line never leaves its row, at any width, also while the width changes") {
  setenv("TERM", "xterm", 1);
  const PseudoTerminal terminal;
  Console out(terminal.inside);
  REQUIRE(out.terminal());
  Screen screen;
  terminal.resize(80);
  Progress progress(out, config_of());
  std::int64_t step = 123456;
  for (const int columns : {80, 60, 40, 20, 5, 1, 200, 80}) {
    terminal.resize(columns);
    REQUIRE(out.columns() == columns);
    for (int redraw = 0; redraw < 2; ++redraw) {
      std::this_thread::sleep_for(std::chrono::milliseconds(101));  // the interval of the live line
      progress.row(row_of(++step), threshold);
      screen.show(terminal.read_all(), static_cast<std::size_t>(columns));
      CAPTURE(columns);
      REQUIRE(screen.text().size() == 1);
      if (columns >= 40) CHECK(screen.text()[0].starts_with("step " + std::to_string(step) + "/1000000  loss 0.1235"));
      if (columns == 80) CHECK(screen.text()[0].find("λ₁ 1.234e+66 not certified (2/η = 20)") != std::string::npos);
      if (columns == 60) CHECK(screen.text()[0].find("λ₁") == std::string::npos);  // complete, or absent
      if (columns == 20) CHECK(screen.text()[0] == "step " + std::to_string(step) + "/1000000");
      if (columns == 5) CHECK(screen.text()[0] == "ste…");
    }
  }
  progress.note("a note stays");
  terminal.resize(40);
  progress.finish();
  screen.show(terminal.read_all(), 40);
  const std::vector<std::string> rows = screen.text();
  REQUIRE(rows.size() >= 4);
  CHECK(rows[0] == "a note stays");
  CHECK(rows[1] == "step " + std::to_string(step) + "/1000000  loss 0.1235");
  CHECK(rows[2] == "λ₁ 1.234e+66 not certified (2/η = 20)");
  CHECK(rows[3].starts_with("accuracy 98.7 %"));

  // Control: the same fields, not cut.
  Screen wrapped;
  wrapped.show(
      "\r" + lines_of(std::vector<std::string>{"step 123456/1000000", "loss 0.1235", "λ₁ 10.2"}, 1000)[0] + "\033[K",
      30);
  CHECK(wrapped.text().size() == 2);
}

TEST_CASE("in a locale that is not UTF-8 signs are ASCII, and the line still never leaves its row") {
  const std::string before = std::getenv("LC_ALL") ? std::getenv("LC_ALL") : "";
  setenv("TERM", "xterm", 1);
  setenv("LC_ALL", "C", 1);
  const PseudoTerminal terminal;
  Console out(terminal.inside);
  Screen screen;
  terminal.resize(200);
  Progress progress(out, config_of());
  std::int64_t step = 123456;
  for (const int columns : {200, 60, 21, 20, 7, 5}) {
    terminal.resize(columns);
    std::this_thread::sleep_for(std::chrono::milliseconds(110));
    progress.row(row_of(step++), threshold);
    screen.show(terminal.read_all(), static_cast<std::size_t>(columns));
    INFO(columns << " columns: " << screen.text()[0]);
    REQUIRE(screen.text().size() == 1);
    CHECK(std::ranges::all_of(screen.text()[0], [](char c) { return static_cast<unsigned char>(c) < 0x80; }));
    if (columns == 200)
      CHECK(screen.text()[0].find("lambda_1 1.234e+66 not certified (2/eta = 20)") != std::string::npos);
  }
  setenv("LC_ALL", before.c_str(), 1);
}

TEST_CASE("signs in ASCII, and the variables that ask for them") {
  CHECK(as_ascii("λ₁ up to 1.5 × 2(1 + β)/η − 0.5 … ‖Hy−θy‖ ≤ 1e-3, λ₁₂") ==
        "lambda_1 up to 1.5 x 2(1 + beta)/eta - 0.5 ... ||Hy-thetay|| <= 1e-3, lambda_12");
  CHECK(as_ascii("λ_min of κῆπος.csv") == "lambda_min of kappaῆpiος.csv");
  CHECK(as_ascii("a cut sign: \xe2\x89") == "a cut sign: \xe2\x89");

  std::map<const char*, std::string> before;
  const char* const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
  for (const char* name : names) {
    if (const char* value = std::getenv(name)) before[name] = value;
    unsetenv(name);
  }
  CHECK_FALSE(wants_ascii());
  setenv("LANG", "C", 1);
  CHECK(wants_ascii());
  setenv("LC_CTYPE", "en_GB.UTF-8", 1);
  CHECK_FALSE(wants_ascii());
  setenv("LC_ALL", "", 1);  // counts as not set
  CHECK_FALSE(wants_ascii());
  setenv("LC_ALL", "de_DE.ISO-8859-1", 1);
  CHECK(wants_ascii());
  setenv("LC_ALL", "C.utf8", 1);
  CHECK_FALSE(wants_ascii());
  for (const char* name : names) unsetenv(name);
  for (const auto& [name, value] : before) setenv(name, value.c_str(), 1);
}

TEST_CASE("a quiet console drops lines and keeps notes") {
  int lines[2], notes[2];
  REQUIRE(pipe(lines) == 0);
  REQUIRE(pipe(notes) == 0);
  const auto said = [](int end) {
    fcntl(end, F_SETFL, O_NONBLOCK);
    std::string text(1000, '\0');
    text.resize(static_cast<std::size_t>(std::max<ssize_t>(0, read(end, text.data(), text.size()))));
    return text;
  };
  Console loud(lines[1]);
  loud.line("a line");
  loud.note("a note");
  CHECK(said(lines[0]) == "a line\na note\n");
  Console quiet(-1, notes[1]);
  quiet.line("a line");
  quiet.note("a note");
  CHECK(said(notes[0]) == "a note\n");
  CHECK(quiet.failed() == 0);
  for (const int end : {lines[0], lines[1], notes[0], notes[1]}) close(end);
}

TEST_CASE("a terminal that does not tell its width has 80 columns, and a pipe gets whole lines") {
  const PseudoTerminal terminal;
  terminal.resize(0);
  CHECK(Console(terminal.inside).columns() == 80);
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  Console out(ends[1]);
  CHECK_FALSE(out.terminal());
  CHECK(out.columns() == 80);
  Progress progress(out, config_of());
  progress.row(row_of(0), threshold);
  progress.finish();
  close(ends[1]);
  std::string said(1000, '\0');
  said.resize(static_cast<std::size_t>(std::max<ssize_t>(0, read(ends[0], said.data(), said.size()))));
  close(ends[0]);
  CHECK(said == "step 0/1000000  loss 0.1235  λ₁ 1.234e+66 not certified (2/η = 20)  accuracy 98.7 %\n");
}

TEST_CASE("a disagreement says about which eigenvalue and by how much") {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  Console out(ends[1]);
  Progress progress(out, config_of());
  const auto said = [&](const Disagreement& d) {
    progress.disagreement(25, d);
    std::string text(1000, '\0');
    text.resize(static_cast<std::size_t>(std::max<ssize_t>(0, read(ends[0], text.data(), text.size()))));
    return text;
  };
  const double nan = std::nan("");
  const std::string step = "step 25: warm and cold Lanczos disagreed about ",
                    end = "; the values reaching further out are recorded\n";
  CHECK(said({false, 0, 20, 21.25, 0.004}) ==
        step + "λ₁: 20 and 21.25, 1.2 apart where their residuals allow 0.004" + end);
  CHECK(said({false, 11, 20, nan, 0}) == step + "λ₁₂: only the warm run found it, 20" + end);
  CHECK(said({true, 0, nan, -4.5, 0}) == step + "λ_min: only the cold run found it, -4.5" + end);
  close(ends[0]);
  close(ends[1]);
}

TEST_CASE("lines are broken between fields, and characters of several bytes count once") {
  const std::vector<std::string> fields{"λ₁‖η", "ab", "cd"};
  CHECK(lines_of(fields, 4) == std::vector<std::string>{"λ₁‖η", "ab", "cd"});
  CHECK(lines_of(fields, 8) == std::vector<std::string>{"λ₁‖η  ab", "cd"});
  CHECK(lines_of(fields, 12) == std::vector<std::string>{"λ₁‖η  ab  cd"});
  CHECK(lines_of(fields, 3) == std::vector<std::string>{"λ₁…", "ab", "cd"});
  CHECK(lines_of(fields, 0) == std::vector<std::string>{"…", "…", "…"});
}

TEST_CASE("a terminal gets long lines broken between words, and a pipe gets them whole") {
  const std::string plan =
      "plan: 1 block of 200 samples; residuals kept for all (6.25 KiB); about 0.0001 s a product with the Hessian";
  CHECK(wrapped(plan, 60) ==
        "plan: 1 block of 200 samples; residuals kept for all (6.25\nKiB); about 0.0001 s a product with the Hessian");
  CHECK(wrapped(plan, 1000) == plan);
  CHECK(wrapped("λ₁‖η ab cd", 4) == "λ₁‖η\nab\ncd");
  CHECK(wrapped("λ₁‖η ab cd", 7) == "λ₁‖η ab\ncd");
  CHECK(wrapped("  ab  cd ef", 6) == "  ab\n  cd\n  ef");
  CHECK(wrapped("  ab  cd ef", 8) == "  ab  cd\n  ef");
  CHECK(wrapped("call `brink fork run --at 3`, then wait", 12) == "call\n`brink fork run --at 3`,\nthen wait");
  CHECK(wrapped("one ` by itself", 8) == "one ` by\nitself");
  CHECK(wrapped("", 5).empty());
  const PseudoTerminal terminal;
  terminal.resize(60);
  Console out(terminal.inside);
  out.line(plan);
  out.note("a " + plan);
  std::istringstream said(terminal.read_all());
  int lines = 0;
  for (std::string line; std::getline(said, line); ++lines) CHECK(line.size() <= 61);  // with the carriage return
  CHECK(lines == 4);
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  Console(ends[1]).line(plan);
  close(ends[1]);
  std::string whole(1000, '\0');
  whole.resize(static_cast<std::size_t>(std::max<ssize_t>(0, read(ends[0], whole.data(), whole.size()))));
  close(ends[0]);
  CHECK(whole == plan + "\n");
}
