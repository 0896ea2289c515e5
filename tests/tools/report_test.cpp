// SPDX-License-Identifier: MIT
// The report on whole, damaged and hostile run folders.
#include "tools/report/report.h"

#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "tests/tools/run_folder.h"
#include "tests/tools/xml_check.h"
#include "tools/report/text.h"
#include "tools/report/ticks.h"

using namespace brink;
using namespace brink::test;

TEST_CASE("the XML check rejects what it should") {
  using test::xml_defect;
  CHECK(xml_defect("<a b=\"c\"><d/>x &amp; y</a>") == "");
  for (const char* bad : {"<a>", "<a></b>", "<a b=c/>", "<a b=\"1\" b=\"2\"/>", "<a>&nbsp;</a>", "<a>x < y</a>",
                          "<a/><b/>", "<a>\x01</a>", "<a><b id=\"x\"/><c id=\"x\"/></a>", "text", ""}) {
    CAPTURE(bad);
    CHECK(xml_defect(bad) != "");
  }
}

TEST_CASE("a whole run: every fact and key figure is on the page") {
  const FilesOfRun folder("first");
  write_whole(folder);
  const std::string page = page_of(folder);
  for (std::string_view text :
       {"mlp on synthetic at η\u00a0=\u00a00.1", "Run <b>first</b>, 3 steps", "2/η = 20.00", "9.8.7",
        "00112233445566778899aabbccddeeff", "○</span></b><small>back above 2/η, unmerged, not certified",
        "○</span></b><small>0 long, 1 open at the end, not certified", "<b>0.5</b><small>at step 3",
        "<b>100.0 %</b><small>at step 3", "<b>90.0 %</b>", "<b>75.0 %</b><small>3 of 4, to 0.001 relative",
        "<b>8.0</b><small>mean of 4 steps", "Nothing that the run folder should hold was missing"}) {
    CAPTURE(text);
    CHECK(has(page, text));
  }
  CHECK(has(page, "<b>step 1 " + mark + "</b><small>first step with λ₁ &gt; 2/η, not certified"));
  CHECK(has(page, "<b>30.00 " + mark + "</b><small>at step 1, not certified"));
  CHECK(has(page, "hidden 8-8"));
  CHECK_FALSE(has(page, "diverged at"));
  CHECK_FALSE(has(page, folder.path().parent_path().generic_string()));
}

TEST_CASE("whose Hessian it is is a fact and in the captions, in both modes; without eigenvalues nothing is claimed") {
  const FilesOfRun folder("r");
  write_whole(folder);
  const std::string
      measured = std::string(config) + "top = 1\nbottom = 1\n",
      first = "name = \"vgg\"\nchannels = [8, 16, 32]\nghost_batch = 32\nshort_group = \"join\"\nnorm_mode = ";
  const auto page_of = [&](const std::string& mode, std::string text) {
    text.replace(text.find("name = \"mlp\"\nhidden = [8, 8]\n"),
                 std::string_view("name = \"mlp\"\nhidden = [8, 8]\n").size(), first + "\"" + mode + "\"\n");
    folder.write("config.toml", text);
    return folder.render();
  };
  const std::string training = page_of("training", measured), evaluation = page_of("evaluation", measured);
  check_page(training);
  check_page(evaluation);
  CHECK(has(training,
            "<dt>Hessian of</dt><dd>the loss in training mode, by ghost groups: the function that is descended</dd>"));
  CHECK(count(training, "The Hessian is that of the loss in training mode") == 3);
  CHECK_FALSE(has(training, "evaluation mode"));
  CHECK(has(training, "VGG10 (8-16-32), ghost groups of 32, a short last one joined to the one before"));
  CHECK(has(evaluation, "vgg on synthetic, Hessian in evaluation mode (for comparison)"));
  CHECK(has(evaluation, "<dt>Hessian of</dt><dd>the loss in evaluation mode, for comparison"));
  CHECK(count(evaluation, "The Hessian is that of the loss in evaluation mode") == 3);
  CHECK(has(evaluation, "eigenvalue of the Hessian in evaluation mode"));
  CHECK(has(evaluation, "at step 1, not certified, in evaluation mode"));
  CHECK_FALSE(has(evaluation, "training mode"));

  const std::string both = render_report(std::vector<fs::path>{folder.path(), folder.path()});
  CHECK(has(both, "Of the loss in evaluation mode, which is not the function that is descended: A, B."));

  std::string nothing = measured;
  nothing.replace(nothing.find("top = 1\nbottom = 1"), 18, "top = 0\nbottom = 0");
  for (const char* mode : {"training", "evaluation"}) {
    const std::string page = page_of(mode, nothing);
    CHECK_FALSE(has(page, "Hessian of"));
    CHECK_FALSE(has(page, "evaluation mode"));
    CHECK_FALSE(has(page, "training mode"));
  }
}

