# SPDX-License-Identifier: MIT
"""The CIFAR-10 sets in plain Python that shares nothing with brink: XXH3-128, Philox4x32-10, the choice of records,
augmentation, normalisation. Checks cifar_golden.json, with which data tests compare brink.
usage: cifar_golden.py [BUILD] [--all] [--write]    --all: also the part made from the official files, several minutes
"""

import json
import os
import pathlib
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness import ROOT, Cases

GOLDEN = pathlib.Path(__file__).resolve().parent / "cifar_golden.json"
M64 = (1 << 64) - 1

# XXH3-128 for inputs of more than 240 bytes, as its specification describes it.
SECRET = bytes.fromhex(
    "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671fcb79e64eccc0e578825ad07dccff7221"
    "b8084674f743248ee03590e6813a264c3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8"
    "a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364eac5ac8334d3ebc3c581a0fffa1363eb"
    "170ddd51b7f0da49d316552629d4689e2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e")
P32_1, P32_2, P32_3 = 0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D
P1, P2, P3, P4, P5 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5


def xxh3_128(data, seed=0):
    """(lower half, upper half)"""
    secret = b"".join(struct.pack("<QQ", (a + seed) & M64, (b - seed) & M64) for a, b in struct.iter_unpack("<QQ", SECRET))
    acc = [P32_3, P1, P2, P3, P4, P32_2, P5, P32_1]

    def stripe(at, secret_at):
        words, keys = struct.unpack_from("<8Q", data, at), struct.unpack_from("<8Q", secret, secret_at)
        for i in range(8):
            x = words[i] ^ keys[i]
            acc[i ^ 1] = (acc[i ^ 1] + words[i]) & M64
            acc[i] = (acc[i] + (x & 0xFFFFFFFF) * (x >> 32)) & M64

    stripes_a_block = (len(secret) - 64) // 8
    for s in range((len(data) - 1) // 64):
        stripe(64 * s, 8 * (s % stripes_a_block))
        if s % stripes_a_block == stripes_a_block - 1:
            for i, key in enumerate(struct.unpack_from("<8Q", secret, len(secret) - 64)):
                acc[i] = ((acc[i] ^ (acc[i] >> 47) ^ key) * P32_1) & M64
    stripe(len(data) - 64, len(secret) - 64 - 7)

    def merge(secret_at, value):
        keys = struct.unpack_from("<8Q", secret, secret_at)
        for i in range(0, 8, 2):
            product = (acc[i] ^ keys[i]) * (acc[i + 1] ^ keys[i + 1])
            value += (product ^ (product >> 64)) & M64
        value &= M64
        value ^= value >> 37
        value = value * 0x165667919E3779F9 & M64
        return value ^ (value >> 32)

    return merge(11, len(data) * P1 & M64), merge(len(secret) - 64 - 11, ~(len(data) * P2) & M64)


def hexadecimal(halves):
    return f"{halves[1]:016x}{halves[0]:016x}"


def checksum(records):
    total = 0
    for record in records:
        low, high = xxh3_128(record)
        total += (high << 64) + low
    return f"{total % (1 << 128):032x}"


def uniform(seed, stream, element):
    """Element of a Philox4x32-10 stream in (0, 1), two elements a block."""
    block = element // 2
    c = [block & 0xFFFFFFFF, block >> 32, 0, stream << 24]
    k = [seed & 0xFFFFFFFF, seed >> 32]
    for _ in range(10):
        a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(b >> 32) ^ c[1] ^ k[0], b & 0xFFFFFFFF, (a >> 32) ^ c[3] ^ k[1], a & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    word = c[2 * (element % 2)] | c[2 * (element % 2) + 1] << 32
    return ((word >> 12) + 0.5) / 2.0**52


def choose(records, of_each_class, seed):
    """The chosen indices: of each class those with the smallest lower halves, all in the order of the upper halves."""
    hashes = [xxh3_128(r, seed) for r in records]
    chosen = []
    for c in range(10):
        members = [i for i, r in enumerate(records) if r[0] == c]
        chosen += sorted(members, key=lambda i: hashes[i])[:of_each_class]
    return sorted(chosen, key=lambda i: (hashes[i][1], hashes[i][0]))


MEAN, DEVIATION = [0.4914, 0.4822, 0.4465], [0.2470, 0.2435, 0.2616]


def picture(record, top=4, left=4, flip=False):
    """The record cut out of its padded picture, normalised: 3072 numbers in the order height, width, channel."""
    padded = {(h + 4, w + 4): (h, w) for h in range(32) for w in range(32)}
    out = []
    for h in range(32):
        for w in range(32):
            at = padded.get((h + top, (31 - w if flip else w) + left))
            for c in range(3):
                out.append(0.0 if at is None else
                           (record[1 + 1024 * c + 32 * at[0] + at[1]] / 255.0 - MEAN[c]) / DEVIATION[c])
    return out


def augmentation(seed, sample, records):
    """(top, left, flip)"""
    if sample < records:
        return 4, 4, False
    number = int(162 * uniform(seed, 6, sample))
    return number // 18, number // 2 % 9, number % 2 == 1


def facts_of_sample(records, order, seed, i):
    record = records[order[i % len(order)]]
    top, left, flip = augmentation(seed, i, len(order))
    row = picture(record, top, left, flip)
    return {"sample": i, "label": record[0], "top": top, "left": left, "flip": flip, "values": [row[0], row[1536], row[3071]],
            "float32": hexadecimal(xxh3_128(struct.pack("<3072f", *row))),
            "float64": hexadecimal(xxh3_128(struct.pack("<3072d", *row)))}


def sets_of(train, test, seed, of_each_class, of_each_class_in_test, samples):
    """The numbers of a subset and of the augmented set with which a test can compare."""
    subset, whole = choose(train, of_each_class, seed), choose(train, len(train) // 10, seed)
    of_test = choose(test, of_each_class_in_test, seed)
    return {"seed": seed, "train": 10 * of_each_class, "test": 10 * of_each_class_in_test,
            "subset_checksum": checksum(train[i] for i in subset), "test_subset_checksum": checksum(test[i] for i in of_test),
            "first_rows": subset[:20], "first_test_rows": of_test[:20],
            "labels": hexadecimal(xxh3_128(bytes(train[i][0] for i in subset) * 9)),
            "subset_samples": [facts_of_sample(train, subset, seed, i) for i in (0, 1, 10 * of_each_class - 1)],
            "augmented_samples": [facts_of_sample(train, whole, seed, i) for i in samples]}


def small_record(g):
    """Record g of the files that the tests make."""
    pixels = ((g * g * 31 + k * (2 * g + 1) + (k >> 3) * k) >> 2 & 255 for k in range(3072))
    return bytes([(7 * g + g // 10) % 10, *pixels])


def small():
    train, test = [small_record(g) for g in range(200)], [small_record(g) for g in range(200, 240)]
    out = {"records": 40, "train_checksum": checksum(train), "test_checksum": checksum(test)}
    out |= sets_of(train, test, 3, 5, 2, [0, 199, 200, 201, 523, 1024, 1777, 1999])
    whole, seed = choose(train, 20, 3), 3
    coded = []
    for i in range(600):
        top, left, flip = augmentation(seed, i, 200)
        coded.append(train[whole[i % 200]] + bytes([(top * 9 + left) * 2 + flip]))
    return out | {"augmented_600_checksum": checksum(coded)}


def official(folder):
    def records(name):
        data = (folder / name).read_bytes()
        return [data[i:i + 3073] for i in range(0, len(data), 3073)]
    train = [r for i in range(1, 6) for r in records(f"data_batch_{i}.bin")]
    test = records("test_batch.bin")
    out = {"train_checksum": checksum(train), "test_checksum": checksum(test)}
    out |= sets_of(train, test, 0, 500, 200, [0, 49999, 50000, 123456, 499999])
    # The known values do not include the order of the records in the files.
    return {k: v for k, v in out.items() if not k.endswith("_rows")}


if __name__ == "__main__":
    cases = Cases()
    stored = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {}
    found = {"small": small()}
    folder = pathlib.Path(os.environ.get("BRINK_SHARED", ROOT.parent / "shared"), "data", "cifar-10-batches-bin")
    if "--all" not in sys.argv:
        cases.skip("CIFAR-10 sets of the official files in Python", "long")
    elif not folder.exists():
        cases.skip("CIFAR-10 sets of the official files in Python", f"no CIFAR-10 in {folder} (BRINK_SHARED names the folder above)")
    else:
        found["official"] = official(folder)
    if "--write" in sys.argv:
        stored |= found
        GOLDEN.write_text(json.dumps(stored, indent=1) + "\n")
    for name, facts in found.items():
        for key, value in facts.items():
            cases.check(f"{name} {key}", value == stored[name].get(key))
    cases.check("different samples differ", len({s["float64"] for s in found["small"]["augmented_samples"]}) == 8)
    cases.rejects("a changed pixel", [] if checksum([small_record(0)]) == checksum([small_record(0)[:-1] + b"\0"]) else ["differs"])
    cases.close()
