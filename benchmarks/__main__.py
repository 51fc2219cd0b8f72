"""`python -m benchmarks [NAME …]`: run the benchmarks, the shorter ones or the named ones, with their defaults.

Those called `models_…` compare with published code: run them by themselves, with `--upstream CHECKOUT`.
"""

import subprocess
import sys
from pathlib import Path

NAMES = sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py") if not path.stem.startswith("models_"))

BY_NAME_ONLY = {"ardour_clock", "gpu", "live_dropouts", "live_tracks", "long_song"}
"""They take a quarter of an hour and more, a GPU, or a server of another program."""


def main() -> int:
    wanted = sys.argv[1:] or [name for name in NAMES if name not in BY_NAME_ONLY]
    unknown = sorted(set(wanted) - set(NAMES))
    if unknown:
        sys.stderr.write(f"no benchmark {unknown[0]!r}: there are {', '.join(NAMES)}\n")
        return 2
    # Each in a process of its own: peak memory and threads of one must not colour the next.
    return max(subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode for name in wanted)


if __name__ == "__main__":
    sys.exit(main())