TEST_CASE("uncertified eigenvalues are drawn differently and counted") {
  const FilesOfRun folder("r");
  write_whole(folder);
  const std::string page = folder.render();
  CHECK(has(page, "not certified (residual above 0.001·max|λ|, or none): λ₁ at 1 step, λ₂ at 1 step."));
  CHECK(has(page, "Every value is certified"));  // λₙ
  // Rings: λ₁ and λ₂ in the first chart, λ₁ in the residual's.
  CHECK(count(page, "class=\"ring\"") == 3);
  CHECK(count(page, "class=\"line uncertain\"") == 3);

  // Control: with residuals within the tolerance nothing is marked.
  std::string good(rows);
  good.replace(good.find("30,6,0.5,"), 9, "30,6,0.02,");
  good.replace(good.find("0.001,,-3"), 9, "0.001,0.001,-3");
  folder.write("metrics.csv", std::string(header) + good);
  const std::string certified = folder.render();
  CHECK(count(certified, "class=\"ring\"") == 0);
  CHECK(count(certified, "Every value is certified") == 2);
  CHECK(has(certified, "<b>100 %</b>"));
}

TEST_CASE("error bars appear where they are taller than the line") {
  const FilesOfRun folder("r");
  folder.write("metrics.csv", "step,lambda_1,residual_1\n0,10,0.001\n1,10,3\n2,12,0.001\n");
  const std::string page = page_of(folder);
  CHECK(count(page, "class=\"bar\"") == 1);
  CHECK(has(page, "at most 3.0 for λ₁ at step 1"));
}

