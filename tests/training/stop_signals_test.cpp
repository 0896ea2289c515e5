// SPDX-License-Identifier: MIT
// Signals as requests to end a run (R1 of docs/promises.md).
#include "training/run/stop_signals.h"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace brink;

TEST_CASE("the first signal is noted, an ignored one stays ignored") {
  struct sigaction before {};
  sigaction(SIGUSR1, nullptr, &before);
  signal(SIGINT, SIG_IGN);
  {
    const StopSignals signals;
    CHECK(!StopSignals::requested());
    raise(SIGINT);
    CHECK(!StopSignals::requested());
    {
      const StopSignals inner;
      raise(SIGUSR1);
    }
    CHECK(StopSignals::requested());
    CHECK(StopSignals::name() == "SIGUSR1");
  }
  signal(SIGINT, SIG_DFL);
  struct sigaction after {};
  sigaction(SIGUSR1, nullptr, &after);
  CHECK((after.sa_handler == before.sa_handler));
}

TEST_CASE("a signal after the work of a program is only noted, if the program asked for that") {
  constexpr int noted = 7;
  for (const bool asked : {true, false}) {
    const pid_t child = fork();
    if (child == 0) {
      signal(SIGTERM, SIG_DFL);
      if (asked) StopSignals::keep_until_exit();
      { const StopSignals signals; }
      raise(SIGTERM);
      { const StopSignals later; }
      _exit(StopSignals::requested() ? noted : 0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    CHECK((asked ? WIFEXITED(status) && WEXITSTATUS(status) == noted
                 : WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM));
  }
}
