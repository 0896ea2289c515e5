// SPDX-License-Identifier: MIT
// One comparison for each kind of reference, and a part of the closed forms. Each adds its quantities to the table, or names
// the case as skipped, and throws DataError if the reference lacks something. Tolerances are in verify.h.
#pragma once

#include <string>

#include "tools/verify/reference.h"
#include "tools/verify/table.h"

namespace brink::verify {

void check_network(Device&, const Case&, Table&);
void check_descent(Device&, const Case&, Table&);
/// data_directory: the folder of the official files; must not be empty.
void check_fmnist(Device&, const Case&, const std::string& data_directory, Table&);
void check_optimizers(Device&, const Case&, Table&);
void check_dln(Device&, const Case&, Table&);
void check_subspace(Device&, const Case&, Table&);
/// Part of the closed forms: networks with convolutions, by finite differences.
void check_convolutions(Device&, Table&);

}  // namespace brink::verify
