"""A tenant that could not be asked stays in an audit that looks for something else, and is noted next to ids alone."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.openbao


def test_no_filter_hides_a_tenant_that_could_not_be_asked(box, settings, qlik_keys, tmp_path):
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
    assert (ended.code, ended.err) == (1, "")
    assert [each["code"] for each in json.loads(ended.out) if each["tenant"] == "dead"] == ["QK410"]
    quiet = qlik_keys(*words, "--quiet")
    assert (quiet.code, "dead" in quiet.err) == (1, True)
