"""`goim.accounts.names`, over NATS."""

from typing import Any

from auth.naming import MOST_NAMED

from .desk import API_KEY, Desk


async def named(desk: Desk, **fields: Any) -> dict[int, str]:
    answer = await desk.call("names", **fields)
    return {int(one["mid"]): one["name"] for one in answer.get("members", [])}


async def test_a_member_learns_names_for_mids_and_mids_for_names(desk: Desk) -> None:
    ann, bob, eve = [await desk.register(name) for name in ("Ann", "Bob", "Eve")]
    token = (await desk.login("Ann"))["token"]
    assert await named(desk, token=token, mids=[bob, ann, bob]) == {ann: "Ann", bob: "Bob"}
    assert await named(desk, token=token, names=["EVE"]) == {eve: "Eve"}
    assert await named(desk, token=token, mids=[ann], names=["ann", "bob"]) == {
        ann: "Ann",
        bob: "Bob",
    }


async def test_who_is_not_there_is_left_out(empty_desk: Desk) -> None:
    desk = empty_desk
    await desk.start(activation="code")
    ann, bob = await desk.register("Ann"), await desk.register("Bob")
    await desk.call("reactivate", token=API_KEY, mid=ann)
    token = (await desk.login("Ann"))["token"]
    nobody = [bob, bob + 1, 0, -1, 2**63 - 1]
    assert await named(desk, token=token, mids=nobody, names=["Bob", "*", "", "x" * 9999]) == {}
    await desk.call("reactivate", token=API_KEY, mid=bob)
    await desk.call("deactivate", token=API_KEY, mid=bob)
    assert await named(desk, token=token, mids=[bob]) == {bob: "Bob"}


async def test_only_members_ask_and_not_for_too_many(desk: Desk) -> None:
    await desk.register("Ann")
    token = (await desk.login("Ann"))["token"]
    assert await desk.reason("names", mids=[1]) == "token_missing"
    assert await desk.reason("names", token="x.y.z", mids=[1]) == "token_refused"
    most = list(range(MOST_NAMED))
    assert await desk.reason("names", token=token, mids=most) == "ok"
    assert await desk.reason("names", token=token, mids=most, names=["Ann"]) == "bad_field"
