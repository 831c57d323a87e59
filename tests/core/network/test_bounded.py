from __future__ import annotations

import gzip
import os
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qlik_keys.core.network.bounded import AnswerNotDecodable, AnswerTooLong, Deadline, DeadlinePassed, decoded

ENCODERS = {"": bytes, "identity": bytes, "gzip": gzip.compress, "X-GZIP ": gzip.compress, "deflate": zlib.compress}


def cut(data, sizes):
    at = 0
    for size in sizes:
        yield data[at : at + size]
        at += size
    yield data[at:]


@given(st.binary(max_size=3000), st.lists(st.integers(0, 200), max_size=8), st.sampled_from([*ENCODERS]))
def test_a_body_is_what_was_encoded_however_it_is_cut(data, sizes, name):
    assert decoded(cut(ENCODERS[name](data), sizes), name) == data
    assert decoded(cut(gzip.compress(data) + gzip.compress(b"more"), sizes), "gzip") == data + b"more"
    packer = zlib.compressobj(wbits=-15)  # without the header of zlib
    packed = packer.compress(data) + packer.flush()
    if packed[0] & 0x0F != 8:  # else it cannot be told from zlib's format
        assert decoded(cut(packed, sizes), "deflate") == data


def test_what_is_too_long_after_decoding_encoded_twice_or_otherwise_or_damaged_is_refused():
    for name, encode in ENCODERS.items():
        body = encode(os.urandom(1000))
        assert len(decoded([body], name, limit=1000)) == 1000
        with pytest.raises(AnswerTooLong):
            decoded([body], name, limit=999)
    odd = ("gzip, gzip", "gzip,deflate", "br", "zstd", "gzip;q=1", "identity, gzip", "aws-chunked")
    cases = [(name, gzip.compress(gzip.compress(b"x" * 1000))) for name in odd]
    for name in ("gzip", "deflate"):
        data = ENCODERS[name](os.urandom(500))
        cases += [(name, damaged) for damaged in (data[:-5], data[:3], b"\x08\x00" + data[9:])]
    for name, body in cases:
        with pytest.raises(AnswerNotDecodable):
            decoded([body], name)


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
