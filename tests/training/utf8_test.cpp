// SPDX-License-Identifier: MIT
// What is written into a config can be read again: text that is not UTF-8 is refused, whatever its source.
#include "training/io/utf8.h"

#include <doctest/doctest.h>

#include "tests/training/temporary_folder.h"
#include "training/errors.h"
#include "training/run/config.h"

using namespace brink;

namespace {

std::string said(const ConfigSources& sources) {
  try {
    load_config(sources);
  } catch (const UsageError& e) { return e.what(); }
  return "accepted";
}

}  // namespace

TEST_CASE("UTF-8: characters of every length, and each way of being none") {
  for (const char* good : {"", "a", "\x7F", "ü", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEF\xBF\xBF", "\xF0\x90\x80\x80",
                           "\xF4\x8F\xBF\xBF", "a ü € \xF0\x9F\x98\x80 z"})
    CHECK(!first_not_utf8(good));
  for (const char* bad :
       {"\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xC2", "\xC2\x20", "\xE0\x80\x80", "\xE0\x9F\xBF", "\xED\xA0\x80",
        "\xE2\x82", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "\xF0\x9F\x98"}) {
    CHECK(first_not_utf8(bad) == 0);
    CHECK(first_not_utf8(std::string("aü") + bad) == 3);
  }
  CHECK(printable("a\xFFü\xC3") == "a\\xffü\\xc3");
}

TEST_CASE("a setting that is not UTF-8 is refused at the start (F11)") {
  CHECK(said({"", {"data.name=fmnist4", "data.directory=d\xFF"}, {}}) ==
        "--set data.directory=d\\xff: expected UTF-8, found the byte 0xff");
  CHECK(said({"", {"data.name=fmnist4", "data.directory=\"d\xED\xA0\x80\""}, {}}).ends_with("found the byte 0xed"));
  CHECK(said({"", {"model.na\xC0me=mlp"}, {}}).ends_with("expected UTF-8, found the byte 0xc0"));
  CHECK(said({"", {}, {{"memory", "\xFE"}}}) == "--memory \\xfe: expected UTF-8, found the byte 0xfe");
  test::TemporaryFolder folder;
  for (const char* text : {"[data]\nname = \"fmnist4\"\ndirectory = 'ü\xFF'\n", "[data] # \xFF\n", "\xFF"}) {
    test::write_text(folder / "c.toml", text);
    const std::string message = said({folder / "c.toml", {}, {}});
    CHECK(message.starts_with((folder / "c.toml") + ":"));
    CHECK(message.ends_with("expected UTF-8, found the byte 0xff"));
  }
  CHECK(said({folder / "c.toml", {}, {}}).find(":1:1: ") != std::string::npos);
  CHECK(said({"", {"data.name=fmnist4", "data.directory=dü"}, {}}) == "accepted");
  CHECK_THROWS_WITH_AS(
      require_utf8("--out", "r\xFF"),
      "--out r\\xff: expected UTF-8, found the byte 0xff; this name is stored in UTF-8 files, so choose another one",
      UsageError);
  CHECK_NOTHROW(require_utf8("--out", "rü"));
}
