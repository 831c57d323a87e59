"""What every command that calls the tenant has in common: its options in qlik-cli's words, and who calls.

Who calls: the environment's credential, a qlik-cli context (`--context`), or a client whose key is in the Vault
(`--client`), which is what qlik-cli itself cannot do.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path  # noqa: TC003  # typer reads the annotations at run time
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

import typer

from qlik_keys.cli.options.callers import as_client, lookup, resolved
from qlik_keys.cli.options.common import (
    AsSubjectOption,
    AsUserOption,
    ClientOption,
    ContextOption,
    JsonOption,
    QuietOption,
    ServerOption,
    ask_for_id,
    refuse_empty,
)
from qlik_keys.cli.options.groups import with_options
from qlik_keys.cli.options.inputs import pairs
from qlik_keys.cli.options.lists import InsecureOption, ServerTypeOption  # noqa: TC001  # typer reads annotations
from qlik_keys.cli.output.answers import effect_of, json_or_none, refuse_unwritable, write_answer
from qlik_keys.cli.output.results import current_notebook, listed_in, show
from qlik_keys.cli.output.streams import note_effect, refuse_nowhere
from qlik_keys.errors import ConfigurationError, Outcome, TenantProtocolError
from qlik_keys.tenant.resources.deleting import CONFIRMATION, deleted_client_id

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from qlik_keys.tenant import Exchange, QlikTenant, RetryPolicy
    from qlik_keys.tenant.resources.raw import RawAnswer
    from qlik_keys.tenant.url import Query

MAXIMUM_RETRIES = 10
_READING = ("get", "head", "options")
_PAGE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestOptions:
    """Who calls, how often it is tried, and how the answer is shown: the options that every call has.

    `connection` is no option: a name or a `Context`, which the config file has instead of `--context`.
    """

    client: ClientOption = None
    scope: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SCOPE", help="With --client: request only this scope; can be repeated.", callback=refuse_empty
        ),
    ] = field(default=None)
    as_user: AsUserOption = None
    as_subject: AsSubjectOption = None
    context: ContextOption = None
    server: ServerOption = None
    headers: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="An additional header; can be repeated.")
    ] = field(default=None)
    retry: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=MAXIMUM_RETRIES,
            metavar="N",
            help="How many times to retry a call that can be repeated safely, at most 10.",
        ),
    ] = None
    interval: Annotated[
        int | None, typer.Option(min=1, metavar="SECONDS", help="The shortest wait before a retry, at least 1.")
    ] = None
    quiet: QuietOption = False
    human: Annotated[bool, typer.Option("--human", help="Print only ids and names, as a table.")] = False
    unmodified: Annotated[
        bool, typer.Option("--raw", help="Print the response unmodified; of a list, the first page with its links.")
    ] = False
    as_json: JsonOption = False
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show each request on standard error, without secrets.")
    ] = False
    config: Annotated[
        Path | None, typer.Option("--config", "-c", metavar="FILE", help="Read these options from a YAML file.")
    ] = None
    server_type: ServerTypeOption = None
    insecure: InsecureOption = False

    def completed(self) -> RequestOptions:
        """Return these options with those of the config file, if one is named; what was typed outranks it.

        Raises:
            ConfigurationError: the file cannot be read, or is no such file.
            typer.BadParameter: it asks for what this program does not do.
        """
        if self.config is None:
            return self
        from qlik_keys.cli.options.config_file import read_config

        found = read_config(self.config, as_json=self.as_json)
        return replace(
            self,
            connection=found.connection if self.context is None else None,
            headers=[*found.headers, *(self.headers or ())] or None,
            retry=found.numbers.get("retry") if self.retry is None else self.retry,
            interval=found.numbers.get("interval") if self.interval is None else self.interval,
            quiet=self.quiet or "quiet" in found.flags,
            unmodified=self.unmodified or "raw" in found.flags,
            as_json=self.as_json or "json" in found.flags,
            verbose=self.verbose or "verbose" in found.flags,
        )

    connection: Any = field(default=None, metadata={"option": False})

    @contextmanager
    def tenant(self) -> Iterator[QlikTenant]:
        """Yield the tenant, asked as the named caller.

        Raises:
            typer.BadParameter: what only a client can have is asked for, and none is named.
            ConfigurationError: tenant, credential or Vault is missing, or no one has that name.
        """
        user = lookup(self.as_user, self.as_subject)
        if user is not None and self.client is None:
            raise typer.BadParameter(
                "only a client can impersonate: --client NAME", param_hint="--as-user / --as-subject"
            )
        if self.scope and self.client is None:
            raise typer.BadParameter("only a client can request scopes: --client NAME", param_hint="--scope")
        context = self.connection or self.context
        settings = resolved(context, self.server, login=self.client is None, as_json=self.as_json)
        notebook = current_notebook()
        if notebook is not None:
            notebook.tenant_url = settings.tenant_url
        with ExitStack() as stack:
            if self.client is not None:
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
                from qlik_keys.auth.http_auth import PrivateKeyJwtAuth

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
        query: Query | None = None,
        body: Any = None,
        confirm: str | None = None,
        output: Path | None = None,
    ) -> RawAnswer:
        """Send one call, show its answer and return it.

        Args:
            method: get, post, put, patch or delete.
            path: of the API.
            query: the query's fields.
            body: JSON-ready values.
            confirm: the id of a client that is to be deleted, again; None where none was given.
            output: a file for the answer, in place of showing it.

        Raises:
            QlikKeysError: as the call does.
        """
        headers = self._headers()
        with self.tenant() as tenant:
            if method == "delete":
                headers |= _confirmed(tenant.url, path, headers, confirm, as_json=self.as_json)
            if output is not None and method != "get":
                refuse_unwritable(output)
            answer = tenant.raw(method, path, query=query, body=body, headers=headers)
        if method not in _READING:
            done, secret_advice = effect_of(method, path, answer)
            note_effect(done, secret_advice)
            if secret_advice and output is None and current_notebook() is None:
                refuse_nowhere()
        if output is not None:
            write_answer(output, answer, is_change=method != "get")
        elif self.unmodified:
            show(answer.content.decode(errors="replace"), unmodified=True)
        elif answer.content:
            document = _document(answer, method, path)
            listed = listed_in(document)
            show(listed, quiet=self.quiet, human=self.human, as_json=self.as_json)
            if listed is not document and _goes_on(document) and not self.as_json:
                typer.echo(
                    "Note: there are more objects; pass the cursor in links.next (see --raw) as --query next=…",
                    err=True,
                )
        return answer

    def list_all(
        self,
        path: str,
        *,
        query: Mapping[str, str],
        limit: int | None,
        columns: Sequence[str] = (),
        nothing: str = "The list is empty.",
    ) -> None:
        """Show a listing, page by page until the limit; with `--raw` the first page unmodified.

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
        if self.unmodified:
            answer = self.send("get", path, query=asked)
            if (limit is None or limit > _PAGE) and _goes_on(json_or_none(answer)) and not self.as_json:
                typer.echo("Note: this is only the first page. Omit --raw to get all.", err=True)
            return
        found: list[Any] = []
        total = None
        with self.tenant() as tenant:
            for page in tenant.raw_pages(path, query=asked, headers=self._headers()):
                total = page.get("totalResults", total)
                found += page["data"]
                if (limit and len(found) >= limit) or "prev" in asked:  # behind that page is what was seen
                    break
        show(
            found[:limit],
            quiet=self.quiet,
            human=self.human,
            as_json=self.as_json,
            columns=columns,
            nothing=nothing,
            total=total if "totalResults" in asked else None,
        )

    def _headers(self) -> dict[str, str]:
        return {name.lower(): value for name, value in pairs(self.headers, "--headers")}

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


