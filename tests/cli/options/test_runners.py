"""The option that lets a Dask cluster do the work of a command."""

from __future__ import annotations

import pytest
import typer
from fixtures.cli_here import in_a_pipe_here
from typer.testing import CliRunner

from qlik_keys.cli.options.runners import DaskOption, runner_of

app = typer.Typer()
FLEET = "version: 1\ntenants:\n  a: {url: https://a.eu.qlikcloud.com, api-key-variable: NO_SUCH_VARIABLE}\n"


@app.command()
def show(dask: DaskOption = None):
    typer.echo(repr(runner_of(dask)))


def test_the_option_names_the_cluster_and_without_it_threads_do_the_work():
    run = CliRunner().invoke
    assert run(app, []).output == "None\n"
    assert run(app, ["--dask", "tls://scheduler:8786"]).output == "<DaskRunner tls://scheduler:8786>\n"
    refused = run(app, ["--dask", ""])
    assert refused.exit_code == 2
    assert "the value is empty" in " ".join(refused.output.split())


COMMANDS = ["clients", "audit", "doctor --client etl", "rotate --due", "retire", "adopt --secret-only", "trust"]
COMMANDS += ["resume"]


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_for_several_tenants_gives_the_work_to_the_cluster(command, tmp_path):
    """No scheduler listens there: it is the cluster that is asked, and not this process."""
    (tmp_path / "fleet.yaml").write_text(FLEET)
    words = [*command.split(), "--dask", "http://127.0.0.1:1", "--fleet", str(tmp_path / "fleet.yaml")]
    ended = in_a_pipe_here(words, {"HOME": str(tmp_path)})
    assert (ended.code, "is no address of a Dask scheduler" in ended.err) == (1, True), ended


def test_one_tenant_and_one_client_are_not_for_a_cluster(tmp_path):
    (tmp_path / "fleet.yaml").write_text(FLEET)
    cluster = ["--dask", "tcp://127.0.0.1:1"]
    alone = in_a_pipe_here(["rotate", "--due", *cluster], {"HOME": str(tmp_path)})
    assert (alone.code, "name the tenants" in alone.err) == (2, True), alone
    one = in_a_pipe_here(["rotate", "etl", "--fleet", str(tmp_path / "fleet.yaml"), *cluster], {"HOME": str(tmp_path)})
    assert (one.code, "one client is changed by this process" in one.err) == (2, True), one
