"""The option that lets a Dask cluster do the work of a command."""

from __future__ import annotations

import typer
from typer.testing import CliRunner

from qlik_keys.cli.options.groups import with_options
from qlik_keys.cli.options.runners import RunnerOptions, runner_of

app = typer.Typer()


@app.command()
@with_options(RunnerOptions)
def show(options):
    typer.echo(repr(runner_of(options.dask)))


def test_the_option_names_the_cluster_and_without_it_threads_do_the_work():
    run = CliRunner().invoke
    assert run(app, []).output == "None\n"
    assert run(app, ["--dask", "tls://scheduler:8786"]).output == "<DaskRunner tls://scheduler:8786>\n"
    refused = run(app, ["--dask", ""])
    assert refused.exit_code == 2
    assert "the value is empty" in " ".join(refused.output.split())