# The decorator of a command that calls the tenant: it gets a `RequestOptions` as its first argument.
with_request_options = with_options(RequestOptions)


def _document(answer: RawAnswer, method: str, path: str) -> Any:
    """Return an answer as JSON-ready values.

    Raises:
        TenantProtocolError: it is no JSON; of a call that changes something it says that it may have done so.
    """
    try:
        return answer.json()
    except TenantProtocolError as error:
        if method not in _READING:
            error.outcome = Outcome.UNKNOWN
            done = f"{method.upper()} {path} was answered with {answer.status}"
            error.hint = (
                f"{done}: it probably took effect, unless another server answered instead of the tenant. "
                "Check before you try again."
            )
        raise


def _confirmed(
    tenant_url: str, path: str, headers: Mapping[str, str], confirm: str | None, *, as_json: bool
) -> dict[str, str]:
    """Return the header that confirms the deletion of a client, which asks for the id; {} for any other path.

    Raises:
        ConfigurationError: what was typed is not that id; nothing was sent.
        typer.BadParameter: no one can be asked.
    """
    from qlik_keys.tenant.resources.raw import api_path

    client_id = deleted_client_id("delete", api_path(tenant_url, path)[0])
    if not client_id or any(name.lower() == CONFIRMATION for name in headers):
        return {}
    typed = confirm
    if typed is None:
        how = f"deleting a client requires its id as confirmation: --headers {CONFIRMATION}={client_id}"
        typed = ask_for_id(how, option="--headers", as_json=as_json)
    if typed.strip() != client_id:
        raise ConfigurationError("This is not the id of the client. Nothing is deleted.", hint="Try again.")
    return {CONFIRMATION: client_id}


def _goes_on(page: Any) -> bool:
    """Return whether a page of a listing is followed by another one."""
    from qlik_keys.tenant.resources.raw import next_page

    return bool(next_page(page))


def _tell_exchange(exchange: Exchange) -> None:
    asked = urlencode(exchange.query, doseq=True)
    status = exchange.error if exchange.status is None else str(exchange.status)
    again = f", attempt {exchange.attempt}" if exchange.attempt > 1 else ""
    trace = f", trace id {exchange.trace_id}" if exchange.trace_id else ""
    typer.echo(
        f"> {exchange.method} {exchange.path}{'?' if asked else ''}{asked}\n"
        f"< {status} in {exchange.elapsed_seconds * 1000:.0f} ms{again}{trace}",
        err=True,
    )
