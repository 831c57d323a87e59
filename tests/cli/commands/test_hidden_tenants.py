"""A tenant that could not be asked is told also where a filter of the audit hides its finding."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.openbao


def test_a_filter_does_not_hide_that_a_tenant_could_not_be_asked(box, settings, qlik_keys, tmp_path):
    named = {"here": (box.tenant_url, box.api_key), "dead": ("http://127.0.0.1:9", "no-key")}
    lines = ["contexts:"]
    for name, (server, key) in named.items():
        lines += [f"  {name}:", f"    server: {server}", "    headers:", f"      Authorization: Bearer {key}"]
    folder = tmp_path / ".qlik"
    folder.mkdir()
    (folder / "contexts.yml").write_text("\n".join(lines))
    settings |= {"HOME": str(tmp_path)}
    for name in ("QLIK_TENANT_URL", "QLIK_API_KEY"):
        settings.pop(name, None)
    words = ["audit", "--tenant", "here", "--tenant", "dead", "--fail-on", "never", "--only", "QK306"]
    ended = qlik_keys(*words, "--json")
    assert ended.code == 1
    assert all(each["tenant"] == "here" for each in json.loads(ended.out))
    assert json.loads(ended.err)["tenant"] == "dead"
