from bus.metrics import Metrics
from schemas.messages_pb2 import Want
from tests.store.harness import System


async def test_all_readings_are_exposed(system: System) -> None:
    process = await system.start_store()
    await system.publish_many(["member.7"] * 3, [b"x"] * 3)
    await system.replay(Want(topic="member.7", mid=7, device="ios"), Want(topic="nonsense"))
    await system.save(7, "ios", {"member.7": 2})
    metrics = Metrics()
    metrics.add(process.store.readings)
    text = metrics.render().decode()
    stream = system.subjects.stream("MEMBER")
    for line in (
        f'goim_store_index_messages{{stream="{stream}"}} 3.0',
        f'goim_store_view_sequence{{stream="{stream}"}} 3.0',
        'goim_store_reads_total{from="cache"} 3.0',
        "goim_store_arrivals_total 3.0",
        'goim_store_positions_total{outcome="saved"} 1.0',
        "goim_store_replayed_messages_total 3.0",
        "goim_store_wants_total 2.0",
        "goim_store_wants_refused_total 1.0",
        "goim_store_position_devices 1.0",
        "goim_store_gaps_total 0.0",
    ):
        assert line in text
