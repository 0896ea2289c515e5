// SPDX-License-Identifier: MIT
// `brink data list|check|fetch`. Reading the files is in training/data.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "tools/brink/command.h"
#include "training/data/catalogue.h"
#include "training/data/fetch.h"
#include "training/data/kind.h"
#include "training/data/official_file.h"
#include "training/errors.h"
#include "training/io/console.h"
#include "training/run/config.h"

namespace brink {

namespace {

struct Arguments {
  std::string name, directory, mirror;
  std::vector<std::string> sets;
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
    if (k.sizes) {
      out += fmt::format("{:<15}  your own files: data.train_file, data.test_file\n", k.name);
      continue;
    }
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

/// How classes mix in the ghost groups of the training samples.
std::string mix_line(std::string_view name, const DataPair& data) {
  const GroupMix mix = mix_of_groups(data.train, ghost_group);
  return fmt::format("{:<15}  {} samples; in each of {} groups of {} at least {} of {} classes, {:.2f} on average",
                     name, data.train.samples(), mix.groups, ghost_group, mix.fewest_classes, data.train.classes,
                     mix.mean_classes);
}

/// Of a data set with the config's defaults.
std::string mix_line(const DataKind& set, const std::string& directory) {
  return mix_line(set.name, load_data(set, {.directory = directory, .train = set.train, .test = set.test})) +
         " (seed 0)";
}

/// Checks a user's own files as a run would, and says what they hold.
ExitCode check_own(const DataKind& set, const Arguments& o) {
  std::vector<std::string> sets{"data.name=" + std::string(set.name)};
  if (!o.directory.empty()) sets.push_back("data.directory=" + o.directory);
  sets.insert(sets.end(), o.sets.begin(), o.sets.end());
  const Config config = load_config({{}, sets, {}});
  const DataPair data = load_data(config.data.set, data_request(config));
  Console& out = standard_output();
  int parts = 0;
  for (const auto& [what, part] : {std::pair{"training", &data.train}, {"test", &data.test}}) {
    if (part->samples() == 0) continue;
    ++parts;
    std::vector<std::int64_t> sizes(static_cast<std::size_t>(part->classes));
    for (const std::int32_t label : part->labels.span<std::int32_t>()) ++sizes[static_cast<std::size_t>(label)];
    const auto [least, most] = std::ranges::minmax(sizes);
    out.line(fmt::format("{:<8}  {} records of {}  {}  {} classes of {}", what, part->samples(),
                         to_string(part->picture), part->checksum, part->classes,
                         least == most ? fmt::format("{} each", most) : fmt::format("{} to {}", least, most)));
  }
  if (data.test.samples() == 0) out.line("test      none: without data.test_file no test accuracy is measured");
  if (data.train.picture.rank == 3 && data.train.samples() >= ghost_group) out.line(mix_line(set.name, data));
  out.line(fmt::format("{} passed, 0 failed, 0 skipped", parts));
  return ExitCode::done;
}

/// The requested collection, or the one whose files are in the folder.
const Collection& collection_in(const Arguments& o) {
  if (!o.name.empty()) return collection_of(o.name);
  for (const Collection& c : collections())
    if (present_files(c, o.directory) > 0) return c;
  throw DataError(o.directory + ": expected the files of a data set (`brink data list` names them), found none");
}

ExitCode check(const Arguments& o) {
  const DataKind* const own = find_kind(data_kinds(), o.name);
  if (own && own->sizes) return check_own(*own, o);
  if (!o.sets.empty()) throw UsageError("--set: expected with the name of a data set of your own files, arrays");
  if (o.directory.empty()) throw UsageError("--directory is required");
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

  sub = data->add_subcommand("check",
                             "Compare the records of the files in DIR with the official ones, or check your own");
  sub->add_option("NAME", o->name, "A data set or collection (default: the one whose files are in DIR)");
  directory(sub);
  sub->add_option("--set", o->sets,
                  "data.KEY=VALUE: of `brink data check arrays`, what a run is told of your own files; repeatable")
      ->type_name("KEY=VALUE")
      ->take_all()
      ->expected(1)
      ->allow_extra_args(false);
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
