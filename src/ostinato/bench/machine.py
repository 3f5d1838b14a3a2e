"""The machine that a benchmark ran on, for readers who judge its numbers or repeat it."""

import os
import platform
import re
import subprocess
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import torch

from ostinato.kernels import isa

PACKAGES = ("ostinato", "torch", "numpy", "onnxruntime")
TYPICAL = {"L1": 32 * 2**10, "L2": 2**20, "L3": 16 * 2**20}


@dataclass(frozen=True)
class Machine:
    """A description of the machine. `cores` are those that this process may use; `caches` are bytes of one core's L1
    and L2 and of the shared L3 (typical ones with `caches_are_assumed`); `load` is the average of the minute before."""

    cpu: str
    cores: int
    memory_gib: float
    caches: dict[str, int]
    caches_are_assumed: bool
    system: str
    instruction_set: str
    versions: dict[str, str]
    load: float

    @classmethod
    def here(cls) -> "Machine":
        """The machine that this process runs on."""
        caches = _caches()
        return cls(
            cpu=_cpu(),
            cores=cores(),
            memory_gib=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30,
            caches={**TYPICAL, **caches},
            caches_are_assumed=not caches,
            system=f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
            instruction_set=isa(),
            versions={name: _version(name) for name in PACKAGES if _version(name)},
            load=os.getloadavg()[0],
        )


def cores() -> int:
    """The number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _version(package: str) -> str:
    if package == "torch":
        return torch.__version__  # with its build tag
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _cpu() -> str:
    """The CPU's name, with family and model, because a virtual machine often hides the name."""
    table = Path("/proc/cpuinfo")
    if not table.is_file():
        return _sysctl("machdep.cpu.brand_string") or platform.processor() or platform.machine()
    fields = dict(re.findall(r"^([\w ]+?)\s*: (.*)$", table.read_text().partition("\n\n")[0], re.M))
    name = fields.get("model name") or platform.machine()
    numbers = [f"{key} {fields[key]}" for key in ("cpu family", "model", "stepping") if key in fields]
    return f"{name} ({', '.join(numbers)})" if numbers else name


def _caches() -> dict[str, int]:
    """Bytes by level, for the levels that the system reports."""
    sizes = {}
    for folder in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        level, kind, size = ((folder / name).read_text().strip() for name in ("level", "type", "size"))
        if kind != "Instruction" and size.endswith("K"):
            sizes[f"L{level}"] = int(size[:-1]) * 2**10
    for level, name in (("L1", "hw.l1dcachesize"), ("L2", "hw.l2cachesize"), ("L3", "hw.l3cachesize")):
        value = _sysctl(name) if not Path("/sys/devices").is_dir() else ""
        if value.isdigit() and int(value):
            sizes[level] = int(value)
    return {level: size for level, size in sizes.items() if level in TYPICAL}


def _sysctl(name: str) -> str:
    """A value of macOS's sysctl; empty on other systems."""
    if platform.system() != "Darwin":
        return ""
    done = subprocess.run(["/usr/sbin/sysctl", "-n", name], capture_output=True, text=True, check=False)
    return done.stdout.strip()
