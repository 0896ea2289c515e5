// SPDX-License-Identifier: MIT
// What is said where an official file is missing or holds something else (promise S4).
#include "training/data/official_file.h"

#include <doctest/doctest.h>

#include <filesystem>

#include "tests/training/temporary_folder.h"
#include "training/errors.h"

using namespace brink;
namespace fs = std::filesystem;

namespace {

/// What follows the usual message, "" where a file is found.
std::string remedy_of(const std::string& directory, const std::string& file) {
  try {
    (void)find_file(directory, file);
  } catch (const DataError& e) {
    const std::string message = e.what();
    const std::size_t at = message.find(", found ");
    const std::size_t semicolon = message.find(';', at);
    return semicolon == std::string::npos ? "no remedy" : message.substr(semicolon);
  }
  return "";
}

std::string remedy_for(std::string_view text) { return remedy_for_contents(std::as_bytes(std::span(text))); }

}  // namespace

TEST_CASE("a missing file: what may be meant is named") {
  const std::string file = "train-images-idx3-ubyte.gz", binary = "data_batch_1.bin";
  for (const char* name :
       {"train-images.idx3-ubyte", "train-images.idx3-ubyte.gz", "train-images-idx3-ubyte (1).gz",
        "Train-Images-IDX3-ubyte.gz", "train_images_idx3_ubyte", "train-images-idx3-ubyte.gz.part"}) {
    test::TemporaryFolder folder;
    test::write_text(folder / name, "x");
    CHECK(remedy_of(folder.path(), file) == "; found " + folder / name + ": if that is the file, rename it");
    CHECK(remedy_of(folder.path(), "t10k-images-idx3-ubyte.gz") == "no remedy");  // the control
  }
  test::TemporaryFolder folder;
  CHECK(remedy_of(folder.path(), file) == "no remedy");
  test::write_text(folder / "fashion.zip", "x");
  CHECK(remedy_of(folder.path(), file) ==
        "; found the archive " + folder / "fashion.zip" + ": if the files are in it, unpack it there");
  fs::create_directory(folder / "raw");
  test::write_text(folder / "raw/train-images-idx3-ubyte", "x");
  CHECK(remedy_of(folder.path(), file) == "; it is in " + folder / "raw" + ": name that folder in data.directory");
  test::write_text(folder / "data_batch_1", "x");
  CHECK(remedy_of(folder.path(), binary) ==
        "; found " + folder / "data_batch_1" + ", as in the Python version of this set: fetch the binary version");
  test::write_text(folder / "data_batch_1.bin.gz", "x");
  CHECK(remedy_of(folder.path(), "data_batch_2.bin").starts_with("; found the archive"));
  for (const char* name : {"train-images-idx3-ubyte", "train-images-idx3-ubyte.gz"}) {
    test::TemporaryFolder right;
    test::write_text(right / name, "x");
    CHECK(remedy_of(right.path(), file).empty());
    CHECK(find_file(right.path(), file) == right / name);
  }
}

TEST_CASE("a file that holds something else: what it is") {
  const std::string page = "; this is a web page saved under the file's name: fetch the file again";
  for (const char* text : {"<!DOCTYPE html>", "\n\n<html>", "\xEF\xBB\xBF<?xml version", "<"})
    CHECK(remedy_for(text) == page);
  CHECK(remedy_for("{\"error\": 404}").find("a server's answer in JSON") != std::string::npos);
  CHECK(remedy_for("version https://git-lfs.github.com/spec/v1\noid").find("Git LFS") != std::string::npos);
  CHECK(remedy_for("") == "; the file is empty: fetch it again");
  CHECK(remedy_for("PK\x03\x04...") == "; this is a zip archive: unpack it");
  CHECK(remedy_for("BZh9") == "; this is a bzip2 archive: unpack it");
  // The control: records, gzip, and what is merely short.
  for (const std::string_view right : {std::string_view("\0\0\x08\x03", 4), std::string_view("\x1F\x8B\x08", 3),
                                       std::string_view("\0", 1), std::string_view("   ")})
    CHECK(remedy_for(right).empty());
}

TEST_CASE("a damaged packed file beside the unpacked one") {
  test::TemporaryFolder folder;
  test::write_text(folder / "a.gz", "x");
  CHECK(remedy_for_packed(folder / "a.gz").empty());
  test::write_text(folder / "a", "x");
  CHECK(remedy_for_packed(folder / "a.gz") ==
        "; " + folder / "a" + " is there as well and is read once the file with .gz is removed");
  CHECK(remedy_for_packed(folder / "a").empty());
  CHECK(remedy_for_packed("a.gz (fetched)").empty());
}
