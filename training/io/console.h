// SPDX-License-Identifier: MIT
// Standard output and standard error, for people who watch the program.
// Where the locale is not UTF-8, signs such as λ are written in ASCII (ascii.h).
// A reader that goes away (a closed pipe, no terminal) never ends a run: what is printed after that is dropped, and failed()
// reports other errors.
#pragma once

#include <string>
#include <string_view>

namespace brink {

class Console {
 public:
  explicit Console(int descriptor) : Console(descriptor, descriptor) {}
  /// notes: the descriptor for notes.
  Console(int descriptor, int notes);
  void print(std::string_view text);
  /// On a terminal, a text that is wider is broken between words.
  void line(std::string_view text);
  /// A line that is shown even where a person asked for quiet: a warning, or what was replaced, retried or skipped.
  void note(std::string_view text);
  /// Text for programs, such as a config: no sign of it is replaced.
  void exact(std::string_view text);
  /// What print shows of a text, for a caller that counts columns.
  std::string shown(std::string_view text) const;
  /// Whether it is a terminal that can redraw a line.
  bool terminal() const;
  /// Its current width in columns, which may change at any time; 80 if it is not known.
  int columns() const;
  /// errno of the first failed write, unless the reader had closed its end; 0: none.
  int failed() const { return failed_; }

 private:
  struct End {
    int descriptor;
    bool gone = false;
  };
  void write(End&, std::string_view text);
  void write_line(End&, std::string_view text);

  End lines_, notes_;
  bool ascii_;
  int failed_ = 0;
};

/// The text in lines of at most `columns` columns, broken between words, each as far indented as the text. A longer word, and what stands
/// between `backquotes` (a command that is copied), stays whole. Every character counts as one column.
std::string wrapped(std::string_view text, int columns);

Console& standard_output();
Console& standard_error();
/// Drops all but notes, which go to standard error.
Console& quiet_output();

/// To be called first. Opens standard descriptors that are closed, so that no run file takes their number, and makes a closed
/// pipe or a file-size limit an error instead of a signal.
void prepare_process();

}  // namespace brink
