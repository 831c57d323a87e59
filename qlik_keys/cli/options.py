"""What every command that calls the tenant has in common: its options in qlik-cli's words, and who calls.

Who calls: the environment's credential, a qlik-cli context (`--context`), or a client whose key is in the Vault
(`--client`), which is what qlik-cli itself cannot do.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from qlik_keys.cli.completion import complete_clients, complete_contexts
from qlik_keys.cli.inputs import pairs
from qlik_keys.cli.results import current_notebook, notebook_context, show
from qlik_keys.errors import ConfigurationError
from qlik_keys.tenant.deleting import CONFIRMATION, deleted_client_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from qlik_keys.settings import Settings
    from qlik_keys.tenant import Exchange, QlikTenant, RetryPolicy
    from qlik_keys.tokens import TokenSource, UserLookup

MAXIMUM_RETRIES = 10
_PAGE = 100


def _refuse_insecure(value: bool) -> None:  # noqa: FBT001  # typer's callbacks are called like this
    if value:
        raise ConfigurationError(
            "Certificates are always verified.",
            hint="Point SSL_CERT_FILE to the certificate of your own authority, and leave --insecure out.",
        )


ClientOption = Annotated[
    str,
    typer.Option(
        "--client",
        metavar="NAME",
        help="Call as this client, by name or id; its key is read from the Vault.",
        autocompletion=complete_clients,
    ),
]
ServerOption = Annotated[str, typer.Option("--server", "-s", metavar="URL", help="The tenant's address.")]
AsUserOption = Annotated[
    str, typer.Option("--as-user", metavar="ID", help="With --client: impersonate the user with this id.")
]
AsSubjectOption = Annotated[
    str, typer.Option("--as-subject", metavar="SUBJECT", help="With --client: impersonate the user with this subject.")
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print ids or names only, a line each.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Answers and errors as JSON, also on a terminal.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Who calls, how often it is tried, and how the answer is shown: the options that every call has."""

    client: ClientOption = ""
    scope: Annotated[
        list[str] | None, typer.Option(metavar="SCOPE", help="With --client: ask for this scope alone; or for several.")
    ] = field(default=None)
    as_user: AsUserOption = ""
    as_subject: AsSubjectOption = ""
    context: Annotated[
        str, typer.Option(metavar="NAME", help="Call as this qlik-cli context.", autocompletion=complete_contexts)
    ] = ""
    server: ServerOption = ""
    headers: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="A further header; may be given several times.")
    ] = field(default=None)
    retry: Annotated[
        int | None, typer.Option(min=0, max=MAXIMUM_RETRIES, metavar="N", help="How often to try again, at most 10.")
    ] = None
    interval: Annotated[
        int | None, typer.Option(min=1, metavar="SECONDS", help="How long to wait before that, at least 1.")
    ] = None
    quiet: QuietOption = False
    as_it_came: Annotated[bool, typer.Option("--raw", help="Print the answer as it came.")] = False
    as_json: JsonOption = False
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Tell each request on standard error, without secrets.")
    ] = False
    insecure: Annotated[bool, typer.Option("--insecure", hidden=True, callback=_refuse_insecure)] = False

    @contextmanager
    def tenant(self) -> Iterator[QlikTenant]:
        """Yield the tenant, asked as whoever was named.

        Raises:
            ConfigurationError: tenant, credential or Vault is missing, or nobody has that name.
        """
        user = lookup(self.as_user, self.as_subject)
        if user is not None and not self.client:
            raise ConfigurationError("Only a client can impersonate.", hint="Name one: --client NAME.")
        if self.scope and not self.client:
            raise ConfigurationError("Only a client can ask for scopes.", hint="Name one: --client NAME.")
        settings = resolved(self.context, self.server)
        notebook = current_notebook()
        if notebook is not None:
            notebook.tenant_url = settings.tenant_url
        with ExitStack() as stack:
            if self.client:
                tenant, source = stack.enter_context(
                    as_client(
                        self.client,
                        settings,
                        user=user,
                        scopes=self.scope or (),
                        retry=self._policy(),
                        watch=self._watch,
                    )
                )
                from qlik_keys.tokens import PrivateKeyJwtAuth

                yield tenant.with_credential(PrivateKeyJwtAuth(source))
            else:
                tenant = stack.enter_context(settings.tenant(retry=self._policy()))
                self._watch(tenant)
                yield tenant

    def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        confirm: str | None = None,
        output: Path | None = None,
    ) -> None:
        """Send one call and show its answer.

        Args:
            method: get, post, put, patch or delete.
            path: of the API.
            query: the query's fields.
            body: JSON-ready values.
            confirm: the id of a client that is to be deleted, once more; None where none was given.
            output: a file for the answer, in place of showing it.

        Raises:
            QlikKeysError: as the call does.
        """
        headers = self._headers()
        with self.tenant() as tenant:
            if method == "delete":
                headers |= _confirmed(tenant.url, path, headers, confirm)
            answer = tenant.raw(method, path, query=query, body=body, headers=headers)
        if output is not None:
            _write(output, answer.content)
        elif self.as_it_came:
            show(answer.content.decode(errors="replace"), as_it_came=True)
        elif answer.content:
            show(answer.json(), quiet=self.quiet, as_json=self.as_json)

    def list_all(
        self,
        path: str,
        *,
        query: Mapping[str, str],
        limit: int | None,
        columns: Sequence[str] = (),
        nothing: str = "There is nothing to list.",
    ) -> None:
        """Show a listing, page by page until the limit; with `--raw` the first page as it came.

        Args:
            path: of the API.
            query: the query's fields.
            limit: how many at most, None for all.
            columns: what a table shows.
            nothing: what is said where there is none.

        Raises:
            QlikKeysError: as the call does.
        """
        asked = {name: value for name, value in query.items() if value}
        asked["limit"] = str(min(limit or _PAGE, _PAGE))
        if self.as_it_came:
            self.send("get", path, query=asked)
            return
        found: list[Any] = []
        total = None
        with self.tenant() as tenant:
            for page in tenant.raw_pages(path, query=asked, headers=self._headers()):
                total = page.get("totalResults", total)
                found += page["data"]
                if limit and len(found) >= limit:
                    break
        found = found[:limit]
        document = {"data": found, "totalResults": total} if "totalResults" in asked else found
        show(document, quiet=self.quiet, as_json=self.as_json, columns=columns, nothing=nothing)

    def _headers(self) -> dict[str, str]:
        return pairs(self.headers, "--headers")

    def _policy(self) -> RetryPolicy | None:
        """Return how calls are repeated; between `--interval` and twice as long, so that many do not come at once."""
        if self.retry is None and self.interval is None:
            return None
        from qlik_keys.tenant import RetryPolicy

        usual = RetryPolicy()
        wait = 2.0 * (self.interval or 1)
        attempts = usual.attempts if self.retry is None else self.retry + 1
        total = max(usual.total_seconds, attempts * wait)
        return RetryPolicy(attempts=attempts, total_seconds=total, first_wait_seconds=wait, longest_wait_seconds=wait)

    def _watch(self, tenant: QlikTenant) -> None:
        if self.verbose and not self.as_json:  # as with qlik-cli, where --json is for programs
            tenant.subscribe(_tell_exchange)


