"""Compiles the network's passes into the wheel, for each type and each kind of processor."""

import os
import platform
import runpy
import shlex
import subprocess
import sysconfig
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FLAGS = (
    "-std=gnu11 -O3 -fno-math-errno -fPIC -shared -fvisibility=hidden -ffp-contract=fast -Wno-psabi"
)
# By torch's names of processors; all others have what the compiler takes by default.
PROCESSORS = {"DEFAULT": "-DBYTES=32"}
if platform.machine().lower() in ("x86_64", "amd64"):
    PROCESSORS["AVX2"] = "-DBYTES=32 -mavx2 -mfma"
    PROCESSORS["AVX512"] = "-DBYTES=64 -mavx2 -mfma -mavx512f -mavx512bw -mavx512dq -mavx512vl"
TYPES = {"float32": "-DREAL=float", "float64": "-DREAL=double"}


class Kernels(BuildHookInterface):
    """Compiles with ``cc``, or what ``CC`` names; without a compiler the wheel has none."""

    def initialize(self, version, build_data):
        """Compile, next to the source: an editable installation uses them there."""
        system = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        names = runpy.run_path(str(Path(self.root, "eegsep", "_kernels", "names.py")))
        source = names["SOURCE"]
        compiler = shlex.split(os.environ.get("CC", "cc"))
        for old in source.parent.glob("kernels-*.so"):
            old.unlink()
        for processor, its_flags in PROCESSORS.items():
            for dtype, definition in TYPES.items():
                library = names["library_file"](processor, dtype)
                flags = f"{FLAGS} {its_flags} {definition}".split()
                try:
                    subprocess.run([*compiler, *flags, str(source), "-o", str(library)], check=True)
                except (OSError, subprocess.CalledProcessError) as error:
                    self.app.display_warning(f"without {library.name}, slow there: {error}")
                else:
                    build_data["pure_python"] = False
                    build_data["tag"] = f"py3-none-{system}"
        build_data["artifacts"].append("/eegsep/_kernels/*.so")
