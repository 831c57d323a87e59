"""The argument CLIENT: one client, or none where the options choose many."""

from __future__ import annotations

from typing import Annotated

import typer

from qlik_keys.cli.completion.offers import complete_clients
from qlik_keys.cli.options.common import refuse_empty

OneOrMany = Annotated[
    str | None,
    typer.Argument(
        metavar="CLIENT",
        help="A client's id or name; without it, the options choose many.",
        autocompletion=complete_clients,
        callback=refuse_empty,
    ),
]

Client = Annotated[
    str,
    typer.Argument(
        metavar="CLIENT",
        help="The client's id or name.",
        autocompletion=complete_clients,
        callback=refuse_empty,
    ),
]

OneOrAll = Annotated[
    str | None,
    typer.Argument(
        metavar="CLIENT",
        help="A client's id or name; by default all clients.",
        autocompletion=complete_clients,
        callback=refuse_empty,
    ),
]
