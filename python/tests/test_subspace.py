# SPDX-License-Identifier: MIT
"""Angles, similarity and matching of brink.subspace, against closed forms."""

import numpy as np
import pytest

from brink import subspace


def turned(angle: float, n: int = 7) -> np.ndarray:
    """Two orthonormal columns, of which the second is turned by `angle` out of the plane of the first two axes."""
    basis = np.zeros((n, 2))
    basis[0, 0] = 1
    basis[1, 1], basis[2, 1] = np.cos(angle), np.sin(angle)
    return basis


def test_one_angle() -> None:
    for angle in (1e-9, 1e-3, 0.3, 1.2, np.pi / 2):
        assert subspace.principal_angles(turned(0), turned(angle)) == pytest.approx([0, angle], rel=1e-12, abs=1e-15)
        assert subspace.similarity(turned(0), turned(angle)) == pytest.approx(np.cos(angle / np.sqrt(2)), rel=1e-14)
        assert subspace.misalignment(turned(0), turned(angle)) == pytest.approx(2 * np.sin(angle / np.sqrt(8)) ** 2, rel=1e-9)


def test_vectors_are_the_cosine() -> None:
    u, v = np.array([1.0, 0, 0]), np.array([-np.cos(0.4), np.sin(0.4), 0])
    assert subspace.similarity(u, v) == pytest.approx(np.cos(0.4), rel=1e-14)


def test_a_basis_does_not_matter() -> None:
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(2, 2)))[0]
    assert subspace.similarity(turned(0.5) @ rotation, turned(0)) == pytest.approx(subspace.similarity(turned(0.5), turned(0)), rel=1e-12)


def test_matching_follows_a_crossing() -> None:
    u = np.eye(5)[:, :3]
    v = u[:, [1, 0, 2]] * [1, -1, 1]
    partner, overlap = subspace.match(u, v)
    assert partner.tolist() == [1, 0, 2] and overlap == pytest.approx(1)
    assert np.diag(subspace.overlaps(u, v)).tolist() == [0, 0, 1]


def test_matching_takes_the_largest_first() -> None:
    # The second column is nearest to v₁ too, but the first one is nearer.
    u = np.array([[1.0, 0.8], [0.0, 0.6]])
    partner, overlap = subspace.match(u, np.eye(2))
    assert partner.tolist() == [0, 1] and overlap == pytest.approx([1, 0.6])
    assert subspace.match(u, np.eye(2)[:, :1])[0].tolist() == [0, -1]


def test_wrong_shapes_are_named() -> None:
    with pytest.raises(ValueError, match=r"\(3, 2\) and \(4, 2\)"):
        subspace.principal_angles(np.ones((3, 2)), np.ones((4, 2)))
    with pytest.raises(ValueError, match="found 2 and 1"):
        subspace.similarity(turned(0), turned(0)[:, :1])
