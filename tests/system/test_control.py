"""Control under load: a hundred actions on two gateways, seen by the people they are for."""

from collections import Counter

from chaos.control import Options, run_control
from chaos.control_log import as_json
from tests.system.running_system import RunningSystem
from tests.system.test_accounts import api_key


async def test_nothing_forbidden_comes_after_a_second_and_each_action_leaves_its_event(
    system: RunningSystem,
) -> None:
    options = Options(seed=4, actions=100, rooms=5, people=3, devices=3, pushes_per_second=20)
    urls = [system.websocket_url, system.tcp_url]
    figures = await run_control(options, system.nats_url, api_key(system), urls)
    assert len(figures.actions) >= 100
    assert (figures.gateways, figures.clients) == (2, 45)
    assert figures.frames > 10 * figures.pushes / 2
    assert figures.forbidden == 0, as_json(figures)
    assert figures.missing_events == Counter()
