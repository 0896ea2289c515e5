# SPDX-License-Identifier: MIT
"""The parts of tools/gpu_check."""
