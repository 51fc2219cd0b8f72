"""How large a mix may be: far above any real one, small enough that a hostile file is refused at once."""

from plugin_host.errors import MixError
from plugin_host.mix.state import Chain

MAX_TRACKS = 128
MAX_GROUPS = 64
MAX_EFFECTS = 64
"""Effects in one chain or branch."""
MAX_BRANCHES = 16
MAX_BRANCH_DEPTH = 4
"""How often a parallel effect may stand inside a branch of another."""


def check_chain_size(chain: Chain, where: str, depth: int = 0) -> None:
    """`MixError` where a chain is longer, wider or deeper than the limits above; `where` begins the message."""
    if len(chain) > MAX_EFFECTS:
        raise MixError(f"{where}: {len(chain)} effects in one chain: give at most {MAX_EFFECTS}")
    for effect in chain:
        if effect.branches and depth >= MAX_BRANCH_DEPTH:
            raise MixError(f"{where}: branches are nested deeper than {MAX_BRANCH_DEPTH}: flatten them")
        if len(effect.branches) > MAX_BRANCHES:
            raise MixError(f"{where}: {len(effect.branches)} branches: give at most {MAX_BRANCHES}")
        for branch in effect.branches:
            check_chain_size(branch, where, depth + 1)
