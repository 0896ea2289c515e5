// SPDX-License-Identifier: MIT
// The page around the charts: the document, key figures, tables, notes.
// The markup is well-formed XML as well as HTML, so that a test can parse every byte of it.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "tools/report/facts.h"
#include "tools/report/run.h"

namespace brink::report {

/// The whole document; `body` and `data` (JSON) are taken as they are, the title is escaped. reload_seconds > 0: it reloads itself
/// after as many seconds.
std::string document(std::string_view title, std::string_view body, std::string_view data, int reload_seconds = 0);

/// `<tag>text</tag>`, the text escaped.
std::string cell(const std::string& text, std::string_view tag = "td");
/// The value, with a mark if it depends on an eigenvalue that is not certified.
std::string marked(const KeyFigure& figure);
std::string render_key_figures(std::span<const KeyFigure> figures);
std::string render_settings(const Run& run);
std::string render_instabilities(const Run& run);
std::string render_notes(std::span<const std::string> notes);

/// style.cpp and script.cpp
std::string style_sheet();
std::string_view page_script();

}  // namespace brink::report
