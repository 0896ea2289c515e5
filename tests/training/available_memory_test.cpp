// SPDX-License-Identifier: MIT
// What `--memory auto` takes the machine to have: the files of /proc and of control groups as Linux writes them, in folders of a test.
#include "training/available_memory.h"

#include <doctest/doctest.h>

#include <filesystem>

#include "tests/training/temporary_folder.h"

using namespace brink;
namespace fs = std::filesystem;

namespace {

constexpr std::string_view meminfo =
    "MemTotal:       24675628 kB\nMemFree:          812344 kB\nMemAvailable:   17304980 kB\nInactive(file):   99 kB\n";

struct Machine {
  test::TemporaryFolder folder;
  void write(const std::string& path, std::string_view text) const {
    fs::create_directories(fs::path(folder / path).parent_path());
    test::write_text(folder / path, text);
  }
  std::int64_t bytes() const { return available_memory_bytes(folder.path()); }
};

}  // namespace

TEST_CASE("entries of meminfo and memory.stat: the whole name, kibibytes and bytes, nothing else") {
  CHECK(memory_entry(meminfo, "MemAvailable") == 17304980LL * 1024);
  CHECK(memory_entry(meminfo, "MemFree") == 812344LL * 1024);
  CHECK(memory_entry("file 7\ninactive_file 5\nactive_file 6\n", "inactive_file") == 5);
  CHECK_FALSE(memory_entry("total_inactive_file 5\n", "inactive_file").has_value());
  CHECK_FALSE(memory_entry(meminfo, "Mem").has_value());
  CHECK_FALSE(memory_entry("MemAvailable: none kB\n", "MemAvailable").has_value());
  CHECK_FALSE(memory_entry("", "MemAvailable").has_value());
}

TEST_CASE("a control group leaves its limit less what is used, inactive page cache counted as left") {
  CHECK(group_room_bytes("1000\n", "400\n", "") == 600);
  CHECK(group_room_bytes("1000\n", "400\n", "active_file 50\ninactive_file 100\n") == 700);
  CHECK(group_room_bytes("1000", "400", "inactive_file 100\ntotal_inactive_file 150\n") == 750);
  CHECK(group_room_bytes("1000", "1200", "") == 0);
  CHECK_FALSE(group_room_bytes("max\n", "400\n", "").has_value());
  CHECK_FALSE(group_room_bytes("9223372036854771712\n", "400\n", "").has_value());  // version 1 without a limit
  CHECK_FALSE(group_room_bytes("", "", "").has_value());
}

TEST_CASE("the least of the machine and of every group above the process, whichever version") {
  const Machine m;
  CHECK(m.bytes() > 0);  // nothing there: free pages
  m.write("proc/meminfo", meminfo);
  CHECK(m.bytes() == 17304980LL * 1024);
  m.write("proc/self/cgroup", "0::/system.slice/brink.service\n");
  CHECK(m.bytes() == 17304980LL * 1024);
  const std::string two = "sys/fs/cgroup/system.slice/";
  m.write(two + "brink.service/memory.max", "max\n");
  m.write(two + "brink.service/memory.current", "1000\n");
  CHECK(m.bytes() == 17304980LL * 1024);
  m.write(two + "memory.max", "5000000\n");
  m.write(two + "memory.current", "1000000\n");
  m.write(two + "memory.stat", "inactive_file 10\n");
  CHECK(m.bytes() == 4000010);
  m.write(two + "brink.service/memory.max", "3000000\n");
  CHECK(m.bytes() == 2999000);
  m.write("proc/self/cgroup", "12:pids:/a\n4:cpu,memory:/box/42\n1:cpu:/\n");
  CHECK(m.bytes() == 17304980LL * 1024);
  m.write("sys/fs/cgroup/memory/memory.limit_in_bytes", "7000\n");  // as the root of the mount, in a container
  m.write("sys/fs/cgroup/memory/memory.usage_in_bytes", "1000\n");
  CHECK(m.bytes() == 6000);
  m.write("sys/fs/cgroup/memory/box/42/memory.limit_in_bytes", "5000\n");
  m.write("sys/fs/cgroup/memory/box/42/memory.usage_in_bytes", "500\n");
  CHECK(m.bytes() == 4500);
}

TEST_CASE("on this machine it is something, and at most what the machine has") {
  CHECK(available_memory_bytes() > 0);
  const auto total = memory_entry(test::read_text("/proc/meminfo"), "MemTotal");
  if (total) CHECK(available_memory_bytes() <= *total);
}
