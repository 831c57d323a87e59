"""The recipes of the guide on schedules, run as they stand: only addresses and paths are those of this machine."""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from fixtures.harness.sides import SkewedClock

import qlik_keys as qk
from qlik_keys.errors import FleetError

pytestmark = [pytest.mark.openbao, pytest.mark.slow]


def ended(command, environment, **options):
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False, **options)


class CronTable:
    """A file of /etc/cron.d with one job, read as cron does."""

    def __init__(self, text):
        lines = [line for line in text.splitlines() if line and not line.startswith("#")]
        self.variables = dict(line.split("=", 1) for line in lines[:-1])
        *moment, self.user, self.command = lines[-1].split(None, 6)
        assert all(re.fullmatch(r"[\d*/,-]+", part) for part in moment)
        assert "%" not in self.command  # cron makes it a line end

    def run(self, home):
        """Return what cron would send by mail."""
        done = ended([self.variables["SHELL"], "-c", self.command], {**self.variables, "HOME": str(home)}, cwd=home)
        return done.stdout + done.stderr


def test_cron_logs_a_run_and_sends_mail_only_where_a_person_should_look(place):
    table = CronTable(place.text("cron/qlik-keys.cron"))
    settings, log, secret_id = (place.folder / name for name in ("etc/schedule.env", "log/log", "etc/secret-id"))
    settings.write_text(place.text("cron/schedule.env"))
    before = place.make_due()
    assert table.run(place.folder) == ""
    place.assert_rotated(before, log.read_text())
    kids = place.kids()
    import fcntl  # Windows has none, where this test is not run

    with (place.folder / "log" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "ended with exit code 1" in table.run(place.folder)  # another run is still going
    right = secret_id.read_text()
    secret_id.write_text("wrong-secret-id\n")
    assert table.run(place.folder).startswith("rotate-keys.sh ended with exit code 1: see ")
    secret_id.write_text(right)
    assert "refuses the login <AppRole at approle>" in log.read_text()
    assert "wrong-secret-id" not in log.read_text()
    assert place.kids() == kids


class Unit:
    """A unit of systemd, with the values of each setting in their order."""

    def __init__(self, text):
        self.settings = {}
        for line in text.splitlines():
            if "=" in line and not line.startswith("#"):
                name, value = line.split("=", 1)
                self.settings.setdefault(name, []).append(value)

    def start(self, folder):
        """Run a oneshot service with the environment and the credentials that it says, and nothing else."""
        [command] = self.settings["ExecStart"]
        credentials = folder / "credentials"
        credentials.mkdir()
        for entry in self.settings["LoadCredential"]:
            name, path = entry.split(":")
            shutil.copy(path, credentials / name)
        pairs = [value.replace("%d", str(credentials)).split("=", 1) for value in self.settings["Environment"]]
        return ended([command], dict(pairs), cwd="/")


def test_systemd_runs_the_service_with_its_credential(place):
    service, timer = place.text("systemd/qlik-keys.service"), place.text("systemd/qlik-keys.timer")
    before = place.make_due()
    done = Unit(service).start(place.folder)
    assert done.returncode == 0, done.stderr
    place.assert_rotated(before, done.stdout, done.stderr)
    assert not any(secret in service for secret in place.secrets)
    if shutil.which("systemd-analyze"):
        for name, text in (("service", service), ("timer", timer)):
            (place.folder / f"qlik-keys.{name}").write_text(text)
        units = [str(place.folder / f"qlik-keys.{name}") for name in ("service", "timer")]
        checked = ended(["systemd-analyze", "verify", "--man=no", *units], {"PATH": "/usr/bin:/bin"})
        assert (checked.returncode, checked.stderr) == (0, "")


def test_a_job_of_github_logs_in_with_its_own_identity_and_each_step_runs(place, platform):
    job = yaml.safe_load(place.text("github/rotate-keys.yml"))["jobs"]["rotate"]
    assert job["permissions"] == {"id-token": "write"}
    assert f":environment:{job['environment']}" in platform.subject
    environment = {"PATH": f"{place.folder}/bin:/usr/bin:/bin", "HOME": str(place.folder), **job["env"]}
    steps = [step for step in job["steps"] if "run" in step]
    assert [step.get("id") for step in steps] == ["install", None, None, None, None]
    before, logs = place.make_due(), []
    for step in steps[1:]:
        done = ended(["bash", "-e", "-c", step["run"]], environment | platform.variables)
        assert done.returncode == 0, done.stderr
        logs += [done.stdout, done.stderr]
    place.assert_rotated(before, *logs)
    assert set(platform.audiences) == {place.values["https://vault.acme.example:8200"]}
    assert not [token for token in platform.given if token in "".join(logs)]
    script = place.text("rotate-keys.sh")
    assert [step["run"] for step in steps[1:]] == [
        f"qlik-keys {words.strip()}" for words in re.findall(r"^step ([^#]*)#", script, re.MULTILINE)
    ]


def test_a_pod_logs_in_with_its_projected_token(place, platform):
    account, settings, cron_job = yaml.safe_load_all(place.text("kubernetes/cronjob.yaml"))
    pod = cron_job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    [container], [volume] = pod["containers"], pod["volumes"]
    [mount] = container["volumeMounts"]
    [projected] = volume["projected"]["sources"]
    about = account["metadata"]
    assert (pod["serviceAccountName"], mount["name"]) == (about["name"], volume["name"])
    assert container["envFrom"] == [{"configMapRef": {"name": settings["metadata"]["name"]}}]
    token = platform.pod_token(
        namespace=about["namespace"], account=about["name"], audience=projected["serviceAccountToken"]["audience"]
    )
    Path(mount["mountPath"], projected["serviceAccountToken"]["path"]).write_text(token)
    before = place.make_due()
    environment = {"PATH": f"{place.folder}/bin:/usr/bin:/bin", **settings["data"]}  # a pod like this has no HOME
    done = ended([str(place.folder / "bin" / container["command"][0])], environment, cwd="/")
    assert done.returncode == 0, done.stderr
    place.assert_rotated(before, done.stdout, done.stderr)
    assert platform.reviewed[-1] == token
    assert token not in done.stdout + done.stderr


def test_of_two_schedules_at_once_one_makes_each_key_and_the_other_is_told(place):
    """R7."""
    names = [f"both-{number}" for number in range(4)]
    ids = [qk.provision(place.tenant, place.store, name=name, scopes=["user_default"]).client_id for name in names]
    together, clock = threading.Barrier(2), SkewedClock(off_seconds=5)
    before = datetime.now(UTC) + timedelta(seconds=3)

    def one_schedule(_):
        with place.open() as (tenant, store):
            together.wait()
            try:
                return qk.rotate_due(tenant, store, client_ids=ids, before=before, clock=clock)
            except FleetError as error:
                return error.results

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(one_schedule, range(2)))
    for client_id, *both in zip(sorted(ids), *results, strict=True):
        current = place.store.read(place.tenant.host, client_id).current.kid
        assert len(place.store.read(place.tenant.host, client_id).keys) == 2
        assert [item.result.kid for item in both if item.result and item.result.made_key] == [current]
        for item in both:
            told = item.result.kid if item.result else item.error.message
            assert told == current or "Another user is changing the keys" in told
        qk.delete(place.tenant, place.store, client_id, confirm=client_id)
