"""Which models' files are on this machine, as far as their folders can be read."""

from typing import TYPE_CHECKING

from plugin_host.cli.reporting import note
from separation_core.errors import ModelError

if TYPE_CHECKING:
    from separation_core.zoo.cards import CheckpointCard, ModelCard


class ModelFiles:
    """What cannot be read counts as not here, and is told once, however many models lie in the same folder."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def has_all(self, card: "ModelCard") -> bool:
        """Whether the model can be used without a download."""
        return all(self.has(member.checkpoint) for member in card.members)

    def has(self, file: "CheckpointCard") -> bool:
        """Whether the file is here and the right one."""
        from separation_core.zoo.checkpoints import find

        try:
            return find(file) is not None
        except ModelError as error:
            self._tell(error)
            return False

    def check_own(self) -> None:
        """Tell where the user's own models cannot be listed."""
        from separation_core.zoo.added import check_added_folder

        try:
            check_added_folder()
        except ModelError as error:
            self._tell(error)

    def _tell(self, error: ModelError) -> None:
        if str(error) not in self._told:
            self._told.add(str(error))
            note(str(error))
