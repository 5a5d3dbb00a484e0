"""How many devices a member has at once, and what the router is told of each."""

import pytest

from bus.environment import Environment
from gateway.device_policy import DevicePolicies, DevicePolicyRefused, read_device_policies
from gateway.settings import Settings
from schemas.messages_pb2 import Session
from tests.gateway.harness import Harness, running_gateway


def test_the_token_decides_then_the_role_then_the_setting() -> None:
    policies = read_device_policies(("platform", "user=newest", "service=all"))
    assert policies.of("all", "user") == "all"
    assert policies.of("", "user") == "newest"
    assert policies.of("", "service") == "all"
    assert policies.of("", "operator") == "platform"
    assert policies.of("two", "") == "platform"
    assert read_device_policies(()) == DevicePolicies()


@pytest.mark.parametrize("part", ["two", "user=", "user=two", "=all", "user newest"])
def test_what_is_no_policy_stops_the_start(part: str) -> None:
    with pytest.raises(DevicePolicyRefused, match="newest"):
        read_device_policies((part,))
    environment = Environment({"GOIM_DEVICES": part})
    Settings.read(environment)
    with pytest.raises(Exception, match="GOIM_DEVICES"):
        environment.check()


def test_the_setting_is_a_list() -> None:
    settings = Settings.read(Environment({"GOIM_DEVICES": "all, user=newest"}))
    assert settings.devices == DevicePolicies("all", {"user": "newest"})


async def reported(harness: Harness) -> Session:
    """Return the last session that the router was told of."""
    while True:
        joined = [one for report in harness.presence.reports for one in report.joined]
        if joined:
            return joined[-1]
        harness.presence.arrived.clear()
        await harness.presence.arrived.wait()


@pytest.mark.parametrize(
    ("fields", "device", "devices"),
    [
        ({"device": "work", "key": "k", "platform": "ios", "devices": "newest"}, "work", "newest"),
        ({"key": "k", "platform": "ios", "devices": "all"}, "k", ""),
        ({"platform": "ios", "role": "user"}, "ios", "platform"),
        ({"role": "service"}, "default", ""),
    ],
)
async def test_the_router_is_told_the_device_and_how_many_there_may_be(
    nats_url: str, prefix: str, fields: dict[str, str], device: str, devices: str
) -> None:
    policies = DevicePolicies("all", {"user": "platform"})
    async with running_gateway(nats_url, prefix, devices=policies) as harness:
        harness.auth.grant = dict(fields)
        client = await harness.tcp()
        answer = await client.auth(mid=7, ext=1)
        assert b'"device": "%s"' % device.encode() in answer.body
        session = await reported(harness)
        assert (session.device, session.devices) == (device, devices)
