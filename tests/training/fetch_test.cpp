// SPDX-License-Identifier: MIT
// Archives against every truncation and bit flip (S4 and S5 of docs/promises.md); fetching from file:// addresses: files are
// complete and official, or absent, whatever the mirror contains and whichever system call fails (S3).
#include "training/data/fetch.h"

#include <doctest/doctest.h>
#include <zlib.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "tests/training/cifar_files.h"
#include "tests/training/faulty_system.h"
#include "training/data/gzip.h"
#include "training/data/kind.h"
#include "training/errors.h"
#include "training/io/text.h"

using namespace brink;
namespace fs = std::filesystem;

namespace {

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

std::string tar_entry(const std::string& name, const std::string& contents, char type = '0',
                      const std::string& size = "") {
  std::string h(512, '\0');
  h.replace(0, name.size(), name);
  h.replace(100, 7, "0000644");
  char octal[12];
  (void)std::snprintf(octal, sizeof octal, "%011zo", contents.size());
  h.replace(124, 11, size.empty() ? octal : size + std::string(11 - size.size(), ' '));
  h[156] = type;
  h.replace(257, 8, std::string("ustar\00000", 8));
  h.replace(148, 8, 8, ' ');
  unsigned sum = 0;
  for (const char c : h) sum += static_cast<unsigned char>(c);
  (void)std::snprintf(octal, sizeof octal, "%06o", sum);
  h.replace(148, 7, std::string(octal, 7));
  return h + contents + std::string((512 - contents.size() % 512) % 512, '\0');
}
const std::string tar_end(1024, '\0');

std::string gzipped(const std::string& in) {
  z_stream s{};
  REQUIRE(deflateInit2(&s, 1, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(deflateBound(&s, in.size()) + 64, '\0');
  s.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
  s.avail_in = static_cast<uInt>(in.size());
  s.next_out = reinterpret_cast<Bytef*>(out.data());
  s.avail_out = static_cast<uInt>(out.size());
  REQUIRE(deflate(&s, Z_FINISH) == Z_STREAM_END);
  out.resize(s.total_out);
  deflateEnd(&s);
  return out;
}

/// The files of an archive as "name=contents;", or the refusal.
std::string listing(const std::string& archive) {
  try {
    std::string out;
    for (const auto& [name, bytes] : list_tar("t", bytes_of(archive)))
      out += name + "=" + std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()) + ";";
    return out;
  } catch (const DataError& e) { return std::string("refused: ") + e.what(); }
}

/// The small files of the tests as a collection.
Collection small_collection() {
  static const CifarFiles small = test::small_cifar();
  Collection c = *find_collection("cifar-10");
  c.addresses = {"file:///nowhere/cifar.tar.gz"};
  c.largest_bytes = 1 << 20;
  c.parts[0].records = 200;
  c.parts[0].checksum = small.train_checksum;
  c.parts[1].records = 40;
  c.parts[1].checksum = small.test_checksum;
  return c;
}

std::string outcome_of(const Collection& c, const std::string& directory, const std::string& mirror,
                       System& system = posix_system()) {
  try {
    return number_text(fetch_collection(c, directory, mirror, system).size()) + " written";
  } catch (const Error& e) { return number_text(static_cast<int>(e.code())) + " " + e.what(); }
}

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> out;
  if (fs::exists(folder))
    for (const auto& e : fs::directory_iterator(folder)) out.push_back(e.path().filename().string());
  std::ranges::sort(out);
  return out;
}

bool have_curl() { return std::system("curl --version >/dev/null 2>&1") == 0; }

}  // namespace

