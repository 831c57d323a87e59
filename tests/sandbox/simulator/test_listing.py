"""The sandbox's listing of clients: pages, cursors, filters, sort."""

from __future__ import annotations

import json

import pytest
from fixtures.sandbox_client import CLIENTS, base64url
from fixtures.support import ManualClock
from hypothesis import given, settings
from hypothesis import strategies as st

from qlik_keys.sandbox.simulator.messages import Request
from qlik_keys.sandbox.simulator.tenant import SandboxTenant


def names(page):
    return [one["clientName"] for one in page["data"]]


def seeded(sandbox, *client_names, **fields):
    for name in client_names:
        assert sandbox.create(clientName=name, **fields).status_code == 201
        sandbox.clock.advance(1)


def follow(sandbox, page):
    """Go by the links of a page, which are whole addresses, until there is none; return the names, page by page."""
    pages = []
    while "next" in page["links"]:
        href = page["links"]["next"]["href"]
        assert href.startswith(f"{sandbox.tenant.base_url}{CLIENTS}?")
        page = sandbox.http.get(href, headers=sandbox.admin).json()
        pages.append(names(page))
    return pages


class TestPages:
    def test_there_are_twenty_by_default_and_a_hundred_at_most(self, sandbox):
        sandbox.tenant.seed_clients(21)
        page = sandbox.call("GET").json()
        assert (len(page["data"]), page["links"].keys()) == (20, {"self", "next"})
        assert "totalResults" not in page
        assert follow(sandbox, page) == [["seeded-00020"]]
        sandbox.tenant.seed_clients(80)
        page = sandbox.call("GET", "?limit=100&totalResults=true").json()
        assert (len(page["data"]), page["totalResults"]) == (100, 101)
        assert [len(one) for one in follow(sandbox, page)] == [1]

    def test_a_wrong_parameter_is_refused(self, sandbox):
        wrong = [f"limit={limit}" for limit in ("0", "101", "-1", "x", "", "1.5", "1&limit=2", "%zz", "%ff")]
        wrong += [f"sort={sort}" for sort in ("clientName", "%2Bdescription", "-")]
        wrong += ["totalResults=yes", "next=x", "prev=x", "next=", "next=%00", "&".join(f"a{n}=1" for n in range(65))]
        for query in wrong:
            assert sandbox.call("GET", f"?{query}").status_code == 400, query

    def test_clients_that_come_and_go_neither_repeat_nor_hide_another(self, sandbox):
        seeded(sandbox, "b", "d", "f", "h")
        first = sandbox.call("GET", "?limit=2&sort=+clientName").json()  # the plus sign need not be escaped
        gone = first["data"][1]["clientId"]
        sandbox.call("DELETE", f"/{gone}", headers={"qlik-confirm-delete": gone})
        seeded(sandbox, "a", "e")
        assert follow(sandbox, first) == [["e", "f"], ["h"]]

    def test_each_sort_goes_over_the_pages(self, sandbox):
        seeded(sandbox, "ab", "Z", "ü", "a")
        for sort, expected in (
            ("+clientName", ["Z", "a", "ab", "ü"]),
            ("-clientName", ["ü", "ab", "a", "Z"]),
            ("+createdAt", ["ab", "Z", "ü", "a"]),
            ("-updatedAt", ["a", "ü", "Z", "ab"]),
            ("-appType", ["ab", "Z", "ü", "a"]),
        ):
            page = sandbox.http.get(CLIENTS, params={"sort": sort, "limit": 1}, headers=sandbox.admin).json()
            assert [names(page), *follow(sandbox, page)] == [[name] for name in expected], sort


class TestCursors:
    @pytest.fixture
    def cursor(self, sandbox):
        seeded(sandbox, "a", "b", "c")
        page = sandbox.call("GET", '?limit=1&sort=-clientName&filter=clientName ne "x"').json()
        return page["links"]["next"]["href"].partition("next=")[2].partition("&")[0]

    def test_it_carries_filter_and_sort_and_goes_with_no_other(self, sandbox, cursor):
        for same in ("", '&sort=-clientName&filter=clientName ne "x"'):
            assert names(sandbox.call("GET", f"?next={cursor}{same}").json()) == ["b", "a"]
        for other in ("sort=%2BclientName", 'filter=clientName eq "a"', "filter=", "filter=x", "prev=x"):
            assert sandbox.call("GET", f"?next={cursor}&{other}").status_code == 400
        assert sandbox.call("GET", f"?prev={cursor}").status_code == 400

    def test_one_that_was_changed_or_made_by_hand_is_refused(self, sandbox, cursor):
        for changed in (cursor[:-1], f"{cursor}=", f"{cursor}AA", cursor[1:], cursor.swapcase(), f" {cursor}"):
            assert sandbox.call("GET", f"?next={changed}").status_code == 400
        for document in (
            {},
            ["next", "", "-clientName", "b"],
            ["next", "", "-description", "b", 1],
            ["next", "description pr", "-clientName", "b", 1],
            ["next", "", "-clientName", "b", True],
            ["next", "", "-clientName", 5, 1],
            ["next", "", "-clientName", "b", 1, 1],
        ):
            assert sandbox.call("GET", f"?next={base64url(json.dumps(document))}").status_code == 400


