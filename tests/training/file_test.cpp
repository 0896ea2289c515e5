// SPDX-License-Identifier: MIT
// Faults at every call index of the input and output layer (S3 of docs/promises.md).
#include "training/io/file.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "tests/training/faulty_system.h"
#include "tests/training/temporary_folder.h"
#include "training/errors.h"
#include "training/io/record_file.h"

using namespace brink;
using test::FaultySystem;

namespace {

int count_files(const std::string& path) {
  int n = 0;
  for ([[maybe_unused]] const auto& e : std::filesystem::directory_iterator(path)) ++n;
  return n;
}

}  // namespace

TEST_CASE("a file is replaced whole") {
  test::TemporaryFolder folder;
  write_file(folder / "a", "old");
  write_file(folder / "a", "new and longer");
  CHECK(test::read_text(folder / "a") == "new and longer");
  CHECK(count_files(folder.path()) == 1);
}

TEST_CASE("what is no file keeps its place") {
  test::TemporaryFolder folder;
  REQUIRE(mkfifo((folder / "pipe").c_str(), 0600) == 0);
  CHECK_THROWS_AS(write_file(folder / "pipe", "text"), IoError);
  CHECK(std::filesystem::is_fifo(folder / "pipe"));
}

TEST_CASE("every call of an atomic write may fail: old or new, never between, nothing left over") {
  const std::string old_text(5000, 'o'), new_text(9000, 'n');
  for (const int error : {EIO, ENOSPC, EDQUOT}) {
    for (const bool short_write : {false, true}) {
      int faults = 0;
      for (int at = 0;; ++at) {
        test::TemporaryFolder folder;
        write_file(folder / "f", old_text);
        FaultySystem system(at, error, short_write);
        bool failed = false;
        try {
          write_file(folder / "f", new_text, system);
        } catch (const IoError& e) {
          failed = true;
          ++faults;
          CHECK(e.code() == ExitCode::io);
          CHECK(std::string(e.what()).find(folder.path()) == 0);
        }
        const std::string found = test::read_text(folder / "f");
        CHECK((found == old_text || found == new_text));
        if (!failed) CHECK(found == new_text);
        CHECK(count_files(folder.path()) == 1);
        int syncs_of_file = 0;
        for (std::size_t i = 0; i < system.log.size() && system.log[i] != "rename"; ++i)
          syncs_of_file += system.log[i] == "fsync";
        CHECK(syncs_of_file <= 1);  // a failed fsync is never tried again
        if (at >= system.calls()) break;
      }
      CHECK(faults >= 7);  // two opens, write, fsync, close, rename, fsync of the folder
    }
  }
}

TEST_CASE("temporaries of dead processes are removed with the next write, those of the living never (F15)") {
  test::TemporaryFolder folder;
  const std::string dead = std::to_string(test::dead_process());
  const std::vector<std::string> stale = {"f.tmp." + dead, "f.tmp." + std::to_string(getpid())};
  const std::vector<std::string> kept = {"f.tmp.1",        "g.tmp." + dead,        "f.tmp.",
                                         "f.tmp.x" + dead, "f.tmp." + dead + "0x", "f.tmp.-5",
                                         "f.tmp.0",        "xf.tmp." + dead,       "f.tmp"};
  for (const auto& names : {stale, kept})
    for (const std::string& name : names) test::write_text(folder / name, "torn");
  write_file(folder / "f", "whole");
  CHECK(test::read_text(folder / "f") == "whole");
  for (const std::string& name : stale) CHECK(!std::filesystem::exists(folder / name));
  for (const std::string& name : kept) CHECK(test::read_text(folder / name) == "torn");
  const std::vector<std::string> names{"g"};
  Folder(folder.path()).remove_stale_temporaries(names);
  CHECK(!std::filesystem::exists(folder / ("g.tmp." + dead)));
}

TEST_CASE("a temporary whose writer cannot be seen is kept while it holds its lock (F15)") {
  test::TemporaryFolder folder;
  // As from another machine or container: the number belongs to no process here, or to our own.
  for (const std::string& number : {std::to_string(test::dead_process()), std::to_string(getpid())}) {
    const std::string other = folder / ("f.tmp." + number);
    test::write_text(other, "half");
    const int file = open(other.c_str(), O_WRONLY | O_CLOEXEC);
    REQUIRE(flock(file, LOCK_EX) == 0);
    if (number == std::to_string(getpid()))
      CHECK_THROWS_AS(write_file(folder / "f", "whole"), IoError);
    else
      write_file(folder / "f", "whole");
    CHECK(test::read_text(other) == "half");
    close(file);
    write_file(folder / "f", "whole");
    CHECK(!std::filesystem::exists(other));
  }
}

