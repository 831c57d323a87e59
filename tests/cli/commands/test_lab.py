"""Where `qlik-keys lab` takes its notebooks from, and that nothing which a user changed is lost.

The command itself is started in tests/project/test_distributions.py, from the wheel.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import qlik_keys as qk
from qlik_keys.cli.commands.lab import terminal_command
from qlik_keys.cli.notebook_files import NotebookFolder, notebook_folder
from qlik_keys.errors import ConfigurationError

PROJECT = Path(__file__).parents[3]


@pytest.fixture
def package(tmp_path):
    """A package as a wheel installs it."""
    folder = tmp_path / "site-packages" / "qlik_keys"
    (folder / "notebooks").mkdir(parents=True)
    for name in ("01-quickstart.ipynb", "checks.py"):
        (folder / "notebooks" / name).write_bytes(f"shipped {name}\r\n".encode())
    return folder


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_in_a_clone_its_own_notebooks_are_opened_unless_a_folder_is_chosen(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert notebook_folder() == NotebookFolder(path=PROJECT / "notebooks")
    assert names_in(tmp_path) == []
    monkeypatch.setenv("HOME" if sys.platform != "win32" else "USERPROFILE", str(tmp_path))
    made = notebook_folder(Path("~/mine"))
    assert made.path == tmp_path / "mine"
    assert {"01-quickstart.ipynb", "workshop_checks.py"} <= set(made.copied)


def test_elsewhere_they_are_copied_what_is_there_is_kept_and_what_is_missing_comes_again(
    package, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    made = notebook_folder(package=package)
    folder, names = tmp_path / f"qlik_keys-{qk.__version__}-notebooks", ("01-quickstart.ipynb", "checks.py")
    assert made == NotebookFolder(path=folder, copied=names)
    assert (folder / "checks.py").read_bytes() == b"shipped checks.py\r\n"
    assert os.access(folder / "checks.py", os.W_OK)
    (folder / "01-quickstart.ipynb").write_text("mine")
    (folder / "of-mine.ipynb").write_text("mine too")
    assert notebook_folder(folder, package=package) == NotebookFolder(path=folder, kept=names[:1])
    assert (folder / "01-quickstart.ipynb").read_text() == "mine"
    (folder / "checks.py").unlink()
    assert notebook_folder(folder, package=package).copied == ("checks.py",)
    assert names_in(folder) == ["01-quickstart.ipynb", "checks.py", "of-mine.ipynb"]


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_a_link_that_leads_nowhere_is_no_missing_file(package, tmp_path):
    link = tmp_path / "checks.py"
    link.symlink_to(tmp_path / "away.py")
    with pytest.raises(ConfigurationError):
        notebook_folder(tmp_path, package=package)
    assert (link.is_symlink(), (tmp_path / "away.py").exists()) == (True, False)


def test_a_folder_that_cannot_be_made_and_a_package_without_notebooks_are_refused(package, tmp_path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(ConfigurationError, match=r"cannot be copied to .*taken: ") as told:
        notebook_folder(tmp_path / "taken", package=package)
    assert "--folder" in told.value.hint
    with pytest.raises(ConfigurationError, match="has no notebooks"):
        notebook_folder(package=tmp_path)


def test_a_full_disk_leaves_no_half_notebook(package, tmp_path, monkeypatch):
    def full(path, content):
        os.close(os.open(path, os.O_CREAT))
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(ConfigurationError, match="No space left on device"):
        notebook_folder(tmp_path / "mine", package=package)
    assert names_in(tmp_path / "mine") == []


@pytest.mark.skipif(sys.platform == "win32", reason="its terminals have the server's environment")
@pytest.mark.parametrize("name", ["sh", "bash", "zsh", "fish"])
def test_a_terminal_finds_our_commands_whatever_path_its_profile_sets(monkeypatch, tmp_path, name):
    shell = shutil.which(name)
    if shell is None:
        pytest.skip(f"there is no {name} here")
    (tmp_path / ".profile").write_text("PATH=/usr/bin:/bin\nexport PATH FROM_PROFILE=read\n")
    monkeypatch.setenv("SHELL", "/bin/tcsh")
    assert terminal_command() == []  # it is left alone
    monkeypatch.setenv("SHELL", shell)
    typed = 'command -v qlik-keys; echo "$PATH"; echo "$FROM_PROFILE"\n'
    there = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        terminal_command(), input=typed, env=there, capture_output=True, text=True, check=True, timeout=60
    )
    programs = Path(sys.executable).parent
    found, path, *read = done.stdout.splitlines()
    assert (found, path.split(":")[0]) == (str(programs / "qlik-keys"), str(programs))
    if name in ("sh", "bash"):  # the others read profiles of their own
        assert (path, read) == (f"{programs}:/usr/bin:/bin", ["read"])
