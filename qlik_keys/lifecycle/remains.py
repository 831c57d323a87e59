"""What a client leaves on the tenant: its bot user, and the access tokens that still live.

Deleting a client or replacing its key ends no token, and no deletion removes the bot (qlik-cloud-contract, "What
outlives a client"). A token that the tenant does not list can be ended by the program that holds it alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qlik_keys.errors import TenantError, TenantNotFound
from qlik_keys.tenant.resources.grants import IMPERSONATION

if TYPE_CHECKING:
    from qlik_keys.tenant import OAuthClient, OAuthToken, QlikTenant, User

# Whether machines' tokens are in the list is not published.
UNLISTED_LIVE_ON = "Access tokens that the tenant does not list remain valid until they expire."
_FOR_USERS = (
    "Access tokens that it requested for other users (impersonation) are listed with these users and are not ended: "
    "they remain valid until they expire. `qlik-keys oauth-token ls` lists them."
)
_SHOWN_IDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Remains:
    """What the tenant tells of a client's bot and tokens.

    Attributes:
        bot: its bot user; None where there is none, or the caller sees none.
        tokens: the living tokens of the bot.
        problem: why bot or tokens are not known, None if they are.
    """

    bot: User | None = None
    tokens: tuple[OAuthToken, ...] = ()
    problem: TenantError | None = None

    @property
    def bot_text(self) -> str:
        """The bot for people: its name, id and roles."""
        if self.bot is None:
            return ""
        roles = f", with {'the roles' if len(self.bot.roles) > 1 else 'the role'} {', '.join(self.bot.roles)}"
        return f"{self.bot.name!r} ({self.bot.id}{roles if self.bot.roles else ''})"

    def plan_notes(self) -> tuple[str, ...]:
        """Return what a plan says: which tokens would be ended, and whose they are."""
        if self.problem is not None:
            return (f"Its bot user and its tokens are not known: {self.problem.message}", UNLISTED_LIVE_ON)
        if self.bot is None:
            return ("The tenant shows no bot user of it.",)
        count = f"{len(self.tokens)} living access token{'' if len(self.tokens) == 1 else 's'}"
        return (f"Its bot user is {self.bot_text}; the tenant lists {count} of it.", UNLISTED_LIVE_ON)


def tokens_for_users(client: OAuthClient | None) -> tuple[str, ...]:
    """Return what a person should know of tokens that a client requested for other users; nothing if it never could."""
    if client is None or IMPERSONATION not in client.allowed_grant_types:
        return ()
    return (_FOR_USERS,)


def remains_of(tenant: QlikTenant, client_id: str) -> Remains:
    """Return what is left of a client, which may be deleted by now; what cannot be asked is in `problem`."""
    bot: User | None = None
    try:
        bot = tenant.users.bot_of(client_id)
        tokens = () if bot is None else tuple(tenant.oauth_tokens.of_user(bot.id))
    except TenantError as problem:
        return Remains(bot=bot, problem=problem)
    return Remains(bot=bot, tokens=tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedTokens:
    """What became of the tokens of a client's bot.

    Attributes:
        remains: what was found.
        ended: how many were ended.
        left: those that could not be ended.
        reason: why not, or why none could be listed; "" if all were ended.
    """

    remains: Remains
    ended: int = 0
    left: tuple[OAuthToken, ...] = ()
    reason: str = ""

    def warnings(self) -> tuple[str, ...]:
        """Return what a person should know, a sentence a fact."""
        found = []
        if self.ended:
            bot = self.remains.bot
            of_whom = f" of its bot user {bot.name!r}" if bot is not None and bot.name else ""
            found.append(f"{_counted(self.ended)}{of_whom} {'was' if self.ended == 1 else 'were'} ended.")
        if self.remains.problem is not None:
            found.append(f"Its living access tokens could not be listed: {self.reason}")
        elif self.left:
            ids = ", ".join(token.id for token in self.left[:_SHOWN_IDS])
            more = ", and others" if len(self.left) > _SHOWN_IDS else ""
            found.append(
                f"{_counted(len(self.left))} could not be ended and can still be used: {ids}{more}. {self.reason} "
                "`qlik-keys oauth-token rm ID` ends one."
            )
        return (*found, UNLISTED_LIVE_ON)


def end_tokens(tenant: QlikTenant, client_id: str) -> EndedTokens:
    """End every listed token of a client's bot, each by its id; what is refused stays, and the result says so.

    It raises nothing: tokens end by themselves, and what else is to be done must not wait for that.
    """
    found = remains_of(tenant, client_id)
    if found.problem is not None:
        return EndedTokens(remains=found, reason=found.problem.message)
    ended = 0
    for place, token in enumerate(found.tokens):
        try:
            tenant.oauth_tokens.end(token.id)
        except TenantNotFound:
            continue  # it has expired in between
        except TenantError as problem:
            return EndedTokens(remains=found, ended=ended, left=found.tokens[place:], reason=problem.message)
        ended += 1
    return EndedTokens(remains=found, ended=ended)


def _counted(count: int) -> str:
    return f"{count} access token{'' if count == 1 else 's'}"
