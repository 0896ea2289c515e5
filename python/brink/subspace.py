# SPDX-License-Identifier: MIT
"""Angles and similarity of subspaces, and pairs of eigenvectors that belong together (docs/method.md, section 13)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import linalg


def _bases(u: ArrayLike, v: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    a, b = (np.asarray(one, dtype=np.float64) for one in (u, v))
    a, b = (one[:, None] if one.ndim == 1 else one for one in (a, b))
    if a.ndim != 2 or b.ndim != 2 or a.shape[0] != b.shape[0]:
        raise ValueError(f"expected two arrays [n, k] with the same n, found {np.shape(u)} and {np.shape(v)}")
    return a, b


def principal_angles(u: ArrayLike, v: ArrayLike) -> np.ndarray:
    """The angles φ₁ ≤ φ₂ ≤ … between the spans of the columns of two arrays [n, k]: small ones from sines (Björck and Golub)."""
    a, b = _bases(u, v)
    return np.asarray(linalg.subspace_angles(a, b)[::-1])


def distance(u: ArrayLike, v: ArrayLike) -> float:
    """The Grassmann distance ‖φ‖₂ of two subspaces."""
    return float(np.linalg.norm(principal_angles(u, v)))


def similarity(u: ArrayLike, v: ArrayLike) -> float:
    """cos(d/√k), between 0 and 1: |cos φ| for vectors. Both subspaces have the same number k of columns."""
    a, b = _bases(u, v)
    if a.shape != b.shape:
        raise ValueError(f"expected as many columns in both, found {a.shape[1]} and {b.shape[1]}")
    return float(np.cos(distance(a, b) / np.sqrt(a.shape[1])))


def misalignment(u: ArrayLike, v: ArrayLike) -> float:
    """1 − similarity, accurate also where it is small."""
    a, b = _bases(u, v)
    return float(2 * np.sin(distance(a, b) / np.sqrt(a.shape[1]) / 2) ** 2)


def overlaps(u: ArrayLike, v: ArrayLike) -> np.ndarray:
    """|⟨uᵢ, vⱼ⟩| as an array [k of u, k of v]."""
    a, b = _bases(u, v)
    return np.asarray(np.abs(a.T @ b))


def match(u: ArrayLike, v: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """For each column of `u` the column of `v` that it is matched with, or −1, and their overlap, or 0.

    The two vectors with the largest overlap of all become a pair, then those with the largest overlap among the rest, and so on.
    """
    left = overlaps(u, v)
    partner, overlap = np.full(left.shape[0], -1), np.zeros(left.shape[0])
    for _ in range(min(left.shape)):
        i, j = np.unravel_index(np.argmax(left), left.shape)
        partner[i], overlap[i] = j, left[i, j]
        left[i, :] = left[:, j] = -1.0
    return partner, overlap
