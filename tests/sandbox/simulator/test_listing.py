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


def seeded(sandbox_client, *client_names, **fields):
    for name in client_names:
        assert sandbox_client.create(clientName=name, **fields).status_code == 201
        sandbox_client.clock.advance(1)


def follow(sandbox_client, page, direction="next"):
    """Go by the links of a page, which are whole addresses, until there is none; return the names, page by page."""
    pages = []
    while direction in page["links"]:
        href = page["links"][direction]["href"]
        assert href.startswith(f"{sandbox_client.tenant.base_url}{CLIENTS}?")
        page = sandbox_client.http.get(href, headers=sandbox_client.admin).json()
        pages.append(names(page))
    return pages


class TestPages:
    def test_twenty_unless_told(self, sandbox_client):
        sandbox_client.tenant.seed_clients(21)
        page = sandbox_client.call("GET").json()
        assert len(page["data"]) == 20
        assert page["links"].keys() == {"self", "next"}
        assert "totalResults" not in page
        assert follow(sandbox_client, page) == [["seeded-00020"]]

    def test_a_hundred_at_most(self, sandbox_client):
        sandbox_client.tenant.seed_clients(101)
        page = sandbox_client.call("GET", "?limit=100&totalResults=true").json()
        assert (len(page["data"]), page["totalResults"]) == (100, 101)
        assert [len(one) for one in follow(sandbox_client, page)] == [1]

    @pytest.mark.parametrize(
        "query",
        [
            "limit=0",
            "limit=101",
            "limit=-1",
            "limit=x",
            "limit=",
            "limit=1.5",
            "limit=1&limit=2",
            "totalResults=yes",
            "sort=clientName",
            "sort=%2Bdescription",
            "sort=-",
            "next=x",
            "prev=x",
            "next=",
            "next=%00",
            "limit=%zz",
            "limit=%ff",
            "&".join(f"a{n}=1" for n in range(65)),
        ],
    )
    def test_a_wrong_parameter_is_refused(self, sandbox_client, query):
        assert sandbox_client.call("GET", f"?{query}").status_code == 400

    def test_there_and_back(self, sandbox_client):
        seeded(sandbox_client, "a", "b", "c", "d", "e")
        first = sandbox_client.call("GET", "?limit=2&sort=%2BclientName").json()
        assert names(first) == ["a", "b"]
        assert follow(sandbox_client, first) == [["c", "d"], ["e"]]
        middle = sandbox_client.http.get(first["links"]["next"]["href"], headers=sandbox_client.admin).json()
        last = sandbox_client.http.get(middle["links"]["next"]["href"], headers=sandbox_client.admin).json()
        assert follow(sandbox_client, last, "prev") == [["c", "d"], ["a", "b"]]

    def test_clients_that_come_and_go_neither_repeat_nor_hide_another(self, sandbox_client):
        seeded(sandbox_client, "b", "d", "f", "h")
        first = sandbox_client.call("GET", "?limit=2&sort=%2BclientName").json()
        gone = first["data"][1]["clientId"]
        sandbox_client.call("DELETE", f"/{gone}", headers={"qlik-confirm-delete": gone})
        seeded(sandbox_client, "a", "e")
        assert follow(sandbox_client, first) == [["e", "f"], ["h"]]

    def test_a_plus_sign_need_not_be_escaped(self, sandbox_client):
        seeded(sandbox_client, "b", "a")
        assert names(sandbox_client.call("GET", "?sort=+clientName").json()) == ["a", "b"]

    @pytest.mark.parametrize(
        ("sort", "expected"),
        [
            ("+clientName", ["Z", "a", "ab", "ü"]),
            ("-clientName", ["ü", "ab", "a", "Z"]),
            ("+createdAt", ["ab", "Z", "ü", "a"]),
            ("-updatedAt", ["a", "ü", "Z", "ab"]),
            ("-appType", ["ab", "Z", "ü", "a"]),
        ],
    )
    @pytest.mark.parametrize("limit", [1, 3])
    def test_each_sort_goes_over_the_pages(self, sandbox_client, sort, expected, limit):
        seeded(sandbox_client, "ab", "Z", "ü", "a")
        page = sandbox_client.http.get(
            CLIENTS, params={"sort": sort, "limit": limit}, headers=sandbox_client.admin
        ).json()
        assert [name for names_ in (names(page), *follow(sandbox_client, page)) for name in names_] == expected


