# SPDX-License-Identifier: MIT
"""What it is: the parts of tools/gpu_check. What it is not: used by anything else."""