TEST_CASE("a tar archive: files by the last part of their names, folders and links left out") {
  const std::string archive = tar_entry("folder/", "", '5') + tar_entry("folder/a.bin", std::string(700, 'x')) +
                              tar_entry("folder/link", "", '2') + tar_entry("b", "12") + tar_entry("../../c", "") +
                              tar_end;
  CHECK(listing(archive) == "a.bin=" + std::string(700, 'x') + ";b=12;c=;");
  CHECK(listing(tar_entry("a", "1") + tar_entry("x/a", "2") + tar_end) ==
        "refused: t: byte 1024: expected each file once, found a second a");
  CHECK(listing("") ==
        "refused: t: byte 0: expected a tar header or the empty header that closes an archive, found the end of the "
        "file");
}

TEST_CASE("a tar archive: every truncation is refused, every flipped bit too unless it changes what is read (S4)") {
  const std::string archive = tar_entry("a", std::string(600, 'x')) + tar_entry("b", "12") + std::string(512, '\0');
  const std::string good = listing(archive);
  for (std::size_t n = 0; n < archive.size(); ++n)
    CHECK(listing(archive.substr(0, n)).starts_with("refused: t: byte "));
  int refused = 0, changed = 0, harmless = 0;
  for (std::size_t bit = 0; bit < 8 * archive.size(); ++bit) {
    std::string flipped = archive;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ 1 << bit % 8);
    const std::string found = listing(flipped);
    (found.starts_with("refused") ? refused : found != good ? changed : harmless) += 1;
  }
  CHECK(refused > 8 * 1000);   // the headers
  CHECK(changed == 8 * 602);   // the contents
  CHECK(harmless < 8 * 1600);  // padding, and spaces around numbers
}

TEST_CASE("hostile archives cost nothing (S5)") {
  CHECK(listing(tar_entry("a", "", '0', "77777777777") + tar_end) ==
        "refused: t: byte 0: expected a file of at most 1024 bytes, found 8589934591");
  CHECK(listing(tar_entry("a", "", '0', "x") + tar_end) ==
        "refused: t: byte 0: expected a file of at most 1024 bytes, found no octal number");
  const std::string bomb = gzipped(std::string(1 << 20, '\0'));
  CHECK_THROWS_WITH_AS(unpack_gzip("z", bytes_of(bomb), 1 << 16),
                       "z: expected at most 65536 bytes after unpacking, found more", DataError);
  CHECK(unpack_gzip("z", bytes_of(bomb), 1 << 20).size() == 1 << 20);
  const std::string both = bomb + gzipped("");  // an additional empty member adds no byte
  CHECK(unpack_gzip("z", bytes_of(both), 1 << 20).size() == 1 << 20);
  CHECK_THROWS_AS(unpack_gzip("z", bytes_of(bomb + bomb), 1 << 20), DataError);
}