class TestCursors:
    @pytest.fixture
    def cursor(self, sandbox_client):
        seeded(sandbox_client, "a", "b", "c")
        page = sandbox_client.call("GET", '?limit=1&sort=-clientName&filter=clientName ne "x"').json()
        return page["links"]["next"]["href"].partition("next=")[2].partition("&")[0]

    def test_it_carries_filter_and_sort(self, sandbox_client, cursor):
        assert names(sandbox_client.call("GET", f"?next={cursor}").json()) == ["b", "a"]
        same = f'?next={cursor}&sort=-clientName&filter=clientName ne "x"'
        assert names(sandbox_client.call("GET", same).json()) == ["b", "a"]

    @pytest.mark.parametrize("other", ["sort=%2BclientName", 'filter=clientName eq "a"', "filter=", "prev=x"])
    def test_with_another_filter_or_sort_it_is_refused(self, sandbox_client, cursor, other):
        assert sandbox_client.call("GET", f"?next={cursor}&{other}").status_code == 400

    def test_it_goes_one_way(self, sandbox_client, cursor):
        assert sandbox_client.call("GET", f"?prev={cursor}").status_code == 400

    def test_one_that_was_tampered_with_is_refused(self, sandbox_client, cursor):
        for changed in (cursor[:-1], f"{cursor}=", f"{cursor}AA", cursor[1:], cursor.swapcase(), f" {cursor}"):
            assert sandbox_client.call("GET", f"?next={changed}").status_code == 400

    @pytest.mark.parametrize(
        "document",
        [
            {},
            ["next", "", "-clientName", "b"],
            ["next", "", "-description", "b", 1],
            ["next", "description pr", "-clientName", "b", 1],
            ["next", "", "-clientName", "b", True],
            ["next", "", "-clientName", 5, 1],
            ["next", "", "-clientName", "b", 1, 1],
        ],
    )
    def test_one_that_was_made_by_hand_is_refused(self, sandbox_client, document):
        assert sandbox_client.call("GET", f"?next={base64url(json.dumps(document))}").status_code == 400

    def test_a_filter_that_cannot_be_is_refused_before_the_cursor(self, sandbox_client, cursor):
        assert sandbox_client.call("GET", f"?next={cursor}&filter=x").status_code == 400


class TestFilters:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ('clientName eq "etl one"', ["etl one"]),
            ('CLIENTNAME EQ "ETL ONE"', ["etl one"]),
            ('clientName ne "etl one"', ["etl two", 'say "hi"', "back\\slash"]),
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
            ('not (clientName sw "etl")', ['say "hi"', "back\\slash"]),
            ('clientName sw "etl" and clientName ew "two"', ["etl two"]),
            (
                'clientName ew "one" or clientName ew "two" and clientName sw "x"',
                ["etl one"],
            ),
            ('(clientName ew "one" or clientName ew "two") and not (clientName co "w")', ["etl one"]),
            ('appType eq "web" and createdByType eq "user" and tenantId pr', None),
            ('clientId eq "0"', []),
            ("clientId pr", None),
            ("  clientId   pr  ", None),
        ],
    )
    def test_what_fits(self, sandbox_client, text, expected):
        everything = ["etl one", "etl two", 'say "hi"', "back\\slash"]
        seeded(sandbox_client, *everything)
        answer = sandbox_client.http.get(CLIENTS, params={"filter": text}, headers=sandbox_client.admin)
        assert names(answer.json()) == (everything if expected is None else expected)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            " ",
            "clientName",
            "clientName eq",
            "clientName eq x",
            "clientName eq 'x'",
            'clientName eq "x',
            r'clientName eq "\x"',
            r'clientName eq "\ud800"',
            'clientName == "x"',
            'clientName eq "x" clientName',
            'clientName eq "x" and',
            'clientName eq "x" or or clientName pr',
            '(clientName eq "x"',
            'clientName eq "x")',
            'not clientName eq "x"',
            "()",
            "description pr",
            'createdAt gt "2026"',
            '"clientName" eq "x"',
            'eq "x"',
            "not",
            "(" * 40 + "clientId pr" + ")" * 40,
            'clientName eq "' + "x" * 4096 + '"',
        ],
    )
    def test_what_is_no_filter_is_refused_and_never_read_as_none(self, sandbox_client, text):
        answer = sandbox_client.http.get(CLIENTS, params={"filter": text}, headers=sandbox_client.admin)
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["title"] == "Invalid filter"


@settings(max_examples=60, deadline=None)
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
    whole = [one["clientId"] for one in ask("GET", f"sort={sort.replace('+', '%2B')}")["data"]]
    page = ask("GET", f"sort={sort.replace('+', '%2B')}&limit={limit}")
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