def calling(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of a `Call`, which it gets as its first argument."""
    own = [*inspect.signature(command, eval_str=True).parameters.values()][1:]
    hints = get_type_hints(Call, include_extras=True)
    shared = [
        inspect.Parameter(each.name, inspect.Parameter.KEYWORD_ONLY, default=each.default, annotation=hints[each.name])
        for each in dataclasses.fields(Call)
    ]

    @functools.wraps(command)
    def run(**given: Any) -> None:
        call = Call(**{each.name: given.pop(each.name) for each in shared})
        command(call, **given)

    del run.__wrapped__  # typer would look at it, and find the argument `call`
    run.__signature__ = inspect.Signature([*own, *shared])  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in (*own, *shared)}
    return run


def resolved(context: str, server: str, *, custody: str | None = None) -> Settings:
    """Return the settings by these options; in a notebook, `%qlik context use` counts like `--context`."""
    from qlik_keys.settings import Settings

    if not context and not server:
        context = notebook_context()
    return Settings.resolve(context=context or None, tenant_url=server or None, custody=custody)


@contextmanager
def as_client(
    client: str,
    settings: Settings,
    *,
    user: UserLookup | None = None,
    scopes: Sequence[str] = (),
    retry: RetryPolicy | None = None,
    watch: Callable[[QlikTenant], None] = lambda _: None,
) -> Iterator[tuple[QlikTenant, TokenSource]]:
    """Yield the tenant without a credential, and what gets tokens of a client with its key in the Vault.

    No administrator's credential is needed.

    Raises:
        ConfigurationError: tenant or Vault is missing, or no client of that name has a key there.
    """
    from qlik_keys.keystore.names import client_id_of
    from qlik_keys.tokens import TokenSource

    with nobody(settings, retry=retry) as tenant, settings.store() as store:
        watch(tenant)
        client_id = client_id_of(store, tenant.host, client)
        yield (
            tenant,
            TokenSource.from_store(
                store, tenant_url=tenant.url, client_id=client_id, scopes=scopes, user=user, http=tenant.http
            ),
        )


def nobody(settings: Settings, *, retry: RetryPolicy | None = None) -> QlikTenant:
    """Return the tenant asked without a credential.

    Raises:
        ConfigurationError: no tenant is set.
    """
    from qlik_keys.tenant import Anonymous, QlikTenant

    if not settings.tenant_url:
        raise ConfigurationError("No tenant is set.", hint="Set QLIK_TENANT_URL, or give --server or --context.")
    return QlikTenant(settings.tenant_url, credential=Anonymous(), retry=retry)


def lookup(user_id: str, subject: str) -> UserLookup | None:
    """Return whom to impersonate, None for nobody.

    Raises:
        typer.BadParameter: two are named.
    """
    if user_id and subject:
        raise typer.BadParameter("name one user, by id or by subject", param_hint="--as-user / --as-subject")
    if not user_id and not subject:
        return None
    from qlik_keys.tokens import UserLookup

    return UserLookup("userId", user_id) if user_id else UserLookup("subject", subject)


def ask_for_id(client_id: str) -> str:
    """Ask a person on a terminal for the client's id once more; where nobody can answer, say how to confirm.

    Raises:
        typer.BadParameter: nobody can be asked.
    """
    if not sys.stdin.isatty():
        raise typer.BadParameter(
            f"deleting a client wants its id once more: --headers {CONFIRMATION}={client_id}",
            param_hint="--headers",
        )
    answer: str = typer.prompt("Nobody can undo it. The client's id once more", err=True)
    return answer


def _confirmed(tenant_url: str, path: str, headers: Mapping[str, str], confirm: str | None) -> dict[str, str]:
    """Return the header that confirms the deletion of a client, which asks for the id; {} for any other path.

    Raises:
        ConfigurationError: what was typed is not that id; nothing was sent.
        typer.BadParameter: nobody can be asked.
    """
    from qlik_keys.tenant.raw import api_path

    client_id = deleted_client_id("delete", api_path(tenant_url, path)[0])
    if not client_id or any(name.lower() == CONFIRMATION for name in headers):
        return {}
    typed = ask_for_id(client_id) if confirm is None else confirm
    if typed.strip() != client_id:
        raise ConfigurationError("That is not the id of the client: nothing is deleted.", hint="Ask again.")
    return {CONFIRMATION: client_id}


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        problem = type(error).__name__
    else:
        return
    raise ConfigurationError(
        f"The answer cannot be written to {path} ({problem}).",
        hint="Name a file in a folder of yours; the call itself was sent.",
    )


def _tell_exchange(exchange: Exchange) -> None:
    asked = "&".join(f"{name}={value}" for name, value in exchange.query.items())
    status = exchange.error if exchange.status is None else str(exchange.status)
    again = f", attempt {exchange.attempt}" if exchange.attempt > 1 else ""
    trace = f", trace id {exchange.trace_id}" if exchange.trace_id else ""
    typer.echo(
        f"> {exchange.method} {exchange.path}{'?' if asked else ''}{asked}\n"
        f"< {status} in {exchange.elapsed_seconds * 1000:.0f} ms{again}{trace}",
        err=True,
    )