TEST_CASE("fetching: whole and official, or absent") {
  if (!have_curl()) {
    MESSAGE("[skip] fetching from file:// addresses: curl is not installed");
    return;
  }
  const Collection c = small_collection();
  test::TemporaryFolder mirror, work;
  const std::string address = "file://" + mirror.path(), into = work / "data";
  std::vector<std::string> records = test::small_records();
  write_cifar(mirror, records);
  const std::vector<std::string> all = names_in(mirror.path());
  REQUIRE(all.size() == 6);

  SUBCASE("file by file; a second time nothing; one that is missing") {
    CHECK(outcome_of(c, into, address) == "6 written");
    CHECK(names_in(into) == all);
    for (const std::string& name : all) CHECK(test::read_text(into + "/" + name) == test::read_text(mirror / name));
    CHECK(outcome_of(c, into, address) == "0 written");
    fs::remove(into + "/data_batch_3.bin");
    CHECK(outcome_of(c, into + "/", address + "/") == "1 written");
    CHECK(names_in(into) == all);
  }
  SUBCASE("what an interrupted fetch left is removed, also where nothing has to be fetched (F15)") {
    const std::string dead = ".tmp." + std::to_string(test::dead_process());
    fs::create_directory(into);
    test::write_text(into + "/test_batch.bin" + dead, "torn");
    test::write_text(into + "/mine" + dead, "mine");
    CHECK(outcome_of(c, into, address) == "6 written");
    CHECK(!fs::exists(into + "/test_batch.bin" + dead));
    test::write_text(into + "/test_batch.bin" + dead, "torn");
    CHECK(outcome_of(c, into, address) == "0 written");
    CHECK(names_in(into).size() == 7);
    CHECK(fs::exists(into + "/mine" + dead));
  }
  SUBCASE("from an archive") {
    std::string archive =
        tar_entry("cifar-10-batches-bin/", "", '5') + tar_entry("cifar-10-batches-bin/readme.html", "hi");
    for (const std::string& name : all)
      archive += tar_entry("cifar-10-batches-bin/" + name, test::read_text(mirror / name));
    const std::string packed = gzipped(archive + tar_end);
    test::write_text(mirror / "c.tar.gz", packed);
    CHECK(outcome_of(c, into, address + "/c.tar.gz") == "6 written");
    CHECK(names_in(into) == all);
    test::write_text(mirror / "c.tar.gz", packed.substr(0, packed.size() - 100));
    CHECK(outcome_of(c, work / "other", address + "/c.tar.gz").starts_with("3 " + address + "/c.tar.gz: expected"));
    CHECK(!fs::exists(work / "other"));
  }
  SUBCASE("what is not official is not written") {
    records[17][1000] = static_cast<char>(records[17][1000] ^ 16);
    write_cifar(mirror, records);
    const std::string said = outcome_of(c, into, address);
    CHECK(said.starts_with("3 " + into + ", with what was fetched: expected the official training records (checksum"));
    CHECK(said.ends_with("nothing was written"));  // nothing there to remove
    CHECK(!fs::exists(into));
    test::write_text(mirror / "test_batch.bin", "short");
    records[17][1000] = static_cast<char>(records[17][1000] ^ 16);
    write_cifar(mirror, records);
    fs::resize_file(mirror / "test_batch.bin", 122919);
    CHECK(outcome_of(c, into, address) ==
          "3 test_batch.bin (fetched): expected 122920 bytes (40 records of 3073), found 122919 (39 records and 3072 "
          "bytes "
          "more)");
    CHECK(!fs::exists(into));
  }
  SUBCASE("a wrong file that is there is named and never replaced") {
    fs::create_directory(into);
    test::write_text(into + "/data_batch_2.bin", "mine");
    CHECK(outcome_of(c, into, address).starts_with("3 " + into + "/data_batch_2.bin: expected 122920 bytes"));
    const std::string remedy =
        "; a file that is there is never replaced: remove the damaged one, or all of this set in " + into +
        ", and fetch again";
    CHECK(outcome_of(c, into, address).ends_with(remedy));
    CHECK(test::read_text(into + "/data_batch_2.bin") == "mine");
    CHECK(names_in(into).size() == 1);
    std::string damaged = test::read_text(mirror / "data_batch_2.bin");  // of the right length
    damaged[5000] = static_cast<char>(damaged[5000] ^ 1);
    test::write_text(into + "/data_batch_2.bin", damaged);
    CHECK(outcome_of(c, into, address).ends_with("nothing was written" + remedy));
    fs::remove(into + "/data_batch_2.bin");
    CHECK(outcome_of(c, into, address) == "6 written");
  }
  SUBCASE("nothing to be had: what to do by hand is said") {
    fs::remove(mirror / "data_batch_4.bin");
    const std::string said = outcome_of(c, into, address);
    CHECK(said.starts_with("4 " + address + "/data_batch_4.bin: "));
    CHECK(said.find("without a network, put these files into " + into + ": data_batch_1.bin data_batch_2.bin") !=
          std::string::npos);
    CHECK(outcome_of(c, into, "").starts_with("4 file:///nowhere/cifar.tar.gz: "));
    CHECK(!fs::exists(into));
    CHECK(outcome_of(c, into, "ftp://x").starts_with("2 --mirror ftp://x: expected an address"));
    CHECK(outcome_of(c, into, "-o/etc/x").starts_with("2 "));
    CHECK(outcome_of(c, work / "no/such/place", address).starts_with("4 "));
  }
  SUBCASE("the second address where the first has nothing, or not the official files; a mirror stands alone") {
    const std::string folder = address + "/";
    Collection two = c;
    two.addresses = {"file:///nowhere/cifar.tar.gz", folder};
    CHECK(outcome_of(two, into, "") == "6 written");
    CHECK(names_in(into) == all);
    test::TemporaryFolder pages;  // a portal answers every address with a page
    for (const std::string& name : all) test::write_text(pages / name, "<!DOCTYPE html><html></html>");
    const std::string portal = "file://" + pages.path() + "/";
    two.addresses = {portal, folder};
    CHECK(outcome_of(two, work / "other", "") == "6 written");
    CHECK(outcome_of(two, work / "third", portal)
              .ends_with("; this is a web page saved under the file's name: fetch the file again"));
    two.addresses = {"file:///nowhere/a.tar.gz", "file:///nowhere/b.tar.gz"};  // the control: none has them
    const std::string said = outcome_of(two, work / "third", "");
    CHECK(said.starts_with("4 file:///nowhere/a.tar.gz: "));
    CHECK(said.find("; file:///nowhere/b.tar.gz: ") != std::string::npos);
    CHECK(said.ends_with("(from file:///nowhere/a.tar.gz or file:///nowhere/b.tar.gz)"));
    CHECK(!fs::exists(work / "third"));
  }
  SUBCASE("more than expected") {
    fs::resize_file(mirror / "data_batch_1.bin", 3 << 20);
    CHECK(outcome_of(c, into, address).find("expected at most 1048576 bytes, found more") != std::string::npos);
  }
  SUBCASE("a disk that fails at any call") {
    int faults = 0;
    for (int at = 0;; ++at) {
      test::TemporaryFolder here;
      test::FaultySystem system(at, ENOSPC, at % 2 == 1);
      const std::string said = outcome_of(c, here / "data", address, system);
      faults += said != "6 written";
      CHECK((said == "6 written" || said.starts_with("4 ")));
      for (const std::string& name : names_in(here / "data"))
        CHECK(test::read_text(here / "data/" + name) == test::read_text(mirror / name));
      if (at >= system.calls()) break;
    }
    CHECK(faults > 30);
  }
}

