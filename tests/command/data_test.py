# SPDX-License-Identifier: MIT
"""`brink data` and training on CIFAR-10's files from outside: exit codes, messages, a mirror that answers by HTTP.
usage: data_test.py BUILD
"""

import functools
import http.server
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness import ROOT, Cases
from numpy_files import npy, npz

brink = str(pathlib.Path(sys.argv[1], "tools", "brink").resolve())
shared = pathlib.Path(os.environ.get("BRINK_SHARED", ROOT.parent / "shared"), "data").resolve()
cases = Cases()


class Silent(http.server.SimpleHTTPRequestHandler):
    """Answers for any host, as a proxy does: only the last part of an address counts."""

    def translate_path(self, path):
        return super().translate_path("/" + path.rsplit("/", 1)[-1])

    def log_message(self, *_):
        pass


def serve(folder):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Silent, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, f"http://127.0.0.1:{server.server_port}"


def call(*arguments, folder, environment=None):
    done = subprocess.run([brink, *arguments], capture_output=True, text=True, cwd=folder, stdin=subprocess.DEVNULL,
                          env=os.environ | (environment or {}))
    return done.returncode, done.stdout, done.stderr.strip()


with tempfile.TemporaryDirectory() as temporary:
    here = pathlib.Path(temporary)

    def case(name, status, said, *arguments, printed="", environment=None):
        """`said`: how standard error begins; `printed`: what standard output contains."""
        code, out, error = call(*arguments, folder=temporary, environment=environment)
        wrong = []
        if code != status:
            wrong.append(f"status {status} expected, {code} found: {error}")
        if not error.startswith(said) or (not said and error):
            wrong.append(f"expected {said!r}, found {error!r}")
        if printed not in out:
            wrong.append(f"expected {printed!r} in {out!r}")
        cases.check(name, wrong)

    case("data", 2, "brink: ", "data")
    case("list", 0, "", "data", "list", printed="cifar10-500k")
    case("check without a folder", 2, "brink: ", "data", "check")
    case("check of an unknown set", 2, "brink: mnist: expected the name of a data set with files (cifar-10, cifar10-5k", "data",
         "check", "mnist", "--directory", ".")
    case("check of an empty folder", 3, "brink: .: expected the files of a data set", "data", "check", "--directory", ".")
    case("a CIFAR set without its folder", 2, "brink: --set data.name=cifar10-5k: data.name: \"cifar10-5k\" needs data.directory",
         "train", "--set", "data.name=cifar10-5k")
    case("a folder that is not there", 3, "brink: none: expected the folder that holds the CIFAR-10 files", "train", "--set",
         "data.name=cifar10-5k", "--set", "data.directory=none")
    case("more than there is", 2, "brink: --set data.train=500010: data.train: expected at most 500000 for \"cifar10-500k\"",
         "train", "--set", "data.name=cifar10-500k", "--set", "data.directory=.", "--set", "data.train=500010")
    case("not shared equally", 2, "brink: --set data.train=5004: data.train: expected a multiple of the 10 classes, got 5004",
         "train", "--set", "data.name=cifar10-5k", "--set", "data.directory=.", "--set", "data.train=5004")
    case("totals of the set", 0, "", "train", "--dry-run", "--set", "data.name=cifar10-50k", "--set", "data.directory=d",
         printed="train = 50000\ntest = 10000\n")
    for option in ["--out", "--set data.name=fmnist4 --set data.directory="]:
        code, _, error = call("train", "--dry-run", *(option + ("" if "=" in option else " ") + "d\udcff").split(), folder=temporary)
        cases.check(f"a name that is not UTF-8: {option}", code == 2 and error.endswith("expected UTF-8, found the byte 0xff" + (
            "" if "=" in option else "; this name is stored in UTF-8 files, so choose another one")))
    (here / "data_batch_1.bin").write_bytes(bytes(30730000 - 1))
    case("a file cut short", 3, "brink: ./data_batch_1.bin: expected 30730000 bytes (10000 records of 3073), found 30729999 "
         "(9999 records and 3072 bytes more)", "data", "check", "--directory", ".")
    label = bytearray(30730000)
    label[3073 * 7] = 10
    (here / "data_batch_1.bin").write_bytes(label)
    case("a label of 10", 3, "brink: ./data_batch_1.bin: byte 21511 (record 7): expected a label from 0 to 9, found 10", "train",
         "--set", "data.name=cifar10-5k", "--set", "data.directory=.")
    for i in range(1, 6):
        (here / f"data_batch_{i}.bin").write_bytes(bytes(30730000))
    (here / "test_batch.bin").write_bytes(bytes(30730000))
    case("records of something else", 1, "", "data", "check", "--directory", ".", printed="NOT OFFICIAL: expected a4c1daa2")
    case("training on something else", 3, "brink: ./data_batch_1.bin to data_batch_5.bin: expected the official CIFAR-10 records",
         "train", "--set", "data.name=cifar10-5k", "--set", "data.directory=.")
    own = ["--set", "data.name=arrays", "--set", "data.train_file=own.npz"]

    def write_own(x=npy("<f4", (3, 2), struct.pack("<6f", *range(6))), y=npy("<i8", (3,), struct.pack("<3q", 0, 1, 0))):
        (here / "own.npz").write_bytes(npz({"x": x, "y": y}))

    case("own data without a file", 2, "brink: --set data.name=arrays: data.name: \"arrays\" needs data.train_file", "train", "--set",
         "data.name=arrays")
    case("own data that are not there", 3, "brink: own.npz: expected the file that data.train_file = \"own.npz\" names, found none",
         "train", *own)
    write_own(x=npy("<f4", (3, 2), struct.pack("<6f", 0, 1, 2, float("nan"), 4, 5)))
    case("own data with NaN", 3, "brink: own.npz: x: sample 1, element 1: expected a finite number, found nan; save", "train", *own)
    write_own(y=npy("<i8", (2,), bytes(16)))
    case("own data of two lengths", 3, "brink: own.npz: y: expected as many labels as own.npz: x has samples, 3, found 2", "train", *own)
    write_own(y=npy("<i8", (3,), struct.pack("<3q", 0, 2, 0)))
    case("labels with a gap", 3, "brink: own.npz: y: expected labels without gaps, found 2 as the largest and no 1", "train", *own)
    write_own(x=npy("<f4", (6,), bytes(24)))
    case("own data of a wrong rank", 3, "brink: own.npz: x: expected pictures [N, H, W, C] or vectors [N, D], found the shape [6]",
         "train", *own)
    case("the check of own data says the same", 3, "brink: own.npz: x: expected pictures", "data", "check", "arrays", "--set",
         "data.train_file=own.npz")
    write_own()
    case("checking own data", 0, "", "data", "check", "arrays", "--set", "data.train_file=own.npz",
         printed="training  3 records of [2]")
    case("own data in a folder", 0, "", "data", "check", "arrays", "--directory", str(here), "--set", "data.train_file=own.npz",
         printed="1 passed, 0 failed")
    case("a network for pictures, given vectors", 2, "brink: model.name = \"vgg\": expected pictures [N, H, W, C], found vectors of 2",
         "train", *own, "--set", "model.name=vgg")
    cases.check("no run folder was made", not (here / "runs").exists())

    if shutil.which("curl") is None and shutil.which("wget") is None:
        cases.skip("fetching by HTTP", "neither curl nor wget is installed")
    else:
        (here / "mirror").mkdir()
        server, address = serve(here / "mirror")
        case("a mirror without the files", 4, f"brink: {address}/train-images-idx3-ubyte.gz: ", "data", "fetch", "fmnist4",
             "--directory", "new", "--mirror", address)
        said = call("data", "fetch", "fmnist4", "--directory", "new", "--mirror", address, folder=temporary)[2]
        cases.check("what to do by hand is said", "put these files into new: train-images-idx3-ubyte.gz" in said)
        (here / "mirror" / "train-images-idx3-ubyte.gz").write_bytes(b"not gzip")
        for name in ["train-labels-idx1-ubyte.gz", "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"]:
            (here / "mirror" / name).write_bytes(b"")
        case("a mirror with other files", 3, "brink: train-images-idx3-ubyte.gz (fetched): expected", "data", "fetch", "fmnist4",
             "--directory", "new", "--mirror", address)
        cases.check("nothing was written", not (here / "new").exists())
        with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections and answers none
            fetching = subprocess.Popen([brink, "data", "fetch", "fmnist4", "--directory", "new", "--mirror",
                                         f"http://127.0.0.1:{silent.getsockname()[1]}"], cwd=temporary)
            silent.accept()[0].close()
            caught = re.search(r"SigCgt:\s*(\w+)", pathlib.Path("/proc", str(fetching.pid), "status").read_text())
            fetching.terminate()
            cases.check("an interrupted fetch ends as interrupted programs do", fetching.wait() == -signal.SIGTERM)
        cases.check("a signal is caught while it fetches, to remove what is half written",
                    caught is not None and int(caught.group(1), 16) >> signal.SIGTERM - 1 & 1 == 1)
        server.shutdown()
        case("a mirror that is gone", 4, f"brink: {address}/", "data", "fetch", "fmnist4", "--directory", "new", "--mirror",
             address)
        case("no address", 2, "brink: --mirror here: expected an address", "data", "fetch", "fmnist4", "--directory", "new",
             "--mirror", "here")
        if (shared / "fashion-mnist").exists():
            server, address = serve(shared / "fashion-mnist")
            case("fetching by HTTP", 0, "", "data", "fetch", "fashion-mnist", "--directory", "new", "--mirror", address,
                 printed="all 4 files are in new, with the official records")
            case("fetching again", 0, "", "data", "fetch", "fmnist4", "--directory", "new", printed="nothing had to be fetched")
            case("checking what was fetched", 0, "", "data", "check", "--directory", "new", printed="2 passed, 0 failed")
            cases.check("the files are the mirror's", all((here / "new" / f.name).read_bytes() == f.read_bytes()
                                                          for f in (shared / "fashion-mnist").iterdir()))
            cases.check("and nothing else", len(list((here / "new").iterdir())) == 4)
            # The first address is https and finds no proxy; the second is http, and the server answers for it.
            proxies = {"https_proxy": "http://127.0.0.1:9", "no_proxy": ""}
            case("the second address where the first cannot be reached", 0, "", "data", "fetch", "fashion-mnist", "--directory",
                 "second", printed="all 4 files are in second", environment=proxies | {"http_proxy": address})
            case("neither address can be reached", 4, "brink: https://", "data", "fetch", "fashion-mnist", "--directory", "third",
                 environment=proxies | {"http_proxy": "http://127.0.0.1:9"})
            server.shutdown()
        else:
            cases.skip("fetching Fashion-MNIST", f"no {shared}")
    if (shared / "cifar-10-batches-bin").exists():
        case("checking CIFAR-10", 0, "", "data", "check", "cifar10-5k", "--directory", str(shared / "cifar-10-batches-bin"),
             printed="cifar10-500k     500000 samples; in each of 15625 groups of 32 at least 7 of 10 classes")
        case("training on 500,000 samples", 0, "", "train", "--set", "data.name=cifar10-500k", "--set",
             f"data.directory={shared / 'cifar-10-batches-bin'}", "--set", "training.steps=0", "--set", "measure.top=0", "--set",
             "measure.bottom=0", "--set", "model.hidden=[2]", "--out", "run")
    else:
        cases.skip("CIFAR-10's official files", f"no {shared} (BRINK_SHARED names the folder above)")
cases.close()
