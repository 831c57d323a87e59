"""The whole end of a client: its living tokens are ended, its bot user is named, and deleted only if asked for."""

from __future__ import annotations

import secrets

import pytest

import qlik_keys as qk
from qlik_keys.errors import ManualActionRequired, Outcome, TenantError, TenantNotFound

pytestmark = pytest.mark.openbao

BOT = "/api/v1/users/"
TOKENS = "/api/v1/oauth-tokens"


class Used:
    """A client that a consumer has used: it has a bot, and a token of it lives."""

    def __init__(self, world, name, **options):
        self.world = world
        made = qk.provision(world.tenant, world.store, name=name, scopes=["user_default"], **options)
        self.client_id, self.kid = made.client_id, made.kid
        with qk.TokenSource.from_store(world.store, tenant_url=world.tenant.url, client_id=self.client_id) as source:
            self.token = source.token()
        self.bot = world.tenant.users.bot_of(self.client_id)

    def token_lives(self):
        credential = qk.ApiKey(self.token.reveal())
        try:
            with qk.QlikTenant(self.world.tenant.url, credential=credential) as tenant:
                return tenant.users.me().client_id == self.client_id
        except TenantError:
            return False

    def delete(self, **options):
        return qk.delete(self.world.tenant, self.world.store, self.client_id, confirm=self.client_id, **options)

    def has_bot(self):
        return self.world.tenant.users.bot_of(self.client_id) is not None

    def has_record(self):
        return self.client_id in self.world.store.client_ids(self.world.tenant.host)

    def findings(self):
        found = qk.audit(self.world.tenant, self.world.store)
        rows = found[found["client_id"] == self.client_id]
        return dict(zip(rows["finding"], rows["command"], strict=True))


@pytest.fixture
def used(world, name):
    return Used(world, name)


@pytest.fixture(autouse=True)
def usual_settings(box):
    yield
    box.configure(fail_next=[], lists_machine_tokens=True, tokens_end_with_client=False, bot_ends_with_client=False)


@pytest.mark.parametrize("remove_bot", [False, True])
def test_delete_ends_the_tokens_and_removes_the_bot_only_if_asked_for(used, world, name, remove_bot):
    plan = qk.preview(world.tenant, world.store, "delete", used.client_id, remove_bot=remove_bot)
    assert any(used.bot.id in note and "2 living access tokens" in note for note in plan.notes)
    assert used.token_lives()
    done = used.delete(remove_bot=remove_bot)
    assert (done, done.tokens_ended, done.bot.id, done.bot_removed) == (used.client_id, 2, used.bot.id, remove_bot)
    assert any(used.bot.id in each and "--remove-bot" in each for each in done.warnings) is not remove_bot
    assert (used.token_lives(), used.has_bot(), used.has_record()) == (False, not remove_bot, False)
    assert used.findings() == (
        {} if remove_bot else {"orphaned-bot": f"qlik-keys delete {used.client_id} --remove-bot"}
    )
    # What is left of a client that is gone is looked after by the same operation.
    if remove_bot:
        with pytest.raises(TenantNotFound, match="nothing to delete"):
            used.delete(remove_bot=True)
    else:
        with pytest.raises(TenantNotFound, match="--remove-bot"):
            used.delete()
        assert used.delete(remove_bot=True).bot_removed
        assert (used.has_bot(), used.findings()) == (False, {})


def test_a_client_that_was_deleted_elsewhere_leaves_findings_whose_commands_end_them(used, world):
    world.tenant.oauth_clients.delete(used.client_id)
    world.store.delete(world.tenant.host, used.client_id)
    assert used.token_lives()
    assert used.findings() == {
        "orphaned-bot": f"qlik-keys delete {used.client_id} --remove-bot",
        "token-outlives-client": f"qlik-keys delete {used.client_id}",
    }
    assert used.delete().tokens_ended == 2
    assert (used.token_lives(), [*used.findings()]) == (False, ["orphaned-bot"])


def test_the_bot_of_a_region_is_told_apart_and_never_removed(world, box):
    client_id = secrets.token_hex(16)
    bot = box.add_user("EU OAuth client", f"qlikbot\\{client_id}", ["TenantAdmin"])
    found = qk.audit(world.tenant, world.store)
    assert client_id not in set(found["client_id"])
    with pytest.raises(ManualActionRequired, match="region"):
        qk.delete(world.tenant, world.store, client_id, confirm=client_id, remove_bot=True)
    assert world.tenant.users.find("id", bot.user_id) is not None
    world.tenant.users.delete(bot.user_id)


@pytest.mark.parametrize(
    ("settings", "ended", "told"),
    [
        ({"lists_machine_tokens": False}, 0, "does not list remain valid until they expire"),
        ({"fail_next": [{"fault": 403, "path": TOKENS}]}, 0, "could not be listed"),
        ({"fail_next": [{"fault": 403, "path": f"{TOKENS}/*"}]}, 0, "2 access tokens could not be ended"),
        ({"fail_next": [{"fault": 404, "path": f"{TOKENS}/*"}]}, 1, "1 access token of its bot user"),
        ({"tokens_end_with_client": True, "bot_ends_with_client": True}, 0, "does not list"),
    ],
)
def test_what_the_tenant_refuses_stops_no_deletion_and_is_told(used, box, settings, ended, told):
    box.configure(**settings)
    done = used.delete()
    assert done.tokens_ended == ended
    assert any(told in each for each in done.warnings), done.warnings
    assert not used.has_record()


def test_a_bot_that_may_not_be_deleted_is_an_error_after_all_else_is_done(used, box):
    box.configure(fail_next=[{"fault": 403, "method": "DELETE", "path": f"{BOT}*"}])
    with pytest.raises(ManualActionRequired, match=used.bot.id) as caught:
        used.delete(remove_bot=True)
    assert caught.value.outcome is Outcome.APPLIED
    assert (used.has_record(), used.has_bot(), used.token_lives()) == (False, True, False)


def test_a_deletion_that_is_interrupted_at_the_bot_is_finished_by_resume(used, world, box):
    box.configure(fail_next=[{"fault": 503, "method": "DELETE", "path": f"{BOT}*", "times": 9}])
    with pytest.raises(TenantError) as caught:
        used.delete(remove_bot=True)
    assert caught.value.outcome is Outcome.UNKNOWN
    assert (used.has_record(), used.has_bot()) == (True, True)
    box.configure(fail_next=[])
    [done] = qk.resume(world.tenant, world.store)
    assert (done.operation, done.result.bot_removed) == ("delete", True)
    assert (used.has_record(), used.has_bot()) == (False, False)


class Stop(Exception):
    """Ends a run between two steps, as a kill does."""


@pytest.mark.parametrize("interrupted", [False, True])
def test_revoke_ends_the_tokens_also_where_it_is_interrupted_before(used, world, interrupted):
    def stop(event):
        if interrupted and (event.step, event.phase) == ("end_tokens", "before"):
            raise Stop

    assert used.token_lives()
    if interrupted:
        with pytest.raises(Stop):
            qk.revoke(world.tenant, world.store, used.client_id, on_step=stop)
        assert used.token_lives()
        [resumed] = qk.resume(world.tenant, world.store)
        done = resumed.result
    else:
        done = qk.revoke(world.tenant, world.store, used.client_id)
    assert not used.token_lives()
    assert any("ended" in each and used.bot.name in each for each in done.warnings)
    assert used.has_bot()  # the client goes on, and its bot with it
    assert qk.resume(world.tenant, world.store) == []
