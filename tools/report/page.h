// SPDX-License-Identifier: MIT
// What it is: the page around the charts: document shell, key figures, tables, notes. What it is not: the choice of
// what is measured or drawn.
// Decision: the markup is well-formed XML as well as HTML, so that a test can parse every byte of it.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "tools/report/facts.h"
#include "tools/report/run.h"

namespace brink::report {

/// The whole document; `body` and `data` (JSON) are taken as they are, the title is escaped.
std::string document(std::string_view title, std::string_view body, std::string_view data);

std::string render_key_figures(std::span<const KeyFigure> figures);
std::string render_facts(const Run& run);
std::string render_instabilities(const Run& run);
std::string render_notes(std::span<const std::string> notes);
/// One column per run.
std::string render_comparison(std::span<const Run> runs);

/// style.cpp and script.cpp
std::string style_sheet();
std::string_view page_script();

}  // namespace brink::report
