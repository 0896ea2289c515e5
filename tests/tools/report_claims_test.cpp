// SPDX-License-Identifier: MIT
// A page claims only what the run has: what was not measured, not certified or not used says so wherever it is shown.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/tools/run_folder.h"
#include "tools/report/text.h"

using namespace brink;
using namespace brink::test;

namespace {

constexpr std::string_view no_eigenvalues =
    "0,1.5,0.25,0.24,0.1,1,,,,,,,,,,,aa\n1,1.25,0.5,0.45,0.1,1,,,,,,,,,0.05,,bb\n";

std::string measuring(const std::string& lines) { return std::string(config) + lines; }

}  // namespace

TEST_CASE("eigenvalues that were not measured: no instability is counted or denied") {
  const FilesOfRun folder("r");
  write_whole(folder);
  folder.write("metrics.csv", std::string(header) + std::string(no_eigenvalues));
  folder.write("events.csv", "entry,resolution,length,long,open,peak_step\n");
  folder.write("config.toml", measuring("top = 0\nbottom = 0\nevery = 1\n"));
  const std::string page = page_of(folder);
  CHECK(has(page, "<p class=\"lead measured\">λ₁ was not measured (measure.top = 0).</p>"));
  CHECK(has(page, "<dt>instabilities</dt><dd><b>–</b><small>λ₁ was not measured (measure.top = 0)"));
  CHECK(has(page, "<dt>raw recrossings</dt><dd><b>–</b><small>λ₁ was not measured"));
  CHECK(has(page, "<dt>peak λ₁</dt><dd><b>–</b><small>λ₁ was not measured"));
  CHECK(has(page, "none measured (measure.top = 0, measure.bottom = 0)"));
  CHECK(has(page, "λₙ was not measured (measure.bottom = 0)"));
  CHECK_FALSE(has(page, "no instability"));
  CHECK_FALSE(has(page, "No instability"));
  CHECK_FALSE(has(page, "<b>0</b>"));
  CHECK_FALSE(has(page, "never within the run"));

  const std::string both = render_report(std::vector<fs::path>{folder.path(), folder.path()});
  check_page(both);
  CHECK(has(both, "λ₁ was not measured (measure.top = 0): A, B."));
  CHECK_FALSE(has(both, "<td title=\"0 long\">0</td>"));

  // Control: a run that measured and had none says so.
  folder.write("config.toml", measuring("top = 2\nbottom = 1\nevery = 1\n"));
  std::string calm(rows);
  for (const auto& [from, to] : {std::pair{",30,6,0.5,", ",15,6,0.01,"},
                                 {",25,8,", ",15,8,"},
                                 {",1,0.05,,bb", ",-1,0.05,,bb"},
                                 {",0.5,0.05,0.01", ",-0.5,0.05,0.01"}})
    calm.replace(calm.find(from), std::string_view(from).size(), to);
  folder.write("metrics.csv", std::string(header) + calm);
  const std::string measured = folder.render();
  CHECK(has(measured, "There was no instability."));
  CHECK(has(measured, "<dt>instabilities</dt><dd><b>0</b>"));
  CHECK(has(measured, "λ₁ was measured at every step (4 times). Every value of it is certified."));
}

TEST_CASE("what is not certified is marked in the head, the cards, the tables and the comparison") {
  const FilesOfRun folder("r"), good("good");
  write_whole(folder);
  const std::string page = page_of(folder);
  CHECK(has(page, "<p class=\"banner doubt\">λ₁ was measured (4 times). It is not certified at 1 step:"));
  CHECK(has(page, "<dt>peak λ₁</dt><dd><b>30.00 " + mark));
  CHECK(has(page, "<dt>first above the threshold</dt><dd><b>step 1 " + mark));
  CHECK(has(page, "<dt>instabilities</dt><dd><b>2 " + mark));
  CHECK(has(page, "<dt>final λ₁</dt><dd><b>25.00</b>"));
  CHECK(has(page, "<td>30.00 " + mark + "</td></tr>"));  // of the first instability
  CHECK(has(page, "<td>25.00</td></tr>"));               // of the second

  write_whole(good);
  std::string certified(rows);
  certified.replace(certified.find("30,6,0.5,"), 9, "30,6,0.02,");
  good.write("metrics.csv", std::string(header) + certified);
  const std::string both = render_report(std::vector<fs::path>{folder.path(), good.path()});
  check_page(both);
  CHECK(count(both.substr(0, both.find("<section")), mark) == 4);  // A's crossings, instabilities and peak
  CHECK(has(both, "○ rests on a value of λ₁ that is not certified."));
  CHECK(has(both, "Rings and dashes: not certified (A)."));

  // Nothing is denied on the strength of such values.
  folder.write("events.csv", "entry,resolution,length,long,open\n");
  CHECK(has(folder.render(), "No instability was found, but λ₁ is not certified at 1 step."));
  CHECK_FALSE(has(folder.render(), "There was no instability."));

  // Control: certified values carry no mark.
  const std::string clean = good.render();
  CHECK_FALSE(has(clean, "class=\"mark\""));
  CHECK_FALSE(has(clean, "banner doubt"));
}

