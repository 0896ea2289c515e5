// SPDX-License-Identifier: MIT
// The resources of the machine for `--memory auto` and `run.threads = "all"`: files of /proc and of control groups as Linux
// writes them, in folders of a test.
#include "training/available_memory.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>

#include "kernels/control_groups.h"
#include "kernels/device.h"
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
  std::optional<double> cores() const { return least_quota_cores(folder.path()); }
  int threads() const { return available_threads(folder.path().c_str()); }
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

TEST_CASE("a CPU quota is a number of cores; without one, or unreadable, there is none") {
  CHECK(quota_cores("150000", " 100000\n") == 1.5);
  CHECK(quota_cores("50000\n", "100000\n") == 0.5);
  CHECK_FALSE(quota_cores("max", " 100000\n").has_value());  // version 2 without a limit
  CHECK_FALSE(quota_cores("-1\n", "100000\n").has_value());  // version 1 without a limit
  CHECK_FALSE(quota_cores("1000", "0").has_value());
  CHECK_FALSE(quota_cores("1000", "").has_value());
  CHECK_FALSE(quota_cores("", "").has_value());
}

TEST_CASE(
    "F14: threads heed the smallest CPU quota above the process, rounded up, in both versions, and the affinity mask") {
  const Machine m;
  const int all = m.threads();  // no control groups here: the affinity mask alone
  REQUIRE(all >= 1);
  CHECK_FALSE(m.cores().has_value());
  m.write("proc/self/cgroup", "0::/system.slice/brink.service\n");
  CHECK(m.threads() == all);
  const std::string two = "sys/fs/cgroup/system.slice/";
  m.write(two + "brink.service/cpu.max", "max 100000\n");
  CHECK_FALSE(m.cores().has_value());
  CHECK(m.threads() == all);
  m.write(two + "cpu.max", "100000 100000\n");  // of the group above
  CHECK(m.cores() == 1.0);
  CHECK(m.threads() == 1);
  m.write(two + "brink.service/cpu.max", "150000 100000\n");  // more than the group above allows
  CHECK(m.cores() == 1.0);
  m.write(two + "cpu.max", "400000 100000\n");
  CHECK(m.cores() == 1.5);
  CHECK(m.threads() == std::min(all, 2));
  m.write(two + "brink.service/cpu.max", "20000 100000\n");
  CHECK(m.threads() == 1);
  m.write(two + "brink.service/cpu.max", "100000000 100000\n");
  m.write(two + "cpu.max", "100000000 100000\n");
  CHECK(m.threads() == all);  // never more than the mask

  m.write("proc/self/cgroup", "12:pids:/a\n4:cpu,cpuacct:/box/42\n1:memory:/\n");
  CHECK(m.threads() == all);
  m.write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
  m.write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  CHECK_FALSE(m.cores().has_value());
  m.write("sys/fs/cgroup/cpu/box/42/cpu.cfs_quota_us", "250000\n");
  m.write("sys/fs/cgroup/cpu/box/42/cpu.cfs_period_us", "100000\n");
  CHECK(m.cores() == 2.5);
  m.write("sys/fs/cgroup/cpu/box/cpu.cfs_quota_us", "30000\n");
  m.write("sys/fs/cgroup/cpu/box/cpu.cfs_period_us", "100000\n");
  CHECK(m.cores() == 0.3);
  CHECK(m.threads() == 1);
}
