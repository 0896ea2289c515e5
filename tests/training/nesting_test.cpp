// SPDX-License-Identifier: MIT
// Depth of nested text: what is allowed is read, one level more is refused with its place, and a hundred thousand levels crash
// nothing.
#include "training/io/nesting.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tests/training/temporary_folder.h"
#include "training/errors.h"
#include "training/io/json.h"
#include "training/io/toml.h"
#include "training/run/config.h"

using namespace brink;

namespace {

std::string repeated(std::string_view text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

/// Each way of nesting in TOML, n levels deep.
std::vector<std::string> nested_toml(int n) {
  return {"[" + repeated("a.", n - 1) + "a]\n",
          "[[" + repeated("a.", n - 2) + "a]]\n",
          repeated("a.", n) + "a = 1\n",
          "a = " + repeated("[", n) + repeated("]", n) + "\n",
          "a = " + repeated("{a=", n) + "1" + repeated("}", n) + "\n",
          "a = " + repeated("[{a=", n / 2) + "1" + repeated("}]", n / 2) + "\n",
          "a = " + repeated("{a.a=", n / 2) + "1" + repeated("}", n / 2) + "\n",
          "a = " + repeated("[\n", n) + repeated("]", n) + "\n",
          repeated("\"a\".", n) + "a = 1\n",
          repeated("'a' . ", n) + "a = 1\n"};
}

std::string toml_outcome(const std::string& text) {
  try {
    parse_toml(text);
    return "read";
  } catch (const toml::parse_error& e) {
    const auto at = e.source().begin;
    return std::to_string(at.line) + ":" + std::to_string(at.column) + ": " + std::string(e.description());
  }
}

std::string json_outcome(const std::string& text) {
  try {
    parse_json("f", text);
    parse_ordered_json("f", text);
    return "read";
  } catch (const DataError& e) { return e.what(); }
}

const std::string too_many = "expected at most 32 levels of tables and lists, found more";

}  // namespace

TEST_CASE("TOML: as deep as is allowed, one level more, and far too deep") {
  for (const std::string& text : nested_toml(most_toml_levels)) CHECK(toml_outcome(text) == "read");
  for (const int levels : {most_toml_levels + 2, 1000, 40'000})
    for (const std::string& text : nested_toml(levels)) CHECK(toml_outcome(text).ends_with(": " + too_many));
  CHECK(toml_outcome("x = 1\n\n [" + repeated("é.", 40)) == "3:66: " + too_many);
}

TEST_CASE("TOML: brackets and dots that nest nothing are not counted, and quotes hide nothing") {
  const std::string deep = repeated("[.", 100);
  for (const std::string& harmless :
       {"# " + deep + "\n", "a = \"" + deep + "\"\n", "a = '" + deep + "'\n", R"(a = "\")" + deep + "\"\n",
        "a = \"\"\"\n" + deep + "\n\"\" \\\"\"\" " + deep + "\"\"\"\"\"\n",
        "a = '''\n" + deep + "\n''' # " + deep + "\n", "a = [" + repeated("1.5, ", 100) + "]\n",
        "a = [" + repeated("1.5,\n", 100) + "]\n", "a = [" + repeated("[1.5], ", 100) + "]\n"})
    CHECK(toml_outcome(harmless) == "read");
  // After the end of a string nesting counts again: a scan that ends the string too late would miss each of these.
  const std::string brackets = repeated("[", 40'000);
  for (const char* open : {R"(a = ["""x""""", )", "a = ['''x''''', ", R"(a = ["", )", "a = ['', ", R"(a = ['\', )",
                           R"(a = ["\\", )", R"(a = ["""""", )", "a = 'x\n'\n b = ", "a = [ # ' \" \n"})
    CHECK(toml_outcome(open + brackets).ends_with(": " + too_many));
}

TEST_CASE("TOML: a table without a name is refused before the library asserts one") {
  const auto nameless = [](const std::string& text) {
    return toml_outcome(text).ends_with(": expected the name of a table after \"[\"");
  };
  for (const char* header : {"[=", "[.a]", "[\x01", "[[.a]]", "[[[a]]]", "[ \t?", "[é]", "[\n"}) {
    CHECK(nameless(header));
    CHECK(nameless(std::string("\xEF\xBB\xBF") + header));
    CHECK(nameless(std::string("a = 1 # b\r\n  ") + header));
  }
  for (const char* good :
       {"[a]", "[\"é\"]", "['a']", "[[a]]", "[ a . b ]", "[-_0]", "a = [\n[1],\n[2]]", "a = '''\n[=\n'''", "# [=\n"})
    CHECK(toml_outcome(good) == "read");
  CHECK(nameless("[]"));
}

TEST_CASE("TOML: what cannot begin a value of a list is refused before the library asserts that it is not there") {
  const std::string
      list = ": expected \"]\", found \"}\"",
      table = ": expected \"}\", found \"]\"",
      line =
          ": expected a line feed to end a line, found another character that breaks lines (U+0085, U+2028 or U+2029)";
  for (const char* text : {"a = [}", "a = [1, }", "a = [1, # ]\n }", "a = [1 }", "a = [[1], [2, }]",
                           "a = [{b = [3, }}]", "[a}\n", "a = ['}', }"})
    CHECK_MESSAGE(toml_outcome(text).ends_with(list), text);
  for (const char* text : {"a = {]", "a = {b = 1, ]", "a = [{b = 1]", "a = [{}, {]"})
    CHECK_MESSAGE(toml_outcome(text).ends_with(table), text);
  for (const char* space : {"\xC2\x85", "\xE2\x80\xA8", "\xE2\x80\xA9"})
    for (const char* before : {"a = [", "a = [1, ", "a = 1", "a = ", ""})
      CHECK_MESSAGE(toml_outcome(std::string(before) + space + "]").ends_with(line), before);
  for (const char* good : {"a = '[}'", "a = [{b = [1]}]", "# [}\n", "a = \"\xE2\x80\xA8\"", "# \xC2\x85\n",
                           "a = ['''}''', '}']", "[a]\nb = {}"})
    CHECK(toml_outcome(good) == "read");
  CHECK(toml_outcome("a = }") != "read");  // the library's own errors
  CHECK(toml_outcome("a = 1 ]") != "read");
  CHECK(toml_outcome("a = [\n1,\n2, }\n").starts_with("3:4"));
}

TEST_CASE("TOML: what the library says is told in plain words, with its place") {
  const std::string end_of_text = "expected a quotation mark that ends the text", end = ", found the end of the file";
  const std::pair<std::string, std::string> texts[] = {
      {"a = 1\na = 2\n", "2:5: the key \"a\" stands twice; remove one"},
      {"a = {b = 1, b = 2}\n", "1:17: the key \"b\" stands twice; remove one"},
      {"[a]\n[b]\n[a]\n", "3:1: the table [a] stands twice; put its keys under one of the two"},
      {"a = 1\n[[a]]\n", "2:1: expected one meaning of \"a\", found an integer and a list of tables; remove one"},
      {"a.b = 1\na.b.c = 2\n", "2:3: expected a table before the dot, found an integer of that name; remove one"},
      {std::string("a = 1\0\n", 7), "1:6: expected a digit, found a control character"},
      {std::string("\0", 1), "1:1: expected a key or a table, found a control character"},
      {"a = \"b", "1:7: " + end_of_text + end},
      {"a = \"\"\"b\n", "1:10: " + end_of_text + end},
      {"a = 'b\nc = 1\n", "1:7: " + end_of_text + " in this line, found the end of the line or a control character"},
      {"a = [1,\n", "1:9: expected \"]\" at the end of the list" + end},
      {"a =", "1:4: expected a value" + end},
      {"a = {b = 1, }", "1:13: expected a key after the comma, found \"}\""},
      {"a = [1 2]", "1:8: expected \",\" or \"]\", found \"2\""},
      {"a 3", "1:3: expected \"=\" after the name of a key, found \"3\""},
      {"a. = 3", "1:4: expected the name of a key, found \"=\""},
      {"a = \"\\q\"",
       "1:7: expected an escape sequence such as \\n or \\\\, found \\q; a text in single quotation marks needs none"},
      {"a = 1e999", "1:10: expected a number that float64 can hold, found 1e999"},
      {"a = 1979-13-01", "1:12: expected month between 1 and 12, found 13"},
      {"a = 1\r", "1:7: expected a line feed after a carriage return"},
  };
  for (const auto& [text, said] : texts) CHECK(toml_outcome(text) == said);
}

TEST_CASE("a config nested too deeply is refused with its place, from a file and from arguments") {
  test::TemporaryFolder folder;
  const std::string file = folder / "c.toml";
  const auto said = [](const ConfigSources& sources) -> std::string {
    try {
      load_config(sources);
    } catch (const UsageError& e) { return e.what(); }
    return "accepted";
  };
  for (const std::string& text : nested_toml(40'000)) {
    test::write_text(file, text);
    const std::string message = said({file, {}, {}});
    CHECK(message.starts_with(file + ":"));
    CHECK(message.ends_with(too_many));
  }
  const std::string deep = repeated("[", 40'000);
  CHECK(said({"", {"model.hidden=" + deep}, {}}) == "--set model.hidden=" + deep + ": model.hidden: " + too_many);
  CHECK(said({"", {}, {{"threads", deep}}}) == "--threads " + deep + ": run.threads: " + too_many);
  CHECK(said({"", {repeated("training.", 40'000) + "steps=3"}, {}}).find("unknown key") != std::string::npos);
  CHECK(said({"", {"data.name=fmnist4", "data.directory=" + deep}, {}}) == "accepted");  // the name of a folder
}

TEST_CASE("JSON: as deep as is allowed, one level more, and far too deep") {
  const auto arrays = [](int n) { return repeated("[", n) + repeated("]", n); };
  const auto objects = [](int n) { return repeated("{\"a\":", n) + "1" + repeated("}", n); };
  CHECK(json_outcome(arrays(most_json_levels)) == "read");
  CHECK(json_outcome(objects(most_json_levels)) == "read");
  CHECK(json_outcome(arrays(most_json_levels + 1)) == "f:1:65: expected JSON of at most 64 levels, found more");
  for (const int levels : {most_json_levels + 1, 1'000'000})
    for (const std::string& text :
         {arrays(levels), objects(levels), repeated("[", levels), R"({"a\"":)" + arrays(levels) + "}"})
      CHECK(json_outcome(text).ends_with(": expected JSON of at most 64 levels, found more"));
  CHECK(json_outcome(R"({"a": ")" + repeated("[", 100) + R"(\")" + repeated("[", 100) + "\"}") == "read");
  CHECK(json_outcome("[" + repeated("[[]],", 100) + "1]") == "read");
}

TEST_CASE("JSON: what cannot be read is told with its place and in plain words") {
  const std::string advice = "; the file is damaged or cut short: restore it from a copy";
  const std::pair<std::string, std::string> texts[] = {
      {"", ": expected JSON, found nothing"},
      {" \n", ": expected JSON, found nothing"},
      {"{", ":1:2: expected more JSON, found the end of the text"},
      {"{\"a\": [1,\n 2", ":2:3: expected more JSON, found the end of the text"},
      {"{\"a\": \"x", ":1:9: expected more JSON, found the end of the text"},
      {"{\"a\": }", ":1:7: expected JSON, found \"}\""},
      {"{\"a\":\n abc}", ":2:2: expected JSON, found \"abc\""},
      {"{\"a\" 125}", ":1:6: expected JSON, found \"125\""},
      {"{\"a\": 1 \"b\": 2}", ":1:9: expected JSON, found a text in quotes"},
      {"<html>", ":1:1: expected JSON, found \"<html>\""},
      {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaa", ":1:1: expected JSON, found something else"},
      {"{} x", ":1:4: expected JSON, found \"x\""},
      {"{\"a\": \"x\ny\"}", ":1:9: expected JSON, found a line break or another control character"},
      {"{\"a\": \"\xff\"}", ":1:8: expected UTF-8, found the byte 0xff"},
      {"[1e999]", ": expected numbers that float64 can hold, found a larger one"},
  };
  for (const auto& [text, said] : texts) CHECK(json_outcome(text) == "f" + said + advice);
  CHECK(json_outcome("{\"a\": 1}") == "read");
}
