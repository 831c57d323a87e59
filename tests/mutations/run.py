"""Which faults the tests find: one mutation at a time is applied to a copy of the project, and its tests are run.

`make mutants ARGS="--folder lifecycle"`; `--help` has the other options. A mutation survives if all tests pass, and is
undecided where they took too long. Tests that need a browser or packages of others are left out: they cover what the
others do, and take minutes.
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from fixtures.fresh_copy import copy_of_the_repository
from mutations.catalogue import mutations

_PASSED, _FAILED, _NOTHING_RUN = 0, 1, 5
_LEFT_OUT = "not browser and not registry"
_FINDER = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)


def make_environment(folder, tree):
    """Make an environment with the packages of this one, in which qlik_keys is the copy; return its interpreter.

    Tests start `qlik-keys` and interpreters of their own without this one's variables, so PYTHONPATH would not reach
    them.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", "--symlinks", folder], check=True)
    [packages] = (folder / "lib").glob("python*/site-packages")
    (packages / "copy.pth").write_text(f"{tree}\n{sysconfig.get_path('purelib')}\n")
    scripts, prefix = folder / "bin", Path(sys.prefix)
    for script in (prefix / "bin").iterdir():
        if (scripts / script.name).exists():
            continue
        if script.read_bytes()[:2] == b"#!":
            (scripts / script.name).write_text(script.read_text().replace(str(prefix / "bin"), str(scripts)))
            (scripts / script.name).chmod(0o755)
        else:
            (scripts / script.name).symlink_to(script)
    (folder / "share").symlink_to(prefix / "share")
    return scripts / "python"


def run_tests(python, tree, paths, chosen, timeout):
    """Run tests until one fails; return pytest's exit code (None where they took too long) and its output."""
    options = ["-x", "-q", "-m", f"{chosen} and {_LEFT_OUT}", "-p", "no:randomly", "-p", "no:cacheprovider"]
    environment = {**os.environ, "VIRTUAL_ENV": str(python.parents[1])}
    environment["PATH"] = os.pathsep.join((str(python.parent), environment.get("PATH", "")))
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "start_new_session": True}
    process = subprocess.Popen([python, "-m", "pytest", *paths, *options], cwd=tree, env=environment, **streams)
    try:
        output, _ = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        return None, ""
    finally:
        if process.poll() is None:  # its servers end with it
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return process.returncode, output


def judge(python, tree, paths, timeout):
    """Return what the tests say of a mutation, and by which test."""
    survived = False
    for chosen in ("not openbao", "openbao"):  # those that need no server take seconds
        code, output = run_tests(python, tree, paths, chosen, timeout)
        found = _FINDER.search(output)
        if code is None:
            return "undecided", "a time-out"
        if code == _FAILED and found:
            return "killed", found[1]
        if code not in (_PASSED, _NOTHING_RUN):
            return "error", output[-2000:]
        survived = survived or code == _PASSED
    return ("survived", "") if survived else ("error", "no test was run")


def treat(mutation, python, tree, paths, timeout):
    """Apply a mutation, run tests, and take it back; return what came of it."""
    started = time.monotonic()
    try:
        file, before = mutation.apply(tree)
        try:
            result, by = judge(python, tree, paths, timeout)
        finally:
            file.write_text(before, encoding="utf-8")
    except LookupError as problem:
        result, by = "error", str(problem)
    if result == "killed":
        name = by.partition("[")[0]  # as it is without its parameters, which may have blanks
        code, _ = run_tests(python, tree, [name], "not registry", timeout)
        if code != _PASSED:
            result, by = "error", f"{name} fails without the mutation too"
    seconds = round(time.monotonic() - started, 1)
    return {"name": mutation.name, "result": result, "by": by, "seconds": seconds, "fault": mutation.fault}


def chosen(arguments):
    """Return the mutations that the command line asks for."""
    found = mutations()
    if unknown := {*(arguments.only or ())} - {mutation.name for mutation in found}:
        sys.exit(f"There is no mutation {', '.join(sorted(unknown))}.")
    if arguments.only:
        found = [mutation for mutation in found if mutation.name in arguments.only]
    if arguments.folder:
        found = [mutation for mutation in found if arguments.folder in mutation.tests]
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", metavar="NAME", help="this mutation; may be given again")
    parser.add_argument("--folder", help="the mutations that this folder of tests/ must find, by its tests alone")
    parser.add_argument("--list", action="store_true", help="list the mutations, and run nothing")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results here too, after each mutation")
    parser.add_argument("--timeout", type=float, default=1200, help="seconds for the tests of one mutation")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what runs is ended too
    wanted = chosen(arguments)
    if arguments.list:
        for mutation in wanted:
            print(f"{mutation.name:40} {', '.join(mutation.tests):24} {mutation.fault}")
        return 0
    results = []
    with tempfile.TemporaryDirectory(prefix="qlik-keys-mutants-") as name:
        tree = Path(name) / "tree"
        copy_of_the_repository(tree)
        python = make_environment(Path(name) / "environment", tree)
        for number, mutation in enumerate(wanted, start=1):
            paths = [f"tests/{folder}" for folder in ((arguments.folder,) if arguments.folder else mutation.tests)]
            print(f"[{number}/{len(wanted)}] {mutation.name} ", end="", flush=True)
            done = treat(mutation, python, tree, paths, arguments.timeout)
            print(f"{done['result']} in {done['seconds']} s {done['by']}", flush=True)
            results.append(done)
            if arguments.json:
                arguments.json.write_text(json.dumps(results, indent=1) + "\n")
    left = [done for done in results if done["result"] != "killed"]
    print(f"{len(results) - len(left)} of {len(results)} killed.")
    for done in left:
        print(f"  {done['result']}: {done['name']}: {done['fault']}")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
