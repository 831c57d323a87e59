"""A file is replaced whole; what must not be replaced is written to: a link, a pipe, a device."""

import os
import stat
import threading

import pytest

from qlik_keys.core.files import write_whole


def test_a_file_that_is_there_keeps_its_permissions_and_a_link_its_place(tmp_path):
    published, link = tmp_path / "www" / "audit.html", tmp_path / "audit.html"
    published.parent.mkdir()
    published.write_bytes(b"old")
    published.chmod(0o640)
    link.symlink_to(published)
    write_whole(link, b"new")
    assert (link.is_symlink(), published.read_bytes()) == (True, b"new")
    assert stat.S_IMODE(published.stat().st_mode) == 0o640
    assert [each.name for each in published.parent.iterdir()] == ["audit.html"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_written_to_and_stays_one(tmp_path):
    """The same holds for /dev/null, which a program of root could replace by a file."""
    pipe, received = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: received.append(pipe.read_bytes()))
    reader.start()
    write_whole(pipe, b"text")
    reader.join()
    assert received == [b"text"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert [each.name for each in tmp_path.iterdir()] == ["pipe"]


def test_a_link_to_nothing_makes_the_file_and_a_folder_is_refused(tmp_path):
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "made")
    write_whole(link, b"text")
    assert (tmp_path / "made").read_bytes() == b"text"
    with pytest.raises(OSError, match="directory"):
        write_whole(tmp_path, b"text")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["link", "made"]
    assert [*tmp_path.parent.glob(".*.part")] == []
