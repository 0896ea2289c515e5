// SPDX-License-Identifier: MIT
// `brink data list|check|fetch`. Reading the files is in training/data.
#include <fmt/format.h>

#include <filesystem>

#include "tools/brink/command.h"
#include "training/data/catalogue.h"
#include "training/data/fetch.h"
#include "training/data/kind.h"
#include "training/data/official_file.h"
#include "training/errors.h"
#include "training/io/console.h"

namespace brink {

namespace {

struct Arguments {
  std::string name, directory, mirror;
};

constexpr std::int64_t ghost_group = 32;

std::string known_names() {
  std::string out;
  for (const Collection& c : collections()) {
    out += (out.empty() ? "" : ", ") + std::string(c.name);
    for (const std::string_view set : c.sets) out += ", " + std::string(set);
  }
  return out;
}

const Collection& collection_of(const std::string& name) {
  if (const Collection* c = find_collection(name)) return *c;
  throw UsageError(name + ": expected the name of a data set with files (" + known_names() + ")");
}

std::int64_t present_files(const Collection& c, const std::string& directory) {
  return std::ranges::count_if(c.files, [&](std::string_view file) { return place_of(directory, file).has_value(); });
}

void list(const Arguments& o) {
  std::string out = "data.name        classes  picture   training     test  files\n";
  for (const DataKind& k : data_kinds()) {
    const Collection* files = find_collection(k.name);
    out += fmt::format("{:<15}  {:>7}  {:<8}  {:>8}  {:>7}  {}\n", k.name, k.classes,
                       fmt::format("{}x{}x{}", k.picture[0], k.picture[1], k.picture[2]), k.train, k.test,
                       files ? files->name : "none: made by the program");
  }
  for (const Collection& c : collections()) {
    out += fmt::format("\n{}: {}\n  licence  {}\n", c.name, c.title, c.licence);
    for (const std::string_view address : c.addresses) out += fmt::format("  address  {}\n", address);
    for (const std::string_view file : c.files) {
      const auto place = o.directory.empty() ? std::nullopt : place_of(o.directory, file);
      out += fmt::format("  file     {}{}\n", file, place ? "  present" : o.directory.empty() ? "" : "  absent");
    }
  }
  standard_output().print(out);
}

/// How classes mix in the ghost groups of a data set with the config's defaults.
std::string mix_line(const DataKind& set, const std::string& directory) {
  const DataPair data = load_data(set, {.directory = directory, .train = set.train, .test = set.test});
  const GroupMix mix = mix_of_groups(data.train, ghost_group);
  return fmt::format(
      "{:<15}  {} samples; in each of {} groups of {} at least {} of {} classes, {:.2f} on average (seed 0)", set.name,
      data.train.samples(), mix.groups, ghost_group, mix.fewest_classes, data.train.classes, mix.mean_classes);
}

/// The requested collection, or the one whose files are in the folder.
const Collection& collection_in(const Arguments& o) {
  if (!o.name.empty()) return collection_of(o.name);
  for (const Collection& c : collections())
    if (present_files(c, o.directory) > 0) return c;
  throw DataError(o.directory + ": expected the files of a data set (`brink data list` names them), found none");
}

ExitCode check(const Arguments& o) {
  const Collection& c = collection_in(o);
  Console& out = standard_output();
  out.line(fmt::format("{} in {}", c.title, o.directory));
  int failed = 0;
  for (const Collection::Part& part : c.parts) {
    const std::string found = checksum_of(part, bytes_from(c, o.directory));
    const bool official = found == part.checksum;
    failed += !official;
    out.line(fmt::format("{:<8}  {} records  {}  {}", part.what, part.records, found,
                         official ? "official" : fmt::format("NOT OFFICIAL: expected {}", part.checksum)));
  }
  if (failed == 0 && c.name == "cifar-10")
    for (const std::string_view set : c.sets) out.line(mix_line(*find_kind(data_kinds(), set), o.directory));
  out.line(fmt::format("{} passed, {} failed, 0 skipped", c.parts.size() - static_cast<std::size_t>(failed), failed));
  return failed > 0 ? ExitCode::check_failed : ExitCode::done;
}

void fetch(const Arguments& o) {
  const Collection& c = collection_of(o.name);
  const std::vector<std::string> written = fetch_collection(c, o.directory, o.mirror);
  for (const std::string& path : written) standard_output().line(path);
  standard_output().line(fmt::format("{}: all {} files are in {}, with the official records{}", c.name, c.files.size(),
                                     o.directory, written.empty() ? "; nothing had to be fetched" : ""));
}

}  // namespace

void add_data(CLI::App& app, ExitCode& code) {
  auto o = std::make_shared<Arguments>();
  CLI::App* data =
      app.add_subcommand("data", "List the data sets, check whether files are the official ones, fetch them");
  data->require_subcommand(1);
  const auto directory = [&](CLI::App* sub) {
    return sub->add_option("--directory", o->directory, "Folder of the data files")->type_name("DIR")->check(not_empty);
  };
  CLI::App* sub = data->add_subcommand("list", "List the data sets, their files, and which of these are in DIR");
  directory(sub);
  sub->callback([o] { list(*o); });

  sub = data->add_subcommand("check", "Compare the records of the files in DIR with the official ones");
  sub->add_option("NAME", o->name, "A data set or collection (default: the one whose files are in DIR)");
  directory(sub)->required();
  sub->footer("Exit code 1: the records are not the official ones; 3: files are missing or have another format.");
  sub->callback([o, &code] { code = check(*o); });

  sub = data->add_subcommand(
      "fetch", "Download the missing official files into DIR; files are written only after all have been checked");
  sub->add_option("NAME", o->name, "A data set or collection")->required();
  directory(sub)->required();
  sub->add_option("--mirror", o->mirror,
                  "Address to use instead of the official ones: an archive, or the folder of the files")
      ->type_name("URL")
      ->check(not_empty);
  sub->callback([o] { fetch(*o); });
}

}  // namespace brink
