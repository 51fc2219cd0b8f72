from pathlib import Path

import pytest

from separation_core.errors import SessionError
from separation_core.jobs.target import session_folder


def test_the_root_is_no_place_for_a_session() -> None:
    with pytest.raises(SessionError, match="cannot be a session"):
        session_folder(Path("/"))
