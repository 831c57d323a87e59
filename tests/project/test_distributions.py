"""What is published: the sdist, the wheel that is built from it, and what works with the wheel alone."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

import httpx
import psutil
import pytest
from fixtures.fresh_copy import copy_of_the_repository, tracked_files
from fixtures.support import PATIENCE_SECONDS, wait_for

import qlik_keys as qk

NOTEBOOKS = {"01-quickstart.ipynb", "02-data-engineers.ipynb", "03-workshop.ipynb", "04-analysts.ipynb"}


def run(*arguments, **options):
    done = subprocess.run(arguments, check=False, capture_output=True, text=True, timeout=PATIENCE_SECONDS, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    clone = tmp_path_factory.mktemp("clone")
    copy_of_the_repository(clone)
    # What is left in the folder is no part of it.
    for name in (".ipynb_checkpoints/01-quickstart-checkpoint.ipynb", "done.ipynb", "panel.svg"):
        (clone / "notebooks" / name).parent.mkdir(exist_ok=True)
        (clone / "notebooks" / name).write_text("left")
    run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", cwd=clone)
    return next((clone / "dist").glob("*.tar.gz"))


def pip(*words):
    return run(sys.executable, "-m", "pip", "--disable-pip-version-check", *words)


@pytest.fixture(scope="module")
def wheel(sdist, tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(sdist))
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The wheel alone, installed; what it depends on is this environment's. Returns (command, its environment)."""
    place = tmp_path_factory.mktemp("installed")
    pip("install", "--no-index", "--no-deps", "--target", str(place), str(wheel))
    return str(place / "bin" / "qlik-keys"), {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(place)}


def test_the_wheel_has_package_and_notebooks_alone_and_metadata_with_one_version_and_no_developers_extra(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        [name] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        metadata = Parser().parsestr(archive.read(name).decode())
    package = {name for name in tracked_files() if name.startswith("qlik_keys/")}
    assert names == package | {f"qlik_keys/notebooks/{name}" for name in NOTEBOOKS | {"workshop_checks.py"}}
    assert metadata["Version"] == qk.__version__
    assert metadata.get_all("Provides-Extra") == ["dask", "lab", "notify", "sandbox"]
    links = dict(link.split(", ") for link in metadata.get_all("Project-URL"))
    assert {"Source", "Documentation", "Changelog", "Issues", "Security"} <= set(links)
    assert all(link.startswith("https://") for link in links.values())
    shown = metadata.get_payload()  # on the index, where a relative link would lead nowhere
    assert shown.startswith("# qlik_keys\n")
    targets = re.findall(r"\]\(([^)]+)\)", shown)
    assert [target for target in targets if not target.startswith(("https://", "#"))] == []
    place = f"https://github.com/qlik-keys/qlik_keys/{{}}/v{qk.__version__}"
    assert {place.format("blob") + "/CHANGELOG.md", place.format("raw") + "/notebooks/panel.png"} <= set(targets)


def test_the_sdist_has_all_that_is_needed_to_build_test_and_read_it(sdist):
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    folders = ("qlik_keys/", "tests/", "docs/", "requirements/", "binder/", "notebooks/0")
    files = {"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "pyproject.toml"}
    assert files | {name for name in tracked_files() if name.startswith(folders)} <= names


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is of POSIX")
@pytest.mark.slow
def test_lab_after_pip_install_has_the_notebooks_finds_our_commands_and_leaves_nothing_when_killed(installed, tmp_path):
    command, environment = installed
    folder, log, token = tmp_path / f"qlik_keys-{qk.__version__}-notebooks", tmp_path / "log", "a-token-of-the-test"
    folder.mkdir()
    (folder / "02-data-engineers.ipynb").write_text("changed by its user")
    environment |= {"HOME": str(tmp_path), "JUPYTER_PORT": "0", "JUPYTER_TOKEN": token}
    environment |= {"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    words = [command, "lab", "--no-browser"]
    with log.open("w") as output:
        lab = subprocess.Popen(words, cwd=tmp_path, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        url = wait_for(lambda: re.search(r"http://127\.0\.0\.1:\d+/", log.read_text()), log.read_text())[0]
        for said in (
            f"{url}lab/tree/01-quickstart.ipynb?token=",
            f"The notebooks are in {folder}.",
            f"Kept, although they differ from those of qlik_keys {qk.__version__}: 02-data-engineers.ipynb.",
        ):
            assert said in log.read_text()
        transport = httpx.HTTPTransport(retries=6)  # Jupyter says its address a moment before it listens
        login = {"authorization": f"token {token}"}
        with httpx.Client(base_url=url, headers=login, timeout=PATIENCE_SECONDS, transport=transport) as api:
            listed = {each["name"] for each in api.get("api/contents").json()["content"]}
            assert listed == NOTEBOOKS | {"workshop_checks.py"}
            assert api.get("api/contents/01-quickstart.ipynb").json()["content"]["nbformat"] == 4
            assert (folder / "02-data-engineers.ipynb").read_text() == "changed by its user"
            answer = api.post("api/kernels", json={"name": "python3"})
            assert answer.status_code == httpx.codes.CREATED, answer.text
        server = psutil.Process(lab.pid)
        [kernel] = wait_for(
            lambda: [each for each in server.children(recursive=True) if "ipykernel_launcher" in each.cmdline()],
            "no kernel",
        )
        assert kernel.environ()["PATH"].split(os.pathsep)[0] == str(Path(sys.executable).parent)
        lab.kill()
        lab.wait()
        assert wait_for(lambda: not kernel.is_running(), "the kernel lives on")
        with pytest.raises(httpx.ConnectError):
            httpx.get(url)
    finally:
        lab.kill()
        lab.wait()
