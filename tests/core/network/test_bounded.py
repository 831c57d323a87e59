from __future__ import annotations

import gzip
import os
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qlik_keys.core.network.bounded import (
    AnswerNotDecodable,
    AnswerTooLong,
    Deadline,
    DeadlinePassed,
    decoded,
)


def raw_deflate(data):
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


ENCODERS = {"": bytes, "identity": bytes, "gzip": gzip.compress, "X-GZIP ": gzip.compress, "deflate": zlib.compress}


def cut(data, sizes):
    at = 0
    for size in sizes:
        yield data[at : at + size]
        at += size
    yield data[at:]


@given(
    data=st.binary(max_size=3000), sizes=st.lists(st.integers(0, 200), max_size=8), name=st.sampled_from([*ENCODERS])
)
def test_a_body_is_what_was_encoded_however_it_is_cut(data, sizes, name):
    assert decoded(cut(ENCODERS[name](data), sizes), name) == data


@given(data=st.binary(min_size=1, max_size=3000), sizes=st.lists(st.integers(0, 200), max_size=8))
def test_deflate_without_its_header_is_read_as_well(data, sizes):
    packed = raw_deflate(data)
    if packed[0] & 0x0F != 8:  # else nobody can tell it from zlib's format
        assert decoded(cut(packed, sizes), "deflate") == data


@given(first=st.binary(max_size=500), second=st.binary(max_size=500), sizes=st.lists(st.integers(0, 100), max_size=8))
def test_a_gzip_body_of_two_members_is_both(first, second, sizes):
    assert decoded(cut(gzip.compress(first) + gzip.compress(second), sizes), "gzip") == first + second


@pytest.mark.parametrize("name", [*ENCODERS])
def test_the_limit_is_of_bytes_after_decoding(name):
    body = ENCODERS[name](os.urandom(1000))
    assert len(decoded([body], name, limit=1000)) == 1000
    with pytest.raises(AnswerTooLong):
        decoded([body], name, limit=999)


@pytest.mark.parametrize(
    "name", ["gzip, gzip", "gzip,deflate", "br", "zstd", "gzip;q=1", "identity, gzip", "aws-chunked"]
)
def test_what_is_encoded_twice_or_otherwise_is_refused(name):
    with pytest.raises(AnswerNotDecodable):
        decoded([gzip.compress(gzip.compress(b"x" * 1000))], name)


@pytest.mark.parametrize("name", ["gzip", "deflate"])
@pytest.mark.parametrize("damage", [lambda data: data[:-5], lambda data: data[:3], lambda data: b"\x08\x00" + data[9:]])
def test_a_damaged_body_is_refused(name, damage):
    with pytest.raises(AnswerNotDecodable):
        decoded([damage(ENCODERS[name](os.urandom(500)))], name)


@pytest.mark.parametrize("name", ["gzip", "deflate"])
def test_a_bomb_is_never_held_beyond_the_limit(name):
    bomb = ENCODERS[name](bytes(200_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(AnswerTooLong):
            decoded([bomb], name, limit=1_000_000)
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


def test_a_read_waits_no_longer_than_is_left_of_the_whole_exchange():
    now = [100.0]
    deadline = Deadline(lambda: now[0])
    assert deadline.wait_seconds(5.0) == 5.0
    with deadline.within(8.0):
        with deadline.within(3.0):  # leaves the outer one its end
            assert deadline.wait_seconds(5.0) == 3.0
        assert deadline.wait_seconds(5.0) == 5.0
        assert deadline.wait_seconds(None) == 8.0
        now[0] += 6.0
        assert deadline.wait_seconds(5.0) == 2.0
        now[0] += 2.0
        with pytest.raises(DeadlinePassed):
            deadline.wait_seconds(5.0)
    assert deadline.wait_seconds(5.0) == 5.0
