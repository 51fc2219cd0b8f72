"""Downloads against a server that truncates, stalls, lies and redirects: the right file, or one line and no file."""

import hashlib
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from separation_core.zoo.cards import CheckpointCard
from separation_core.zoo.checkpoints import NotDownloadedError, checkpoints_folder, fetch
from separation_core.zoo.transfer import TransferLimits

BODY = os.urandom(200_000)
QUICK = TransferLimits(stall=0.4, slow=2000, attempts=2, pause=0.01, reserve=0)
PATIENT = replace(QUICK, stall=20.0)
"""For servers that answer: on a busy machine that may take longer than `QUICK` waits."""


def card_for(body: bytes, *urls: str, **facts: Any) -> CheckpointCard:
    """The card of a file with these bytes, at those addresses."""
    known = {"size": len(body), "sha256": hashlib.sha256(body).hexdigest(), "checksum_source": "test"}
    return CheckpointCard(key="test", file="test.ckpt", urls=urls, **(known | facts))


def fetch_now(card: CheckpointCard, limits: TransferLimits = PATIENT) -> Path:
    return fetch(card, limits=limits)


@pytest.mark.parametrize("validator", ['"one"', None])
def test_a_broken_connection_goes_on_where_it_was(server: Any, validator: str | None) -> None:
    how = server.serve("/a", BODY, break_after=70_000, breaks=2, etag=validator)
    assert fetch_now(card_for(BODY, server.url("/a"))).read_bytes() == BODY
    assert how.asked == ["", "bytes=70000-", "bytes=140000-"]


def test_a_connection_that_stalls_is_dropped_and_taken_up_again(server: Any) -> None:
    how = server.serve("/a", BODY, stall_after=70_000)
    assert fetch_now(card_for(BODY, server.url("/a")), limits=QUICK).read_bytes() == BODY
    assert how.asked == ["", "bytes=70000-", "bytes=140000-"]


def test_without_ranges_it_begins_again(server: Any) -> None:
    how = server.serve("/a", BODY, break_after=70_000, ranges=False)
    assert fetch_now(card_for(BODY, server.url("/a"))).read_bytes() == BODY
    assert how.asked == ["", "bytes=70000-"]


def test_a_later_run_goes_on_where_an_earlier_one_was(server: Any) -> None:
    how = server.serve("/a", BODY, break_after=70_000, breaks=99, ranges=False)
    card = card_for(BODY, server.url("/a"))
    with pytest.raises(NotDownloadedError, match="broke off after 70000 of 200000 bytes"):
        fetch_now(card)
    how.breaks, how.ranges = 0, True
    how.asked.clear()
    assert fetch_now(card).read_bytes() == BODY
    assert how.asked == ["bytes=70000-"]


def test_a_file_that_changed_meanwhile_is_fetched_anew(server: Any) -> None:
    server.serve("/a", b"x" * len(BODY), break_after=70_000, breaks=99, etag='"old"', ranges=False)
    card = card_for(BODY, server.url("/a"))
    with pytest.raises(NotDownloadedError):
        fetch_now(card)
    server.serve("/a", BODY, etag='"new"')
    assert fetch_now(card).read_bytes() == BODY


def test_a_server_that_answers_with_another_part_is_not_believed(server: Any) -> None:
    server.serve("/a", BODY, break_after=70_000, wrong_range=True)
    assert fetch_now(card_for(BODY, server.url("/a"))).read_bytes() == BODY


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        ({"stall_after": 0}, "stalls"),
        ({"stall_after": 1000}, "stalls"),
        ({"drip": True, "stall_after": 0}, "stalls: under 2000 bytes in 0.4 s"),
        ({"claim": 300_000}, "has a file of 300000 bytes where 200000 are expected"),
        ({"claim": 1000}, "has a file of 1000 bytes where 200000 are expected"),
        ({"status": 404, "failures": 99}, "answers 404"),
        ({"status": 503, "failures": 99}, "answers 503"),
        ({"content_type": "text/html; charset=utf-8"}, "web page"),
        ({"redirect": "/a"}, "redirects without end"),
        ({"redirect": "file:///etc/passwd"}, "no web address"),
        ({"redirect": "ftp://127.0.0.1:9/a"}, "cannot be reached"),
        ({"redirect": "http://a..b/"}, "cannot be reached"),
        ({"redirect": "http://[/"}, "cannot be reached"),
    ],
)
def test_what_the_server_does_wrong_is_said_in_one_line(server: Any, behaviour: dict[str, Any], said: str) -> None:
    server.serve("/a", BODY, **behaviour)
    with pytest.raises(NotDownloadedError, match=said) as caught:
        fetch_now(card_for(BODY, server.url("/a")), limits=QUICK)
    assert "\n" not in str(caught.value)
    assert "stemrack models add" in str(caught.value)
    assert not (checkpoints_folder() / "test.ckpt").exists()


def test_a_length_of_too_many_digits_is_no_length(server: Any) -> None:
    server.serve("/a", BODY, claim="9" * 5000)
    assert fetch_now(card_for(BODY, server.url("/a"))).read_bytes() == BODY


def test_a_busy_server_is_asked_again(server: Any) -> None:
    server.serve("/a", BODY, status=503, failures=1)
    assert fetch_now(card_for(BODY, server.url("/a"))).read_bytes() == BODY


def test_redirects_are_followed(server: Any) -> None:
    server.serve("/a", b"", redirect="/b")
    server.serve("/b", BODY)
    assert fetch_now(card_for(BODY, server.url("/a"))).read_bytes() == BODY


def test_a_file_larger_than_allowed_is_refused(server: Any) -> None:
    server.serve("/a", BODY)
    card = card_for(BODY, server.url("/a"), size=None)
    with pytest.raises(NotDownloadedError, match="more than the 1000 allowed"):
        fetch_now(card, limits=replace(QUICK, size=1000))


def test_a_disk_that_is_too_full_is_said_before_the_download(server: Any) -> None:
    server.serve("/a", BODY)
    with pytest.raises(NotDownloadedError, match="make room"):
        fetch_now(card_for(BODY, server.url("/a")), limits=replace(QUICK, reserve=1 << 60))


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that nobody knows, with its key."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl command to make a certificate with")
    both = tmp_path_factory.mktemp("tls") / "both.pem"
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    )
    subprocess.run([*command.split(), "-keyout", both, "-out", f"{both}.crt"], check=True, capture_output=True)
    both.write_bytes(both.read_bytes() + Path(f"{both}.crt").read_bytes())
    return both


def test_a_certificate_nobody_knows_is_refused(server: Any, certificate: Path) -> None:
    server.encrypt(certificate)
    how = server.serve("/a", BODY)
    with pytest.raises(NotDownloadedError, match="certificate"):
        fetch_now(card_for(BODY, server.url("/a")))
    assert how.asked == []


def test_encryption_is_never_given_up(server: Any, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server.encrypt(certificate)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    server.serve("/a", BODY)
    server.serve("/away", b"", redirect="http://127.0.0.1:9/a")
    with pytest.raises(NotDownloadedError, match="not encrypted"):
        fetch_now(card_for(BODY, server.url("/away")))
    assert fetch_now(card_for(BODY, server.url("/a"))).read_bytes() == BODY
