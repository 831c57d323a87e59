"""What deleted clients have left on the tenant: bot users, and living access tokens of these.

A client's bot and tokens outlive it (qlik-cloud-contract, "What outlives a client"). The bot of a region's OAuth client
is told apart by its name: its client is in no tenant's list.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qlik_keys.core.side_by_side import side_by_side
from qlik_keys.errors import QlikKeysError, TenantError, TenantNotFound
from qlik_keys.rules.clients import ORPHANED_BOT, TOKEN_OUTLIVES_CLIENT
from qlik_keys.tenant.resources.users import is_region_bot

if TYPE_CHECKING:
    from collections.abc import Collection

    from qlik_keys.tenant import QlikTenant, User


def orphaned_bots(tenant: QlikTenant, known: Collection[str]) -> tuple[list[tuple[str, str, str]], str]:
    """Return the findings of bots without a client, and why they are not known, "" if they are.

    It takes a request for each hundred bots, and two for each bot whose client is not known.

    Args:
        tenant: the tenant, with a TenantAdmin's credential.
        known: ids of the clients that are there.

    Returns:
        Finding, client's id and bot's name; in words, why the tenant could not be asked for its bots.
    """
    try:
        bots = [bot for bot in tenant.users.bots() if bot.client_id and not is_region_bot(bot)]
        strangers = [bot for bot in bots if bot.client_id not in known]
        answers = side_by_side(lambda bot: _findings(tenant, bot), strangers)
    except TenantError as problem:
        return [], problem.message  # what the rest of the audit found is told all the same
    found: list[tuple[str, str, str]] = []
    for bot, told in zip(strangers, answers, strict=True):
        if not isinstance(told, QlikKeysError):
            found += [(finding, bot.client_id, bot.name) for finding in told]
    return found, ""


def _findings(tenant: QlikTenant, bot: User) -> tuple[str, ...]:
    try:
        tenant.oauth_clients.get(bot.client_id)
    except TenantNotFound:
        pass
    else:
        return ()  # it was made since the clients were listed
    found = [ORPHANED_BOT.name]
    try:
        if any(True for _ in tenant.oauth_tokens.of_user(bot.id)):
            found.append(TOKEN_OUTLIVES_CLIENT.name)
    except TenantError:
        pass  # that the bot is there is known all the same
    return tuple(found)
