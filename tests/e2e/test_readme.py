"""Every `stemrack` line that the README shows works as it stands."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

README = Path(__file__).resolve().parents[2] / "README.md"


def shown_commands() -> list[list[str]]:
    """The `stemrack` commands of the README's shell blocks, in order, comments gone."""
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL))
    lines = [shlex.split(line, comments=True) for line in blocks.replace("\\\n", " ").splitlines()]
    return [words[1:] for words in lines if words and words[0] == "stemrack"]


def test_the_commands_in_the_readme_work(
    short_song: Path, stemrack: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    shutil.copy(short_song, tmp_path / "song.flac")
    commands = shown_commands()
    assert len(commands) >= 3
    for command in commands:
        # Playing takes a sound card, and somebody to end it.
        silently = ("--null", "--quiet", "--until-end", "--osc-port", "0") if command[0] == "play" else ()
        done = stemrack(*command, *silently)
        assert done.returncode == 0, (command, done.stderr)
