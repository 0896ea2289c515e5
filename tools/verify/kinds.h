// SPDX-License-Identifier: MIT
// What it is: one comparison for each kind of reference, and a part of the closed forms. What it is not: the choice among them
// (verify.cpp). Each adds its quantities to the table, or names the case as skipped, and throws DataError where the reference lacks
// something. Tolerances are those of the format's description; see verify.h.
#pragma once

#include <string>

#include "tools/verify/reference.h"
#include "tools/verify/table.h"

namespace brink::verify {

void check_network(Device&, const Case&, Table&);
void check_descent(Device&, const Case&, Table&);
/// data_directory: of the official files; must not be empty.
void check_fmnist(Device&, const Case&, const std::string& data_directory, Table&);
void check_dln(Device&, const Case&, Table&);
void check_subspace(Device&, const Case&, Table&);
/// Of the closed forms: networks with convolutions, by finite differences.
void check_convolutions(Device&, Table&);

}  // namespace brink::verify