TEST_CASE("a signal removes the temporary that is being written (F15)") {
  // A write that never ends, as to a slow disk.
  struct Slow : System {
    explicit Slow(int pipe) : ready(pipe) {}
    int fsync(int) override {
      if (::write(ready, "x", 1) == 1)
        for (;;) pause();
      return -1;
    }
    int ready;
  };
  for (const bool prepared : {true, false}) {
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
      test::TemporaryFolder folder;
      int ready[2];
      REQUIRE(pipe(ready) == 0);
      const pid_t child = fork();
      if (child == 0) {
        for (const int s : {SIGINT, SIGTERM, SIGHUP}) signal(s, SIG_DFL);
        if (prepared) remove_unfinished_on_signals();
        Slow system(ready[1]);
        write_file(folder / "f", "half", system);
        _exit(0);
      }
      char c;
      REQUIRE(read(ready[0], &c, 1) == 1);
      CHECK(count_files(folder.path()) == 1);
      kill(child, number);
      int status = 0;
      waitpid(child, &status, 0);
      CHECK(WIFSIGNALED(status));
      CHECK(WTERMSIG(status) == number);
      CHECK(count_files(folder.path()) == (prepared ? 0 : 1));  // not prepared: the control
      close(ready[0]);
      close(ready[1]);
    }
  }
}

TEST_CASE("control: writing in place is caught by the same test") {
  const std::string old_text(5000, 'o'), new_text(9000, 'n');
  test::TemporaryFolder folder;
  write_file(folder / "f", old_text);
  FaultySystem system(1, ENOSPC, true);
  const Folder opened(folder.path());
  const int file = system.openat(opened.descriptor(), "f", 01001 /* O_WRONLY | O_TRUNC */, 0);
  CHECK(system.write(file, new_text.data(), new_text.size()) == 1);
  system.close(file);
  const std::string found = test::read_text(folder / "f");
  CHECK(!(found == old_text || found == new_text));
}

TEST_CASE("a growing file holds whole rows after any fault") {
  for (const bool short_write : {false, true}) {
    for (int at = 0;; ++at) {
      test::TemporaryFolder folder;
      FaultySystem system(at, ENOSPC, short_write);
      bool failed = false;
      try {
        const Folder opened(folder.path(), system);
        RecordFile file(opened, "rows");
        for (int i = 0; i < 4; ++i) file.append("a row of some length\n");
        file.close();
      } catch (const IoError& e) {
        failed = true;
        CHECK(std::string(e.what()).find("No space left on device") != std::string::npos);
      }
      const std::string found = std::filesystem::exists(folder / "rows") ? test::read_text(folder / "rows") : "";
      CHECK(found.size() % 21 == 0);
      if (!failed) CHECK(found.size() == 84);
      if (at >= system.calls()) break;
    }
  }
}

TEST_CASE("a growing file can be watched, and takes no more after a failure") {
  test::TemporaryFolder folder;
  const Folder opened(folder.path());
  RecordFile file(opened, "rows");
  CHECK(test::read_text(folder / "rows").empty());
  file.append("small\n");
  CHECK(test::read_text(folder / "rows") == "small\n");  // no row is held back for a later one
  file.append(std::string(70000, 'x') + "\n");
  CHECK(test::read_text(folder / "rows").size() == 70007);
  file.close();
  CHECK(test::read_text(folder / "rows").size() == 70007);
  CHECK_THROWS_AS(file.append("late\n"), IoError);
}

TEST_CASE("a quota ends in an error that names the file (RLIMIT_FSIZE)") {
  test::TemporaryFolder folder;
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{1000, 1000};
    setrlimit(RLIMIT_FSIZE, &limit);
    int result = 1;
    try {
      write_file(folder / "f", std::string(5000, 'x'));
    } catch (const IoError& e) { result = std::string(e.what()) == (folder / "f") + ": write: File too large" ? 0 : 2; }
    _exit(result);
  }
  int status = 0;
  waitpid(child, &status, 0);
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(count_files(folder.path()) == 0);
}

TEST_CASE("reading names what is wrong") {
  test::TemporaryFolder folder;
  CHECK_THROWS_WITH_AS(read_file(folder / "none", 10),
                       ((folder / "none") + ": expected this file, found none; check the path").c_str(), DataError);
  CHECK_THROWS_WITH_AS(read_file(folder.path(), 10),
                       (folder.path() + ": expected a regular file, found something else").c_str(), DataError);
  write_file(folder / "f", "12345678901");
  CHECK_THROWS_WITH_AS(read_file(folder / "f", 10), ((folder / "f") + ": expected at most 10 bytes, found 11").c_str(),
                       DataError);
  CHECK(read_file(folder / "f", 11).size() == 11);
}
