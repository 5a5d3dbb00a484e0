"""DECIDE faults of the harness itself, planted so that a test sees the run turn red.

drop      a frame is not noted            lost and unannounced gap
repeat    a frame is noted twice          duplicated
swap      two frames change places        out of order
leak      a frame goes to another client  forbidden
"""

from chaos.population import Persona
from schemas.frame import Frame

PLANTS = ("", "drop", "repeat", "swap", "leak")
EVERY = 97  # of the frames of resuming clients in the middle of a run


class Plant:
    """Changes what clients take in; without a name it changes nothing."""

    def __init__(self, name: str = "") -> None:
        self._name = name
        self._count = 0
        self._kept: tuple[Persona, Frame] | None = None

    def change(self, persona: Persona, frame: Frame) -> list[Frame]:
        """Return the frames to take in instead of this one."""
        if not self._name or persona.protocol != "resuming" or not frame.sequence:
            return [frame]
        if self._kept is not None:
            return self._give_kept(persona, frame)
        self._count += 1
        if self._count % EVERY:
            return [frame]
        if self._name == "repeat":
            return [frame, frame]
        if self._name == "drop":
            return []
        self._kept = persona, frame
        return [] if self._name == "swap" else [frame]

    def _give_kept(self, persona: Persona, frame: Frame) -> list[Frame]:
        """A kept frame comes after the next one of the same client, or to another member."""
        assert self._kept is not None
        owner, kept = self._kept
        fits = owner is persona if self._name == "swap" else owner.mid != persona.mid
        if not fits:
            return [frame]
        self._kept = None
        return [frame, kept]
