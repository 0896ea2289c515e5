// SPDX-License-Identifier: MIT
// What it is: what people read while the program runs: standard output and standard error. What it is not: the way of any
// number into a file (file.h). Decision: a reader that goes away (a closed pipe, no terminal) never ends a run; what is
// printed after that is dropped, and failed() tells whether it was more than that.
#pragma once

#include <string_view>

namespace brink {

class Console {
 public:
  explicit Console(int descriptor) : descriptor_(descriptor) {}
  void print(std::string_view text);
  void line(std::string_view text);
  /// A terminal that can redraw a line.
  bool terminal() const;
  /// Its width in columns now, which may change at any time; 80 where it is not known.
  int columns() const;
  /// errno of the first failed write other than a reader gone; 0: none.
  int failed() const { return failed_; }

 private:
  int descriptor_;
  bool gone_ = false;
  int failed_ = 0;
};

Console& standard_output();
Console& standard_error();

/// To be called first: gives the standard descriptors a place where they are closed, so that no run file takes their number,
/// and turns a closed pipe or a file-size limit into an error in place of a signal.
void prepare_process();

}  // namespace brink
