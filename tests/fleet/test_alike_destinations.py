"""Destinations that look alike once their secrets are hidden are still several."""

from qlik_keys.fleet.notifications.destinations import destinations_of


def test_two_channels_whose_tokens_begin_and_end_alike_are_two_destinations():
    urls = [f"gotify://push.example/A{middle}z" for middle in ("1111", "2222", "3333", "1111")]
    found = destinations_of(urls)
    assert [each.number for each in found] == [1, 2, 3]
    first, *others = [each.identity for each in found]
    assert others == [f"{first}-2", f"{first}-3"]
    assert [each.identity for each in destinations_of(urls)] == [first, *others]  # so each remembers its own
    assert not any(middle in f"{first}{others}{found}" for middle in ("1111", "2222", "3333"))


def test_a_url_that_is_given_twice_is_one_destination():
    assert len(destinations_of(["gotify://push.example/A1z", "gotify://push.example/A1z/"])) == 1
