# SPDX-License-Identifier: MIT
"""Files as NumPy writes them, made without NumPy."""

import io
import struct
import zipfile


def npy(descr, shape, data):
    """A .npy file: npy("<f4", (3, 2), bytes(24))."""
    header = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (63 - (len(header) + 10) % 64) + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + data


def npz(arrays, method=zipfile.ZIP_STORED):
    """A .npz file of {name: .npy file}."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, contents in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy")
            member.compress_type = method
            with archive.open(member, "w", force_zip64=True) as to:
                to.write(contents)
    return out.getvalue()