TEST_CASE("run.json's own account is shown, and contradictions are named") {
  const FilesOfRun folder("r");
  write_whole(folder);
  folder.write(
      "run.json",
      run_json_with(known_columns(),
                    R"("brink":"9.8.7","status":"finished","parameters":77,"diverged_at":null,"instabilities":2,
    "final_digest":"00112233445566778899aabbccddeeff","data":{"provenance":"made","train_checksum":"abc","test_checksum":"def"})"));
  std::string page = folder.render();
  check_page(page);
  CHECK(has(page, "Nothing that the run folder should hold was missing"));
  CHECK(has(page, "77 parameters"));
  CHECK(has(page, "made, training set abc, test set def"));
  CHECK_FALSE(has(page, "class=\"banner\""));

  folder.write("run.json", R"({"status":"running","instabilities":5,"final_digest":"ff"})");
  page = folder.render();
  check_page(page);
  CHECK(has(page, "This run is not finished: it was interrupted"));  // no process holds the folder
  CHECK(has(page, "run.json counts 5 instabilities, events.csv holds 2."));
  CHECK(has(
      page,
      "The final digest in run.json is ff, that of the last row of metrics.csv is 00112233445566778899aabbccddeeff."));

  folder.write(
      "run.json",
      R"({"status":["x"],"instabilities":"many","parameters":{},"data":3,"diverged_at":"now","final_digest":null})");
  check_page(folder.render());
}

TEST_CASE("the same folders give the same bytes, wherever they are") {
  const FilesOfRun a("r"), b("r");
  write_whole(a), write_whole(b);
  CHECK(a.render() == a.render());
  CHECK(a.render() == b.render());
}

TEST_CASE("text from outside is escaped") {
  const FilesOfRun folder("<b>&\"'x");
  write_whole(folder);
  folder.write("config.toml",
               "[data]\nname = \"<script>alert(1)</script>\"\n[model]\nname = 'a\"b&c'\n[training]\nrule = \"]]>\"\n");
  folder.write("run.json", R"({"version":"</style><img/>"})");
  std::string hostile = std::string(header) + std::string(rows);
  hostile.replace(hostile.find("00112233"), 8, "<i>\xff\x01&]]>");
  folder.write("metrics.csv", hostile);
  const std::string page = page_of(folder);
  CHECK_FALSE(has(page, "<script>alert"));
  CHECK_FALSE(has(page, "<img"));
  CHECK(has(page, "&lt;script&gt;alert(1)&lt;/script&gt;"));
  CHECK(has(page, "&lt;i&gt;\uFFFD\uFFFD&amp;]]&gt;"));
  CHECK(report::escaped("\xC3\xA9\xED\xA0\x80\xC0\x80") == "\u00e9\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD");
}

TEST_CASE("missing files and columns are named, not passed over") {
  const FilesOfRun folder("r");
  CHECK_THROWS_AS(folder.render(), ReportError);
  folder.write("metrics.csv", "loss\n1\n");
  CHECK_THROWS_AS(folder.render(), ReportError);
  folder.write("metrics.csv", "step,loss,extra\n0,1,x\n1,0.5,\n");
  const std::string page = page_of(folder);
  for (std::string_view text : {"There is no config.toml", "There is no run.json", "no events recorded",
                                "cells that are not numbers, left out: extra (1)",
                                "run.json does not say what the columns of metrics.csv are: each is drawn by its name",
                                "The axis of time ηt is left out",
                                "Not drawn, because nothing was measured: “Sharpness", "λ₁ is not recorded"}) {
    CAPTURE(text);
    CHECK(has(page, text));
  }
  CHECK(count(page, "<figure") == 1);
}

TEST_CASE("no rows, one row, damaged rows") {
  const FilesOfRun folder("r");
  write_whole(folder);
  folder.write("metrics.csv", header);
  std::string page = folder.render();
  check_page(page);
  CHECK(has(page, "metrics.csv has no rows"));
  CHECK(has(page, "no step recorded"));

  folder.write("metrics.csv", std::string(header) + std::string(rows.substr(0, rows.find('\n') + 1)));
  page = folder.render();
  check_page(page);
  CHECK(has(page, "ends at step 0 of 3"));
  CHECK(has(page, "<b>–</b><small>never within the run"));

  folder.write("metrics.csv", std::string(header) + std::string(rows) + "2,1,1\n" +
                                  std::string(rows.substr(0, rows.find('\n') + 1)) + "4,0.5");
  page = folder.render();
  check_page(page);
  CHECK(has(page, "metrics.csv: 3 lines are left out"));

  folder.write("metrics.csv", "");
  CHECK_THROWS_AS(folder.render(), ReportError);
}

TEST_CASE("damaged cells and lines are named by file, line and column, and leave a gap") {
  const FilesOfRun folder("r");
  write_whole(folder);
  const std::vector<fs::path> runs{folder.path()};
  const fs::path page = folder.path() / "report.html";
  CHECK(write_report(runs, page).empty());
  std::string metrics = std::string(header) + std::string(rows);
  const auto replace = [&](std::string_view from, std::string_view to) {
    REQUIRE(has(metrics, from));
    metrics.replace(metrics.find(from), from.size(), to);
  };
  replace("0.1,1,30,", "0.1,1,abc,");
  replace("0.1,1,15,", "0.1,1,1\xff,");
  replace("\n3,0.5", "\nxyz,0.5");
  metrics += "2,1\n1,1.25,0.5,0.45,0.1,1,30,6,0.5,0.001,-2,0.0001,7,1,0.05,,bb\n";
  folder.write("metrics.csv", metrics);
  folder.write("events.csv", "entry,resolution,length,long,open,peak_step\n1,x,1,0,0,1\n");
  const std::string at = folder.path().generic_string();
  CHECK(write_report(runs, page) ==
        std::vector<std::string>{
            at + "/metrics.csv: line 6: expected 17 cells, found 2; the line is left out",
            at + "/metrics.csv: line 5, column step: expected a step after the one before, found \"xyz\"; the line is "
                 "left out, and 1 more",
            at + "/metrics.csv: line 3, column lambda_1: expected a number, found \"abc\"; the cell is left out, and 1 "
                 "more",
            at + "/events.csv: line 2, column resolution: expected a number, found \"x\"; the cell is left out"});
  CHECK(has(page_of(folder), "metrics.csv: cells that are not numbers, left out: lambda_1 (2)"));
}

TEST_CASE("a diverged run: the step in words, values beyond the axis and not finite counted") {
  const FilesOfRun folder("r");
  write_whole(folder);
  std::string metrics(header);
  for (int step = 0; step < 30; ++step) {
    metrics += std::to_string(step) + ",1.5,0.25,0.24,0.1,1,10,5,0.001,0.001,-1,0.0001,9,-1,0.1,0.1,aa\n";
  }
  metrics += "30,1e300,0.25,0.24,0.1,1,4e6,5,0.001,0.001,-1e308,0.0001,9,1,0.1,0.1,aa\n";
  metrics += "31,inf,nan,-nan,0.1,inf,nan,-inf,nan,inf,nan,nan,9,nan,inf,nan,aa\n";
  folder.write("metrics.csv", metrics);
  folder.write("run.json", run_json_with(known_columns(), R"("diverged_at": 31)"));
  const std::string page = page_of(folder);
  CHECK(has(page, "This run diverged at step 31"));
  CHECK(has(page, ">diverged at step 31</text>"));
  CHECK(has(page, "λ₁: 1 value lies beyond the axis (triangles), the farthest 4×10⁶ at step 30."));
  CHECK(has(page, "λ₁: 1 value is not finite and not drawn."));
  CHECK(has(page, "loss: 1 value is not finite and not drawn."));
  CHECK(has(page, "loss: 1 value lies beyond the axis"));
  CHECK(count(page, "▲") >= 2);
}

TEST_CASE("a run lost within a few steps still shows what came before") {
  const FilesOfRun folder("r");
  folder.write("metrics.csv",
               "step,loss,learning_rate,lambda_1,residual_1,lambda_min,residual_min\n0,1.5,0.1,10,0.001,-1,0.001\n"
               "1,1.2,0.1,25,0.001,-2,0.001\n2,1e30,0.1,1e40,0.001,-1e40,0.001\n3,1e90,0.1,1e80,0.001,-1e80,0.001\n");
  folder.write("run.json",
               run_json_with(columns_named("step,loss,learning_rate,lambda_1,residual_1,lambda_min,residual_min"),
                             R"("diverged_at": 4)"));
  const std::string page = page_of(folder);
  for (const char* name : {"λ₁", "λₙ", "loss"})
    CHECK(has(page, std::string(name).append(": 2 values lie beyond the axis")));
  CHECK(has(page, ">20</text>"));
  CHECK(has(page, "step <output>3</output>"));
}

TEST_CASE("a run that is far beyond the threshold from its start on is drawn") {
  const FilesOfRun folder("r");
  constexpr std::string_view names = "step,loss,learning_rate,lambda_1,residual_1";
  folder.write("metrics.csv", std::string(names) + "\n0,1.5,2,28,0.001\n1,2,2,31,0.001\n2,65,2,408,0.001\n");
  folder.write("run.json", run_json_with(columns_named(names, 1), R"("diverged_at": 2)"));
  const std::string page = page_of(folder);
  CHECK(has(page, "λ₁: 1 value lies beyond the axis (triangles), the farthest 408 at step 2."));
  // Also where the threshold's line has as many points as there are values.
  folder.write("metrics.csv", std::string(names) + "\n0,1.5,2,10.7,0.001\n1,2,2,94,0.001\n2,65,2,408,0.001\n");
  CHECK(has(folder.render(), "λ₁: 2 values lie beyond the axis (triangles), the farthest 408 at step 2."));
}

TEST_CASE("not measured at every step, none at the bottom, zero and negative losses") {
  const FilesOfRun folder("r");
  folder.write("metrics.csv",
               "step,loss,learning_rate,lambda_1,residual_1,surplus\n0,1,0.1,10,0.001,-1\n1,0,0.1,,,\n2,-1,0.1,21,0."
               "001,0.1\n3,0.5,0.1,,,\n");
  folder.write("run.json", run_json_with(columns_named("step,loss,learning_rate,lambda_1,residual_1,surplus")));
  const std::string page = page_of(folder);
  CHECK(has(page, "loss: 2 values are zero or negative and not drawn on the logarithmic axis."));
  CHECK(has(page, "2 of 2, to 0.001 relative"));
  CHECK(has(page, "<b>step 2</b>"));
}

TEST_CASE("several runs: overlay, letters, a section each; identical folder names do not clash") {
  const FilesOfRun a("r"), b("r"), c("third");
  write_whole(a), write_whole(b), write_whole(c);
  c.write("metrics.csv", header);
  const std::string page = render_report(std::vector<fs::path>{a.path(), b.path(), c.path()});
  check_page(page);
  CHECK(has(page, "<h1>3 runs compared</h1>"));
  CHECK(count(page, "<section id=\"run") == 3);
  CHECK(has(page, "λ₁ of all runs"));
  CHECK(has(page, "C · mlp on synthetic"));
  CHECK_THROWS_AS(render_report({}), ReportError);
}

TEST_CASE("a long run stays small and keeps its extremes") {
  const FilesOfRun folder("r");
  std::string metrics = "step,loss,learning_rate\n";
  for (int step = 0; step < 50000; ++step)
    metrics += std::to_string(step) + "," + (step == 31417 ? "900" : "1.5") + ",0.1\n";
  folder.write("metrics.csv", metrics);
  folder.write("run.json", run_json_with(columns_named("step,loss,learning_rate")));
  const std::string page = page_of(folder);
  CHECK(page.size() < 400000);
  CHECK(has(page, "drawn as the extremes of neighbouring steps"));
  const auto line = page.find("class=\"line\"");
  CHECK(has(page.substr(line, page.find("/>", line) - line), "-18"));  // up to the peak: nearly the height of the box
}

TEST_CASE("write_report writes what render_report gives, and says when it cannot") {
  const FilesOfRun folder("r");
  write_whole(folder);
  const std::vector<fs::path> runs{folder.path()};
  CHECK(default_report_path(runs) == folder.path() / "report.html");
  CHECK(default_report_path(std::vector<fs::path>{"a", "b"}) == "report.html");
  write_report(runs, default_report_path(runs));
  std::ifstream file(default_report_path(runs), std::ios::binary);
  CHECK(std::string(std::istreambuf_iterator<char>(file), {}) == folder.render());
  CHECK_THROWS_AS(write_report(runs, folder.path() / "absent" / "report.html"), IoError);
}

TEST_CASE("ticks are 1-2-5 and cover the axis") {
  const auto labels = [](const std::vector<report::Tick>& ticks) {
    std::string out;
    for (const auto& tick : ticks) out += tick.label + " ";
    return out;
  };
  CHECK(labels(report::linear_ticks(0, 400, 8)) == "0 50 100 150 200 250 300 350 400 ");
  CHECK(labels(report::linear_ticks(-0.3, 0.31, 4)) == "−0.2 0.0 0.2 ");
  CHECK(labels(report::linear_ticks(0, 3, 8, true)) == "0 1 2 3 ");
  CHECK(labels(report::log_ticks(0.008, 1.6, 4)) == "0.01 0.02 0.05 0.1 0.2 0.5 1 ");
  CHECK(labels(report::log_ticks(1e-9, 1e3, 4)) == "10⁻⁹ 10⁻⁶ 0.001 1 1000 ");
  CHECK(report::linear_ticks(1e15, 1e15 + 0.25, 5).size() < 25);
  for (double low : {-1e90, -3.7e-5, 0.0, 1e-12, 5e8}) {
    for (double width : {1e-11, 0.7, 1.0, 33.0, 1e12}) {
      const double high = low + width * (low == 0 ? 1 : std::fabs(low));
      for (int target = 3; target <= 9; ++target) {
        const auto ticks = report::linear_ticks(low, high, target);
        CHECK(ticks.size() >= 1);
        CHECK(ticks.size() <= static_cast<std::size_t>(2 * target));
      }
    }
  }
  for (double x : {1e-300, 1e-5, 0.3, 1.0, 2.0, 999.0, 1e200})
    CHECK(std::fabs(report::log10_for_plots(x) - std::log10(x)) < 1e-9);
}

TEST_CASE("numbers for readers") {
  CHECK(report::readable(20, 4) == "20.00");
  CHECK(report::readable(9.9996, 4) == "10.00");
  CHECK(report::readable(-0.0507, 4) == "−0.0507");
  CHECK(report::readable(1.2e-5, 2) == "1.2×10⁻⁵");
  CHECK(report::readable(120091, 2) == "1.2×10⁵");
  CHECK(report::readable(std::nan(""), 3) == "not finite");
  CHECK(report::percent(399, 400) == "99.8 %");
  CHECK(report::percent(99999, 100000) == "> 99.9 %");
  CHECK(report::percent(400, 400) == "100 %");
  CHECK(report::shortest(-std::nan("")) == "nan");
}
