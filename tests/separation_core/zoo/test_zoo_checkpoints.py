"""What is fetched is kept: once, whole, checked, by one process of many; or one line says why it cannot be had."""

import hashlib
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from separation_core.errors import Cancelled, ModelError, WriteFailed
from separation_core.zoo.cards import CheckpointCard
from separation_core.zoo.checkpoints import NotDownloadedError, checkpoints_folder, fetch, find, verify
from separation_core.zoo.transfer import TransferLimits

BODY = os.urandom(200_000)
PATIENT = TransferLimits(stall=20.0, slow=2000, attempts=2, pause=0.01, reserve=0)
"""For servers that answer: on a busy machine that may take a while."""


def card_for(body: bytes, *urls: str, **facts: Any) -> CheckpointCard:
    """The card of a file with these bytes, at those addresses."""
    known = {"size": len(body), "sha256": hashlib.sha256(body).hexdigest(), "checksum_source": "test"}
    return CheckpointCard(key="test", file="test.ckpt", urls=urls, **(known | facts))


def wait_for(condition: Any, seconds: float = 20.0) -> None:
    """Until `condition()` holds; fails the test where it never does."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it never happened"
        time.sleep(0.01)


def fetch_now(card: CheckpointCard, **options: Any) -> Path:
    return fetch(card, limits=PATIENT, **options)


def test_a_file_is_fetched_once_and_then_found(server: Any) -> None:
    how = server.serve("/a", BODY)
    card = card_for(BODY, server.url("/a"))
    assert find(card) is None
    seen: list[tuple[int, int | None]] = []
    path = fetch_now(card, progress=lambda done, total: seen.append((done, total)))
    assert path.read_bytes() == BODY
    assert seen[-1] == (len(BODY), len(BODY))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert fetch_now(card) == path == find(card)
    assert len(how.asked) == 1
    assert verify(card).state == "ok"


@pytest.mark.parametrize("trouble", [{"body": os.urandom(200_000)}, {"status": 410, "failures": 9}, {"claim": 5}])
def test_the_next_mirror_is_tried(server: Any, trouble: dict[str, Any]) -> None:
    server.serve("/a", **({"body": BODY} | trouble))
    server.serve("/b", BODY)
    card = card_for(BODY, server.url("/a"), server.url("/b"))
    assert fetch_now(card).read_bytes() == BODY


@pytest.mark.parametrize("facts", [{}, {"sha256": None, "sha256_prefix": card_for(BODY).sha256[:8]}])
def test_wrong_bytes_are_never_kept(server: Any, facts: dict[str, Any]) -> None:
    server.serve("/a", os.urandom(len(BODY)))
    card = card_for(BODY, server.url("/a"), **facts)
    with pytest.raises(NotDownloadedError, match=r"gives other bytes \(SHA-256 [0-9a-f]{8}…\)"):
        fetch_now(card)
    assert {path.name for path in checkpoints_folder().iterdir()} <= {".test.ckpt.lock"}


def test_a_server_that_is_gone_is_said(server: Any) -> None:
    url = server.url("/a")
    gone = url.rpartition(":")[0] + ":9/a"
    server.serve("/a", BODY)
    with pytest.raises(NotDownloadedError, match="cannot be reached"):
        fetch_now(card_for(BODY, gone))
    assert fetch_now(card_for(BODY, gone, url)).read_bytes() == BODY


@pytest.mark.parametrize("by", ["argument", "environment"])
def test_offline_nothing_is_asked(server: Any, by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    how = server.serve("/a", BODY)
    card = card_for(BODY, server.url("/a"))
    if by == "environment":
        monkeypatch.setenv("STEMRACK_OFFLINE", "1")
    with pytest.raises(NotDownloadedError, match=r"offline.*models add`, or"):
        fetch_now(card, offline=True if by == "argument" else None)
    with pytest.raises(NotDownloadedError, match="models add`, which gives it a name of its own"):
        fetch_now(replace(card, sha256=None), offline=True)
    assert how.asked == []


def test_a_file_put_there_by_hand_is_taken_if_it_is_the_right_one(server: Any) -> None:
    card = card_for(BODY, server.url("/a"))
    server.serve("/a", BODY)
    checkpoints_folder().mkdir(parents=True)
    (checkpoints_folder() / card.file).write_bytes(BODY)
    assert find(card) is not None
    (checkpoints_folder() / card.file).write_bytes(BODY[:-1] + b"!")
    assert find(card) is None
    assert verify(card).state == "damaged"
    assert fetch_now(card).read_bytes() == BODY


def test_a_cache_that_cannot_be_written_is_still_read() -> None:
    card = card_for(BODY, "https://example.org/a")
    checkpoints_folder().mkdir(parents=True)
    (checkpoints_folder() / card.file).write_bytes(BODY)
    (checkpoints_folder() / f".{card.file}.stamp").mkdir()  # nothing can be renamed to that
    assert find(card) == checkpoints_folder() / card.file


def test_without_a_published_checksum_the_first_download_counts(server: Any) -> None:
    server.serve("/a", BODY)
    card = card_for(BODY, server.url("/a"), sha256=None, size=None)
    path = fetch_now(card)
    assert verify(card).state == "first"
    path.write_bytes(BODY[:-1])
    assert verify(card).state == "damaged"
    assert find(card) is None


def test_cancelling_keeps_what_came(server: Any) -> None:
    how = server.serve("/a", BODY)
    card = card_for(BODY, server.url("/a"))
    done: list[int] = []
    with pytest.raises(Cancelled):
        fetch_now(card, progress=lambda have, _: done.append(have), cancelled=lambda: bool(done))
    assert fetch_now(card).read_bytes() == BODY
    assert how.asked == ["", f"bytes={done[-1]}-"]


def test_a_folder_that_cannot_be_written_is_said() -> None:
    card = card_for(BODY, "http://127.0.0.1:9/a")
    (checkpoints_folder() / f".{card.file}.lock").mkdir(parents=True)  # nothing can be written to that
    with pytest.raises(WriteFailed, match=card.file):
        fetch_now(card)


def test_a_file_in_the_folders_place_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("STEMRACK_CACHE", str(tmp_path / "file"))
    card = card_for(BODY, "http://127.0.0.1:9/a")
    for look in (find, verify, fetch_now):
        with pytest.raises(NotDownloadedError, match=r"file/models cannot be looked into .*STEMRACK_CACHE$"):
            look(card)


def test_of_many_at_once_one_downloads_and_the_others_wait(server: Any) -> None:
    how = server.serve("/a", BODY)
    card = card_for(BODY, server.url("/a"))
    results: list[bytes] = []
    threads = [threading.Thread(target=lambda: results.append(fetch_now(card).read_bytes())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [BODY] * 4
    assert len(how.asked) == 1


FETCHER = """
import sys
from separation_core.zoo.cards import CheckpointCard
from separation_core.zoo.checkpoints import fetch
url, size, digest = sys.argv[1:]
print(fetch(CheckpointCard("test", "test.ckpt", (url,), int(size), digest)).stat().st_size)
"""


def test_a_killed_process_leaves_no_lock_and_no_half_file(server: Any) -> None:
    how = server.serve("/a", BODY, stall_after=50_000)
    card = card_for(BODY, server.url("/a"))
    arguments = [sys.executable, "-c", FETCHER, card.urls[0], str(card.size), str(card.sha256)]
    first = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_for(lambda: how.asked)
    wait_for(lambda: (checkpoints_folder() / ".test.ckpt.part").exists())
    first.kill()
    first.communicate()
    assert find(card) is None
    how.stall_after = None
    second = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert second.stdout.strip() == str(len(BODY))
    assert find(card) is not None


def test_a_checksum_that_is_no_file_is_a_model_error(tmp_path: Path) -> None:
    from separation_core.zoo.checkpoints import sha256_of

    with pytest.raises(ModelError, match="nowhere"):
        sha256_of(tmp_path / "nowhere")
