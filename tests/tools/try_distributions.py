"""Use what is about to be published as a user does who has nothing else (`make trydist`, the release workflow).

Each sdist and wheel of dist/ is installed with its extras into an environment of its own, outside the clone, by a plain
`pip install` with the newest versions of what it needs. Then its version is asked, the demo run, JupyterLab started on
the copied notebooks, and the quickstart executed there. Needs nothing but Python's own library.

`--tag v1.2.3` instead compares a release's tag with the names of the files and with the changelog.
"""

import argparse
import contextlib
import http.client
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 600
TOKEN = "a-token-of-the-trial"
NOTEBOOKS = {"01-quickstart.ipynb", "02-data-engineers.ipynb", "03-workshop.ipynb", "04-analysts.ipynb"}
SETTINGS = ("QLIK", "VAULT", "BAO", "JUPYTER", "PYTHON")


def version_of(distribution):
    return distribution.name.split("-")[1].removesuffix(".tar.gz")


class Installed:
    """One distribution in an environment of its own, and a home and a working folder that are empty."""

    def __init__(self, distribution, folder):
        self.version = version_of(distribution)
        self.work = folder / "work"
        self.work.mkdir()
        venv.create(folder / "environment", with_pip=True)
        self.programs = folder / "environment" / ("Scripts" if os.name == "nt" else "bin")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(SETTINGS)}
        environment |= {"HOME": str(folder), "USERPROFILE": str(folder), "JUPYTER_PORT": "0", "JUPYTER_TOKEN": TOKEN}
        environment |= {"PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}
        self.options = {"cwd": self.work, "env": environment, "text": True, "encoding": "utf-8"}
        self.options |= {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        self.run("python", "-m", "pip", "--quiet", "install", f"{distribution}[sandbox,lab]")

    def run(self, program, *arguments):
        command = [str(self.programs / program), *arguments]
        done = subprocess.run(command, **self.options, timeout=PATIENCE_SECONDS, check=False)
        if done.returncode:
            sys.exit(f"{program} {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}")
        return done.stdout

    def try_the_lab(self):
        """Start it as its help says, ask it for each notebook, and end it."""
        lab = subprocess.Popen([str(self.programs / "qlik-keys"), "lab", "--no-browser"], **self.options)
        timer = threading.Timer(PATIENCE_SECONDS, lab.kill)
        timer.start()
        try:
            said = []
            for line in lab.stdout:
                said.append(line)
                if found := re.search(r"http://127\.0\.0\.1:(\d+)/lab/tree/01-quickstart\.ipynb\?token=", line):
                    break
            else:
                sys.exit(f"qlik-keys lab said no address:\n{''.join(said)}")
            threading.Thread(target=lab.stdout.read, daemon=True).start()  # a full pipe would stop it
            assert {each["name"] for each in self.ask(int(found[1]), "")} == NOTEBOOKS | {"workshop_checks.py"}
            for name in NOTEBOOKS:
                assert self.ask(int(found[1]), name)["nbformat"] == 4
        finally:
            timer.cancel()
            lab.kill()
            lab.wait()

    def ask(self, port, name):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        for _ in range(100):  # Jupyter says its address a moment before it listens
            with contextlib.suppress(ConnectionRefusedError):
                connection.connect()
                break
            time.sleep(0.1)
        connection.request("GET", f"/api/contents/{name}", headers={"authorization": f"token {TOKEN}"})
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status == http.client.OK, body
        connection.close()
        return json.loads(body)["content"]


def try_out(distribution):
    # The environment is deleted at the end, whose programs may still be closing on Windows.
    with tempfile.TemporaryDirectory(prefix="qlik-keys-", ignore_cleanup_errors=True) as folder:
        print(f"{distribution.name}: installing", flush=True)
        installed = Installed(distribution, Path(folder))
        assert installed.run("qlik-keys", "--version").strip() == installed.version
        assert installed.run("python", "-P", "-c", "import qlik_keys; print(qlik_keys.__file__)").startswith(folder)
        print(f"{distribution.name}: demo", flush=True)
        installed.run("qlik-keys", "demo")
        print(f"{distribution.name}: lab", flush=True)
        installed.try_the_lab()
        print(f"{distribution.name}: quickstart", flush=True)
        notebooks = installed.work / f"qlik_keys-{installed.version}-notebooks"
        installed.run("jupyter-execute", "--timeout=300", str(notebooks / "01-quickstart.ipynb"))


def check_tag(tag, distributions):
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    for distribution in distributions:
        if tag != f"v{version_of(distribution)}":
            sys.exit(f"The tag is {tag}, and {distribution.name} is another version.")
    if not re.search(rf"^## \[{re.escape(tag.removeprefix('v'))}\] - \d{{4}}-\d\d-\d\d$", changelog, re.MULTILINE):
        sys.exit(f"CHANGELOG.md has no section with a date for {tag}.")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("distributions", nargs="*", type=Path, help="sdists and wheels; all of dist/ by default")
    parser.add_argument("--tag", help="compare this tag with their version and the changelog, and do no more")
    chosen = parser.parse_args()
    distributions = [path.resolve() for path in chosen.distributions or sorted((ROOT / "dist").glob("qlik_keys-*"))]
    if not distributions:
        sys.exit("There is nothing in dist/: run `make dist` first.")
    if chosen.tag:
        check_tag(chosen.tag, distributions)
        return
    for distribution in distributions:
        try_out(distribution)
    print(f"Installed and used: {', '.join(path.name for path in distributions)}")


if __name__ == "__main__":
    main()
