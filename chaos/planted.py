"""DECIDE faults of the harness itself, planted so that a test sees the run turn red.

drop      a frame is not noted            lost, unannounced_gaps
repeat    a frame is noted twice          duplicated
swap      two frames change places        out_of_order
leak      a frame goes to another client  forbidden
"""

from collections.abc import Sequence
from itertools import cycle

from chaos.population import Persona
from schemas.frame import Frame

PLANTS = ("drop", "repeat", "swap", "leak")
EVERY = 97  # of the stored frames of resuming clients, one fault after the other


class Plant:
    """Changes what clients take in; without names it changes nothing."""

    def __init__(self, names: Sequence[str] = ()) -> None:
        self._names = cycle(names) if names else None
        self._count = 0
        self._kept: tuple[str, Persona, Frame] | None = None

    def change(self, persona: Persona, frame: Frame) -> list[Frame]:
        """Return the frames to take in instead of this one."""
        if self._names is None or persona.protocol != "resuming" or not frame.sequence:
            return [frame]
        if self._kept is not None:
            return self._give_kept(*self._kept, persona, frame)
        self._count += 1
        if self._count % EVERY:
            return [frame]
        name = next(self._names)
        if name == "repeat":
            return [frame, frame]
        if name == "drop":
            return []
        self._kept = name, persona, frame
        return [] if name == "swap" else [frame]

    def _give_kept(
        self, name: str, owner: Persona, kept: Frame, persona: Persona, frame: Frame
    ) -> list[Frame]:
        """A kept frame comes after the next one of the same client, or to another member."""
        fits = owner is persona if name == "swap" else owner.mid != persona.mid
        if not fits:
            return [frame]
        self._kept = None
        return [frame, kept]
