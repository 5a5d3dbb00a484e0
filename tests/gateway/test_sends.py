"""In which order messages of one connection go out."""

from functools import partial

from gateway.sends import Sends


def test_one_is_under_way_to_each_target_and_the_others_follow_in_order() -> None:
    sends, sent = Sends(), list[str]()
    for target, name in (("a", "a1"), ("a", "a2"), (9, "m1"), ("a", "a3"), (9, "m2"), ("9", "t1")):
        sends.add(target, partial(sent.append, name))
    assert sent == ["a1", "m1", "t1"]
    assert sends.count == 6
    for target in ("a", 9, "a"):
        sends.answered(target)
    assert sent == ["a1", "m1", "t1", "a2", "m2", "a3"]
    for target in (9, "a", "9"):
        sends.answered(target)
    assert sends.count == 0
    sends.add("a", partial(sent.append, "a4"))
    assert sent[-1] == "a4"