TEST_CASE("the measuring interval is stated with what rests on it") {
  const FilesOfRun folder("r");
  write_whole(folder);
  folder.write("config.toml", measuring("top = 2\nbottom = 1\nevery = 10\nbudget = 400\n"));
  const std::string page = page_of(folder);
  CHECK(has(page,
            "<dt>Eigenvalues</dt><dd>the 2 largest and the smallest, at every 10th step, to a relative residual of "
            "0.001, with at most 400 Hessian products a step</dd>"));
  CHECK(has(page, "λ₁ was measured at every 10th step (4 times)."));
  CHECK(count(page, "Measured at every 10th step; the lines only join the values.") == 2);
  CHECK(has(page, "1 open at the end, measured at every 10th step"));
  CHECK(has(page, "first step with λ₁ &gt; 2/η, of those measured, at every 10th step"));
  const std::string both = render_report(std::vector<fs::path>{folder.path(), folder.path()});
  CHECK(has(both, "λ₁ was not measured at every step: A at every 10th step, B at every 10th step."));
}

TEST_CASE("keys of a rule, a network and a measurement that no sentence knows are stated all the same") {
  const FilesOfRun folder("r");
  write_whole(folder);
  std::string text(config);
  text.replace(text.find("rule = \"gd\""), 11, "rule = \"momentum\"\nmomentum = 0.9");
  text.replace(text.find("hidden = "), 9, "heads = 3\nhidden = ");
  text.replace(text.find("steps = 3"), 9, "steps = 3\ndivergence_loss = inf");
  folder.write("config.toml", text + "[measure.update_cosine]\nevery = 5\n[measure.other]\nevery = 1\n");
  const std::string page = page_of(folder);
  CHECK(has(page, "momentum, 3 steps, momentum 0.9"));
  CHECK(has(page, "heads 3"));
  const FilesOfRun other("other");
  write_whole(other);
  const std::string both = render_report(std::vector<fs::path>{folder.path(), other.path()});
  CHECK(has(both, "training.divergence_loss (not set, inf)"));
  CHECK(has(page, "<dt>Also measured</dt><dd>other at every step, update_cosine at every 5th step</dd>"));
  write_whole(folder);  // control
  CHECK_FALSE(has(folder.render(), "Also measured"));
}

TEST_CASE("a run without a data set mentions none") {
  const FilesOfRun folder("r");
  write_whole(folder);
  folder.write(
      "config.toml",
      "[data]\nname = \"synthetic\"\ntrain = 1000\ntest = 1000\nseed = 7\n[model]\nname = \"dln\"\nstart = [2.5, 0.5]\n"
      "target = 0.0\n[training]\nlearning_rate = 0.1\nsteps = 3\nseed = 9\n");
  folder.write("metrics.csv",
               "step,loss,train_accuracy,test_accuracy,learning_rate,gradient_norm,lambda_1,residual_1,"
               "lambda_min,residual_min,products,surplus,jump,period2_distance,digest\n"
               "0,1.5,,,0.1,2,1.5,0,-0.5,0,2,-1,,,aa\n1,1.25,,,0.1,1.5,1.5,0,-0.5,0,2,-1,,,bb\n");
  for (const char* record :
       {R"("version":"1")", R"("data":{"provenance":"","train_checksum":"","test_checksum":""})", R"("data":null)"}) {
    CAPTURE(record);
    folder.write("run.json", run_json_with(known_columns(), record));
    const std::string page = page_of(folder);
    CHECK(has(page, "<h1>dln at η"));
    CHECK(has(page, "none: the loss is a function of the parameters alone"));
    CHECK(has(page, "start 2.5-0.5, target 0"));
    for (const char* claim :
         {"synthetic", "1000 training", " test samples", "seed", "training accuracy", "test accuracy"}) {
      CAPTURE(claim);
      CHECK_FALSE(has(page, claim));
    }
  }
  // Control: a run.json that names data has a data set, whatever the network.
  folder.write("run.json", R"({"data":{"provenance":"made"}})");
  CHECK(has(folder.render(), "dln on synthetic"));
}

TEST_CASE("numbers for people have at most five significant digits") {
  CHECK(report::concise(0.012345678901234) == "0.012346");
  CHECK(report::concise(0.1) == "0.1");
  CHECK(report::concise(12345.678) == "12346");
  CHECK(report::concise(123456) == "1.2346×10⁵");
  CHECK(report::concise(1.9738518e80) == "1.9739×10⁸⁰");
  CHECK(report::readable(123456, 4) == "1.235×10⁵");
  CHECK(report::share_text(1e300) == "1×10³⁰⁰");
  CHECK(report::share_text(0.5) == "50.0 %");
  const FilesOfRun folder("r");
  write_whole(folder);
  std::string text(config);
  text.replace(text.find("learning_rate = 0.1"), 19, "learning_rate = 0.012345678901234");
  folder.write("config.toml", text);
  std::string metrics(header);
  metrics += "0,1.5,1e300,0.24,0.1,1,1.9738518640123456e80,5,0.001,0.001,-1,0.0001,123456789012,-1,,,aa\n";
  metrics += "1,1e200,1e300,0.24,0.1,1,1.9738518640123456e80,5,0.001,0.001,-1,0.0001,123456789012,-1,,,aa\n";
  folder.write("metrics.csv", metrics);
  const std::string page = page_of(folder);
  CHECK(has(page, "η = 0.012346"));
  CHECK(has(page, "1.974×10⁸⁰"));
  // No visible text has a run of more than six digits (steps, ticks) outside the data for the script and digests.
  const std::string body = page.substr(page.find("<main>"), page.find("</main>") - page.find("<main>"));
  bool inside_tag = false;
  std::size_t run = 0, longest = 0;
  for (const char c : body) {
    if (c == '<') inside_tag = true;
    run = !inside_tag && c >= '0' && c <= '9' ? run + 1 : 0;
    longest = std::max(longest, run);
    if (c == '>') inside_tag = false;
  }
  CHECK(longest <= 6);
}
