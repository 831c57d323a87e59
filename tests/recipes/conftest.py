"""A sandbox of the recipes' own: the Vault's auth methods at their usual mounts, and two clients, one of them due."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fixtures.identity_provider import REQUEST_TOKEN, Platform, an_authority

import qlik_keys as qk
from qlik_keys.sandbox.openbao import find_program

ROOT = Path(__file__).parents[2]
RECIPES, GUIDE = ROOT / "docs" / "recipes", ROOT / "docs" / "guides" / "schedules.md"


@dataclass
class Place:
    """Where a recipe runs: what it calls by an address or a path is here."""

    box: object
    tenant: qk.QlikTenant
    store: qk.VaultKeyStore
    folder: Path
    values: dict
    due: str
    secrets: list = field(default_factory=list)

    @contextlib.contextmanager
    def open(self):
        """A tenant and a store of another process."""
        box = self.box
        with (
            qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key)) as tenant,
            qk.VaultKeyStore(box.vault_url, token=box.vault_token) as store,
        ):
            yield tenant, store

    def text(self, recipe):
        """A recipe, or any text, with this place's addresses and paths."""
        text = (RECIPES / recipe).read_text("utf-8") if "\n" not in recipe else recipe
        for shown, here in self.values.items():
            text = text.replace(shown, here)
        return text

    def kids(self):
        return {kid: key.state for kid, key in self.store.read(self.tenant.host, self.due).keys.items()}

    def make_due(self, *, within_overlap=False):
        """Have the key's time be over, and the overlap before it as well; return the key."""
        if not within_overlap:
            qk.retire_due(self.tenant, self.store, self.due, force=True)
        record = self.store.read(self.tenant.host, self.due)
        self.store.write(replace(record, rotate_by=datetime.now(UTC) - timedelta(days=1)))
        return record.current.kid

    def assert_rotated(self, before, *logs):
        """The client has a new key next to the old one, whose overlap is not over; no log has a secret."""
        record = self.store.read(self.tenant.host, self.due)
        assert record.current.kid != before
        assert record.rotate_by > datetime.now(UTC)
        assert self.kids()[before] == "previous"
        told = "".join(logs)
        assert record.current.kid in told
        assert "PRIVATE KEY" not in told
        assert not [each for each in (*self.secrets, record.current.private.reveal()) if each in told]


@pytest.fixture(scope="module")
def own_box():
    with qk.sandbox.start() as box:
        yield box


@pytest.fixture(scope="module")
def platform():
    with Platform() as server:
        yield server


@pytest.fixture(scope="module")
def place(own_box, platform, tmp_path_factory):
    folder = tmp_path_factory.mktemp("machine")
    for name in ("bin", "etc", "log", "run"):
        (folder / name).mkdir()
    shutil.copy(RECIPES / "rotate-keys.sh", folder / "bin")
    (folder / "bin" / "qlik-keys").symlink_to(Path(sys.executable).parent / "qlik-keys")
    with (
        qk.QlikTenant(own_box.tenant_url, credential=qk.ApiKey(own_box.api_key)) as tenant,
        qk.VaultKeyStore(own_box.vault_url, token=own_box.vault_token) as store,
    ):
        qk.provision(tenant, store, name="key-rotation", scopes=["admin_classic"])
        made = qk.provision(tenant, store, name="nightly-etl", scopes=["user_default"])
        values = {
            "https://acme.eu.qlikcloud.com": tenant.url,
            "acme.eu.qlikcloud.com": tenant.host,
            "https://vault.acme.example:8200": own_box.vault_url,
            "https://token.actions.githubusercontent.com": platform.url,
            "kubernetes_host=https://kubernetes.default.svc": f"kubernetes_host={platform.url} "
            f"disable_local_ca_jwt=true kubernetes_ca_cert=@ca.pem token_reviewer_jwt={platform.pod_token()}",
            "/opt/qlik-keys/bin": str(folder / "bin"),
            "/etc/qlik-keys": str(folder / "etc"),
            "/var/log/qlik-keys": str(folder / "log"),
            "/var/run/secrets/vault": str(folder / "run"),
        }
        (folder / "ca.pem").write_text(an_authority())
        found = Place(own_box, tenant, store, folder, values, made.client_id)
        printed = set_up_the_vault(found, own_box)
        found.values["3f6b0c52-8a57-4d0b-9c0e-4f4f5d1f8a11"] = printed["role_id"]
        secret_id = folder / "etc" / "secret-id"
        secret_id.write_text(printed["secret_id"] + "\n")
        secret_id.chmod(0o600)
        found.secrets += [printed["secret_id"], REQUEST_TOKEN, own_box.api_key, own_box.vault_token]
        yield found


def set_up_the_vault(place, box):
    """Run the guide's own lines; return what those printed that read one field."""
    environment = {"PATH": f"{Path(find_program()).parent}:{place.folder}/bin:/usr/bin:/bin", "HOME": str(place.folder)}
    environment |= {"VAULT_ADDR": box.vault_url, "VAULT_TOKEN": box.vault_token}
    printed = {}
    for fence in re.findall(r"^```sh\n(.*?)^```$", GUIDE.read_text("utf-8"), re.DOTALL | re.MULTILINE):
        for line in place.text(fence).splitlines():
            if "bao " in line:
                options = {"env": environment, "cwd": place.folder, "capture_output": True, "text": True}
                ended = subprocess.run(["sh", "-c", line], timeout=60, check=False, **options)
                assert ended.returncode == 0, (line, ended.stderr)
                if named := re.search(r"-field=(\w+)", line):
                    printed[named[1]] = ended.stdout.strip()
    return printed