OTHERS = ['say "hi"', "back\\slash"]
EVERYTHING = ["etl one", "etl two", *OTHERS]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('CLIENTNAME EQ "ETL ONE"', ["etl one"]),
        ('clientName ne "etl one"', ["etl two", *OTHERS]),
        ('clientName sw "etl"', ["etl one", "etl two"]),
        ('clientName ew "two"', ["etl two"]),
        ('clientName co "l o"', ["etl one"]),
        ('clientName gt "etl one"', ["etl two", 'say "hi"']),
        ('clientName ge "etl two"', ["etl two", 'say "hi"']),
        ('clientName lt "etl one"', ["back\\slash"]),
        ('clientName le "etl one"', ["etl one", "back\\slash"]),
        (r'clientName eq "say \"hi\""', ['say "hi"']),
        (r'clientName eq "back\\slash"', ["back\\slash"]),
        (r'clientName eq "etl\u0020one"', ["etl one"]),
        ('clientName eq ""', []),
        ('not (clientName sw "etl")', OTHERS),
        ('clientName ew "one" or clientName ew "two" and clientName sw "x"', ["etl one"]),
        ('(clientName ew "one" or clientName ew "two") and not (clientName co "w")', ["etl one"]),
        ('appType eq "web" and createdByType eq "user" and tenantId pr', EVERYTHING),
        ("  clientId   pr  ", EVERYTHING),
    ],
)
def test_a_filter_finds_what_fits(sandbox, text, expected):
    seeded(sandbox, *EVERYTHING)
    answer = sandbox.http.get(CLIENTS, params={"filter": text}, headers=sandbox.admin)
    assert names(answer.json()) == expected


NO_FILTERS = r"""
clientName
clientName eq
clientName eq x
clientName eq 'x'
clientName eq "x
clientName eq "\x"
clientName eq "\ud800"
clientName == "x"
clientName eq "x" clientName
clientName eq "x" and
clientName eq "x" or or clientName pr
(clientName eq "x"
clientName eq "x")
not clientName eq "x"
()
description pr
createdAt gt "2026"
"clientName" eq "x"
not"""


def test_what_is_no_filter_is_refused_and_never_read_as_none(sandbox):
    too_long = ["(" * 40 + "clientId pr" + ")" * 40, 'clientName eq "' + "x" * 4096 + '"']
    for text in [*NO_FILTERS.split("\n"), " ", *too_long]:
        answer = sandbox.http.get(CLIENTS, params={"filter": text}, headers=sandbox.admin)
        assert (answer.status_code, answer.json()["errors"][0]["title"]) == (400, "Invalid filter"), text


@settings(max_examples=40, deadline=None)
@given(
    client_names=st.lists(st.text(min_size=1, max_size=3).filter(str.strip), max_size=9),
    sort=st.sampled_from(["+clientName", "-clientName", "+createdAt", "-clientId", "+appType"]),
    limit=st.integers(1, 4),
)
def test_all_pages_together_are_the_whole_listing(client_names, sort, limit):
    tenant = SandboxTenant("https://acme.eu.qlikcloud.com", clock=ManualClock())
    admin = (("authorization", f"Bearer {tenant.api_key}"), ("content-type", "application/json"))

    def ask(method, query="", body=b""):
        answer = tenant.handle(Request(method=method, path=CLIENTS, query=query, headers=admin, body=body))
        assert answer.status in (200, 201)
        return json.loads(answer.body)

    for name in client_names:
        ask("POST", body=json.dumps({"appType": "web", "clientName": name}).encode())
    sort = f"sort={sort.replace('+', '%2B')}"
    whole = [one["clientId"] for one in ask("GET", sort)["data"]]
    page = ask("GET", f"{sort}&limit={limit}")
    there = [page]
    while "next" in page["links"]:
        page = ask("GET", page["links"]["next"]["href"].partition("?")[2])
        there.append(page)
    back = [page]
    while "prev" in page["links"]:
        page = ask("GET", page["links"]["prev"]["href"].partition("?")[2])
        back.insert(0, page)
    for pages in (there, back):
        assert [one["clientId"] for page in pages for one in page["data"]] == whole
