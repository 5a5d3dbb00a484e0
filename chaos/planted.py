"""DECIDE faults of the harness itself, planted so that a test sees the run turn red.

drop      a frame is not noted                        lost, unannounced_gaps
repeat    a frame is noted twice                      duplicated
swap      two frames of a topic change places         out_of_order
leak      a frame goes to another member as well      forbidden
"""

from collections.abc import Sequence
from itertools import cycle

from chaos.population import Persona
from schemas.frame import Frame

PLANTS = ("drop", "repeat", "swap", "leak")
MEMBER = "member"  # the topic of messages that are for one member alone
EVERY = 31  # of the stored frames of resuming clients, one fault after the other


class Plant:
    """Changes what clients take in; without names it changes nothing."""

    def __init__(self, names: Sequence[str] = ()) -> None:
        self._names = cycle(names) if names else None
        self._count = 0
        self._swapped: dict[tuple[str, str], Frame] = {}  # by client and topic, until the next one
        self._wants_leak = False  # of the next frame to a member
        self._leaking: tuple[Persona, Frame] | None = None

    def change(self, persona: Persona, topic: str, frame: Frame) -> list[Frame]:
        """Return the frames to take in instead of this one, which is of this topic."""
        if self._names is None or persona.protocol != "resuming" or not frame.sequence:
            return [frame]
        earlier = self._swapped.pop((persona.name, topic), None)
        if earlier is not None:
            return [frame, earlier]
        if self._leaking is not None and self._leaking[0].mid != persona.mid:
            leaked, self._leaking = self._leaking[1], None
            return [frame, leaked]
        if self._wants_leak and topic == MEMBER:
            self._wants_leak, self._leaking = False, (persona, frame)
            return [frame]
        self._count += 1
        if self._count % EVERY:
            return [frame]
        match next(self._names):
            case "drop":
                return []
            case "repeat":
                return [frame, frame]
            case "swap":
                self._swapped[persona.name, topic] = frame
                return []
            case _:
                self._wants_leak = True
                return [frame]
