"""The guide's samples for many processes, as they stand there: multiprocessing, and work for a Dask cluster."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from fixtures.support import environment_of, made_client

import qlik_keys as qk

GUIDES = Path(__file__).parents[2] / "docs" / "guides"


def sample(guide, words):
    """The one Python sample of a guide with these words."""
    text = (GUIDES / guide).read_text("utf-8")
    [found] = [each for each in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if words in each]
    return found


def test_multiprocessing(box, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(sample("consumers.md", "import multiprocessing"))
    with made_client(box, "of-many-processes") as made:
        environment = {**os.environ, **environment_of(box), "CLIENT_ID": made.client_id}
        del environment["QLIK_API_KEY"]
        ended = subprocess.run(
            [sys.executable, program], env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert ended.stderr == ""
        assert ended.stdout == f"{{{f'qlikbot{chr(92)}{made.client_id}'!r}}}\n"


def test_work_on_a_cluster_that_runs_in_this_process(box, tmp_path, monkeypatch):
    import distributed

    (tmp_path / "works_of_the_guide.py").write_text(sample("fleets.md", "def count_clients"))
    monkeypatch.syspath_prepend(tmp_path)
    import works_of_the_guide

    for name, value in environment_of(box).items():
        monkeypatch.setenv(name, value)
    heard, fleet = [], qk.Fleet({"test": qk.TenantReference(url=box.tenant_url)})
    with (
        made_client(box, "counted"),
        distributed.LocalCluster(n_workers=1, processes=False, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        on_dask = fleet.with_runner("dask", address=client)
        [outcome] = on_dask.each(works_of_the_guide.count_clients, told=lambda *told: heard.append(told))
    assert outcome.error is None
    assert outcome.value > 0
    assert heard == [("test", "connected")]