TEST_CASE("the catalogue: every set with files is found, and they are the ones that loading checks") {
  for (const Collection& c : collections())
    for (const std::string_view set : c.sets) {
      CHECK(find_collection(set) == &c);
      const DataKind* kind = find_kind(data_kinds(), set);
      REQUIRE(kind);
      CHECK(!kind->files.empty());
      CHECK(find_collection(c.name) == &c);
    }
  for (const DataKind& k : data_kinds()) CHECK((find_collection(k.name) != nullptr) == !k.files.empty());
  CHECK(find_collection("synthetic") == nullptr);
  CHECK(find_collection("") == nullptr);
  CHECK(find_collection("cifar-10")->parts[0].checksum == CifarFiles{}.train_checksum);
  const char* shared = std::getenv("BRINK_SHARED");
  const char* root = std::getenv("BRINK_SOURCE_ROOT");
  const std::string data = (shared ? shared : std::string(root ? root : ".") + "/../shared") + "/data/";
  if (!fs::exists(data)) {
    MESSAGE("[skip] official checksums of the catalogue: no " << data);
    return;
  }
  for (const auto& [name, folder] :
       {std::pair{"cifar-10", "cifar-10-batches-bin"}, {"fashion-mnist", "fashion-mnist"}}) {
    const Collection& c = *find_collection(name);
    for (const Collection::Part& part : c.parts)
      CHECK(checksum_of(part, bytes_from(c, data + folder)) == part.checksum);
  }
}
