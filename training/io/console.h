// SPDX-License-Identifier: MIT
// Standard output and standard error, for people who watch the program.
// A reader that goes away (a closed pipe, no terminal) never ends a run: what is printed after that is dropped, and failed()
// reports other errors.
#pragma once

#include <string_view>

namespace brink {

class Console {
 public:
  explicit Console(int descriptor) : descriptor_(descriptor) {}
  void print(std::string_view text);
  void line(std::string_view text);
  /// Whether it is a terminal that can redraw a line.
  bool terminal() const;
  /// Its present width in columns, which may change at any time; 80 if it is not known.
  int columns() const;
  /// errno of the first failed write, except where the reader has gone; 0: none.
  int failed() const { return failed_; }

 private:
  int descriptor_;
  bool gone_ = false;
  int failed_ = 0;
};

Console& standard_output();
Console& standard_error();

/// To be called first. Opens standard descriptors that are closed, so that no run file takes their number, and makes a closed
/// pipe or a file-size limit an error instead of a signal.
void prepare_process();

}  // namespace brink
