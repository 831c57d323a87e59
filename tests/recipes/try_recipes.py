"""The recipes in the programs of others, which are too large for `make test`: Airflow, and the schemas of Kubernetes.

`make recipes` runs this file; its name keeps it out of every other run.
"""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
import venv
from pathlib import Path

import pytest

pytestmark = [pytest.mark.openbao, pytest.mark.registry, pytest.mark.timeout(1800)]
HERE = Path(__file__).parent
DAG = "rotate_qlik_keys"


def installed(requirements, folder):
    """Install the packages into an environment of their own; return the folder of its programs."""
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--python", str(python)]
    subprocess.run([*pip, "install", "--only-binary", ":all:", "--requirement", str(HERE / requirements)], check=True)
    return python.parent


def test_the_manifest_is_what_kubernetes_takes(tmp_path, place):
    programs = installed("requirements-kubernetes.txt", tmp_path / "environment")
    documents = place.text("kubernetes/cronjob.yaml").split("\n---\n")
    files = [tmp_path / f"{number}.yaml" for number in range(len(documents))]
    for file, text in zip(files, documents, strict=True):
        file.write_text(text)
    validate = [programs / "python", "-m", "kubernetes_validate", "--strict", "--quiet"]
    assert subprocess.run([*validate, *files], check=False, capture_output=True, text=True).returncode == 0
    files[-1].write_text(documents[-1].replace("concurrencyPolicy: Forbid", "concurrency: Forbid"))
    assert subprocess.run([*validate, *files], check=False, capture_output=True, text=True).returncode == 1


@pytest.fixture
def airflow(tmp_path, place):
    """Runs Airflow's program with a home, a database and the DAG of this test."""
    programs = installed("requirements-airflow.txt", tmp_path / "environment")
    home = tmp_path / "airflow"
    (home / "dags").mkdir(parents=True)
    # What waits for a real Vault to come back has nothing to wait for here.
    text = place.text(f"airflow/{DAG}.py").replace("timedelta(minutes=10)", "timedelta(0)")
    (home / "dags" / f"{DAG}.py").write_text(text)
    environment = {"PATH": f"{programs}:/usr/bin:/bin", "HOME": str(home), "AIRFLOW_HOME": str(home)}
    environment |= {"AIRFLOW__CORE__LOAD_EXAMPLES": "False", "PYTHONPATH": str(HERE.parents[1])}
    environment |= {"NO_PROXY": os.environ["NO_PROXY"], "QLIK_KEYS_VAULT_AUTH": "approle"}
    settings = re.findall(r"^export (\w+)=(.*)$", place.text("cron/schedule.env"), re.MULTILINE)

    def call(*words):
        options = {"env": environment | dict(settings), "cwd": home, "capture_output": True, "text": True}
        return subprocess.run([programs / "airflow", *words], timeout=600, check=False, **options)

    migrated = call("db", "migrate")
    assert migrated.returncode == 0, migrated.stderr
    return call, home


def states(home):
    """The states of the newest run and of its tasks, and what its tasks have returned."""
    with sqlite3.connect(home / "airflow.db") as database:
        [(run, state)] = database.execute("SELECT run_id, state FROM dag_run ORDER BY id DESC LIMIT 1")
        tasks = dict(database.execute("SELECT task_id, state FROM task_instance WHERE run_id = ?", (run,)))
        returned = dict(database.execute("SELECT task_id, value FROM xcom WHERE run_id = ?", (run,)))
    database.close()
    return state, tasks, returned


def test_airflow_runs_the_dag_and_fails_it_where_a_step_failed(airflow, place):
    call, home = airflow
    before = place.make_due()
    done = call("dags", "test", DAG)
    told = done.stdout + done.stderr
    assert done.returncode == 0, told
    state, tasks, returned = states(home)
    steps = dict.fromkeys(("resume", "rotate_due", "retire_due", "audit"), "success")
    assert (state, tasks) == ("success", {**steps, "report_failure": "skipped"})
    assert place.due in str(returned["rotate_due"])
    assert {*returned} == {*steps}
    place.assert_rotated(before, told, place.store.read(place.tenant.host, place.due).current.kid)
    kept = b"".join(file.read_bytes() for file in home.rglob("*") if file.is_file())
    assert b"PRIVATE KEY" not in kept
    assert not [secret for secret in place.secrets if secret.encode() in kept]

    place.make_due(within_overlap=True)  # a third key is refused
    done = call("dags", "test", DAG)
    assert done.returncode != 0
    state, tasks, returned = states(home)
    assert (state, tasks) == (
        "failed",
        {**steps, "rotate_due": "failed", "audit": "failed", "report_failure": "failed"},
    )
    assert "rotate_due" not in returned
    assert "an old key whose overlap ends" in done.stdout + done.stderr
